"""The same image pairs of a data set through every engine: do they say the same?"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.benchmark.agreement import Agreement, Answers, BoxAgreement, measure_agreement
from mdjax.benchmark.engine import JAX, Engine
from mdjax.benchmark.models import write_models
from mdjax.benchmark.process import EngineError, EngineProcess
from mdjax.benchmark.subject import RunSubject
from mdjax.export.deployment import deploy
from mdjax.export.feeds import read_feeds_of_split
from mdjax.export.int8 import NUM_PAIRS
from mdjax.runs.splits import open_scored_split


@dataclass(frozen=True)
class EngineAgreement:
    """An engine compared with JAX on the same images.

    Attributes:
        network: Its name.
        engine: Its name.
        num_pairs: Image pairs.
        agreement: What they agree on; None where it could not run.
        problem: Why it could not.
    """

    network: str
    engine: str
    num_pairs: int
    agreement: Agreement | None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what programs read."""
        names = ("share", "mean_iou")
        if isinstance(self.agreement, BoxAgreement):
            names = ("share", "mean_iou", "num_boxes", "max_box_px", "max_score")
        found = self.agreement
        return {
            "network": self.network,
            "engine": self.engine,
            "num_pairs": self.num_pairs,
            **({} if found is None else {name: getattr(found, name) for name in names}),
            "problem": self.problem,
        }


def compare_on_images(
    subject: RunSubject,
    engines: Sequence[Engine],
    folder: Path,
    *,
    num_pairs: int,
    data_dir: Path | None,
    num_threads: int,
    show: Callable[[str], None],
) -> list[EngineAgreement]:
    """Put pairs that are spread over the scored split through engines, and compare with JAX.

    8 bits are calibrated as by `mdjax export --int8`, with pairs of the split "train".

    Args:
        subject: The network.
        engines: Installed ones, compared with JAX, which need not be among them.
        folder: A new one for files.
        num_pairs: How many; fewer where the split has fewer.
        data_dir: Folder of prepared data sets; by default as in training.
        num_threads: Of each engine.
        show: Told what is done.

    Raises:
        MdjaxError: The data set is not there.
    """
    loaded = subject.loaded
    config, deployment = loaded.config, deploy(loaded)
    scored = open_scored_split(config, loaded.scored_split or "test", data_dir=data_dir)
    train = open_scored_split(config, "train", data_dir=data_dir)
    pairs = read_feeds_of_split(deployment, config, scored, num_pairs)
    others = [engine for engine in engines if engine is not JAX]
    models = write_models(
        loaded,
        subject.origin,
        folder,
        [JAX, *others],
        name=subject.name,
        batch_size=1,
        num_threads=num_threads,
        feeds=read_feeds_of_split(deployment, config, train, NUM_PAIRS),
    )

    def ask(engine: Engine) -> list[Answers]:
        show(f"{subject.name}: {len(pairs)} pairs through {engine.name}")
        place = folder / engine.name
        with contextlib.closing(EngineProcess(engine, models.jobs[engine.name], place)) as process:
            return [process.answer(pair) for pair in pairs]

    expected = ask(JAX)
    nms = getattr(config.task, "nms", None)
    found = []
    for engine in others:
        agreement, problem = None, models.absent.get(engine.name, "")
        if not problem:
            try:
                both = list(zip(expected, ask(engine), strict=True))
                agreement = measure_agreement(models.head_name, both, nms)
            except EngineError as error:
                problem = str(error)
        found.append(EngineAgreement(subject.name, engine.name, len(pairs), agreement, problem))
    return found


def format_agreements(found: Sequence[EngineAgreement]) -> str:
    """Format one line for each engine."""
    lines = []
    for one in found:
        place = f"{one.network}, {one.engine}, {one.num_pairs} pairs"
        agreement = one.agreement
        if agreement is None:
            lines.append(f"{place}: {one.problem}")
        elif isinstance(agreement, BoxAgreement):
            lines.append(
                f"{place}: {agreement.share:.2%} of {agreement.num_boxes} boxes matched at an IoU "
                f"of 0.9, mean IoU {agreement.mean_iou:.3%}; differences up to "
                f"{agreement.max_box_px:.2g} px and {agreement.max_score:.1e} of the score"
            )
        else:
            lines.append(
                f"{place}: {agreement.share:.3%} of the pixels have the same class, mean IoU "
                f"{agreement.mean_iou:.3%}"
            )
    return "\n".join(lines)
