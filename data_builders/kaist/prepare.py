"""The command that prepares KAIST."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite, PairOptions
from data_builders.kaist.builder import Kaist
from data_builders.kaist.labels import TEST_RULE, TRAIN_RULE, KaistLabelRule
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class PrepareKaist(PairOptions):
    """Check KAIST's images and annotations and package the listed ones.

    Attributes:
        raw: Folder with `images/setXX/VYYY/{visible,lwir}/`.
        train_list: Names of images to train on, such as `set00/V000/I00001`, one per line.
        val_list: Names of validation images, with annotations and rule as for training.
        test_list: Names of the test images.
        train_annotations: Folder of original, sanitized or paired annotations.
        test_annotations: Folder of annotations to test with, such as the improved ones.
        train_rule: Role of each label in training.
        test_rule: Role of each label in testing.
        name: Name of this version; its full name for training is `kaist/NAME`.
    """

    raw: Path
    train_list: Path | None = None
    val_list: Path | None = None
    test_list: Path | None = None
    train_annotations: Path | None = None
    test_annotations: Path | None = None
    train_rule: KaistLabelRule = TRAIN_RULE
    test_rule: KaistLabelRule = TEST_RULE
    data_dir: DataDir = DEFAULT_DATA_DIR
    name: str = DEFAULT_CONFIG
    overwrite: Overwrite = False

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `kaist/NAME`; see `PrepareCommand`."""
        checked = check_raw_kaist(
            self.raw.resolve(),
            self._get_splits(),
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return prepare_checked(
            Kaist,
            checked,
            self.data_dir,
            name=self.name,
            overwrite=self.overwrite,
            show_progress=show_progress,
        )

    def _get_splits(self) -> dict[str, KaistSplit]:
        """The splits that are asked for; a list without annotations is refused."""
        splits: dict[str, KaistSplit] = {}
        for split, image_list, annotations, rule in (
            ("train", self.train_list, self.train_annotations, self.train_rule),
            ("val", self.val_list, self.train_annotations, self.train_rule),
            ("test", self.test_list, self.test_annotations, self.test_rule),
        ):
            if image_list is None:
                continue
            if annotations is None:
                kind = "test" if split == "test" else "train"
                raise MdjaxError(f"--{split}-list needs --{kind}-annotations DIR.")
            splits[split] = KaistSplit(image_list, annotations, rule)
        return splits
