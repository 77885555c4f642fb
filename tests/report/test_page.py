"""The page: its numbers are those of the files, and everyone can read it, wherever it is."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mdjax.presets import get_preset
from mdjax.report.page import write_report
from mdjax.types import MdjaxError
from mdjax.viz.files import save_rgb_png
from tests.report.parsing import Element, parse_page, read_tables
from tests.report.small import DATASET, SCORES, make_run

HOSTILE = "<script>alert('x')<"
SUMMARY = "Runs, with their main score in percent"
DIFFERENCES = "Settings that differ between the runs"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A teacher, its student, one that was interrupted, a damaged one with a hostile name."""
    folder = tmp_path / "runs"
    teacher = make_run(folder / "teacher", "synthetic-teacher")
    make_run(folder / "md", "synthetic-md", teacher=teacher, seed=7)
    make_run(folder / "half", is_finished=False, dataset=f"a&b{HOSTILE}")
    damaged = make_run(folder / HOSTILE)
    (damaged / "result.json").write_text("{")
    save_rgb_png(np.full((30, 1600, 3), 200, np.uint8), teacher / "wide.png")
    (folder / "md" / "predictions").mkdir()
    save_rgb_png(np.zeros((3, 4, 3), np.uint8), folder / "md" / "predictions" / "a_labels.png")
    (folder / "md" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.md"
    path.write_text(
        "# Claims\n\n### All <b>of</b> them, ![a curve](https://example.org/a.png)\n\n"
        "|claim|points|\n|---|--:|\n|MD [is](https://example.org) better|+5.12|\n"
        "|<script>x</script>|`<i>`|\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def page(runs: Path, claims: Path, tmp_path: Path) -> Element:
    write_report([runs], tmp_path / "page.html", tables=[claims])
    return parse_page((tmp_path / "page.html").read_text(encoding="utf-8"))


# -- What it says -----------------------------------------------------------------------------


def test_numbers_are_those_of_the_result_files(page: Element, runs: Path) -> None:
    result = json.loads((runs / "md" / "result.json").read_text())
    tables = read_tables(page)
    for split, scores in result["scores"].items():
        for metric, score in scores.items():
            name, _, subset = metric.rpartition("/")
            table = tables[f"{DATASET}, split {split}, images: {subset}; percent"]
            name += " (main score)" if metric == result["main_metric"] else ""
            assert list(table[name]) == ["md", "teacher"]
            shown = table[name]["md"]
            assert shown == "-" if score is None else float(shown) == score


def test_scores_are_rounded_for_people_and_the_main_one_comes_first(page: Element) -> None:
    (table,) = [x for x in page.find("table") if "split test, images: all" in x.text]
    rows = [[cell.text for cell in row.find("th", "td")] for row in table.find("tr")]
    assert rows == [
        ["score", "md", "teacher"],
        ["mean_accuracy_9 (main score)", "33.33", "33.33"],
        ["iou/bump", "-", "-"],
        ["num_classes", "9", "9"],
    ]


def test_summary_has_one_row_per_run_whatever_its_state(page: Element) -> None:
    table = read_tables(page)[SUMMARY]
    assert list(table) == [HOSTILE, "half", "md", "teacher"]
    assert {name: row["state"] for name, row in table.items()} == {
        HOSTILE: "damaged",
        "half": "interrupted",
        "md": "finished",
        "teacher": "finished",
    }
    assert table["half"]["steps"] == "0 of 40"
    md = table["md"]
    assert (md["network"], md["data set"], md["steps"]) == ("student", DATASET, "40")
    assert (md["main score"], md["teacher"]) == ("mean_accuracy_9/all", "teacher")
    assert float(md["test"]) == SCORES["test"]["mean_accuracy_9/all"]
    assert float(md["val"]) == SCORES["val"]["mean_accuracy_9/all"]


def test_damaged_run_is_listed_with_what_is_wrong(page: Element, runs: Path) -> None:
    (problem,) = [x.text for x in page.find("li") if "(damaged)" in x.text]
    assert problem.startswith(f"{HOSTILE} (damaged): {HOSTILE}/result.json: damaged")


def test_differences_are_the_settings_that_differ_and_no_others(page: Element, runs: Path) -> None:
    table = read_tables(page)[DIFFERENCES]
    assert table["seed"] == {HOSTILE: "0", "half": "0", "md": "7", "teacher": "0"}
    assert table["type"]["md"] == '"DistillConfig"'
    assert table["dataset"]["half"] == f'"a&b{HOSTILE}"'
    assert table["teacher"]["half"] == "not set"
    assert table["teacher"]["md"] == '"teacher"'
    assert [row for row in table.values() if len(set(row.values())) == 1] == []
    assert not {"batch_size", "loop.num_steps", "optimiser.learning_rate"} & set(table)


def test_single_run_shows_all_its_settings(runs: Path, tmp_path: Path) -> None:
    write_report([runs / "md"], tmp_path / "one.html")
    table = read_tables(parse_page((tmp_path / "one.html").read_text()))["Settings"]
    assert table["teacher"]["md"] == json.dumps(f"{runs.name}/teacher")
    assert not [cells for cells in table.values() if str(runs) in cells["md"]]
    assert {name: table[name]["md"] for name in ("seed", "loop.num_steps", "method.level")} == {
        "seed": "7",
        "loop.num_steps": "40",
        "method.level": '"c4"',
    }


def test_paths_that_end_alike_are_told_whole(tmp_path: Path) -> None:
    teachers = [tmp_path / study / "seed0" / "teacher" for study in ("first", "second")]
    for name, teacher in zip(("a", "b"), teachers, strict=True):
        make_run(tmp_path / "runs" / name, "synthetic-md", teacher=teacher)
    write_report([tmp_path / "runs"], tmp_path / "page.html")
    table = read_tables(parse_page((tmp_path / "page.html").read_text()))[DIFFERENCES]
    assert list(table["teacher"].values()) == [json.dumps(str(path)) for path in teachers]


def test_equal_runs_and_runs_without_a_configuration_say_so(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_run(tmp_path / "runs" / name)
    write_report([tmp_path / "runs"], tmp_path / "page.html")
    assert "No setting differs between the runs." in (tmp_path / "page.html").read_text()
    for name in ("a", "b"):
        (tmp_path / "runs" / name / "config.json").write_text("[")
    write_report([tmp_path / "runs"], tmp_path / "page.html")
    assert "No configuration can be read." in (tmp_path / "page.html").read_text()


def test_curves_are_those_of_the_log_and_say_where_they_begin_and_end(page: Element) -> None:
    labels = {x.find("title")[0].text: x.attributes["aria-label"] for x in page.find("svg")}
    assert list(labels) == [
        "train/loss over the training step",
        "val/mean_accuracy_9/all over the training step",
        "learning rate, as configured over the training step",
    ]
    losses = labels["train/loss over the training step"]
    assert "md: 2 at step 10, 0.5 at step 20; smallest 0.5, largest 2." in losses
    assert "half: 30 at step 20, 41.25" in labels["val/mean_accuracy_9/all over the training step"]
    config = get_preset("synthetic-md")
    rates = labels["learning rate, as configured over the training step"]
    assert f"{config.optimiser.final_learning_rate:.4g} at step 40; smallest" in rates


def test_peak_within_a_curve_is_told(tmp_path: Path) -> None:
    log = make_run(tmp_path / "a") / "metrics.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    peak = ['{"step": 30, "train/loss": 8.5}\n', '{"step": 40, "train/loss": 1}\n']
    log.write_text("".join([*lines[:-1], *peak, lines[-1]]))
    write_report([tmp_path / "a"], tmp_path / "page.html")
    svg = parse_page((tmp_path / "page.html").read_text()).find("svg")[0]
    assert "2 at step 10, 1 at step 40; smallest 0.5, largest 8.5." in svg.attributes["aria-label"]


def test_damaged_log_and_configuration_are_told_and_the_scores_shown(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "a")
    (run_dir / "metrics.jsonl").write_text("[]\n{}\n")
    (found,) = write_report([run_dir], tmp_path / "page.html")
    assert [("metrics.jsonl: line 1 is damaged" in x) for x in found.problems] == [True]
    page = parse_page((tmp_path / "page.html").read_text())
    assert f"{DATASET}, split test, images: all; percent" in read_tables(page)


def test_pictures_are_small_and_named(page: Element) -> None:
    images = page.find("img")
    assert [(x.attributes["alt"], x.attributes["width"]) for x in images] == [
        ("Picture predictions/a_labels.png of run md", "4"),
        ("Picture wide.png of run teacher", "800"),
    ]
    assert all(x.attributes["src"].startswith("data:image/png;base64,") for x in images)
    captions = [x.text for x in page.find("figcaption")]
    assert captions[-2:] == ["md: predictions/a_labels.png", "teacher: wide.png"]
    assert any("cut.png: PNG is truncated" in x.text for x in page.find("li"))


def test_markdown_tables_are_embedded_and_load_nothing(page: Element) -> None:
    table = read_tables(page)["claims.md, table 1"]
    assert table == {
        "MD is better": {"points": "+5.12"},
        "<script>x</script>": {"points": "<i>"},
    }
    headings = [(x.tag, x.text) for x in page.find("h4", "h5", "h6")]
    assert headings == [("h4", "Claims"), ("h5", "All <b>of</b> them, a curve")]


# -- Who can read it --------------------------------------------------------------------------


def test_page_loads_nothing_and_runs_nothing(page: Element) -> None:
    assert page.find("script", "link", "iframe", "object", "embed", "base", "form") == []
    (policy,) = [
        x.attributes["content"]
        for x in page.find("meta")
        if x.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    for element in page.inner:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "style"):
            value = element.attributes.get(name, "")
            value = re.sub(r"^data:image/png;base64,[A-Za-z0-9+/=]*$", "", value)
            assert not re.search(r"//|url\((?!#)", value), (element.tag, name, value)
        assert not [name for name in element.attributes if name.startswith("on")]
    (style,) = page.find("style")
    assert not re.search(r"@import|url\(", style.text)


def test_structure_serves_screen_readers(page: Element) -> None:
    (html,) = page.find("html")
    assert html.attributes["lang"] == "en"
    levels = [int(x.tag[1]) for x in page.find(*(f"h{level}" for level in range(1, 7)))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(x.attributes["alt"] for x in page.find("img"))
    assert all(x.attributes["role"] == "img" for x in page.find("svg"))
    ids = [x.attributes["id"] for x in page.inner if "id" in x.attributes]
    assert len(ids) == len(set(ids))
    links = [x.attributes["href"].removeprefix("#") for x in page.find("a")]
    assert links[0] == "content"
    assert set(links) <= set(ids)
    described = [
        x.attributes["aria-labelledby"] for x in page.inner if "aria-labelledby" in x.attributes
    ]
    assert set(described) <= set(ids)


def test_every_table_has_a_caption_and_scoped_headings(page: Element) -> None:
    assert len(page.find("table")) == 7
    for table in page.find("table"):
        assert table.inner[0].tag == "caption"
        assert table.inner[0].text
        head, *rows = table.find("tr")
        assert {x.attributes["scope"] for x in head.find("th")} == {"col"}
        for row in rows:
            assert [x.attributes["scope"] for x in row.find("th")] == ["row"]
    frames = [x for x in page.find("div") if x.attributes.get("class") == "scroll"]
    assert all(x.attributes["tabindex"] == "0" for x in frames)
    assert sum(len(x.find("table")) for x in frames) == 7


def test_blank_cell_is_no_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("|a||\n|---|---|\n||1|\n|b|2|\n", encoding="utf-8")
    make_run(tmp_path / "run")
    write_report([tmp_path / "run"], tmp_path / "page.html", tables=[path])
    table = parse_page((tmp_path / "page.html").read_text()).find("table")[-1]
    cells = [[(x.tag, x.text) for x in row.find("th", "td")] for row in table.find("tr")]
    assert cells == [
        [("th", "a"), ("td", "")],
        [("td", ""), ("td", "1")],
        [("th", "b"), ("td", "2")],
    ]
    assert [x.attributes["scope"] for x in table.find("th")] == ["col", "row"]


def test_page_fits_a_phone_by_what_it_says(page: Element) -> None:
    (viewport,) = [x for x in page.find("meta") if x.attributes.get("name") == "viewport"]
    assert viewport.attributes["content"] == "width=device-width, initial-scale=1"
    style = page.find("style")[0].text
    assert not re.search(r"[^-]width: *\d+(\.\d+)?(px|rem|em)", style)
    assert "font: 1rem/1.5" in style


def test_same_runs_give_the_same_page(runs: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_report([runs, runs / "md"], tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


# -- What is refused --------------------------------------------------------------------------


def test_only_an_earlier_report_is_replaced(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    write_report([runs / "md"], out)
    write_report([runs], out)
    assert "Report on 4 runs" in out.read_text()
    out.write_text("<!DOCTYPE html><title>mine</title>")
    with pytest.raises(MdjaxError, match=r"page\.html: already exists and is no page of mdjax rep"):
        write_report([runs], out)
    assert out.read_text() == "<!DOCTYPE html><title>mine</title>"
    with pytest.raises(MdjaxError, match="new: already exists"):
        write_report([runs], out.parent)


def test_place_without_runs_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="nowhere: there is no such folder"):
        write_report([tmp_path / "nowhere"], tmp_path / "page.html")
    with pytest.raises(MdjaxError, match="holds no runs"):
        write_report([tmp_path], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_missing_markdown_file_is_a_message(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"no\.md: file is missing"):
        write_report([runs], tmp_path / "page.html", tables=[tmp_path / "no.md"])
    assert not (tmp_path / "page.html").exists()


def test_run_that_has_only_begun_and_names_that_are_no_text(tmp_path: Path) -> None:
    run_dir = tmp_path / "a\x07\udcff"
    make_run(run_dir, is_finished=False)
    (run_dir / "metrics.jsonl").unlink()
    (found,) = write_report([tmp_path], tmp_path / "page.html")
    assert found.name == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert found.problems == []
