"""The names of `import mdjax`, and the examples in their documentation."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mdjax
from tests.conftest import SmallRuns
from tests.predict.image_files import write_folders

EXAMPLES = {
    name: doctest.DocTestParser().get_examples(getattr(mdjax, name).__doc__ or "")
    for name in mdjax.__all__
}
NEED_RUNS = [
    name
    for name, examples in EXAMPLES.items()
    if any('Path("runs/' in x.source and "replace" not in x.source for x in examples)
]


def test_every_public_name_is_there() -> None:
    assert set(mdjax.__all__) <= set(dir(mdjax))
    for name in mdjax.__all__:
        # `mdjax.train` is a package; the function in it has a name of its own here.
        assert getattr(mdjax, name).__name__ == {"train_network": "train"}.get(name, name)


def test_package_train_does_not_hide_what_trains_a_network() -> None:
    import mdjax.train.step

    assert mdjax.train_network is sys.modules["mdjax.runs.training"].train
    assert "train" not in mdjax.__all__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mdjax.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_unknown_preset_names_the_closest() -> None:
    with pytest.raises(mdjax.MdjaxError, match=r"did you mean synthetic-md\?"):
        mdjax.get_preset("syntetic-md")
    with pytest.raises(mdjax.MdjaxError, match=r"there are mfnet-visible, .*, synthetic-md"):
        mdjax.get_preset("qqq")


def test_import_alone_loads_no_jax() -> None:
    """`mdjax --help` and whoever reads the version should not wait for seconds."""
    script = (
        "import sys, mdjax, mdjax.cli.main as cli; print(mdjax.__version__, 'jax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [mdjax.__version__, "False"]


def run_example(name: str) -> None:
    """Each value that an example shows is what it gives; it imports what it uses."""
    assert EXAMPLES[name], f"{name} has no example"
    test = doctest.DocTest(EXAMPLES[name], {}, name, None, None, None)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert (failed, tried) == (0, len(EXAMPLES[name])), "".join(report)


@pytest.mark.parametrize("name", sorted(set(mdjax.__all__) - set(NEED_RUNS)))
def test_example_runs(name: str) -> None:
    run_example(name)


@pytest.mark.parametrize("name", NEED_RUNS)
def test_example_on_trained_networks_runs(
    name: str, small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in ("teacher", "native", "distilled"):
        shutil.copytree(small_runs.root / run, tmp_path / "runs" / run)
    write_folders(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    run_example(name)
