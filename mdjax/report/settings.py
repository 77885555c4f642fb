"""The table of settings: those of one run, or those in which several differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from mdjax.report.collecting import ReportedRun, make_path_shortener
from mdjax.report.table import Cell, Row, Table
from mdjax.runs.stored_config import format_setting, list_settings


def make_settings_table(runs: Sequence[ReportedRun]) -> Table | None:
    """Lay out one row per setting and one column per run; of several runs, what differs only.

    Paths are told by `make_path_shortener`, unless all of a row are then equal. Runs whose
    configuration cannot be read are omitted; None where no row is left.
    """
    configs = {run.name: run.config for run in runs if run.config is not None}
    whole = _list_texts([list_settings(config) for config in configs.values()])
    shorten = make_path_shortener(runs)
    short = _list_texts([list_settings(config, shorten) for config in configs.values()])
    rows = []
    for name, texts in whole.items():
        if len(configs) == 1 or len(set(texts)) > 1:
            is_told = len(configs) == 1 or len(set(short[name])) > 1
            rows.append(Row(name, [Cell(text) for text in (short[name] if is_told else texts)]))
    caption = "Settings" if len(configs) == 1 else "Settings that differ between the runs"
    return Table(caption, "setting", list(configs), rows) if rows else None


def _list_texts(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """List the text of each run's value by setting."""
    return {
        name: [format_setting(values, name) for values in settings]
        for name in dict.fromkeys(name for values in settings for name in values)
    }
