"""`python -m tests.fuzz`: mutate the files of everything that reads files.

Prints how many inputs were refused, read the same, or read as something else, and lists each fault.
Ends with exit status 1 if there is one.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

from mdjax.runs.training import train
from tests.fuzz.data_targets import TARGETS
from tests.fuzz.fuzzer import find_faults, format_table, run_all
from tests.fuzz.run_targets import COMMANDS, WEIGHTS, make_run_targets
from tests.runs.small import prepare_small_scenes, shrink_preset


@dataclass(frozen=True)
class Arguments:
    """How long to look for faults.

    Attributes:
        num_inputs: Mutated files of each target.
        seed: Of the mutations.
    """

    num_inputs: int = 120
    seed: int = 0


def main() -> int:
    """Fuzz, and print the table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    with tempfile.TemporaryDirectory() as folder:
        data = prepare_small_scenes(Path(folder, "data"))
        config = shrink_preset("synthetic-native", dataset=data.dataset, data_dir=data.data_dir)
        run_dir = Path(folder, "run")
        train(config, run_dir, show=lambda line: None)
        outcomes = run_all(
            [*TARGETS, *make_run_targets(run_dir), WEIGHTS, *COMMANDS],
            Path(folder, "mutated"),
            num_inputs=arguments.num_inputs,
            seed=arguments.seed,
            show=lambda line: print(line, file=sys.stderr, flush=True),
        )
    print(format_table(outcomes))
    return 1 if find_faults(outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
