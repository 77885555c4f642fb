"""Networks that are tested without one of the images, as runs of a study."""

from collections.abc import Callable
from pathlib import Path

from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import MissingConfig, RunConfig
from mdjax.runs.loading import load_network
from mdjax.runs.provenance import describe_provenance
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.resuming import begin_untrained, claim_run
from mdjax.runs.scoring import describe_missing, evaluate_network
from mdjax.runs.splits import open_splits
from mdjax.tasks.task import Evaluation


def evaluate_run(config: RunConfig, run_dir: Path) -> Evaluation:
    """Score a finished run on its test images, whatever was done in it."""
    if isinstance(config, MissingConfig):
        return evaluate_network(load_network(config.run), missing=config.missing)
    return evaluate_network(load_network(run_dir))


def score_without(
    config: MissingConfig, run_dir: Path, *, show: Callable[[str], None] = print
) -> RunResult:
    """Score a trained network without one of its images, and write the result.

    Args:
        config: The network and the image.
        run_dir: New directory, or that of the same test, interrupted. It holds no weights.
        show: Receives messages for the user.

    Raises:
        MdjaxError: The run is missing, or it sees no other image, or the directory is in use.
    """
    directory = RunDirectory(run_dir)
    is_cut = begin_untrained(directory, config)
    loaded = load_network(config.run)
    splits = open_splits(loaded.config.dataset, loaded.config.data_dir, loaded.config.folds)
    result = create_result(
        run_dir=run_dir,
        config=loaded.config,
        evaluations={
            name: evaluate_network(loaded, split=name, missing=config.missing)
            for name in splits.scored
        },
        splits=splits,
        params=loaded.variables["params"],
        main_metric=loaded.config.task.get_main_metric(loaded.class_names),
        num_steps=loaded.step,
        is_trained=False,
    )
    provenance = describe_provenance(splits, {"run": loaded})
    with claim_run(directory, config, provenance, is_resumed=is_cut):
        directory.write_result(result.to_dict(), result.format_table())
    show(f"{run_dir}: {config.run} {describe_missing(loaded.config, config.missing)}")
    return result
