"""Checkpoints: bit for bit, whole or not at all, on any number of devices."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct

import mdjax.io.array_folder
import mdjax.io.whole_folder
from mdjax.io.checkpoint import (
    change_metadata,
    has_checkpoint,
    hash_variables,
    read_metadata,
    restore,
    restore_variables,
    save,
    save_variables,
)
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.types import MdjaxError


@struct.dataclass
class State:
    step: Any
    params: Any
    model_state: Any
    opt_state: Any


OPTIMISER = optax.chain(
    optax.clip_by_global_norm(1.0), optax.sgd(optax.linear_schedule(0.1, 0.0, 5), momentum=0.9)
)


def _create_state(seed: int = 0, width: int = 4) -> State:
    """A state with an optimiser's tuples, several number types, and values that are hard to keep.

    Subnormal numbers, negative zero, infinity and NaN must come back as they are.
    """
    rng = np.random.default_rng(seed)
    params = {
        "backbone": {"conv1": {"kernel": rng.standard_normal((3, 3, 6, width)).astype("f4")}},
        "head": {"bias": np.array([0.0, -0.0, 1e-42, np.inf, np.nan], np.float32)},
        "half": jnp.asarray(rng.standard_normal(3), jnp.bfloat16),
        "empty": np.zeros((0, 3), np.float32),
    }
    params = jax.tree.map(jnp.asarray, params)
    return State(
        step=jnp.asarray(7 + seed, jnp.int32),
        params=params,
        model_state={"batch_stats": {"bn1": {"mean": jnp.arange(4.0), "var": jnp.ones(4)}}},
        opt_state=OPTIMISER.init(params),
    )


def _get_bytes(tree: Any) -> list[tuple[str, tuple[int, ...], bytes]]:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return [(leaf.dtype.name, leaf.shape, leaf.tobytes()) for leaf in leaves]


def test_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state = _create_state()
    store = CheckpointStore(tmp_path)
    path = store.save_last(state, {"step": 7})
    assert path == store.last == tmp_path / "checkpoints" / "last"
    restored = restore(path, jax.eval_shape(_create_state))
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    assert _get_bytes(restored) == _get_bytes(state)


def test_metadata_comes_back_with_versions_and_without_infinities(tmp_path: Path) -> None:
    metadata = {
        "config": {"network": {"width": 0.5, "sizes": (1, 2)}, "dir": Path("data")},
        "scores": {"mean_accuracy_9": np.float32(0.5), "iou": float("nan")},
        "step": jnp.asarray(7),
    }
    save(tmp_path / "last", _create_state(), metadata)
    found = read_metadata(tmp_path / "last")
    assert found["config"] == {"network": {"width": 0.5, "sizes": [1, 2]}, "dir": "data"}
    assert found["scores"] == {"mean_accuracy_9": 0.5, "iou": None}
    assert found["step"] == 7
    assert found["contents"] == "training"
    assert found["versions"]["jax"] == jax.__version__
    assert {"mdjax", "flax", "optax", "orbax-checkpoint", "numpy"} <= set(found["versions"])


def test_newer_checkpoint_replaces_the_older_and_best_stays(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    first, second = _create_state(seed=0), _create_state(seed=1)
    store.save_last(first, {"step": 0})
    store.copy_last_to_best({"scores": {"ap": 1.0}})
    store.save_last(second, {"step": 1})
    assert _get_bytes(restore(store.last, first)) == _get_bytes(second)
    assert _get_bytes(restore(store.best, first)) == _get_bytes(first)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best", "last"]
    assert read_metadata(store.best)["step"] == 0
    assert read_metadata(store.best)["scores"] == {"ap": 1.0}


def test_copy_shares_its_files_and_survives_the_original(tmp_path: Path) -> None:
    """Nothing is written twice, and what becomes of the original does not touch the copy."""
    state, store = _create_state(), CheckpointStore(tmp_path)
    store.save_last(state, {"step": 7})
    store.copy_last_to_best({})
    store.copy_last_to_inference({})
    shared = [path for path in (store.last / "arrays").rglob("*") if path.is_file()]
    assert len(shared) > 8
    for path in shared:
        is_variable = "variables" in path.parts or len(path.relative_to(store.last).parts) == 2
        assert path.stat().st_nlink == (3 if is_variable else 2), path
    change_metadata(store.last, {"step": 8})
    assert read_metadata(store.best)["step"] == 7
    shutil.rmtree(store.last)
    assert _get_bytes(restore(store.best, state)) == _get_bytes(state)
    assert not (store.inference / "arrays" / "training").exists()


def test_copy_works_on_disks_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    state, store = _create_state(), CheckpointStore(tmp_path)
    store.save_last(state, {})
    monkeypatch.setattr(os, "link", refuse)
    store.copy_last_to_best({})
    assert _get_bytes(restore(store.best, state)) == _get_bytes(state)


def test_metadata_change_at_once_and_keep_the_rest(tmp_path: Path) -> None:
    state, store = _create_state(), CheckpointStore(tmp_path)
    store.save_last(state, {"step": 7, "scores": {}})
    change_metadata(store.last, {"scores": {"ap": 0.5}})
    found = read_metadata(store.last)
    assert (found["step"], found["scores"], found["contents"]) == (7, {"ap": 0.5}, "training")
    assert _get_bytes(restore(store.last, state)) == _get_bytes(state)


def test_inference_checkpoint_has_variables_only(tmp_path: Path) -> None:
    state = _create_state()
    store = CheckpointStore(tmp_path)
    variables = {"params": state.params, **state.model_state}
    store.save_last(state, {"step": 7})
    store.copy_last_to_inference({})
    save_variables(tmp_path / "alone", variables, {"step": 7})
    assert read_metadata(store.inference)["contents"] == "inference"
    names = set(json.loads((store.inference / "leaves.json").read_text()))
    assert {name.split("/")[0] for name in names} == {"params", "model_state"}
    for path in (store.inference, store.last, tmp_path / "alone"):
        restored = restore_variables(path, like=variables)
        assert jax.tree.structure(restored) == jax.tree.structure(variables)
        assert _get_bytes(restored) == _get_bytes(variables)
        assert _get_bytes(restore_variables(path)) == _get_bytes(variables)
    with pytest.raises(MdjaxError, match=r"without the optimiser .* checkpoints/last"):
        restore(store.inference, state)


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last"
    assert not has_checkpoint(path)
    for read in (lambda: restore(path, _create_state()), lambda: read_metadata(path)):
        with pytest.raises(MdjaxError, match=r"checkpoints/last: no checkpoint here.*not exist"):
            read()


def test_other_architecture_is_refused_with_the_leaves_that_differ(tmp_path: Path) -> None:
    save(tmp_path / "last", _create_state(width=4), {})
    with pytest.raises(MdjaxError) as error:
        restore(tmp_path / "last", _create_state(width=8))
    message = str(error.value)
    # The kernel itself and the momentum that the optimiser keeps of it.
    assert "of another architecture, 2 leaves differ" in message
    assert (
        "params/backbone/conv1/kernel: float32 (3, 3, 6, 4) in the checkpoint, "
        "float32 (3, 3, 6, 8) here" in message
    )
    variables = {"params": {"other": jnp.zeros(2)}}
    with pytest.raises(MdjaxError, match=r"params/other: absent in the checkpoint"):
        restore_variables(tmp_path / "last", like=variables)


def test_long_list_of_differences_is_cut(tmp_path: Path) -> None:
    save_variables(tmp_path / "a", {"params": {f"p{i}": jnp.zeros(1) for i in range(20)}}, {})
    with pytest.raises(MdjaxError, match=r"20 leaves differ(.|\n)*and 12 more"):
        restore_variables(
            tmp_path / "a", like={"params": {f"p{i}": jnp.zeros(2) for i in range(20)}}
        )


def test_file_cut_short_is_refused(tmp_path: Path) -> None:
    state = _create_state()
    good = save(tmp_path / "good", state, {})
    files = [path.relative_to(good) for path in good.rglob("*") if path.is_file()]
    assert len(files) >= 10  # three JSON files of ours, the rest by Orbax
    for file in files:
        shutil.copytree(good, tmp_path / "bad", dirs_exist_ok=True)
        content = (good / file).read_bytes()
        if not content:
            continue
        (tmp_path / "bad" / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(MdjaxError, match=rf"truncated.*{file.name}|{file.name}.*truncated"):
            restore(tmp_path / "bad", state)


def test_missing_array_file_is_refused(tmp_path: Path) -> None:
    state = _create_state()
    path = save(tmp_path / "last", state, {})
    shutil.rmtree(path / "arrays" / "variables")
    with pytest.raises(MdjaxError, match=r"truncated: arrays/variables/\S+ has 0 of \d+ bytes"):
        restore(path, state)


def test_file_with_other_content_is_refused(tmp_path: Path) -> None:
    state = _create_state()
    path = save(tmp_path / "last", state, {})
    for file in (path / "arrays" / "variables" / "d").iterdir():
        file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(MdjaxError, match="last: truncated or damaged"):
        restore(path, state)


def test_changed_number_is_noticed(tmp_path: Path) -> None:
    """The checksums are ours: a number that reads well but is another one is refused too."""
    state = _create_state()
    path = save(tmp_path / "last", state, {})
    table = json.loads((path / "leaves.json").read_text())
    table["params/head/bias"]["crc32"] ^= 1
    (path / "leaves.json").write_text(json.dumps(table))
    with pytest.raises(MdjaxError, match=r"leaves\.json: damaged, truncated or changed"):
        restore(path, state)
    # What earlier versions wrote has no checksum of that file.
    metadata = json.loads((path / "metadata.json").read_text())
    old = {name: x for name, x in metadata.items() if name not in ("checksum", "leaves_crc32")}
    (path / "metadata.json").write_text(json.dumps({**old, "format": 2}))
    with pytest.raises(MdjaxError, match="params/head/bias are not those that were saved"):
        restore(path, state)


@pytest.mark.parametrize("name", ["metadata.json", "leaves.json", "files.json"])
def test_no_changed_byte_passes_for_another_checkpoint(tmp_path: Path, name: str) -> None:
    """Each byte in turn of a small file, every 7th of a longer one: refused, or the same state."""
    state = {"params": {"w": np.arange(3.0)}, "model_state": {}, "step": np.int32(1)}
    path = save(tmp_path / "last", state, {"step": 1, "scores": {"ap": 0.5}})
    good = (path / name).read_bytes()
    metadata = read_metadata(path)
    messages: list[str] = []
    for place in range(0, len(good), 7):
        (path / name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            found, restored = read_metadata(path), restore(path, state)
        except MdjaxError as error:
            messages.append(str(error))
        else:
            assert found == metadata  # Such as a space that became another one.
            assert _get_bytes(restored) == _get_bytes(state)
    assert len(messages) > len(good) // 7 // 3
    assert all(str(path) in message and "checkpoint" in message for message in messages)


def _fail_with(error: BaseException) -> Callable[..., None]:
    def fail(checkpointer: Any, folder: str, **_: Any) -> None:
        del checkpointer
        Path(folder).mkdir(parents=True)
        (Path(folder) / "half").write_bytes(b"half an array")
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        ValueError(f"RESOURCE_EXHAUSTED: writing: {os.strerror(errno.ENOSPC)} [os_error_code]"),
    ],
)
def test_full_disk_leaves_the_previous_checkpoint(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _create_state()
    path = save(tmp_path / "checkpoints" / "last", state, {"step": 1})
    with monkeypatch.context() as patch:
        patch.setattr(mdjax.io.array_folder.ocp.Checkpointer, "save", _fail_with(error))
        with pytest.raises(MdjaxError, match=r"last: the disk is full.*previous one.*untouched"):
            save(path, _create_state(seed=1), {"step": 2})
    assert [item.name for item in path.parent.iterdir()] == ["last"]
    assert read_metadata(path)["step"] == 1
    assert _get_bytes(restore(path, state)) == _get_bytes(state)
    save(path, state, {"step": 3})
    assert read_metadata(path)["step"] == 3


def test_interrupted_save_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _create_state()
    path = save(tmp_path / "last", state, {"step": 1})
    fail = _fail_with(KeyboardInterrupt())
    monkeypatch.setattr(mdjax.io.array_folder.ocp.Checkpointer, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        save(path, _create_state(seed=1), {"step": 2})
    assert _get_bytes(restore(path, state)) == _get_bytes(state)


def test_process_killed_between_the_renames_leaves_a_checkpoint(tmp_path: Path) -> None:
    """What `save` leaves if it dies at the one moment when no folder has the real name."""
    state = _create_state()
    path = save(tmp_path / "last", state, {"step": 1})
    path.rename(tmp_path / ".last.previous")
    (tmp_path / ".last.incomplete").mkdir()
    assert has_checkpoint(path)
    assert _get_bytes(restore(path, state)) == _get_bytes(state)
    save(path, state, {"step": 2})
    assert read_metadata(path)["step"] == 2
    assert [item.name for item in tmp_path.iterdir()] == ["last"]


def test_new_checkpoint_is_on_the_disk_before_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut at any moment leaves one of the two complete."""
    path = save(tmp_path / "last", _create_state(), {"step": 1})
    events: list[str] = []
    sync, remove, rename = mdjax.io.whole_folder.sync_path, shutil.rmtree, Path.rename

    def log_sync(synced: Path) -> None:
        events.append(f"sync {synced.name}")
        sync(synced)

    def log_removal(removed: Path, **options: Any) -> None:
        if removed.exists():
            events.append(f"remove {removed.name}")
        remove(removed, **options)

    def log_rename(self: Path, target: Path) -> Path:
        events.append(f"rename {self.name} {target.name}")
        return rename(self, target)

    monkeypatch.setattr(mdjax.io.whole_folder, "sync_path", log_sync)
    monkeypatch.setattr(shutil, "rmtree", log_removal)
    monkeypatch.setattr(Path, "rename", log_rename)
    save(path, _create_state(seed=1), {"step": 2})
    for file in path.rglob("*"):
        assert f"sync {file.name}" in events[: events.index("rename last .last.previous")], file
    assert events[events.index("sync .last.incomplete") :] == [
        "sync .last.incomplete",
        "rename last .last.previous",
        "rename .last.incomplete last",
        f"sync {tmp_path.name}",
        "remove .last.previous",
    ]


