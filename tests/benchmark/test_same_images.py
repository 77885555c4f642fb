"""The same pairs of generated scenes through several engines."""

from dataclasses import replace
from pathlib import Path

import pytest

from mdjax.benchmark.agreement import BoxAgreement, LabelAgreement
from mdjax.benchmark.engine import ENGINES
from mdjax.benchmark.models import Origin
from mdjax.benchmark.same_images import compare_on_images, format_agreements
from mdjax.benchmark.subject import RunSubject
from mdjax.runs.untrained import save_untrained
from tests.conftest import SmallScenes
from tests.export.networks import create_loaded


@pytest.mark.parametrize("detects", [False, True], ids=["labels", "boxes"])
def test_engines_agree_on_images_of_a_data_set(
    detects: bool, small_scenes: SmallScenes, tmp_path: Path
) -> None:
    loaded = create_loaded(detects=detects)
    config = replace(loaded.config, dataset=small_scenes.dataset, data_dir=small_scenes.data_dir)
    saved = save_untrained(replace(loaded, config=config), tmp_path / "run")
    found = compare_on_images(
        RunSubject("network", saved, Origin(saved.run_dir, "last")),
        [ENGINES[name] for name in ("onnx", "jax", "onnx-int8")],
        tmp_path / "work",
        num_pairs=4,
        data_dir=None,
        num_threads=1,
        show=lambda _: None,
    )
    onnx, int8 = found
    assert (onnx.engine, int8.engine, onnx.num_pairs) == ("onnx", "onnx-int8", 4)
    for one, least in ((onnx, 0.999), (int8, 0.5)):
        assert isinstance(one.agreement, BoxAgreement if detects else LabelAgreement)
        assert one.agreement.share >= least
        assert one.to_dict()["share"] == one.agreement.share
    if isinstance(onnx.agreement, BoxAgreement):
        assert onnx.agreement.num_boxes > 0
        assert onnx.agreement.max_box_px < 0.01
    lines = format_agreements(found).splitlines()
    assert lines[0].startswith("network, onnx, 4 pairs: 100.")
