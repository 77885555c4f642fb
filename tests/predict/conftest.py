"""What tests of streams share."""

from pathlib import Path

import pytest

from mdjax.predict import arriving, follow


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of a second between two looks, and half a one for files that cannot be read."""
    monkeypatch.setattr(follow, "_POLL_S", 0.01)
    monkeypatch.setattr(arriving, "PATIENCE_S", 0.5)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Empty ones."""
    for name in ("visible", "thermal"):
        (tmp_path / name).mkdir()
    return tmp_path / "visible", tmp_path / "thermal"
