"""Channel-wise distillation: by hand, against SciPy, by property, and as a whole run."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from mdjax.io.checkpoint import restore_variables
from mdjax.io.json_file import read_json
from mdjax.methods.adapter import ChannelAdapter
from mdjax.methods.channel_wise import ChannelWiseDistillation, channel_wise_loss
from mdjax.models.config import ImageLevelConfig
from mdjax.types import MdjaxError, NetworkOutput
from tests.conftest import SmallRuns
from tests.losses.values import take_value
from tests.runs.small import (
    BACKBONE,
    assert_refused,
    run_quietly,
    shrink_preset,
)

compute_loss = take_value(channel_wise_loss)


def create_features(seed: int, scale: float = 1.0, dtype: Any = np.float32) -> Any:
    generator = np.random.default_rng(seed)
    return scale * generator.standard_normal((2, 2, 3, 4, 5)).astype(dtype)


def test_loss_of_two_cells_by_hand() -> None:
    """T = 2: teacher (2 ln 3, 0) / 2 has shares (3/4, 1/4), student (0, 0) has (1/2, 1/2).

    4 (3/4 ln(3/2) + 1/4 ln(1/2)) = 4 · 0.1308121 = 0.5232481.
    """
    teacher = jnp.array([2 * np.log(3.0), 0.0], jnp.float32).reshape(1, 1, 2, 1)
    loss = compute_loss(jnp.zeros((1, 1, 2, 1)), teacher, 2.0)
    assert float(loss) == pytest.approx(0.5232481, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_loss_agrees_with_scipy(temperature: float) -> None:
    student, teacher = create_features(0)
    shares = [softmax(x.reshape(2, 12, 5) / temperature, axis=1) for x in (student, teacher)]
    expected = temperature**2 * rel_entr(shares[1], shares[0]).sum(1).mean()
    assert float(compute_loss(student, teacher, temperature)) == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 1000), st.floats(0.5, 8.0), st.floats(-5.0, 5.0))
def test_loss_is_positive_and_blind_to_a_channels_offset(
    seed: int, temperature: float, offset: float
) -> None:
    student, teacher = create_features(seed)
    loss = float(compute_loss(student, teacher, temperature))
    assert loss > 0
    assert float(compute_loss(student + offset, teacher, temperature)) == pytest.approx(
        loss, rel=1e-3, abs=1e-5
    )
    assert float(compute_loss(teacher + offset, teacher, temperature)) == pytest.approx(
        0.0, abs=1e-4
    )


def test_gradient_pulls_at_the_student_alone() -> None:
    """dL/dy_S = T (φ(y_S) − φ(y_T)) / (b c), here with T = 2, b = c = 1."""
    teacher = jnp.array([2 * np.log(3.0), 0.0], jnp.float32).reshape(1, 1, 2, 1)
    student = jnp.zeros((1, 1, 2, 1))
    gradients = jax.grad(compute_loss, argnums=(0, 1))(student, teacher, 2.0)
    np.testing.assert_allclose(gradients[0].ravel(), [-0.5, 0.5], rtol=1e-5)
    np.testing.assert_array_equal(gradients[1], 0.0)


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_gradient_is_finite_for_flat_and_for_huge_features(scale: float) -> None:
    student, teacher = create_features(0, scale)
    loss, gradient = jax.value_and_grad(compute_loss)(student, teacher)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def make_output(channels: int, size_hw: tuple[int, int] = (3, 4)) -> NetworkOutput:
    features = jax.random.normal(jax.random.key(channels), (2, *size_hw, channels))
    return NetworkOutput(prediction=jnp.zeros((2, 6, 8, 3)), features={"c5": features})


def test_adapter_has_kernels_only_where_widths_differ() -> None:
    teachers = {"teacher": make_output(8)}
    apply: Any = ChannelAdapter("c5").init_with_output
    features, variables = apply(jax.random.key(0), make_output(8), teachers, None, train=True)
    np.testing.assert_array_equal(features, teachers["teacher"].features["c5"])
    assert variables == {}
    features, variables = apply(jax.random.key(0), make_output(3), teachers, None, train=True)
    assert np.shape(features) == (2, 3, 4, 8)
    assert variables["params"]["conv"]["kernel"].shape == (1, 1, 3, 8)


def test_features_of_another_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = make_output(8, (6, 8)).features["c5"], make_output(8).features["c5"]
    # Users run without the shape checks of these tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(MdjaxError, match=r"\(2, 3, 4, 8\) .* \(2, 6, 8, 8\)\. Give both"):
        channel_wise_loss(student, teacher)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weight": -1.0}, "weight is -1.0"), ({"temperature": 0.0}, "temperature is 0.0")],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        ChannelWiseDistillation(**options)


# -- A run, from a preset to the checkpoint without the adapter ----------------------------------


def make_config(small_runs: SmallRuns) -> Any:
    """A student of half the teacher's width."""
    place = small_runs.configs["distilled"]
    config = shrink_preset(
        "synthetic-cwd",
        dataset=place.dataset,
        data_dir=place.data_dir,
        teacher=small_runs.root / "teacher",
    )
    return replace(config, network=ImageLevelConfig(replace(BACKBONE, width=BACKBONE.width / 2)))


@pytest.fixture(scope="module")
def whole_run(small_runs: SmallRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("cwd") / "run"
    result = run_quietly(make_config(small_runs), run_dir)
    assert "mean_accuracy_9/all" in result.scores["test"]
    return run_dir


def read_names(run_dir: Path, checkpoint: str) -> set[str]:
    return set(read_json(run_dir / "checkpoints" / checkpoint / "leaves.json"))


def test_adapter_is_trained_and_left_out_of_the_student(whole_run: Path) -> None:
    adapter = {"method_params/conv/kernel"}
    assert adapter <= read_names(whole_run, "last")
    assert any("method" in name and "mu" in name for name in read_names(whole_run, "last"))
    assert not [name for name in read_names(whole_run, "inference") if "method" in name]


def test_student_with_other_strides_is_refused(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    config = make_config(small_runs)
    backbone = replace(config.network.backbone, output_stride=16)
    config = replace(config, network=ImageLevelConfig(backbone))
    assert_refused(config, tmp_path / "run", "compares features position by position")


def test_student_loads_without_its_method(whole_run: Path, tmp_path: Path) -> None:
    """What is exported needs neither the adapter nor the teacher."""
    shutil.copytree(whole_run, tmp_path / "run")
    variables = restore_variables(tmp_path / "run" / "checkpoints" / "inference")
    assert set(variables) == {"params", "batch_stats"}
