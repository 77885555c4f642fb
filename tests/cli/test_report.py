"""`mdjax report`: one page about runs, from the command line."""

import json
from pathlib import Path

import pytest

from mdjax.cli.main import EXIT_BAD_INPUT
from tests.cli.running import run
from tests.report.small import make_run


def test_report_says_where_the_page_is_and_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "runs" / "a")
    broken = make_run(tmp_path / "runs" / "b")
    (broken / "result.json").write_text("{")
    out = tmp_path / "page.html"
    assert run("report", tmp_path / "runs" / "a", broken, "--out", out) == 0
    damaged, last = capsys.readouterr().out.splitlines()
    assert damaged.startswith("damaged: b/result.json: damaged or truncated")
    assert last == f"{out}: 2 runs. Open it in a web browser."
    assert "Report on 2 runs" in out.read_text()


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "runs" / "a")
    (tmp_path / "a.md").write_text("|a|b|\n|-|-|\n|1|2|\n")
    (tmp_path / "b.md").write_text("text")
    options = ("--out", tmp_path / "page.html", "--tables", tmp_path / "a.md", tmp_path / "b.md")
    assert run("report", tmp_path / "runs", *options, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "out": str(tmp_path / "page.html"),
        "runs": [{"name": "a", "run_dir": str(tmp_path / "runs" / "a")}],
        "problems": [],
    }
    assert "a.md, table 1" in (tmp_path / "page.html").read_text()


def test_no_runs_and_a_foreign_file_are_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", tmp_path, "--out", tmp_path / "page.html") == EXIT_BAD_INPUT
    assert capsys.readouterr().err.startswith(f"mdjax report: {tmp_path}: holds no runs; give ")
    (tmp_path / "page.html").write_text("mine")
    make_run(tmp_path / "a")
    assert run("report", tmp_path, "--out", tmp_path / "page.html") == EXIT_BAD_INPUT
    assert "already exists and is no page of mdjax report" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "mine"
