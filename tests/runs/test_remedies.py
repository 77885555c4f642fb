"""What a message tells a person to do is done, and is not refused next."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mdjax.io.checkpoint import change_metadata
from mdjax.io.run_directory import RunDirectory
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import MdStudentConfig
from mdjax.runs.config import DistillConfig, FuseConfig, TrainConfig
from mdjax.runs.fusion import fuse
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.teachers import check_teacher_scores
from mdjax.tasks.detection import DetectionTask
from mdjax.train.loop import LoopConfig
from mdjax.train.optimiser import SgdConfig
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.runs.small import run_quietly


def test_teacher_whose_training_was_cut_teaches_once_it_is_finished(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """Cut after its last step, before that was scored."""
    teacher = Path(shutil.copytree(small_runs.root / "teacher", tmp_path / "teacher"))
    change_metadata(teacher / "checkpoints" / "last", {"scores": {}})
    scores = small_runs.results["teacher"].scores["val"]
    with pytest.raises(MdjaxError, match=r"finish its training \(mdjax resume .*teacher\)"):
        check_teacher_scores(load_network(teacher), scores, "val", 0.1)
    run_quietly(small_runs.configs["teacher"], teacher, resume=True)
    check_teacher_scores(load_network(teacher), scores, "val", 0.0)


def test_used_folder_is_resumed_or_another_one_given(small_runs: SmallRuns, tmp_path: Path) -> None:
    native = RunDirectory(small_runs.root / "native")
    with pytest.raises(
        MdjaxError, match=r"Continue a training with mdjax resume .*, or give another folder"
    ):
        native.require_unused()
    native.require_run()
    with pytest.raises(
        MdjaxError, match=r"no run to resume here.*To start one, use .* without --resume"
    ):
        RunDirectory(tmp_path / "new").require_run()
    RunDirectory(tmp_path / "new").require_unused()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes.txt").touch()
    # Without --resume this folder would be refused too.
    with pytest.raises(MdjaxError, match="To start one, in another folder, use mdjax train"):
        RunDirectory(tmp_path / "new").require_run()


def test_finished_fusion_is_not_told_to_resume(small_runs: SmallRuns) -> None:
    """`mdjax fuse` has no such option."""
    config = FuseConfig(small_runs.root / "native", small_runs.root / "native")
    with pytest.raises(MdjaxError, match=r"already holds a run\. Give another folder\."):
        fuse(config, small_runs.root / "native")


def test_resolution_is_left_away_where_it_changes_nothing(small_runs: SmallRuns) -> None:
    loaded = load_network(small_runs.root / "teacher")
    with pytest.raises(MdjaxError, match=r"another resolution changes nothing\. Omit it"):
        evaluate_network(loaded, split="val", resolution="64x")
    evaluate_network(loaded, split="val")


SETTINGS: list[tuple[Any, dict[str, Any], str, dict[str, Any]]] = [
    (
        DistillConfig,
        {"network": MdStudentConfig(transfer_level=5)},
        "Give both the same level",
        {"method": ModalityDistillation(level="c5")},
    ),
    (
        TrainConfig,
        {"batch_size": 6, "num_microbatches": 4},
        "give a divisor of the batch_size, 6",
        {"num_microbatches": 3},
    ),
    (
        TrainConfig,
        {"loop": LoopConfig(num_steps=100)},
        r"warmup_steps is 500; give fewer than loop\.num_steps, 100",
        {"optimiser": SgdConfig(warmup_steps=99)},
    ),
    (
        DistillConfig,
        {"other_teachers": {"teacher": Path("t")}},
        "give it as `teacher`",
        {"other_teachers": {}, "teacher": Path("t")},
    ),
    (DetectionTask, {"classes": ()}, "name one or more", {"classes": ("person",)}),
]


@pytest.mark.parametrize(("kind", "refused", "message", "remedy"), SETTINGS)
def test_setting_is_accepted_as_the_message_says(
    kind: Any, refused: dict[str, Any], message: str, remedy: dict[str, Any]
) -> None:
    with pytest.raises(MdjaxError, match=message):
        kind(**refused)
    kind(**{**refused, **remedy})
