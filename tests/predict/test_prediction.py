"""A network predicts what it was trained to see, and nothing is written over."""

from pathlib import Path

import numpy as np
import pytest

from mdjax.models.config import VisibleOnlyConfig
from mdjax.predict.inputs import needs_thermal
from mdjax.predict.pairs import PairFiles, find_pairs
from mdjax.types import MdjaxError
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_folders,
    write_four_channels,
    write_thermal,
    write_visible,
)
from tests.predict.pixel_network import (
    SIZE_HW,
    create_loaded_network,
    predict_labels,
    predict_labels_u8,
)


def test_four_channels_predict_as_the_pair_does(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    whole = write_four_channels(tmp_path / "w" / "a.png", make_visible_u8(), make_thermal_u8())
    loaded = create_loaded_network()
    (from_pair,) = predict_labels(loaded, find_pairs(visible, thermal), tmp_path / "1").images
    (from_whole,) = predict_labels(loaded, find_pairs(whole), tmp_path / "2").images
    np.testing.assert_array_equal(read_image(from_pair.labels), read_image(from_whole.labels))
    assert from_pair.notes == from_whole.notes


def test_networks_without_thermal_need_none(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    loaded = create_loaded_network(config=VisibleOnlyConfig())
    (image,) = predict_labels(loaded, find_pairs(path), tmp_path / "out").images
    no_thermal = np.zeros((1, *SIZE_HW), np.float32)
    (expected,) = predict_labels_u8(loaded, make_visible_u8()[None], no_thermal)
    np.testing.assert_array_equal(read_image(image.labels), expected)
    assert not needs_thermal(create_loaded_network(resolution="none").config)


def test_missing_thermal_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    message = r"a\.png: the network needs a thermal image, .*\(--thermal\)"
    with pytest.raises(MdjaxError, match=message):
        predict_labels(create_loaded_network(), find_pairs(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_bad_pair_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    """File b is truncated, c has another aspect, both files of d are no images; a is good."""
    visible, thermal = write_folders(tmp_path, 4)
    (visible / "b.png").write_bytes((visible / "b.png").read_bytes()[:100])
    write_thermal(thermal / "c.png", make_thermal_u8(size_hw=(8, 8)))
    for folder in (visible, thermal):
        (folder / "d.png").write_text("no image")
    with pytest.raises(MdjaxError) as caught:
        predict_labels(create_loaded_network(), find_pairs(visible, thermal), tmp_path / "out")
    message = str(caught.value)
    assert "4 problems, nothing was written" in message
    for path in (visible / "b.png", thermal / "c.png", visible / "d.png", thermal / "d.png"):
        assert str(path) in message
    assert "a.png" not in message
    assert not (tmp_path / "out").exists()


def test_existing_files_are_replaced_only_on_request(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 2)
    pairs, out_dir = find_pairs(visible, thermal), tmp_path / "out"
    loaded = create_loaded_network()
    predict_labels(loaded, pairs[:1], out_dir)
    (out_dir / "a_labels.png").write_text("precious")
    with pytest.raises(MdjaxError, match=r"already exists; .*a_labels\.png; .*a_overlay\.png"):
        predict_labels(loaded, pairs, out_dir)
    assert (out_dir / "a_labels.png").read_text() == "precious"
    assert not (out_dir / "b_labels.png").exists()
    predict_labels(loaded, pairs[1:], out_dir)  # other images may join
    predict_labels(loaded, pairs, out_dir, overwrite=True)
    assert read_image(out_dir / "a_labels.png").shape == SIZE_HW


def test_folder_of_the_images_is_refused(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    with pytest.raises(MdjaxError, match="the images come from this folder"):
        predict_labels(create_loaded_network(), find_pairs(visible, thermal), thermal)


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    pair = PairFiles("a", write_visible(tmp_path / "a.png", make_visible_u8()))
    loaded = create_loaded_network(config=VisibleOnlyConfig())
    with pytest.raises(MdjaxError, match="no images"):
        predict_labels(loaded, [], tmp_path / "out")
    with pytest.raises(MdjaxError, match="a: 2 images have this name"):
        predict_labels(loaded, [pair, pair], tmp_path / "out")
    with pytest.raises(MdjaxError, match="batch_size is 0"):
        predict_labels(loaded, [pair], tmp_path / "out", batch_size=0)