def test_hash_of_variables_is_of_names_types_shapes_and_values() -> None:
    variables = {"params": {"a": np.arange(6, dtype=np.float32)}, "batch_stats": {"b": np.ones(2)}}
    same = {"batch_stats": {"b": np.ones(2)}, "params": {"a": jnp.arange(6, dtype=jnp.float32)}}
    assert hash_variables(variables) == hash_variables(same)
    values = variables["params"]["a"]
    others = [
        {"a": values + np.float32(1e-6)},
        {"a": values.astype(np.int32)},
        {"a": values.reshape(2, 3)},
        {"c": values},
        {},
    ]
    hashes = {hash_variables({**variables, "params": params}) for params in others}
    assert len(hashes | {hash_variables(variables)}) == len(others) + 1


def test_metadata_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"cannot be saved: .*object.* not JSON"):
        save(tmp_path / "last", _create_state(), {"config": object()})
    assert not list(tmp_path.iterdir())


def test_format_of_the_future_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "last", _create_state(), {})
    (path / "metadata.json").write_text('{"format": 99}')
    with pytest.raises(MdjaxError, match="has format 99, this version reads up to 3"):
        read_metadata(path)


def _run_python(script: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FULL_DISK_SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from mdjax.io.checkpoint import restore_variables, save_variables
from mdjax.types import MdjaxError

path = Path(sys.argv[1])
save_variables(path, {"params": {"w": np.arange(5.0)}}, {})
# No file may grow beyond 100 kB: the kernel itself refuses to write, in the midst of the arrays.
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_variables(path, {"params": {"w": np.random.default_rng(0).random(200_000)}}, {})
except MdjaxError as error:
    print(error)
print(restore_variables(path)["params"]["w"].tolist(), [p.name for p in path.parent.iterdir()])
"""


def test_write_that_the_system_refuses_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    message, remaining = _run_python(FULL_DISK_SCRIPT, tmp_path / "run" / "last").splitlines()
    assert "the disk is full, the checkpoint (up to 1.6 MB) was not saved" in message
    assert f"Free some space in {tmp_path / 'run'}" in message
    assert remaining == "[0.0, 1.0, 2.0, 3.0, 4.0] ['last']"


TWO_DEVICES_SCRIPT = """
import sys
from pathlib import Path
import jax, jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from mdjax.io.checkpoint import save_variables

assert jax.device_count() == 2
mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
params = {
    "replicated": jax.device_put(jnp.arange(6.0), NamedSharding(mesh, PartitionSpec())),
    "spread": jax.device_put(jnp.arange(8.0), NamedSharding(mesh, PartitionSpec("data"))),
}
save_variables(Path(sys.argv[1]), {"params": params}, {})
"""


def test_checkpoint_of_two_devices_reads_on_one(tmp_path: Path) -> None:
    flags = "--xla_force_host_platform_device_count=2"
    _run_python(TWO_DEVICES_SCRIPT, tmp_path / "last", XLA_FLAGS=flags)
    params = restore_variables(tmp_path / "last")["params"]
    np.testing.assert_array_equal(params["replicated"], np.arange(6.0))
    np.testing.assert_array_equal(params["spread"], np.arange(8.0))
