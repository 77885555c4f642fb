"""The files that a study leaves."""

from pathlib import Path

import pytest

from mdjax.io.json_file import read_json
from mdjax.studies.report import create_report, write_report
from tests.conftest import SmallRuns

METRICS = {"mean_iou_9/all": "mIoU all"}


@pytest.mark.usefixtures("quick_compilation")
def test_report_holds_scores_times_gain_and_command(small_runs: SmallRuns, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "seed0").symlink_to(small_runs.root)
    results = {name: [small_runs.results[name]] for name in ("teacher", "native", "distilled")}
    text = write_report(
        results,
        study_dir=tmp_path / "study",
        metrics=METRICS,
        report=tmp_path / "results" / "tiny",
        command="python tiny.py",
    )
    assert (tmp_path / "results" / "tiny.md").read_text() == text + "\n"
    values = read_json(tmp_path / "results" / "tiny.json")
    assert values["command"] == "python tiny.py"
    assert set(values["milliseconds_per_image"]) == set(results)
    scores = {name: runs[0].scores["test"]["mean_iou_9/all"] for name, runs in results.items()}
    gain = scores["distilled"] - scores["native"]
    assert values["gain_percent_points"]["mean_iou_9/all"]["mean"] == pytest.approx(gain)
    assert values["results"]["native"][0]["scores"]["test"]["mean_iou_9/all"] == pytest.approx(
        scores["native"]
    )
    assert f"distilled - native: {gain:+.2f} points of mIoU all" in text


def test_score_that_is_to_be_low_is_a_column() -> None:
    """A misspelt one would turn "helps" into "harms"."""
    with pytest.raises(ValueError, match="miss_rate/al"):
        create_report(
            {},
            {},
            metrics={"miss_rate/all": "MR"},
            gain_metrics=[],
            lower_is_better=["miss_rate/al"],
        )
