import subprocess
import sys
from typing import Any, cast

import pytest
import tensorflow_datasets as tfds

from data_builders.mfnet import MFNet, PrepareMfnet, check_raw_mfnet
from data_builders.mfnet.layout import CLASS_NAMES
from data_builders.prepared import make_summary_table
from mdjax.data.source import open_split
from mdjax.types import MdjaxError
from tests.data.factories import SPLIT_NAMES, encode_png, make_pair_u8, write_raw_mfnet
from tests.data_builders.reading import print_rows, read_metadata


@pytest.fixture
def raw_dir(tmp_path):
    return write_raw_mfnet(tmp_path / "raw")


def _damage(raw_dir):
    (raw_dir / "labels" / "00001D.png").write_bytes(b"")


def test_real_files_are_prepared_with_right_counts_and_identical_bytes(real_data_dir, tmp_path):
    raw_dir = real_data_dir / "mfnet"
    summary = PrepareMfnet(raw_dir, tmp_path).prepare()
    assert summary.is_new
    assert summary.num_day == {"train": 60, "val": 10, "test": 20}
    assert summary.num_night == {"train": 60, "val": 10, "test": 20}
    assert sum(summary.class_pixels["test"]) == 40 * 480 * 640
    assert summary.notes == (
        "MFNet is a part: has 120 of 784 train pairs, 20 of 392 val pairs, 20 of 205 test day "
        "pairs, 20 of 188 test night pairs; its scores are not comparable with published ones.",
    )
    for split, count in (("train", 120), ("val", 20), ("test", 40)):
        source = open_split("mfnet", split, tmp_path)
        assert len(source) == count
        names = (raw_dir / f"{split}.txt").read_text().split()
        for record, name in zip((source[i] for i in range(count)), names, strict=True):
            assert record["name"].decode() == name
            assert record["is_night"] == name.endswith("N")
            assert record["visible_thermal"] == (raw_dir / "images" / f"{name}.png").read_bytes()
            assert record["labels"] == (raw_dir / "labels" / f"{name}.png").read_bytes()


def test_plain_tfds_calls_work(raw_dir, tmp_path):
    builder = MFNet(check_raw_mfnet(raw_dir), data_dir=str(tmp_path / "prepared"))
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 3
    # TFDS declares the method in a way that type checkers misread.
    record = cast(Any, builder).as_data_source("train")[1]
    image, labels = make_pair_u8(1000 * len("train") + 1, (12, 16))
    assert record["name"] == b"00002N"
    # TFDS decodes as RGB + thermal; the file was written in OpenCV's order.
    assert (record["visible_thermal"] == image[..., [2, 1, 0, 3]]).all()
    assert (record["labels"][..., 0] == labels).all()
    assert record["is_night"]


def test_plain_tfds_calls_write_nothing_for_a_faulty_download(raw_dir, tmp_path):
    _damage(raw_dir)
    with pytest.raises(MdjaxError, match=r"labels/00001D\.png"):
        MFNet(check_raw_mfnet(raw_dir), data_dir=str(tmp_path / "prepared"))
    assert not (tmp_path / "prepared").exists()


def test_plain_tfds_calls_keep_the_old_data_when_the_new_are_faulty(raw_dir, tmp_path):
    PrepareMfnet(raw_dir, tmp_path / "prepared").prepare()
    _damage(raw_dir)
    with pytest.raises(MdjaxError, match="1 problem"):
        MFNet(check_raw_mfnet(raw_dir), data_dir=str(tmp_path / "prepared"))
    assert len(open_split("mfnet", "train", tmp_path / "prepared")) == 3


def test_plain_tfds_calls_keep_flips_apart(tmp_path):
    names = SPLIT_NAMES | {"train": ("00001D", "00001D_flip")}
    raw_dir = write_raw_mfnet(tmp_path / "raw", names)
    builder = MFNet(check_raw_mfnet(raw_dir, include_flips=True), data_dir=str(tmp_path))
    builder.download_and_prepare()
    assert builder.info.full_name == "mfnet/with_flips/1.0.0"
    assert builder.info.splits["train"].num_examples == 2
    assert not (tmp_path / "mfnet" / "original").exists()


def test_metadata_tell_classes_source_and_fingerprint(raw_dir, tmp_path):
    summary = PrepareMfnet(raw_dir, tmp_path).prepare()
    assert summary.folder == tmp_path / "mfnet" / "original" / "1.0.0"
    assert read_metadata(summary.folder) == {
        "class_names": list(CLASS_NAMES),
        "raw_dir": str(raw_dir),
        "fingerprint": check_raw_mfnet(raw_dir).fingerprint,
        "notes": list(summary.notes),
    }


