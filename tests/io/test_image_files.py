import pytest

from mdjax.io.findings import Findings
from mdjax.io.image_files import list_files, match_folders
from tests.data_builders.raw_pairs import write


def test_files_are_matched_by_name_in_order(tmp_path):
    for name in ("v/b.jpg", "v/a.PNG", "t/a.png", "t/b.tif", "v/._a.png", "v/notes.txt"):
        write(tmp_path / name, b"")
    findings = Findings()
    matched = match_folders(tmp_path / "v", tmp_path / "t", findings)
    assert matched.singles == frozenset()
    assert list(matched.pairs.items()) == [
        ("a", (tmp_path / "v/a.PNG", tmp_path / "t/a.png")),
        ("b", (tmp_path / "v/b.jpg", tmp_path / "t/b.tif")),
    ]
    assert findings == Findings()


def test_single_and_double_files_go_to_the_findings(tmp_path):
    for name in ("v/a.png", "v/b.png", "v/b.jpg", "t/b.png", "t/c.png"):
        write(tmp_path / name, b"")
    findings = Findings()
    matched = match_folders(tmp_path / "v", tmp_path / "t", findings)
    assert list(matched.pairs) == ["b"]
    assert matched.singles == {"a", "c"}
    remedy = "give both images of a pair the same name, or remove this one."
    assert findings.problems == [
        f"{tmp_path}/v/b.png: b.jpg has the same name; keep one of them.",
        f"{tmp_path}/v/a.png: has no partner in {tmp_path}/t; {remedy}",
        f"{tmp_path}/t/c.png: has no partner in {tmp_path}/v; {remedy}",
    ]


def test_missing_folder_is_one_finding(tmp_path):
    write(tmp_path / "v/a.png", b"")
    findings = Findings()
    assert match_folders(tmp_path / "v", tmp_path / "t", findings) == ({}, {"a"})
    assert findings.problems == [f"{tmp_path}/t: folder is missing."]


@pytest.mark.parametrize("empty", ["v", "t"])
def test_folder_without_images_is_one_finding(tmp_path, empty):
    for name in ("a.png", "b.png"):
        write(tmp_path / ("t" if empty == "v" else "v") / name, b"")
    write(tmp_path / empty / "notes.txt", b"")
    findings = Findings()
    assert match_folders(tmp_path / "v", tmp_path / "t", findings) == ({}, {"a", "b"})
    (problem,) = findings.problems
    assert problem.startswith(f"{tmp_path}/{empty}: holds no file that ends in .png, .jpg")


def test_endings_count_in_either_case(tmp_path):
    for name in ("a.txt", "b.TXT", "c.png"):
        write(tmp_path / name, b"")
    findings = Findings()
    files = list_files(tmp_path, findings, (".txt",))
    assert files == {"a": tmp_path / "a.txt", "b": tmp_path / "b.TXT"}
    assert findings == Findings()
