"""Reading tensors without PyTorch; `tests/golden/make_torch_files.py` wrote the good files."""

import copyreg
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from mdjax.io.torch_file import LEGACY_MAGIC_NUMBER, LEGACY_PROTOCOL_VERSION, read_tensors
from mdjax.types import MdjaxError
from tests.golden.torch_file_numbers import EXPECTED_MODULE_STATE, EXPECTED_TENSORS

FILES = Path(__file__).parent.parent / "golden" / "torch_files"
STORAGE_BYTES = np.arange(4, dtype="<f4").tobytes()


class _Call:
    """Pickles as a call of `function` that is made when the pickle is read."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.reduced


class _StorageId:
    """Pickles as what a torch file has in place of a storage."""

    def __init__(self, *pid: Any) -> None:
        self.pid = pid


class _TorchPickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, _StorageId) else None


def _dump(content: Any) -> bytes:
    stream = io.BytesIO()
    _TorchPickler(stream, protocol=2).dump(content)
    return stream.getvalue()


def _write_zip(path: Path, content: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _dump(content))
        archive.writestr("archive/data/0", STORAGE_BYTES)
    return path


def _write_legacy(path: Path, content: Any) -> Path:
    system = {"protocol_version": LEGACY_PROTOCOL_VERSION, "little_endian": True}
    parts = [LEGACY_MAGIC_NUMBER, LEGACY_PROTOCOL_VERSION, system, content, ["0"]]
    path.write_bytes(b"".join(map(_dump, parts)) + struct.pack("<q", 4) + STORAGE_BYTES)
    return path


BOTH_FORMATS = pytest.mark.parametrize("write", [_write_zip, _write_legacy])


@pytest.fixture
def make_tensor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Call]:
    """Makes what pickles like a torch tensor over a storage of the numbers 0, 1, 2, 3."""

    def _rebuild_tensor_v2() -> None: ...

    class FloatStorage: ...

    # The pickler looks each function up in its module, so the modules exist while a test runs.
    for module_name, thing in (("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)):
        module = types.ModuleType(module_name)
        thing.__module__, thing.__qualname__ = module_name, thing.__name__
        setattr(module, thing.__name__, thing)
        monkeypatch.setitem(sys.modules, module_name, module)

    def make(offset: Any, size: Any, stride: Any, *, key: str = "0", num_elements: int = 4) -> Any:
        storage = _StorageId("storage", FloatStorage, key, "cpu", num_elements)
        return _Call(_rebuild_tensor_v2, storage, offset, size, stride, False, {})

    return make


def _is_same(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and bool(np.all(left == right))


@pytest.mark.parametrize("name", ["tensors_zip", "tensors_legacy", "wrapped_zip", "wrapped_legacy"])
def test_torch_file_gives_types_views_and_parameters(name: str) -> None:
    tensors = read_tensors(FILES / f"{name}.pth")
    assert list(tensors) == list(EXPECTED_TENSORS)
    for key, expected in EXPECTED_TENSORS.items():
        assert _is_same(tensors[key], expected), key


@pytest.mark.parametrize("name", ["module_zip", "module_legacy"])
def test_state_of_a_module_gives_its_buffers(name: str) -> None:
    tensors = read_tensors(FILES / f"{name}.pth")
    assert list(tensors) == list(EXPECTED_MODULE_STATE)
    for key, expected in EXPECTED_MODULE_STATE.items():
        assert _is_same(tensors[key], expected), key


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_tensors(FILES / "tensors_zip.pth")["weight"][0, 0] = 1.0


@pytest.mark.parametrize("name", ["module_zip", "module_legacy"])
def test_file_cut_short_anywhere_is_refused(name: str, tmp_path: Path) -> None:
    content = (FILES / f"{name}.pth").read_bytes()
    path = tmp_path / "short.pth"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(MdjaxError, match=r"short\.pth"):
            read_tensors(path)


@BOTH_FORMATS
def test_malicious_pickle_is_not_executed(write: Callable[..., Path], tmp_path: Path) -> None:
    victim = tmp_path / "executed"
    path = write(tmp_path / "evil.pth", {"w": _Call(os.system, f"touch {victim}")})
    with pytest.raises(MdjaxError, match=rf"evil\.pth: refused.*{os.system.__module__}\.system"):
        read_tensors(path)
    assert not victim.exists()
    # The same bytes do harm where nothing is refused, so the test would notice.
    pickle.loads(_dump({"w": _Call(os.system, f"touch {victim}")}))
    assert victim.exists()


@BOTH_FORMATS
@pytest.mark.parametrize(
    "function", [eval, getattr, __import__, np.ndarray, bytearray], ids=lambda f: f.__name__
)
def test_any_other_global_is_named_and_refused(
    write: Callable[..., Path], function: Callable[..., Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "odd.pth", {"w": _Call(function, "1")})
    with pytest.raises(MdjaxError, match=rf"{function.__name__}, which is not part of a tensor"):
        read_tensors(path)


def test_malicious_header_of_a_legacy_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(_dump(_Call(os.system, "true")))
    with pytest.raises(MdjaxError, match=r"\.system"):
        read_tensors(path)


# What is called without a global, is passed over, or hides a global in the interpreter's registry.
_OPERATIONS = {
    "EXT1": b"\x82\x01",
    "INST": b"(ios\nsystem\n",
    "NEWOBJ": b"))\x81",
    "NEXT_BUFFER": b"\x97",
    "GET": b"g0\n",
    "INT": b"I1\n",
    "POP": b"N0",
    "LONG4": b"\x8b\x01\x00\x00\x00\x01",
}


@pytest.mark.parametrize("name", _OPERATIONS)
def test_any_other_operation_is_named_and_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q\x00" + _OPERATIONS[name] + b".")
    with pytest.raises(MdjaxError, match=rf"odd\.pth: refused.*operation {name} \(byte \d+\)"):
        read_tensors(path)


def test_registered_extension_is_not_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pickle` takes it from a cache, without asking which global it is."""
    monkeypatch.setitem(copyreg._extension_cache, 1, os.system)  # pyright: ignore
    victim = tmp_path / "executed"
    call = f"touch {victim}".encode()
    pickled = b"\x80\x02\x82\x01X" + struct.pack("<I", len(call)) + call + b"\x85R."
    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as archive:
        archive.writestr("a/data.pkl", pickled)
    with pytest.raises(MdjaxError, match="operation EXT1"):
        read_tensors(tmp_path / "evil.pth")
    assert not victim.exists()
    pickle.loads(pickled)  # The same bytes do harm where nothing is refused.
    assert victim.exists()


