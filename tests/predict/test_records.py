"""The file of a stream, as later calls read it."""

from dataclasses import replace
from pathlib import Path

import pytest

from mdjax.align.common_view import CommonView
from mdjax.predict.follow import StopRule
from mdjax.predict.records import FRAME_SHAPES, StreamRecords
from mdjax.types import MdjaxError
from tests.predict.pixel_network import create_loaded_network
from tests.predict.streams import list_names, read_records, run, write_pair

pytestmark = pytest.mark.usefixtures("hurry")

HEAD = {"network": "a", "step": 3}


def test_names_may_hold_what_ends_lines_elsewhere(tmp_path: Path) -> None:
    """Such as the line separator of Unicode, which JSON leaves as it is."""
    names = ["a\u2028b", "a\u0085b", "a\x0bb", "a\nb"]
    with StreamRecords(tmp_path, HEAD) as records:
        for name in names:
            records.add({"name": name, FRAME_SHAPES: [[4, 6], None]})
        records.add({"name": "c", "problem": "a\u2028b is damaged"})
    with StreamRecords(tmp_path, HEAD) as records:
        assert records.names == set(names)
        assert records.frame_shapes == ((4, 6), None)


def test_later_call_goes_on_where_the_earlier_one_ended(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """Also behind a kill that has cut off the last line."""
    for number in range(3):
        write_pair(folders, number)
    followed = run(folders, stop=StopRule(max_pairs=2))
    assert followed.left == ("002",)
    assert "1 pair left for a later call: 002" in followed.format_summary()
    assert list_names(tmp_path) == ["000", "001"]
    path = tmp_path / "out/predictions.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    followed = run(folders)
    assert (followed.num_predicted, followed.num_earlier) == (2, 1)
    assert list_names(tmp_path) == ["000", "001", "002"]
    followed = run(folders)
    assert (followed.num_predicted, followed.num_earlier) == (0, 3)
    assert followed.format_summary().strip() == "0 pairs predicted, 0 skipped, 3 there already."
    assert run(folders, overwrite=True).num_predicted == 3
    assert list_names(tmp_path) == ["000", "001", "002"]


def test_later_call_tries_pairs_with_a_problem_again(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """One was put right; the other is first by name, and still has another size than the rest."""
    write_pair(folders, 2)
    path = folders[0] / "001.png"
    write_pair(folders, 1)
    content = path.read_bytes()
    path.write_bytes(content[:50])
    assert run(folders).num_skipped == 1
    path.write_bytes(content)
    write_pair(folders, 0, size_hw=(40, 60))
    followed = run(folders)
    assert (followed.num_predicted, followed.num_skipped, followed.num_earlier) == (1, 1, 1)
    assert "000.png: the visible frame has 60x40 pixels, the first one 48" in followed.problems[0]
    last = {record["name"]: record for record in read_records(tmp_path)[1:]}
    assert ["problem" in last[name] for name in ("000", "001", "002")] == [True, False, False]
    assert last["001"]["frame_shapes_hw"] == [[32, 48], [32, 48]]


def test_stream_is_not_continued_with_other_options(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    write_pair(folders, 0)
    run(folders)
    (tmp_path / "other").mkdir()
    out_dir = tmp_path / "out"
    with pytest.raises(MdjaxError, match="differs in folders; write to another folder"):
        run((folders[0], tmp_path / "other"), out_dir=out_dir)
    with pytest.raises(MdjaxError, match="differs in step; write"):
        run(folders, loaded=replace(create_loaded_network(), step=8))
    view = CommonView((0, 0, 24, 16))
    for name, value in {"simulate": "never", "missing": "thermal", "view": view}.items():
        with pytest.raises(MdjaxError, match=f"differs in {name}; write"):
            run(folders, **{name: value})
    assert list_names(tmp_path) == ["000"]
