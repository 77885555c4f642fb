"""`mdjax report`: one web page about runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json
from mdjax.report.page import write_report
from mdjax.types import format_count


@dataclass(frozen=True)
class Report:
    """Write one HTML page about runs, finished or not: scores, curves, settings, pictures.

    The page is one file that loads nothing, to read anywhere or to pass on. An earlier report is
    replaced; any other file is not.

    Attributes:
        runs: Run directories, or folders that contain some.
        out: HTML file to write.
        tables: Markdown files to embed, such as a table of claims.
        json: Print one JSON object instead of the summary.
    """

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUNS...")]] = (
        Path("runs"),
    )
    out: Path = Path("report.html")
    tables: tuple[Path, ...] = ()
    json: bool = False


def run_report(arguments: Sequence[str]) -> int:
    """Run `mdjax report RUNS... [options]`."""
    command: Report = parse_options(Report, arguments, prog="mdjax report")
    runs = write_report(command.runs, command.out, tables=command.tables)
    problems = [problem for run in runs for problem in run.problems]
    if command.json:
        listed = [{"name": run.name, "run_dir": run.summary.run_dir} for run in runs]
        print_json({"out": command.out, "runs": listed, "problems": problems})
    else:
        for problem in problems:
            print(f"damaged: {problem}")
        print(f"{command.out}: {format_count(len(runs), 'run')}. Open it in a web browser.")
    return 0
