"""What all tests of commands need."""

import jaxtyping
import pytest


@pytest.fixture(autouse=True)
def as_a_user_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal, so that no name is broken, and no checks of types.

    tyro fills what must still be typed with a placeholder that has no type.
    """
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
