from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.config import config_to_dict
from mdjax.io.run_directory import RunDirectory
from mdjax.presets import configure_synthetic
from mdjax.runs.config import RunConfig, TrainConfig
from mdjax.studies.study import NATIVE_NETWORKS, TEACHER, run_study
from mdjax.types import MdjaxError

RESULT = {
    "run_dir": "r",
    "network": "FeatureLevel",
    "num_parameters": 1,
    "num_steps": 1,
    "main_metric": "mean_accuracy_9/all",
    "scores": {},
    "environment": {},
}


def test_finished_runs_of_another_configuration_are_refused(tmp_path: Path) -> None:
    """A study of fewer steps in the same folder must not report the numbers of the longer one."""
    config = configure_synthetic(TrainConfig(), NATIVE_NETWORKS[TEACHER])
    finished = RunDirectory.create(tmp_path / "seed0" / TEACHER, config_to_dict(config, RunConfig))
    finished.write_result(RESULT, "table")

    def shorten(config: Any) -> Any:
        return replace(config, loop=replace(config.loop, num_steps=100))

    with pytest.raises(MdjaxError, match=r"loop\.num_steps: 300 in the run, 100 now"):
        run_study(configure_synthetic, tmp_path, seeds=[0], adjust=shorten)
