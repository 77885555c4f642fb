"""`mdjax benchmark` as a person types it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.benchmark import measuring
from mdjax.cli import benchmark
from mdjax.cli.main import EXIT_BAD_INPUT
from mdjax.export.export import export_network
from mdjax.runs.untrained import save_untrained
from mdjax.types import MdjaxError
from tests.cli.running import run
from tests.export.networks import create_loaded
from tests.runs.small import shrink_preset


@pytest.mark.slow
def test_presets_are_measured_before_they_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "get_preset", shrink_preset)
    monkeypatch.setattr(measuring, "MIN_ROUNDS", 1)
    monkeypatch.setattr(measuring, "PRODUCT", replace(measuring.PRODUCT, details={"size": 64}))
    out, plot = tmp_path / "costs.json", tmp_path / "costs.png"
    options = ["--engines", "onnx", "--baseline", "onnx", "--seconds", 0.01, "--threads", 1]
    sizes = ["--sizes", "48x32", "96x64", "--batch-sizes", 2]
    status = run(
        "benchmark",
        "--presets",
        "synthetic-student",
        *options,
        *sizes,
        "--out",
        out,
        "--plot",
        plot,
    )
    shown = capsys.readouterr()
    assert status == 0, shown.err
    assert plot.is_file()
    assert "synthetic-student, 96x64, thermal 24x16, batch 2" in shown.out
    assert "product of matrices" in shown.out
    assert "starting onnx (2 of 2)" in shown.err
    values = json.loads(out.read_text())
    assert len(values["rows"]) == 2
    assert {tuple(row["size_wh"]) for row in values["rows"]} == {(48, 32), (96, 64)}
    assert all(row["median_ms"] > 0 and row["difference"] < 1e-3 for row in values["rows"])
    assert values["num_threads"] == 1
    assert values["command"].startswith("mdjax benchmark --presets synthetic-student")


@pytest.mark.slow
def test_run_and_its_export_are_timed_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One group: the export is compared with the run, not with itself."""
    monkeypatch.setattr(measuring, "MIN_ROUNDS", 1)
    monkeypatch.setattr(measuring, "PRODUCT", replace(measuring.PRODUCT, details={"size": 64}))
    saved = save_untrained(create_loaded(), tmp_path / "run")
    export_network(saved, tmp_path / "exported")
    options = ["--engines", "onnx", "--baseline", "onnx", "--seconds", 1e-9, "--threads", 1]
    networks = [saved.run_dir, tmp_path / "exported"]
    status = run("benchmark", *networks, *options, "--batch-sizes", 1, "--json")
    shown = capsys.readouterr()
    assert status == 0, shown.err
    assert "starting onnx (3 of 3)" in shown.err
    values = json.loads(shown.out)
    assert len(values["peak_gflop_per_s"]) == 1
    of_run, of_export = values["rows"]
    assert of_run["over_first"] == 1.0
    # One round was timed: its ratio is that of the medians.
    expected = of_export["median_ms"] / of_run["median_ms"]
    assert of_export["over_first"] == pytest.approx(expected, rel=1e-9)


def test_figure_that_cannot_be_drawn_is_refused_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "measure_in_turn", None)
    saved = save_untrained(create_loaded(), tmp_path / "run")
    plot = tmp_path / "costs.png"
    assert run("benchmark", saved.run_dir, "--plot", plot) == EXIT_BAD_INPUT
    assert f"{plot}: a plot over pixels needs networks at two sizes" in capsys.readouterr().err


def test_numbers_are_kept_where_the_figure_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise MdjaxError("costs.png: no engine was timed")

    monkeypatch.setattr(benchmark, "draw_costs", fail)
    monkeypatch.setattr(benchmark, "_measure", lambda *_: ([], {"rows": []}, "the table"))
    saved = save_untrained(create_loaded(), tmp_path / "run")
    out, sizes = tmp_path / "costs.json", ["--sizes", "48x32", "96x64"]
    outputs = ["--plot", tmp_path / "costs.png", "--out", out]
    assert run("benchmark", saved.run_dir, *sizes, *outputs) == EXIT_BAD_INPUT
    shown = capsys.readouterr()
    assert "no engine was timed" in shown.err
    assert "the table" in shown.out
    assert json.loads(out.read_text())["rows"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give run directories or exported folders, or --presets"),
        (["--presets", "mfnet-studnet"], "did you mean mfnet-student"),
        (["--presets", "synthetic-student", "--sizes", "640"], "--sizes 640: give WIDTHxHEIGHT"),
        (["--presets", "synthetic-student", "--seconds", "0"], "--seconds is 0.0; give more than"),
        (["--presets", "synthetic-student", "--batch-sizes", "0"], "--batch-sizes: give 1 or more"),
        (["--presets", "synthetic-student", "--agreement", "40"], "omit --presets"),
        (["run", "--agreement", "40", "--plot", "a.png"], "--agreement does not measure; omit one"),
        (
            ["run", "--engines", "onnx", "--baseline", "jax"],
            "--baseline jax is none of --engines (onnx)",
        ),
        (["--presets", *["synthetic-student"] * 2], "--presets: give each once"),
        (["run", "run"], "networks: give each once"),
        (["--presets", "synthetic-student", "--data-dir", "data"], "--data-dir is for --agreement"),
        (["--presets", "synthetic-student", "--out", "no/such/a.json"], "there is no such folder"),
        (["no_such_run"], "no_such_run: there is no such run directory"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    options: list[Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("benchmark", *options) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err
