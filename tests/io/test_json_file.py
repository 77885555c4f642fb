"""Strict JSON, written at once."""

import errno
import json
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.io.json_file import (
    format_json,
    read_json,
    restore_scores,
    to_plain,
    write_json,
    write_json_list,
)
from mdjax.types import MdjaxError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_any_plain_value_is_strict_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(format_json(value), parse_constant=refuse) == to_plain(value)


def test_numbers_of_arrays_and_paths_are_plain() -> None:
    value = {
        "jax": jnp.float32(0.5),
        "numpy": np.array([1, 2]),
        "bool": np.bool_(True),
        "path": Path("a") / "b",
        "tuple": (1, math.inf),
        3: np.float64("nan"),
    }
    assert to_plain(value) == {
        "jax": 0.5,
        "numpy": [1, 2],
        "bool": True,
        "path": "a/b",
        "tuple": [1, None],
        "3": None,
    }


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    write_json(path, {"a": 1})

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(MdjaxError, match=r"config\.json: cannot be written: No space left"):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["config.json"]


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"absent\.json: cannot be read: No such file"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(MdjaxError, match=r"half\.json: damaged or truncated"):
        read_json(tmp_path / "half.json")


def test_scores_that_do_not_exist_survive_as_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "scores.json", {"iou": math.nan, "accuracy": 50.0})
    scores = restore_scores(read_json(tmp_path / "scores.json"))
    assert math.isnan(scores["iou"])
    assert scores["accuracy"] == 50.0


def test_list_is_written_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with write_json_list(path, {"names": ["a"], "rate": math.inf}, "frames") as append:
        append({"frame": 0, "path": Path("x")})
        assert not path.exists()
        append({"frame": 1, "scores": np.array([0.5])})
    assert read_json(path) == {
        "names": ["a"],
        "rate": None,
        "frames": [{"frame": 0, "path": "x"}, {"frame": 1, "scores": [0.5]}],
    }
    with write_json_list(path, {"names": []}, "frames"):
        pass
    assert read_json(path) == {"names": [], "frames": []}


def append_and_stop(path: Path) -> None:
    with write_json_list(path, {"a": 1}, "b") as append:
        append(1)
        raise KeyboardInterrupt


def test_list_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        append_and_stop(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"
    with pytest.raises(MdjaxError, match=r"b\.json: cannot be written: there is no folder"):
        append_and_stop(tmp_path / "absent" / "b.json")


def test_interrupted_file_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(handle: int) -> None:
        del handle
        raise KeyboardInterrupt

    path = tmp_path / "a.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {"a": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").touch()
    path = tmp_path / "video.mp4" / "b.json"
    message = r"b\.json: cannot be written: .*video\.mp4 is not a folder"
    with pytest.raises(MdjaxError, match=message):
        write_json(path, {})
    with pytest.raises(MdjaxError, match=message):
        append_and_stop(path)
