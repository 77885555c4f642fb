"""The networks that are measured: of run directories and exports, or not trained at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.benchmark.engine import Engine
from mdjax.benchmark.exported import OpenedExport, open_export, prepare_models
from mdjax.benchmark.models import Models, Origin, SizesWh, list_sizes_wh, write_models
from mdjax.benchmark.resizing import change_sizes
from mdjax.export.deployment import deploy
from mdjax.export.exported import is_export
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import CheckpointName, LoadedNetwork, load_network
from mdjax.runs.untrained import create_untrained, save_untrained
from mdjax.tasks.detection import DetectionTask
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class RunSubject:
    """A network of a run directory.

    Attributes:
        name: In tables.
        loaded: The network, with the sizes that it is measured at.
        origin: Where the JAX engine finds it.
    """

    name: str
    loaded: LoadedNetwork
    origin: Origin

    @property
    def sizes(self) -> Any:
        """What was asked for; networks with the same ones are measured in turn."""
        return self.origin.size_hw, self.origin.resolution

    @property
    def sizes_wh(self) -> SizesWh:
        """Of the visible and of the thermal images."""
        deployment = deploy(self.loaded)
        return list_sizes_wh(deployment.working_size_hw, deployment.inputs)

    def __str__(self) -> str:
        height, width = self.loaded.config.pipeline.image_size_hw
        return f"{self.name}, {width}x{height}"

    def prepare(
        self, folder: Path, engines: Sequence[Engine], *, batch_size: int, num_threads: int
    ) -> Models:
        """Write what the engines load into a new folder."""
        return write_models(
            self.loaded,
            self.origin,
            folder,
            engines,
            name=self.name,
            batch_size=batch_size,
            num_threads=num_threads,
        )


@dataclass(frozen=True)
class ExportSubject:
    """An exported network, which has the sizes that it was exported with.

    Attributes:
        exported: The export.
    """

    exported: OpenedExport

    @property
    def sizes(self) -> Any:
        """That of runs which keep the sizes of their training."""
        return None, None

    @property
    def sizes_wh(self) -> SizesWh:
        """Of the visible and of the thermal images."""
        return self.exported.sizes_wh

    def __str__(self) -> str:
        return str(self.exported.folder)

    def prepare(
        self, folder: Path, engines: Sequence[Engine], *, batch_size: int, num_threads: int
    ) -> Models:
        """Write images into a new folder."""
        return prepare_models(
            self.exported, folder, engines, batch_size=batch_size, num_threads=num_threads
        )


Subject = RunSubject | ExportSubject


@dataclass(frozen=True)
class Sizes:
    """Sizes at which networks are measured.

    Attributes:
        sizes_hw: Rows and columns of the images; none: as in training.
        resolutions: Of the thermal camera; none: as in training.
    """

    sizes_hw: Sequence[tuple[int, int]] = ()
    resolutions: Sequence[str] = ()


def list_subjects(path: Path, sizes: Sizes, checkpoint: CheckpointName = "last") -> list[Subject]:
    """List what is measured of a run directory, or of an exported folder.

    Raises:
        MdjaxError: It is neither, it cannot be loaded, or sizes were given for an export.
    """
    if is_export(path):
        if sizes != Sizes():
            raise MdjaxError(
                f"{path}: an export has the sizes that it was exported with; omit --sizes and "
                "--resolutions, or give the run directory."
            )
        return [ExportSubject(open_export(path))]
    try:
        loaded = load_network(path, checkpoint)
    except MdjaxError as error:
        if path.is_dir() and not (path / "config.json").is_file():
            raise MdjaxError(f"{error} It holds no export either.") from None
        raise
    return _vary(str(path), loaded, checkpoint, sizes)


def list_untrained(
    name: str, config: TrainConfig, num_classes: int, sizes: Sizes, folder: Path
) -> list[Subject]:
    """List what is measured of a network that was never trained.

    Args:
        name: Of the preset.
        config: Its configuration.
        num_classes: Classes of a pixel; of a detector its task says how many.
        sizes: At which it is measured.
        folder: For the network; a new one.
    """
    if isinstance(config.task, DetectionTask):
        num_classes = len(config.task.classes)
    loaded = save_untrained(create_untrained(config, num_classes), folder)
    return _vary(name, loaded, "last", sizes)


def _vary(
    name: str, loaded: LoadedNetwork, checkpoint: CheckpointName, sizes: Sizes
) -> list[Subject]:
    return [
        RunSubject(
            name,
            change_sizes(loaded, size_hw, resolution),
            Origin(loaded.run_dir, checkpoint, size_hw, resolution),
        )
        for size_hw in sizes.sizes_hw or (None,)
        for resolution in sizes.resolutions or (None,)
    ]
