"""Each preset is a possible configuration, and each recipe trains from end to end.

Those of generated scenes train, with all their networks, in `tests/cli/test_demo.py`.
"""

import functools
import json
import math
from pathlib import Path
from typing import Any

import jax
import pytest

from data_builders.mfnet import PrepareMfnet
from data_builders.mfnet.layout import CLASS_NAMES
from mdjax.config import config_from_dict, config_to_dict
from mdjax.presets import DESCRIPTIONS, DISTILL_PRESETS, METHODS, NETWORKS, TRAIN_PRESETS
from mdjax.recipes import RECIPES
from mdjax.runs.config import DistillConfig, RunConfig, TrainConfig
from mdjax.runs.loading import create_network
from mdjax.runs.training import train
from mdjax.tasks.detection import DetectionTask
from tests.data.factories import write_raw_mfnet
from tests.runs.small import SIZE_HW, shrink

PRESETS: dict[str, TrainConfig] = {**TRAIN_PRESETS, **DISTILL_PRESETS}


def get_presets(recipe: str) -> list[TrainConfig]:
    return [PRESETS[f"{recipe}-{network}"] for network in (*NETWORKS, *METHODS)]


def get_num_classes(config: TrainConfig) -> int:
    if isinstance(config.task, DetectionTask):
        return len(config.task.classes)
    return len(CLASS_NAMES)


def compute_output_shapes(config: TrainConfig) -> Any:
    """Shapes at the preset's own size; nothing is computed, and methods share their networks."""
    parts = {"pipeline": config.pipeline, "network": config.network, "task": config.task}
    return _compute_output_shapes(TrainConfig(**parts))


@functools.cache
def _compute_output_shapes(config: TrainConfig) -> Any:
    h, w = config.pipeline.image_size_hw
    network: Any = create_network(config, get_num_classes(config))
    images = [jax.ShapeDtypeStruct((1, h, w, c), "float32") for c in (3, 1)]

    def run(visible: Any, thermal: Any) -> Any:
        return network.init_with_output(jax.random.key(0), visible, thermal, train=False)

    return jax.eval_shape(run, *images)


def test_there_is_a_preset_for_each_recipe_and_network() -> None:
    assert len(PRESETS) == len(RECIPES) * (len(NETWORKS) + len(METHODS))
    assert set(DESCRIPTIONS) == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_survives_the_way_through_json(name: str) -> None:
    config = PRESETS[name]
    values = json.loads(json.dumps(config_to_dict(config)))
    assert config_from_dict(RunConfig, values) == config
    assert values["type"] == ("DistillConfig" if name in DISTILL_PRESETS else "TrainConfig")


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_preset_builds_its_network_optimiser_and_terms(name: str) -> None:
    config = PRESETS[name]
    output, variables = compute_output_shapes(config)
    h, w = config.pipeline.image_size_hw
    num_terms = 1
    if isinstance(config.task, DetectionTask):
        num_terms = 2
        num_cells = sum(h * w // stride**2 for stride in get_strides(config))
        assert output.prediction.class_logits.shape == (1, 3 * num_cells, 1)
    else:
        assert output.prediction.shape == (1, h, w, len(CLASS_NAMES))
    optimiser = config.optimiser.create(config.loop.num_steps)
    jax.eval_shape(optimiser.init, variables["params"])
    has_guidance = output.guidance is not None
    assert has_guidance == name.endswith("-teacher")
    is_guided = has_guidance and config.task.guidance_weight > 0
    assert len(config.task.make_terms(has_guidance=has_guidance)) == num_terms + 2 * is_guided


def get_strides(config: TrainConfig) -> tuple[int, int, int]:
    """Of C3, C4 and C5 in a network that does not dilate."""
    coarsest = config.network.backbone.output_stride
    assert coarsest == 8 * config.network.backbone.stem_stride
    return coarsest // 4, coarsest // 2, coarsest


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_student_fits_the_teacher_of_its_recipe(recipe: str) -> None:
    student, _ = compute_output_shapes(PRESETS[f"{recipe}-md"])
    teacher, _ = compute_output_shapes(PRESETS[f"{recipe}-teacher"])
    assert student.features["c4"].shape == teacher.features["c4"].shape
    assert student.mask.shape == teacher.mask.shape


def test_all_networks_of_a_recipe_get_the_same_steps_data_and_schedule() -> None:
    """A comparison of networks is fair only then."""
    for recipe in RECIPES:
        configs = get_presets(recipe)
        for config in configs:
            for field in ("dataset", "pipeline", "optimiser", "loop", "batch_size", "task", "seed"):
                assert getattr(config, field) == getattr(configs[0], field)
            assert config.network.backbone == configs[0].network.backbone


def test_predictions_of_anchors_are_compared_without_raising_those_of_background() -> None:
    for recipe in RECIPES:
        task = DISTILL_PRESETS[f"{recipe}-csk"].task
        temperature = 1.0 if isinstance(task, DetectionTask) else 2.0
        methods: Any = [
            DISTILL_PRESETS[f"{recipe}-{name}"].method for name in ("csk", "logits", "combined")
        ]
        methods[2] = methods[2].terms.logits
        assert [method.temperature for method in methods] == [temperature] * 3


@pytest.fixture(scope="session")
def mfnet_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in MFNet's layout with a few small pairs, prepared."""
    folder = tmp_path_factory.mktemp("mfnet")
    names = {
        "train": ("00001D", "00002N", "00003D", "00004N"),
        "val": ("00005D", "00006N"),
        "test": ("00007D", "00008N"),
    }
    raw_dir = write_raw_mfnet(folder / "raw", names, SIZE_HW)
    PrepareMfnet(raw_dir, folder / "data").prepare()
    return folder / "data"


def train_shrunk(name: str, run_dir: Path, data_dir: Path, **changes: Any) -> None:
    config = shrink(PRESETS[name], data_dir=data_dir, **changes)
    main_metric = config.task.get_main_metric(CLASS_NAMES).partition("/")[0]
    lines: list[str] = []
    result = train(config, run_dir, show=lines.append)
    assert (run_dir / "result.json").is_file()
    for split in ("val", "test"):
        for subset in ("day", "night", "all"):
            assert math.isfinite(result.scores[split][f"{main_metric}/{subset}"])
    assert any("recorded" in line for line in lines) == isinstance(config, DistillConfig)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["mfnet", "mfnet-small"])
def test_each_recipe_trains_its_teacher_and_distils(
    recipe: str, mfnet_data_dir: Path, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher"
    train_shrunk(f"{recipe}-teacher", teacher, mfnet_data_dir)
    train_shrunk(f"{recipe}-md", tmp_path / "distilled", mfnet_data_dir, teacher=teacher)
