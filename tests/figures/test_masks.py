"""Where losses look, drawn of tiny networks."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.figures.masks import draw_masks
from mdjax.figures.scenes import choose_fullest_scenes, gather_scenes, run_network
from mdjax.losses.distillation import compute_focal_mask
from mdjax.methods.combined import CombinedDistillation, CombinedTerms
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.method import Method
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.runs.config import DistillConfig
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns


def read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@pytest.fixture
def teacher(small_runs: SmallRuns) -> LoadedNetwork:
    return load_network(small_runs.root / "teacher")


@pytest.fixture
def distilled(small_runs: SmallRuns) -> LoadedNetwork:
    return load_network(small_runs.root / "distilled")


def change_method(loaded: LoadedNetwork, method: Method) -> LoadedNetwork:
    """The same network, as if another method had trained it."""
    assert isinstance(loaded.config, DistillConfig)
    return replace(loaded, config=replace(loaded.config, method=method))


def test_masks_of_chosen_images_are_drawn(
    teacher: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    method = ModalityDistillation(mask_reduction="mean")
    distilled = change_method(distilled, method)
    indices = [4, 1]
    images = draw_masks(teacher, distilled, tmp_path / "f.png", image_indices=indices)
    batch = gather_scenes(distilled.config, indices)
    of_student, of_teacher = run_network(distilled, batch), run_network(teacher, batch)
    masks = np.asarray(
        compute_focal_mask(of_student.features["c4"], of_teacher.features["c4"]), np.float64
    )
    np.testing.assert_allclose(masks.sum(axis=(1, 2, 3)), 1, rtol=1e-5)
    for image, index, mask, is_night in zip(images, indices, masks, batch.is_night, strict=True):
        assert (image.index, image.is_night) == (index, bool(is_night))
        entropy = -np.sum(mask * np.log(mask))
        assert image.perplexity_share == pytest.approx(np.exp(entropy) / mask.size, rel=1e-4)

    # Columns: image pair, F-MSE mask and the attention of both; without visible images one less.
    draw_masks(
        teacher, distilled, tmp_path / "thermal.png", image_indices=indices, shows_visible=False
    )
    picture, thermal = (read_picture(tmp_path / f"{name}.png") for name in ("f", "thermal"))
    assert picture.shape[1] - thermal.shape[1] == 280 + 6
    assert 5 * (280 + 6) < picture.shape[1] < 1700


def test_fullest_images_are_shown_by_default(
    teacher: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    """Of six, three are at night. A row tells of a mask that the student was not trained with."""
    distilled = change_method(distilled, ModalityDistillation(semantic_loss="focal_mse"))
    images = draw_masks(teacher, distilled, tmp_path / "focal.png")
    assert [image.index for image in images] == choose_fullest_scenes(distilled.config, 4)
    assert [image.is_night for image in images] == [False, False, True, True]
    plain = change_method(distilled, ModalityDistillation(semantic_loss="mse"))
    draw_masks(teacher, plain, tmp_path / "plain.png")
    first, second = (read_picture(tmp_path / f"{name}.png") for name in ("focal", "plain"))
    assert not np.array_equal(first, second)
    # Only the names at the left differ.
    np.testing.assert_array_equal(first[:, -5 * 286 :], second[:, -5 * 286 :])


def test_methods_without_such_a_mask_are_refused(
    teacher: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "f.png"
    combined = CombinedDistillation(CombinedTerms(logits=LogitDistillation(0.5)))
    for method in (LogitDistillation(0.5), combined):
        with pytest.raises(MdjaxError, match=r"distilled: was not trained by modality distill"):
            draw_masks(teacher, change_method(distilled, method), path)
    with pytest.raises(MdjaxError, match=r"teacher: is no distillation"):
        draw_masks(teacher, teacher, path)
    combined = CombinedDistillation(CombinedTerms(md=ModalityDistillation()))
    draw_masks(teacher, change_method(distilled, combined), path, image_indices=[0])
    assert path.is_file()


def test_images_that_are_not_there_are_told(
    teacher: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "f.png"
    with pytest.raises(MdjaxError, match=r"has no test image 6; give indices from 0 to 5"):
        draw_masks(teacher, distilled, path, image_indices=[2, 6])
    with pytest.raises(MdjaxError, match="No test image is chosen"):
        draw_masks(teacher, distilled, path, image_indices=[])
