"""`mdjax reproduce`: tables and figures of the paper and others, from one command each."""

import shlex
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
    name_command,
    plan_setting,
    print_plans,
    read_images,
    refuse_swallowed_name,
    reporting,
    run_plans,
)
from mdjax.cli.options import list_changed, parse_options, suggest
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.figures.figure import Figure
from mdjax.io.json_file import write_json, write_text
from mdjax.io.write_failure import make_folder
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.resuming import require_same_config
from mdjax.studies.jobs import find_twins
from mdjax.studies.kept_rows import LOGGED, KeptRows
from mdjax.studies.plan import Plan
from mdjax.studies.table import MeasuredTable, Setting, Table, measure_table
from mdjax.studies.workers import share_gpus
from mdjax.types import MdjaxError
from mdjax.viz.curves import plot_training_curves

ALL = "all"

# What decides the numbers of a table, and a figure: neither folders nor how they are trained.
_DECIDING = ("scale", "num_seeds", "num_steps", "num_draws")
_DECIDING_FIGURE = ("scale", "num_steps", "hide_visible")


@dataclass(frozen=True)
class Reproduce(KeptStudyOptions):
    """Train what a table or a figure needs, and write it; tables beside the paper's numbers.

    Finished rows are kept as one JSON file each, and are not trained again on any machine. Run the
    same command again after an interruption.

    Attributes:
        names: Of tables and figures, or all; without one they are listed.
        scale: Small fits two CPU cores, medium one GPU (labels only); paper has the paper's data
            sets, sizes and steps.
        num_seeds: At most so many trainings of each row; each table says how many it asks for.
        hide_visible: Draw figures without visible images, for data sets that may not be published.
    """

    names: tyro.conf.Positional[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NAME ...]")]
    ] = ()
    scale: Literal["small", "medium", "paper"] = "small"
    num_seeds: int | None = None
    hide_visible: bool = False


def run_reproduce(arguments: Sequence[str]) -> int:
    """Run `mdjax reproduce NAME ... [options]`."""
    command: Reproduce = parse_options(Reproduce, arguments, prog="mdjax reproduce")
    if not command.names:
        refuse_swallowed_name(command, [ALL, *(item.name for item in (*TABLES, *FIGURES))])
        print(_list_names())
        return 0
    tables, figures = _find(command.names, command.scale)
    for item in (*tables, *figures):
        num_compared = len(item.differences) if isinstance(item, Table) else 0
        check_counts(command, item.settings[command.scale], command.num_seeds, num_compared)
    share_gpus(command.num_workers)
    plans = _make_plans(tables, figures, command)
    if command.dry_run:
        print_plans(plans.values(), command)
        return 0
    failures = run_plans(plans.values(), command, name_command("reproduce", arguments))
    with reporting(failures):
        measured = [
            _measure(table, plans[table.settings[command.scale].name], command) for table in tables
        ]
        for table in measured:
            _write(table, command)
        if command.json:
            print_json({x.table.name: x.to_dict(_name_command(x.table, command)) for x in measured})
        else:
            print("\n".join(x.format_markdown(_name_command(x.table, command)) for x in measured))
        for figure in figures:
            _draw(figure, plans[figure.settings[command.scale].name], command)
    return 0


def _list_names() -> str:
    lines = [f"  {item.name:22}{item.title}" for item in (*TABLES, *FIGURES)]
    lines += [f"  {ALL:22}all of them", "", "`mdjax reproduce --help` explains the options."]
    return "\n".join(["usage: mdjax reproduce NAME ... [options]", "", *lines])


def _find(names: Sequence[str], scale: str) -> tuple[list[Table], list[Figure]]:
    """Find tables and figures by name; all are those that there are at the scale."""
    known = [item.name for item in (*TABLES, *FIGURES)]
    for name in names:
        if name not in (*known, ALL):
            hint = suggest(name, [*known, ALL]) or f"there are {', '.join(known)} and {ALL}."
            raise MdjaxError(f"there is no table or figure {name!r}; {hint}")
    has_scale = {item.name: scale in item.settings for item in (*TABLES, *FIGURES)}
    wanted = [name for name in known if has_scale[name]] if ALL in names else names
    if lacking := [name for name in wanted if not has_scale[name]]:
        raise MdjaxError(
            f"there is no {scale} scale of {', '.join(lacking)}; give another --scale."
        )
    return (
        [table for table in TABLES if table.name in wanted],
        [figure for figure in FIGURES if figure.name in wanted],
    )


