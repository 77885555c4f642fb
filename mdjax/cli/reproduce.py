"""`mdjax reproduce`: the tables of the paper and others, from one command each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from experiments.tables import TABLES
from experiments.tables.rows import create_all_rows
from mdjax.cli.kept_study import (
    KeptStudyOptions,
    check_counts,
    plan_setting,
    print_plans,
    raise_failures,
    read_images,
    run_plans,
)
from mdjax.cli.options import parse_options, suggest
from mdjax.cli.output import print_json
from mdjax.io.json_file import write_json, write_text
from mdjax.studies.jobs import find_twins
from mdjax.studies.kept_rows import LOGGED, KeptRows
from mdjax.studies.plan import Plan
from mdjax.studies.table import MeasuredTable, Setting, Table, measure_table
from mdjax.types import MdjaxError
from mdjax.viz.curves import plot_training_curves

ALL = "all"


@dataclass(frozen=True)
class Reproduce(KeptStudyOptions):
    """Train what a table needs, and write it beside the paper's numbers.

    Finished rows are kept as one JSON file each, and are not trained again on any machine. Run the
    same command again after an interruption.

    Attributes:
        tables: Names of tables, or all; without one they are listed.
        scale: Small fits two CPU cores; paper has the paper's data sets, sizes and steps.
        num_seeds: At most so many trainings of each row; each table says how many it asks for.
    """

    tables: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="[TABLE ...]")]
    ] = ()
    scale: Literal["small", "paper"] = "small"
    num_seeds: int | None = None


def run_reproduce(arguments: Sequence[str]) -> int:
    """Run `mdjax reproduce TABLE ... [options]`."""
    command: Reproduce = parse_options(Reproduce, arguments, prog="mdjax reproduce")
    if not command.tables:
        print(_list_tables())
        return 0
    check_counts(command)
    tables = _find_tables(command.tables)
    plans = _make_plans(tables, command)
    if command.dry_run:
        print_plans(plans, command)
        return 0
    failures = run_plans(plans, command, " ".join(["mdjax reproduce", *arguments]))
    measured = [_measure(table, command) for table in tables]
    for table in measured:
        _write(table, command)
    if command.json:
        print_json(
            {table.table.name: table.to_dict(_name_command(table, command)) for table in measured}
        )
    else:
        print("\n".join(table.format_markdown(_name_command(table, command)) for table in measured))
    raise_failures(failures)
    return 0


def _list_tables() -> str:
    lines = [f"  {table.name:18}{table.title}" for table in TABLES]
    lines += [f"  {ALL:18}all of them", "", "`mdjax reproduce --help` explains the options."]
    return "\n".join(["usage: mdjax reproduce TABLE ... [options]", "", *lines])


def _find_tables(names: Sequence[str]) -> list[Table]:
    known = {table.name: table for table in TABLES}
    for name in names:
        if name not in (*known, ALL):
            hint = suggest(name, [*known, ALL]) or f"there are {', '.join(known)} and {ALL}."
            raise MdjaxError(f"there is no table {name!r}; {hint}")
    return list(TABLES) if ALL in names else [known[name] for name in dict.fromkeys(names)]


def _make_plans(tables: Sequence[Table], command: Reproduce) -> list[Plan]:
    """One for each setting: tables that share it share its runs."""
    num_seeds: dict[str, dict[str, int]] = {}
    settings: dict[str, Setting] = {}
    for table in tables:
        setting = table.settings[command.scale]
        settings[setting.name] = setting
        wanted = num_seeds.setdefault(setting.name, {})
        for row, count in table.num_seeds.items():
            wanted[row] = max(wanted.get(row, 0), min(count, command.num_seeds or count))
    return [
        plan_setting(
            setting, create_all_rows(setting.recipe, command.adjust), num_seeds[name], command
        )
        for name, setting in settings.items()
    ]


def _measure(table: Table, command: Reproduce) -> MeasuredTable:
    setting = table.settings[command.scale]
    kept = KeptRows(command.results_dir / setting.name)
    rows = create_all_rows(setting.recipe, command.adjust)
    images = read_images(kept, rows, table.num_seeds)
    return measure_table(table, setting, images, num_draws=command.num_draws)


def _name_command(table: MeasuredTable, command: Reproduce) -> str:
    scale = "" if command.scale == "small" else f" --scale {command.scale}"
    return f"mdjax reproduce {table.table.name}{scale}"


def _write(table: MeasuredTable, command: Reproduce) -> None:
    typed = _name_command(table, command)
    path = command.results_dir / f"{table.table.name}_{command.scale}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".md"), table.format_markdown(typed))
    write_json(path.with_suffix(".json"), table.to_dict(typed))
    kept = KeptRows(command.results_dir / table.setting.name)
    twins = find_twins(create_all_rows(table.setting.recipe))
    logs = {row: _find_log(kept, twins[row]) for row in table.table.num_seeds}
    if shown := {row: log for row, log in logs.items() if log}:
        plot_training_curves(shown, path.with_suffix(".png"), metrics=LOGGED)


def _find_log(kept: KeptRows, row: str) -> Sequence[Mapping[str, float]]:
    """The first log of a row that measured the mask of F-MSE."""
    logs = (found.log for found in kept.read_all(row))
    return next((log for log in logs if any(LOGGED[1] in line for line in log)), ())
