"""A run that is killed at random moments and resumed is the run that was left alone, bit for bit.

`python experiments/kills.py --num-kills 20` kills more often.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import get_shared_dir

NUM_KILLS = 2


@pytest.mark.slow
def test_killed_runs_equal_the_one_left_alone(
    project_root: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = project_root / "experiments" / "kills.py"
    done = subprocess.run(
        [
            *(sys.executable, script),
            *("--num-kills", str(NUM_KILLS), "--seed", "1", "--work-dir", tmp_path / "kills"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(project_root),
            # The programs that this session has compiled.
            "JAX_COMPILATION_CACHE_DIR": str(get_shared_dir(tmp_path_factory) / "compiled"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"kills: {NUM_KILLS}, runs: " in done.stdout
    assert "all equal to the uninterrupted one" in done.stdout
