"""Methods side by side: terms and modules of those that count, and a whole run of all of them."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.io.json_file import read_json
from mdjax.methods.activation_attention import ActivationAttention
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.methods.combined import CombinedDistillation, CombinedTerms
from mdjax.methods.hint import HintDistillation
from mdjax.methods.imitation import FeatureImitation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.masked_generation import MaskedGeneration
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.methods.pearson import PearsonDistillation
from mdjax.models.config import ImageLevelConfig, MdStudentConfig
from mdjax.presets import DISTILL_PRESETS, METHODS
from mdjax.runs.config import DistillConfig
from mdjax.train.loop import InterruptedTraining
from mdjax.train.terms import TermInputs
from mdjax.types import MdjaxError, NetworkOutput
from tests.conftest import SmallRuns
from tests.runs.small import BACKBONE, run_quietly, shrink_preset, stop_kindly, stopping_after
from tests.train.tiny import NUM_CLASSES, make_batch

BATCH = make_batch()
ALL = CombinedTerms(
    md=ModalityDistillation(),
    cwd=ChannelWiseDistillation(),
    logits=LogitDistillation(),
    hint=HintDistillation(),
    attention=ActivationAttention(),
    pearson=PearsonDistillation(),
    mgd=MaskedGeneration(),
    imitation=FeatureImitation(),
)


def make_output(seed: int) -> NetworkOutput:
    """Features of 3x4 cells and 5 channels, a mask in [0, 1]."""
    rng = np.random.default_rng(seed)
    return NetworkOutput(
        prediction=jnp.float32(rng.normal(size=(4, 6, 8, NUM_CLASSES))),
        features={name: jnp.float32(rng.normal(size=(4, 3, 4, 5))) for name in ("c4", "c5")},
        mask=jnp.float32(rng.uniform(size=(4, 3, 4, 1))),
    )


STUDENT, TEACHERS = make_output(0), {"teacher": make_output(1)}


def compute_terms(method: Any) -> dict[str, tuple[float, float]]:
    """Weight and value of each term; nothing is masked, as outside training."""
    module, of_module = method.create_module(), None
    if module is not None:
        arguments = (STUDENT, TEACHERS, BATCH)
        variables = module.init(jax.random.key(0), *arguments, train=False)
        of_module = module.apply(variables, *arguments, train=False)
    inputs = TermInputs(STUDENT, BATCH, BATCH, teachers=TEACHERS, method=of_module)
    return {
        term.name: (term.weight, float(term.compute(inputs).value)) for term in method.make_terms()
    }


def test_terms_are_those_of_each_method_alone() -> None:
    """But for the initial values of generators, which are drawn anew."""
    together = compute_terms(CombinedDistillation(ALL))
    alone: dict[str, tuple[float, float]] = {}
    for part in fields(ALL):
        alone |= compute_terms(getattr(ALL, part.name))
    assert list(together) == list(alone)
    assert len(alone) == 9
    for name, (weight, value) in alone.items():
        assert together[name][0] == weight
        if name != "masked_generation":
            assert together[name][1] == pytest.approx(value, rel=1e-6)


def test_methods_without_a_weight_are_left_out() -> None:
    assert CombinedDistillation().make_terms() == ()
    assert CombinedDistillation().create_module() is None
    assert CombinedDistillation().make_diagnostics() == {}
    method = CombinedDistillation(CombinedTerms(pearson=PearsonDistillation(2.0)))
    assert [(term.name, term.weight) for term in method.make_terms()] == [("pearson", 2.0)]
    module = method.create_module()
    assert module is not None
    assert set(module.parts) == {"pearson"}
    without_module = CombinedDistillation(CombinedTerms(logits=LogitDistillation()))
    assert without_module.create_module() is None


def test_values_and_mask_are_those_of_the_methods_that_count() -> None:
    assert list(CombinedDistillation(ALL).make_diagnostics()) == ["focal_mask_perplexity_share"]
    inputs = TermInputs(STUDENT, None, BATCH, teachers=TEACHERS)
    np.testing.assert_array_equal(
        CombinedDistillation(ALL).compute_mask(inputs), ALL.md.compute_mask(inputs)
    )
    last = CombinedDistillation(CombinedTerms(logits=ALL.logits, imitation=ALL.imitation))
    np.testing.assert_array_equal(last.compute_mask(inputs), ALL.imitation.compute_mask(inputs))
    assert CombinedDistillation(CombinedTerms(logits=ALL.logits)).compute_mask(inputs) is None


def test_each_method_has_a_preset_of_its_name() -> None:
    names = [part.name for part in fields(CombinedTerms)]
    # That of CSK-Net teaches the branches of one network.
    assert [*names, "csk", "combined"] == list(METHODS)
    for name in names:
        assert type(getattr(CombinedTerms(), name)) is type(METHODS[name][0])
        assert getattr(CombinedTerms(), name).make_terms() == ()


def test_level_of_the_students_block_is_checked_here_too() -> None:
    md = CombinedDistillation(CombinedTerms(md=ModalityDistillation(level="c5")))
    with pytest.raises(MdjaxError, match=r"transfer_level is 4 and method\.terms\.md\.level is"):
        DistillConfig(network=MdStudentConfig(), method=md)
    assert DISTILL_PRESETS["mfnet-small-combined"].method == CombinedDistillation()


# -- A run of all methods but MD, with a student of half the teacher's width ----------------------


def make_config(small_runs: SmallRuns) -> Any:
    place = small_runs.configs["distilled"]
    config = shrink_preset(
        "synthetic-combined",
        dataset=place.dataset,
        data_dir=place.data_dir,
        teacher=small_runs.root / "teacher",
        method=CombinedDistillation(CombinedTerms(cwd=ALL.cwd, mgd=ALL.mgd)),
    )
    return replace(config, network=ImageLevelConfig(replace(BACKBONE, width=BACKBONE.width / 2)))


def test_run_that_is_cut_ends_with_the_numbers_of_one_that_is_not(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """With the masks and decoder of MGD and the adapter of CWD."""
    config = make_config(small_runs)
    run_quietly(config, tmp_path / "whole")
    with stopping_after(2, stop_kindly), pytest.raises(InterruptedTraining):
        run_quietly(config, tmp_path / "cut")
    run_quietly(config, tmp_path / "cut", resume=True)
    leaves = [
        read_json(tmp_path / name / "checkpoints/last/leaves.json") for name in ("whole", "cut")
    ]
    assert leaves[0] == leaves[1]  # With the checksum of every array.
    kernels = {f"method_params/parts_{x}/kernel" for x in ("cwd/conv", "mgd/conv2")}
    assert kernels <= set(leaves[0])
    exported = read_json(tmp_path / "cut" / "checkpoints/inference/leaves.json")
    assert not [name for name in exported if "method" in name]