def test_records_have_four_channels_labels_name_and_time_of_day(raw_dir, tmp_path):
    summary = PrepareMfnet(raw_dir, tmp_path).prepare()
    builder: Any = tfds.builder_from_directory(str(summary.folder))
    features = builder.info.features
    assert set(features) == {"visible_thermal", "labels", "name", "is_night"}
    assert features["visible_thermal"].shape == (None, None, 4)
    assert features["labels"].shape == (None, None, 1)


def test_preparing_writes_nothing_for_a_faulty_download(raw_dir, tmp_path):
    _damage(raw_dir)
    with pytest.raises(MdjaxError, match=r"labels/00001D\.png"):
        PrepareMfnet(raw_dir, tmp_path / "prepared").prepare()
    assert not (tmp_path / "prepared").exists()


def test_preparing_writes_the_data_set_alone_and_prints_nothing(raw_dir, tmp_path, capsys):
    PrepareMfnet(raw_dir, tmp_path / "prepared").prepare()
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["mfnet"]
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_preparing_twice_says_so_and_refuses_other_files(raw_dir, tmp_path):
    data_dir = tmp_path / "prepared"
    first = PrepareMfnet(raw_dir, data_dir).prepare()
    again = PrepareMfnet(raw_dir, data_dir).prepare()
    assert first.is_new
    assert not again.is_new
    assert again.class_pixels == first.class_pixels
    image, _ = make_pair_u8(9999, (12, 16))
    (raw_dir / "images" / "00001D.png").write_bytes(encode_png(image))
    message = rf"prepared from other files.*{raw_dir}.*--overwrite.*--data-dir"
    with pytest.raises(MdjaxError, match=message):
        PrepareMfnet(raw_dir, data_dir).prepare()
    assert PrepareMfnet(raw_dir, data_dir, overwrite=True).prepare().is_new
    assert open_split("mfnet", "train", data_dir)[0]["visible_thermal"] == encode_png(image)


def test_flips_get_a_config_of_their_own(tmp_path):
    names = SPLIT_NAMES | {"train": ("00001D", "00001D_flip")}
    raw_dir = write_raw_mfnet(tmp_path / "raw", names)
    assert PrepareMfnet(raw_dir, tmp_path).prepare().num_day["train"] == 1
    assert PrepareMfnet(raw_dir, tmp_path, include_flips=True).prepare().num_day["train"] == 2
    assert len(open_split("mfnet", "train", tmp_path)) == 1
    assert len(open_split("mfnet/with_flips", "train", tmp_path)) == 2


def test_summary_shows_counts_shares_absent_classes_and_notes(tmp_path):
    names = SPLIT_NAMES | {"train": ("00001D", "00002N", "00003D", "00001D_flip")}
    raw_dir = write_raw_mfnet(tmp_path / "raw", names)
    _, labels = make_pair_u8(0, (12, 16))
    labels[:] = 0
    labels[:6] = 1
    (raw_dir / "labels" / "00005D.png").write_bytes(encode_png(labels))
    summary = PrepareMfnet(raw_dir, tmp_path / "prepared").prepare()
    rows = print_rows(make_summary_table(summary))
    assert ["day", "images", "2", "0", "1"] in rows
    assert ["night", "images", "1", "1", "0"] in rows
    assert ["images", "3", "1", "1"] in rows
    (car,) = [row for row in rows if row[:2] == ["1", "car"]]
    assert car[-1] == "50.000%"
    (bump,) = [row for row in rows if row[:2] == ["8", "bump"]]
    assert bump[-1] == "absent"
    assert ["Prepared", "in", str(summary.folder)] in rows
    assert ["Note:", "train.txt:", "1", "mirror", "images", "(*_flip)", "omitted."] in rows


def test_preparing_and_reading_never_import_tensorflow(raw_dir, tmp_path):
    program = f"""
import sys
from typing import Any, cast
from pathlib import Path
from data_builders.mfnet import PrepareMfnet
from mdjax.data.pipeline import PipelineConfig, make_evaluation_batches
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
PrepareMfnet(Path({str(raw_dir)!r}), Path({str(tmp_path)!r})).prepare()
source = open_split("mfnet", "train", Path({str(tmp_path)!r}))
batches = make_evaluation_batches(
    source, PipelineConfig((12, 16)), LabelMapReader(), batch_size=2
)
assert len(list(batches)) == 2
sys.exit("tensorflow" in sys.modules)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
