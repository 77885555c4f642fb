"""The table of settings: those of one run, or those in which several differ."""

from collections.abc import Sequence
from pathlib import Path

from mdjax.report.collecting import ReportedRun
from mdjax.report.table import Cell, Row, Table
from mdjax.runs.stored_config import format_setting, list_settings


def make_settings_table(runs: Sequence[ReportedRun]) -> Table | None:
    """Lay out one row per setting and one column per run; of several runs, what differs only.

    A run of the page is named as there, other paths by their last two parts: a page that is passed
    on does not tell where its maker keeps files. Runs whose configuration cannot be read are
    omitted; None where no row is left.
    """
    names = {run.summary.run_dir.resolve(): Path(run.name) for run in runs}

    def shorten(path: Path) -> Path:
        return names.get(path.resolve()) or Path(*path.resolve().parts[-2:])

    settings = {
        run.name: list_settings(run.config, shorten) for run in runs if run.config is not None
    }
    texts = {
        name: [format_setting(values, name) for values in settings.values()]
        for name in dict.fromkeys(name for values in settings.values() for name in values)
    }
    rows = [
        Row(name, [Cell(text) for text in row])
        for name, row in texts.items()
        if len(settings) == 1 or len(set(row)) > 1
    ]
    caption = "Settings" if len(settings) == 1 else "Settings that differ between the runs"
    return Table(caption, "setting", list(settings), rows) if rows else None
