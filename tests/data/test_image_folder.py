from mdjax.data.annotations import Findings
from mdjax.data.image_folder import match_folders
from tests.data.raw_pairs import write


def test_files_are_matched_by_name_in_order(tmp_path):
    for name in ("v/b.jpg", "v/a.PNG", "t/a.png", "t/b.tif", "v/._a.png", "v/notes.txt"):
        write(tmp_path / name, b"")
    findings = Findings()
    matched = match_folders(tmp_path / "v", tmp_path / "t", findings)
    assert list(matched.items()) == [
        ("a", (tmp_path / "v/a.PNG", tmp_path / "t/a.png")),
        ("b", (tmp_path / "v/b.jpg", tmp_path / "t/b.tif")),
    ]
    assert findings == Findings()


def test_single_and_double_files_go_to_the_findings(tmp_path):
    for name in ("v/a.png", "v/b.png", "v/b.jpg", "t/b.png", "t/c.png"):
        write(tmp_path / name, b"")
    findings = Findings()
    assert list(match_folders(tmp_path / "v", tmp_path / "t", findings)) == ["b"]
    assert findings.problems == [
        f"{tmp_path}/v/b.png: b.jpg has the same name; leave one of them.",
        f"{tmp_path}/v/a.png: has no partner a.* in {tmp_path}/t.",
        f"{tmp_path}/t/c.png: has no partner c.* in {tmp_path}/v.",
    ]


def test_missing_folder_is_one_finding(tmp_path):
    write(tmp_path / "v/a.png", b"")
    findings = Findings()
    assert match_folders(tmp_path / "v", tmp_path / "t", findings) == {}
    assert findings.problems == [f"{tmp_path}/t: folder is missing."]
