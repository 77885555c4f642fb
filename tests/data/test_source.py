import json
import re
import shutil
from dataclasses import replace

import pytest

from data_builders.mfnet import PrepareMfnet
from data_builders.mfnet.layout import CLASS_NAMES
from mdjax.data.pipeline import PipelineConfig, make_evaluation_batches
from mdjax.data.source import find_split, open_split
from mdjax.data.truth import LabelMapReader
from mdjax.types import MdjaxError
from tests.data.factories import SPLIT_NAMES, write_raw_mfnet


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    raw_dir = write_raw_mfnet(folder / "raw")
    PrepareMfnet(raw_dir, folder / "prepared").prepare()
    PrepareMfnet(raw_dir, folder / "prepared", include_flips=True).prepare()
    return folder


@pytest.fixture
def data_dir(prepared_once, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(prepared_once / "prepared", tmp_path / "prepared")


@pytest.fixture
def old_data_dir(data_dir):
    """Prepared before there were checksums."""
    for path in data_dir.glob("**/checksums.json"):
        path.unlink()
    return data_dir


def test_records_keep_order_and_bytes(prepared_once):
    source = open_split("mfnet", "train", prepared_once / "prepared")
    assert [source[i]["name"].decode() for i in range(len(source))] == list(SPLIT_NAMES["train"])
    assert [source[i]["is_night"] for i in range(len(source))] == [False, True, False]
    raw_bytes = (prepared_once / "raw" / "images" / "00002N.png").read_bytes()
    assert source[1]["visible_thermal"] == raw_bytes
    assert source.get_class_names("labels") == CLASS_NAMES
    assert source.split == "train"


def test_default_config_is_opened_unless_another_is_named(prepared_once):
    data_dir = prepared_once / "prepared"
    assert open_split("mfnet", "val", data_dir).dataset_name == "mfnet/original/1.0.0"
    assert open_split("mfnet/with_flips", "val", data_dir).dataset_name == "mfnet/with_flips/1.0.0"
    assert open_split("mfnet:1.0.0", "val", data_dir).dataset_name == "mfnet/original/1.0.0"


def test_fingerprint_is_of_the_content(prepared_once, data_dir):
    """What the builder wrote down; without that, names and bytes of all records."""
    data_dir_before = prepared_once / "prepared"
    source = open_split("mfnet", "train", data_dir_before)
    assert source.fingerprint == source.metadata["fingerprint"]
    assert open_split("mfnet", "train", data_dir).fingerprint == source.fingerprint

    def forget(split):
        source = open_split("mfnet", split, data_dir_before)
        return replace(source, metadata={**source.metadata, "fingerprint": None}).fingerprint

    assert forget("train") == forget("train")
    assert len({source.fingerprint, forget("train"), forget("val")}) == 3


def test_source_feeds_the_pipeline(prepared_once):
    source = open_split("mfnet", "train", prepared_once / "prepared")
    config = PipelineConfig(image_size_hw=(12, 16))
    (batch,) = make_evaluation_batches(source, config, LabelMapReader(), batch_size=3)
    assert batch.is_night.tolist() == [False, True, False]


@pytest.mark.parametrize("dataset", ["mfnet", "synthetic", "kaist", "msrs", "rgbt_folder", "own"])
def test_unprepared_data_set_says_how_data_sets_are_prepared(tmp_path, dataset):
    message = (
        f"'{dataset}' is not prepared in {tmp_path}, where there is nothing; `mdjax prepare --help`"
    )
    with pytest.raises(MdjaxError, match=re.escape(message)):
        open_split(dataset, "train", tmp_path)


def test_unprepared_data_set_names_those_that_are_prepared(prepared_once):
    names = r"mfnet/original:1\.0\.0, mfnet/with_flips:1\.0\.0"
    with pytest.raises(MdjaxError, match=f"'kaist' is not prepared in .*, where there is {names};"):
        open_split("kaist", "train", prepared_once / "prepared")


@pytest.mark.parametrize("dataset", ["mfnet/other", "mfnet:2.0.0", "mfnet/original:0.9.0"])
def test_unknown_config_or_version_names_what_there_is(prepared_once, dataset):
    with pytest.raises(MdjaxError, match=r"mfnet/original:1\.0\.0, mfnet/with_flips:1\.0\.0"):
        open_split(dataset, "train", prepared_once / "prepared")


def test_default_config_that_is_not_prepared_is_not_replaced_by_another(data_dir):
    shutil.rmtree(data_dir / "mfnet" / "original")
    with pytest.raises(MdjaxError, match=r"name one that is: mfnet/with_flips:1\.0\.0"):
        open_split("mfnet", "train", data_dir)


def test_unknown_split_names_the_splits(prepared_once):
    with pytest.raises(MdjaxError, match=r"no split 'validation'.*train \(3\).*val \(1\)"):
        open_split("mfnet", "validation", prepared_once / "prepared")


def test_interrupted_preparation_is_passed_over(data_dir):
    original = data_dir / "mfnet" / "original"
    (original / "1.0.0").rename(original / "incomplete.ABC_1.0.0")
    with pytest.raises(MdjaxError, match="not prepared"):
        open_split("mfnet/original", "train", data_dir)


def test_empty_split_is_refused(old_data_dir):
    path = old_data_dir / "mfnet" / "original" / "1.0.0" / "dataset_info.json"
    info = json.loads(path.read_text())
    for split in info["splits"]:
        if split["name"] == "val":
            split["shardLengths"] = ["0"]
    path.write_text(json.dumps(info))
    with pytest.raises(MdjaxError, match="split 'val' is empty"):
        open_split("mfnet", "val", old_data_dir)


def test_other_layout_is_refused(old_data_dir):
    path = old_data_dir / "mfnet" / "original" / "1.0.0" / "features.json"
    path.write_text(path.read_text().replace('"is_night"', '"at_night"'))
    with pytest.raises(MdjaxError, match="records lack is_night"):
        open_split("mfnet", "train", old_data_dir)


def test_one_config_needs_no_name_and_a_bare_name_is_found(prepared_once, tmp_path):
    copied = tmp_path / "mfnet" / "original"
    shutil.copytree(prepared_once / "prepared" / "mfnet" / "original", copied)
    assert open_split("mfnet", "train", tmp_path).dataset_name == "mfnet/original/1.0.0"
    with pytest.raises(MdjaxError, match=r"'original' is not .*; did you mean mfnet/original:1"):
        open_split("original", "train", tmp_path)


def test_missing_class_names_are_refused(old_data_dir):
    (old_data_dir / "mfnet" / "original" / "1.0.0" / "metadata.json").unlink()
    with pytest.raises(MdjaxError, match="has no class_names"):
        open_split("mfnet", "train", old_data_dir).get_class_names("labels")


def test_asking_for_an_annotation_that_is_not_there_says_what_is(prepared_once):
    split = open_split("mfnet", "train", prepared_once / "prepared")
    with pytest.raises(
        MdjaxError, match=r"has no boxes of objects; .*mfnet-small-teacher, or --task segmentation"
    ):
        split.get_class_names("objects")


def test_missing_record_file_is_refused(old_data_dir):
    for path in (old_data_dir / "mfnet" / "original" / "1.0.0").glob("*val*"):
        path.unlink()
    with pytest.raises(MdjaxError, match=r"mfnet-val.*missing; prepare the data set again"):
        open_split("mfnet", "val", old_data_dir)


def test_split_that_may_be_missing_is_found_or_not(prepared_once):
    data_dir = prepared_once / "prepared"
    assert find_split("mfnet", "extra", data_dir) is None
    found = find_split("mfnet", "val", data_dir)
    assert found is not None
    assert len(found) == 1


FOLDER = "mfnet/original/1.0.0"
REMEDY = "prepare the data set again with --overwrite"


def _read_all(data_dir):
    source = open_split("mfnet", "train", data_dir)
    return [dict(source[i]) for i in range(len(source))], dict(source.metadata)


def _flip_bit(path, position, bit):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name", ["dataset_info.json", "features.json", "metadata.json", "checksums.json"]
)
def test_changed_file_of_a_prepared_data_set_is_named(data_dir, name):
    """A bit of each of 40 bytes: the message has the file and the remedy, or nothing changed.

    What changes in checksums.json alone may name the file that it is about.
    """
    path = data_dir / FOLDER / name
    before, content = _read_all(data_dir), path.read_bytes()
    for i in range(40):
        _flip_bit(path, i * len(content) // 40, i % 8)
        with pytest.raises(MdjaxError, match=REMEDY) as error:
            open_split("mfnet", "train", data_dir)
        assert str(path.parent) in str(error.value)
        assert name == "checksums.json" or str(path) in str(error.value)
        path.write_bytes(content)
    assert _read_all(data_dir) == before


def test_changed_bytes_of_a_record_file_are_never_another_record(data_dir):
    """ArrayRecord hashes each block; what it does not hash fills up the file and is not read."""
    path = next((data_dir / FOLDER).glob("mfnet-train.*"))
    before, content = _read_all(data_dir), path.read_bytes()
    num_refused = 0
    for i in range(60):
        _flip_bit(path, i * len(content) // 60, i % 8)
        try:
            read, message = _read_all(data_dir), REMEDY
        except MdjaxError as error:
            read, message = before, str(error)
            num_refused += 1
        assert read == before
        assert REMEDY in message
        path.write_bytes(content)
    assert num_refused >= 1


@pytest.mark.parametrize("has_checksums", [True, False])
@pytest.mark.parametrize("num_bytes", [0, 1000, 70_000])
def test_record_file_that_is_cut_short_is_refused(data_dir, num_bytes, has_checksums):
    path = next((data_dir / FOLDER).glob("mfnet-train.*"))
    path.write_bytes(path.read_bytes()[:num_bytes])
    if not has_checksums:
        (data_dir / FOLDER / "checksums.json").unlink()
    with pytest.raises(MdjaxError, match=f"{FOLDER}.*damaged.*{REMEDY}"):
        _read_all(data_dir)


def test_data_set_without_checksums_opens_and_damage_is_no_traceback(old_data_dir):
    path = old_data_dir / FOLDER / "dataset_info.json"
    assert len(open_split("mfnet", "train", old_data_dir)) == 3
    path.write_text(path.read_text()[:100])
    with pytest.raises(MdjaxError, match=f"{FOLDER}: the data set is damaged.*{REMEDY}"):
        open_split("mfnet", "train", old_data_dir)


def test_damaged_default_config_is_named_and_the_remedy_works(data_dir):
    path = data_dir / "mfnet/.config/metadata.json"
    path.write_text("{")
    with pytest.raises(MdjaxError, match=r"\.config/metadata\.json: is damaged; delete it, and"):
        open_split("mfnet", "train", data_dir)
    path.unlink()
    assert len(open_split("mfnet/original", "train", data_dir)) == 3


@pytest.mark.parametrize(
    "name", ["dataset_info.json", "metadata.json", "mfnet-val.*", "checksums*"]
)
def test_preparing_over_a_damaged_data_set_says_how_and_that_works(prepared_once, data_dir, name):
    command = PrepareMfnet(prepared_once / "raw", data_dir)
    path = next((data_dir / FOLDER).glob(name))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(MdjaxError, match=f"{FOLDER}.*damaged.*; add --overwrite to prepare it ag"):
        command.prepare()
    assert replace(command, overwrite=True).prepare().is_new
    assert _read_all(data_dir) == _read_all(prepared_once / "prepared")