@BOTH_FORMATS
def test_attribute_that_would_hide_the_tensors_is_refused(
    write: Callable[..., Path], make_tensor: Callable[..., Any], tmp_path: Path
) -> None:
    tensor = make_tensor(0, (4,), (1,))
    for attributes, is_refused in (({"_metadata": 1}, False), ({"items": OrderedDict}, True)):
        state = _Call(OrderedDict, [("w", tensor)], state=attributes)
        path = write(tmp_path / "odd.pth", state)
        if is_refused:
            with pytest.raises(MdjaxError, match="refused: the pickle sets attributes"):
                read_tensors(path)
        else:
            assert list(read_tensors(path)) == ["w"]


def test_nothing_in_an_archive_is_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "long.pth", "w") as archive:
        archive.writestr("a/data.pkl", _dump({}) + _dump({"w": 1}))
    with pytest.raises(MdjaxError, match="goes on after its end"):
        read_tensors(tmp_path / "long.pth")
    with zipfile.ZipFile(tmp_path / "twice.pth", "w") as archive:
        archive.writestr("a/data.pkl", _dump({}))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/data.pkl", _dump({"w": 1}))
    with pytest.raises(MdjaxError, match="two files of one name"):
        read_tensors(tmp_path / "twice.pth")


@pytest.mark.parametrize("name", ["module_zip", "module_legacy", "tensors_zip", "tensors_legacy"])
def test_changed_bytes_are_one_message_or_tensors(name: str, tmp_path: Path) -> None:
    """Never another error. In an archive no changed number passes: zip files have checksums."""
    content = (FILES / f"{name}.pth").read_bytes()
    expected = read_tensors(FILES / f"{name}.pth")
    rng, path = np.random.default_rng(0), tmp_path / "changed.pth"
    num_refused = 0
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            found = read_tensors(path)
        except MdjaxError as error:
            num_refused += 1
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
            continue
        if name.endswith("_zip"):
            assert list(found) == list(expected)
            assert all(_is_same(found[key], expected[key]) for key in expected)
    assert num_refused > 30


