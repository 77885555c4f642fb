"""`mdjax reproduce`: tables and figures of the paper and others, from one command each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from experiments.tables import TABLES
from experiments.tables.figures import FIGURES
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
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.figures.figure import Figure
from mdjax.io.json_file import write_json, write_text
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.studies.jobs import find_twins
from mdjax.studies.kept_rows import LOGGED, KeptRows
from mdjax.studies.plan import Plan
from mdjax.studies.table import MeasuredTable, Setting, Table, measure_table
from mdjax.types import MdjaxError
from mdjax.viz.curves import plot_training_curves

ALL = "all"


@dataclass(frozen=True)
class Reproduce(KeptStudyOptions):
    """Train what a table or a figure needs, and write it; tables beside the paper's numbers.

    Finished rows are kept as one JSON file each, and are not trained again on any machine. Run the
    same command again after an interruption.

    Attributes:
        names: Of tables and figures, or all; without one they are listed.
        scale: Small fits two CPU cores; paper has the paper's data sets, sizes and steps.
        num_seeds: At most so many trainings of each row; each table says how many it asks for.
        hide_visible: Draw figures without visible images, for data sets that may not be published.
    """

    names: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NAME ...]")]
    ] = ()
    scale: Literal["small", "paper"] = "small"
    num_seeds: int | None = None
    hide_visible: bool = False


def run_reproduce(arguments: Sequence[str]) -> int:
    """Run `mdjax reproduce NAME ... [options]`."""
    command: Reproduce = parse_options(Reproduce, arguments, prog="mdjax reproduce")
    if not command.names:
        print(_list_names())
        return 0
    check_counts(command)
    tables, figures = _find(command.names)
    plans = [*_plan_tables(tables, command), *_plan_figures(figures, command)]
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
    for figure in figures:
        _draw(figure, command)
    raise_failures(failures)
    return 0


def _list_names() -> str:
    lines = [f"  {item.name:18}{item.title}" for item in (*TABLES, *FIGURES)]
    lines += [f"  {ALL:18}all of them", "", "`mdjax reproduce --help` explains the options."]
    return "\n".join(["usage: mdjax reproduce NAME ... [options]", "", *lines])


def _find(names: Sequence[str]) -> tuple[list[Table], list[Figure]]:
    known = [item.name for item in (*TABLES, *FIGURES)]
    for name in names:
        if name not in (*known, ALL):
            hint = suggest(name, [*known, ALL]) or f"there are {', '.join(known)} and {ALL}."
            raise MdjaxError(f"there is no table or figure {name!r}; {hint}")
    wanted = known if ALL in names else names
    return (
        [table for table in TABLES if table.name in wanted],
        [figure for figure in FIGURES if figure.name in wanted],
    )


def _plan_tables(tables: Sequence[Table], command: Reproduce) -> list[Plan]:
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


def _plan_figures(figures: Sequence[Figure], command: Reproduce) -> list[Plan]:
    plans = []
    for figure in figures:
        setting = figure.settings[command.scale]
        rows = create_all_rows(setting.recipe, command.adjust)
        first_seed = dict.fromkeys(figure.rows, 1)
        plans.append(plan_setting(setting, rows, first_seed, command, needs_weights=True))
    return plans


def _draw(figure: Figure, command: Reproduce) -> None:
    """Draw a figure, if its networks are here, and write which images it shows."""
    setting = figure.settings[command.scale]
    twins = find_twins(create_all_rows(setting.recipe, command.adjust))
    run_dirs = {row: command.runs_dir / setting.name / "seed0" / twins[row] for row in figure.rows}
    missing = [str(path) for path in run_dirs.values() if read_result(path) is None]
    if missing:
        show_on_stderr(f"{figure.name}: not drawn, these runs are not here: {', '.join(missing)}")
        return
    networks = {row: load_network(path) for row, path in run_dirs.items()}
    path = command.results_dir / f"{figure.name}_{command.scale}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = figure.draw(networks, path, not command.hide_visible)
    write_json(
        path.with_suffix(".json"),
        {
            "command": f"mdjax reproduce {figure.name}",
            "figure": figure.title,
            "setting": setting.name,
            **told,
        },
    )
    show_on_stderr(f"{figure.title}: {path}")


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