def _make_plans(
    tables: Sequence[Table], figures: Sequence[Figure], command: Reproduce
) -> dict[str, Plan]:
    """One by the name of each setting: what shares it shares its runs."""
    settings: dict[str, Setting] = {}
    num_seeds: dict[str, dict[str, int]] = {}
    drawn_rows: dict[str, set[str]] = {}

    def want(setting: Setting, row: str, count: int) -> None:
        settings[setting.name] = setting
        wanted = num_seeds.setdefault(setting.name, {})
        wanted[row] = max(wanted.get(row, 0), min(count, command.num_seeds or count))

    for table in tables:
        for row, count in table.num_seeds.items():
            want(table.settings[command.scale], row, count)
    for figure in figures:
        setting = figure.settings[command.scale]
        drawn_rows.setdefault(setting.name, set()).update(figure.rows)
        for row in figure.rows:
            want(setting, row, 1)
    return {
        name: plan_setting(
            setting,
            create_all_rows(setting.recipe, command.adjust),
            num_seeds[name],
            command,
            drawn_rows=drawn_rows.get(name, ()),
        )
        for name, setting in settings.items()
    }


def _draw(figure: Figure, plan: Plan, command: Reproduce) -> None:
    """Draw a figure, if its networks are here, and write which images it shows."""
    setting = plan.setting
    twins = find_twins(create_all_rows(setting.recipe, command.adjust))
    jobs = {job.row: job for job in plan.jobs if job.seed == 0}
    wanted = {row: jobs[twins[row]] for row in figure.rows if twins[row] in jobs}
    missing = [str(job.run_dir) for job in wanted.values() if read_result(job.run_dir) is None]
    if missing or len(wanted) < len(figure.rows):
        where = f": {', '.join(missing)}" if missing else ", but on another shard"
        show_on_stderr(f"{figure.name}: not drawn, its runs are not here{where}")
        return
    for job in wanted.values():
        require_same_config(job.run_dir, job.config)
    run_dirs = {row: job.run_dir for row, job in wanted.items()}
    networks = {row: load_network(path) for row, path in run_dirs.items()}
    path = command.results_dir / f"{figure.name}_{command.scale}.png"
    make_folder(path.parent)
    told = figure.draw(networks, path, not command.hide_visible)
    write_json(
        path.with_suffix(".json"),
        {
            "command": _name_command(figure, command),
            "figure": figure.title,
            "setting": setting.name,
            **told,
        },
    )
    show_on_stderr(f"{figure.title}: {path}")


def _measure(table: Table, plan: Plan, command: Reproduce) -> MeasuredTable:
    rows = create_all_rows(plan.setting.recipe, command.adjust)
    images = read_images(plan, rows, table.num_seeds)
    return measure_table(table, plan.setting, images, num_draws=command.num_draws)


def _name_command(item: Table | Figure, command: Reproduce) -> str:
    names = _DECIDING if isinstance(item, Table) else _DECIDING_FIGURE
    return shlex.join(["mdjax", "reproduce", item.name, *list_changed(command, names)])


def _write(table: MeasuredTable, command: Reproduce) -> None:
    typed = _name_command(table.table, command)
    path = command.results_dir / f"{table.table.name}_{command.scale}"
    make_folder(path.parent)
    write_text(path.with_suffix(".md"), table.format_markdown(typed))
    write_json(path.with_suffix(".json"), table.to_dict(typed))
    kept = KeptRows(command.results_dir / table.setting.name)
    twins = find_twins(create_all_rows(table.setting.recipe))
    logs = {row: _find_log(kept, twins[row]) for row in table.table.num_seeds}
    if shown := {row: log for row, log in logs.items() if log}:
        plot_training_curves(shown, path.with_suffix(".png"), metrics=LOGGED)


def _find_log(kept: KeptRows, row: str) -> Sequence[Mapping[str, float]]:
    """The first log of a row that measured the mask of F-MSE."""
    logs = (found.log for found in kept.read_all(row, lambda _: None))  # Told before.
    return next((log for log in logs if any(LOGGED[1] in line for line in log)), ())