@BOTH_FORMATS
def test_storage_of_a_foreign_kind_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(tmp_path / "module.pth", {"w": _StorageId("module", "m", "0", "cpu", 4)})
    with pytest.raises(MdjaxError, match="'module', not to a tensor storage"):
        read_tensors(path)


@BOTH_FORMATS
def test_hand_made_tensor_is_read(
    write: Callable[..., Path], make_tensor: Callable[..., Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "good.pth", {"w": make_tensor(1, (3,), (1,))})
    np.testing.assert_array_equal(read_tensors(path)["w"], [1.0, 2.0, 3.0])


@BOTH_FORMATS
@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (5,), (1,)),
        (2, (3,), (1,)),
        (0, (2, 2), (3, 1)),  # the last element would be 0 + 1·3 + 1·1 = 4
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (3, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, (2.0,), (1,)),
        (0, (2**40,), (2**40,)),
    ],
)
def test_tensor_outside_its_storage_is_refused(
    write: Callable[..., Path],
    make_tensor: Callable[..., Any],
    offset: int,
    size: tuple[Any, ...],
    stride: tuple[int, ...],
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "wild.pth", {"w": make_tensor(offset, size, stride)})
    with pytest.raises(MdjaxError, match=r"wild\.pth: tensor 'w'"):
        read_tensors(path)


@BOTH_FORMATS
def test_storage_shorter_than_it_says_is_refused(
    write: Callable[..., Path], make_tensor: Callable[..., Any], tmp_path: Path
) -> None:
    tensor = make_tensor(0, (5,), (1,), num_elements=5)
    path = write(tmp_path / "short.pth", {"w": tensor})
    with pytest.raises(MdjaxError, match=r"short\.pth: the numbers of tensor 'w' are truncated"):
        read_tensors(path)


@BOTH_FORMATS
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not a dictionary"),
        ({"epoch": 3, "lr": 0.1}, "not tensors: 'epoch', 'lr'"),
        ({"state_dict": {"version": 2}}, "not tensors: 'version'"),
    ],
)
def test_file_without_tensors_says_what_it_holds(
    write: Callable[..., Path], content: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(MdjaxError, match=message):
        read_tensors(write(tmp_path / "other.pth", content))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.pth").write_bytes(b"hello, this is a text")
    with pytest.raises(MdjaxError, match="neither a PyTorch file nor safetensors"):
        read_tensors(tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "archive.pth", "w") as archive:
        archive.writestr("readme", "no pickle here")
    with pytest.raises(MdjaxError, match=r"without the data\.pkl"):
        read_tensors(tmp_path / "archive.pth")
    (tmp_path / "pickle.pth").write_bytes(_dump({"a": 1}))
    with pytest.raises(MdjaxError, match=r"not one of torch\.save"):
        read_tensors(tmp_path / "pickle.pth")
    with pytest.raises(MdjaxError, match=r"absent\.pth: cannot be read: No such file"):
        read_tensors(tmp_path / "absent.pth")


def test_big_endian_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "big.pth", "w") as archive:
        archive.writestr("a/data.pkl", _dump({}))
        archive.writestr("a/byteorder", "big")
    with pytest.raises(MdjaxError, match="big-endian"):
        read_tensors(tmp_path / "big.pth")


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    expected = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "half": np.array([0.5], np.float16),
        "count": np.array(7),
        "flag": np.array([True, False]),
    }
    safetensors.numpy.save_file(expected, path)
    tensors = read_tensors(path)
    assert set(tensors) == set(expected)
    assert all(_is_same(tensors[name], expected[name]) for name in expected)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MdjaxError, match="truncated or damaged"):
        read_tensors(path)


def test_safetensors_give_bfloat16(tmp_path: Path) -> None:
    # 1.0 is 0x3F80 in bfloat16, -2.0 is 0xC000; the header is padded to a multiple of 8 bytes.
    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'.ljust(56)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2H", 0x3F80, 0xC000))
    weights = read_tensors(path)["w"]
    assert weights.dtype.name == "bfloat16"
    np.testing.assert_array_equal(weights.astype(np.float32), [1.0, -2.0])
