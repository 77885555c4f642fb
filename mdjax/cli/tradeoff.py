"""`mdjax tradeoff`: what is lost with a thermal camera of fewer pixels, and what networks cost."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.tables.settings import SETTINGS
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
from mdjax.io.json_file import write_json, write_text
from mdjax.io.write_failure import make_folder
from mdjax.models.config import (
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    VisibleOnlyConfig,
)
from mdjax.runs.config import TrainConfig
from mdjax.studies.plan import Plan
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER, VISIBLE, Recipe
from mdjax.studies.table import Setting
from mdjax.studies.workers import share_gpus
from mdjax.tradeoff.costs import (
    MeasuredCosts,
    describe_networks,
    find_num_classes,
    measure_costs,
    read_costs,
)
from mdjax.tradeoff.cross_resolution import score_crosswise
from mdjax.tradeoff.figure import Axis, draw_tradeoff
from mdjax.tradeoff.measured import MeasuredTradeoff, measure_tradeoff
from mdjax.tradeoff.prices import read_prices
from mdjax.tradeoff.report import TradeoffReport
from mdjax.tradeoff.rows import Tradeoff, declare_tradeoff
from mdjax.tradeoff.sensors import list_sensors
from mdjax.types import MdjaxError

_NETWORKS: Mapping[str, type[NetworkConfig]] = {
    TEACHER: FeatureLevelConfig,
    VISIBLE: VisibleOnlyConfig,
    NATIVE: ImageLevelConfig,
    DISTILLED: MdStudentConfig,
}
# What decides the numbers: neither folders nor how they are trained.
_DECIDING = (
    *("dataset", "resolutions", "prices", "axis", "noise", "within"),
    *("num_seeds", "num_folds", "num_steps", "num_draws", "cross"),
)


@dataclass(frozen=True)
class TradeoffOptions(KeptStudyOptions):
    """Train native and distilled students with thermal cameras of fewer and fewer pixels.

    Tells which camera is good enough on your data, what distillation is worth with each, and what
    the networks cost. Finished rows are kept as `mdjax reproduce` keeps them, and shared with it.
    Run the same command again after an interruption.

    Attributes:
        recipe: Task, sizes and schedule, such as mfnet-small; without one they are listed.
        dataset: Prepared data set instead of the recipe's.
        resolutions: Cameras: none, full, 16x (so many times fewer pixels), WIDTHxHEIGHT, or names
            such as lepton-3.5. The full one is always there.
        prices: CSV file with the columns camera,width,height,price; its cameras take the place of
            the resolutions.
        axis: What the figure is drawn over; price needs a price list.
        noise: Standard deviations of the noise of the recipe's camera, in units of the range of the
            image, such as 0.05; none by default.
        within: Points of the score of all images that a camera may lose against the full one.
        num_seeds: Trainings of each row.
        num_folds: Seed s tests fold s of so many; 0 takes the data set's own splits, as do mfnet
            and kaist by default. All others have 5.
        cross: Show the networks whose weights are in the run directories the image of every camera.
    """

    recipe: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="[RECIPE]")]] = ""
    dataset: str | None = None
    resolutions: tuple[str, ...] = ("none", "64x", "16x", "4x", "full")
    prices: Path | None = None
    axis: Axis = "pixels"
    noise: tuple[float, ...] = ()
    within: float = 2.0
    num_seeds: int = 3
    num_folds: int | None = None
    cross: bool = False


def run_tradeoff(arguments: Sequence[str]) -> int:
    """Run `mdjax tradeoff RECIPE [options]`."""
    command: TradeoffOptions = parse_options(TradeoffOptions, arguments, prog="mdjax tradeoff")
    if not command.recipe:
        refuse_swallowed_name(command, SETTINGS)
        print(_list_recipes())
        return 0
    _check(command)
    setting = _make_setting(command)
    tradeoff = _declare(setting, command)
    num_compared = max(len(tradeoff.sensors), len(tradeoff.noises))
    check_counts(command, setting, command.num_seeds, num_compared)
    share_gpus(command.num_workers)
    rows = tradeoff.create_rows(setting.recipe, command.adjust)
    wanted = tradeoff.wanted_rows
    plan = plan_setting(setting, rows, dict.fromkeys(wanted, command.num_seeds), command)
    if command.dry_run:
        print_plans([plan], command)
        return 0
    failures = run_plans([plan], command, name_command("tradeoff", arguments))
    with reporting(failures):
        images = {
            row: {seed: found for seed, found in of_row.items() if seed < command.num_seeds}
            for row, of_row in read_images(plan, rows, wanted).items()
        }
        measured = measure_tradeoff(tradeoff, setting, images, num_draws=command.num_draws)
        path = command.results_dir / f"tradeoff_{setting.name}"
        costs = _find_costs(setting, images, path.with_suffix(".json"), command)
        report = _make_report(measured, costs, plan, command)
        make_folder(path.parent)
        text = report.format_markdown()
        write_text(path.with_suffix(".md"), text)
        write_json(path.with_suffix(".json"), report.to_dict())
        draw_tradeoff(measured, path.with_suffix(".png"), axis=command.axis, title=report.title)
        if command.json:
            print_json(report.to_dict())
        else:
            print(text)
    return 0


def _list_recipes() -> str:
    lines = [f"  {name}" for name in SETTINGS]
    lines += ["", "`mdjax tradeoff --help` explains the options."]
    return "\n".join(["usage: mdjax tradeoff RECIPE [options]", "", *lines])


def _check(command: TradeoffOptions) -> None:
    if command.recipe not in SETTINGS:
        known = list(SETTINGS)
        hint = suggest(command.recipe, known) or f"there are {', '.join(known)}."
        raise MdjaxError(f"there is no recipe {command.recipe!r}; {hint}")
    if not 0 <= command.within < float("inf"):
        raise MdjaxError(f"within is {command.within}; give 0 or more points.")
    if command.axis == "price" and command.prices is None:
        raise MdjaxError("an axis of prices needs a price list; give --prices FILE.csv.")


def _make_setting(command: TradeoffOptions) -> Setting:
    """That of the tables for their data set and folds; another one has a folder of its own."""
    setting = SETTINGS[command.recipe]
    own = setting.recipe(TrainConfig(), ImageLevelConfig).dataset
    if command.dataset not in (None, own):
        name = f"{setting.name}-{command.dataset.replace('/', '_')}"
        setting = replace(setting, name=name, recipe=_use_dataset(setting.recipe, command.dataset))
    if command.num_folds not in (None, setting.num_folds):
        folds = f"{setting.name}-{command.num_folds}-folds"
        setting = replace(setting, name=folds, num_folds=command.num_folds)
    return setting


def _use_dataset(recipe: Recipe, dataset: str) -> Recipe:
    def configure(base: Any, network: type[NetworkConfig]) -> Any:
        return replace(recipe(base, network), dataset=dataset)

    return configure


def _get_image_size_hw(setting: Setting) -> tuple[int, int]:
    return setting.recipe(TrainConfig(), ImageLevelConfig).pipeline.image_size_hw


def _declare(setting: Setting, command: TradeoffOptions) -> Tradeoff:
    size_hw = _get_image_size_hw(setting)
    if command.prices is not None:
        sensors = read_prices(command.prices, size_hw)
    else:
        sensors = list_sensors(command.resolutions, size_hw)
    return declare_tradeoff(setting.recipe, sensors, command.noise)


def _find_costs(
    setting: Setting,
    images: Mapping[str, Mapping[int, Any]],
    path: Path,
    command: TradeoffOptions,
) -> MeasuredCosts | None:
    """Measure what networks cost, or where only tables are wanted, read it from the last report."""
    configs = {
        name: command.adjust(setting.recipe(TrainConfig(), network))
        for name, network in _NETWORKS.items()
    }
    num_classes = find_num_classes(configs[NATIVE], images)
    if num_classes is None:
        return None
    if command.tables_only:
        return read_costs(path, describe_networks(configs, num_classes))
    show_on_stderr("measuring what networks cost ...")
    return measure_costs(configs, num_classes)


def _make_report(
    measured: MeasuredTradeoff, costs: MeasuredCosts | None, plan: Plan, command: TradeoffOptions
) -> TradeoffReport:
    setting = measured.setting
    cross = None
    if command.cross:
        score = setting.scores[measured.titles[-1]]
        cross = score_crosswise(measured.tradeoff, plan.jobs, score, data_dir=command.data_dir)
    return TradeoffReport(
        measured,
        image_size_hw=_get_image_size_hw(setting),
        recommendations=[measured.recommend(kind, command.within) for kind in (DISTILLED, NATIVE)],
        costs=costs,
        cross=cross,
        command=shlex.join(
            ["mdjax", "tradeoff", command.recipe, *list_changed(command, _DECIDING)]
        ),
    )
