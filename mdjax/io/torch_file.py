"""Tensors out of PyTorch and safetensors files, without PyTorch and without running their code.

A `.pth` file is a pickle, and a pickle may ask for any function of the interpreter. The reader here
hands out harmless stand-ins and refuses everything else by name before anything is called: other
globals, and operations of the pickle that torch.save never writes.
"""

import io
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import safetensors

from mdjax.types import MdjaxError

# The two integers that open a file of torch.save before PyTorch 1.6.
LEGACY_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL_VERSION = 1001

_BFLOAT16 = np.dtype(jnp.bfloat16)
_STORAGE_DTYPES = {
    "BFloat16Storage": _BFLOAT16,
    "BoolStorage": np.dtype("?"),
    "ByteStorage": np.dtype("<u1"),
    "CharStorage": np.dtype("<i1"),
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
    "ShortStorage": np.dtype("<i2"),
}
_SAFETENSORS_DTYPES = {
    "BF16": _BFLOAT16,
    "BOOL": np.dtype("?"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I8": np.dtype("<i1"),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("<u1"),
}


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read the named tensors of a `.pth`, `.pt` or `.safetensors` file.

    The kind of file is told from its first bytes. A torch file may hold the names at the top or
    under `state_dict`. Views of a shared storage stay views; every array is read-only.

    Args:
        path: The file.

    Returns:
        Arrays by name, in the order and the number type of the file (bfloat16 included).

    Raises:
        MdjaxError: No such file, truncated, of another kind, or a pickle that asks for anything but
            tensors (nothing of it is executed).
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MdjaxError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        if content.startswith(b"PK"):
            return _read_torch_zip(content)
        if content.startswith(b"\x80"):
            return _read_torch_legacy(content)
        if content[8:9] == b"{":
            return _read_safetensors(content)
    except MdjaxError as error:
        raise MdjaxError(f"{path}: {error}") from error
    # A damaged pickle can fail in any way at all.
    except Exception as error:
        raise MdjaxError(
            f"{path}: truncated or damaged ({type(error).__name__}: {error}). Fetch the file again."
        ) from error
    raise MdjaxError(
        f"{path}: neither a PyTorch file nor safetensors. Save the state_dict with torch.save or "
        "safetensors.torch.save_file."
    )


class _Storage(NamedTuple):
    """A flat array that the pickle points at; its numbers lie elsewhere in the file."""

    key: str
    dtype: np.dtype
    num_elements: int
    """Elements of the whole storage, also where the pickle asks for a part of it."""
    view_offset: int


class _Tensor(NamedTuple):
    """A strided window on a storage, not looked at until the pickle has ended."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


class _Dictionary(dict[Any, Any]):
    """Stands for an OrderedDict, of whose attributes a pickle may set one, which is not read."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        # `_metadata` of a state_dict: the versions of its modules.
        if not isinstance(state, dict) or set(state) != {"_metadata"}:
            raise MdjaxError("refused: the pickle sets attributes, which are not part of a tensor.")


# The stand-ins are objects without attributes: a pickle can call them and do nothing else to them.
class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
        return _Tensor(storage, offset, size, stride)


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, data: Any, *_: Any) -> Any:
        return data


class _NewOrderedDict:
    __slots__ = ()

    def __call__(self, *pairs: Any) -> Any:
        return _Dictionary(*pairs)


class _StorageType(NamedTuple):
    dtype: np.dtype


_ALLOWED_GLOBALS: dict[tuple[str, str], Callable[..., Any] | _StorageType] = {
    ("collections", "OrderedDict"): _NewOrderedDict(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    ("torch._utils", "_rebuild_tensor"): _RebuildTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    **{("torch", name): _StorageType(dtype) for name, dtype in _STORAGE_DTYPES.items()},
}


# What torch.save writes, by protocol 2 or 4, and what PyTorch wrote under Python 2 (strings).
_ALLOWED_OPERATIONS = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "MEMOIZE"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    }
)


def _unpickle(unpickler_class: type["_TensorUnpickler"], stream: io.BytesIO) -> "_Unpickled":
    """Read one pickle of a stream, after every operation of it was found to be allowed.

    Raises:
        MdjaxError: One is not.
    """
    start = stream.tell()
    for operation, _, position in pickletools.genops(stream):
        if operation.name not in _ALLOWED_OPERATIONS:
            raise MdjaxError(
                f"refused: the pickle holds the operation {operation.name} (byte {position}), "
                "which torch.save does not write. Nothing was executed. If you trust the file, "
                "load it with PyTorch and save its state_dict alone."
            )
    end = stream.tell()
    stream.seek(start)
    unpickler = unpickler_class(io.BytesIO(stream.read(end - start)))
    return _Unpickled(unpickler.load(), unpickler.item_sizes)


class _Unpickled(NamedTuple):
    root: Any
    item_sizes: dict[str, int]
    """Bytes per element of every storage that the pickle mentions."""


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles names and tensors; any other wish of the pickle is an error that names it."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.item_sizes: dict[str, int] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED_GLOBALS[module_name, global_name]
        except KeyError:
            raise MdjaxError(
                f"refused: the pickle asks for {module_name}.{global_name}, which is not part of a "
                "tensor. Nothing was executed. If you trust the file, load it with PyTorch and "
                "save its state_dict alone."
            ) from None

    def persistent_load(self, pid: Any, /) -> _Storage:
        kind, storage_type, key, _, num_elements, *view = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise MdjaxError(f"refused: the pickle refers to {kind!r}, not to a tensor storage.")
        # Legacy files may name a part of a storage: (key of the part, offset, number of elements).
        view_offset = view[0][1] if view and view[0] is not None else 0
        self.item_sizes[str(key)] = storage_type.dtype.itemsize
        return _Storage(str(key), storage_type.dtype, num_elements, view_offset)


class _PlainUnpickler(_TensorUnpickler):
    """Unpickles the plain values around the tensors of a legacy file."""

    def persistent_load(self, pid: Any, /) -> _Storage:
        raise MdjaxError("refused: a storage where a legacy file holds plain numbers.")


def _read_torch_zip(content: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if len(names) < len(archive.namelist()):
            raise MdjaxError("a zip archive with two files of one name. Fetch the file again.")
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise MdjaxError("a zip archive without the data.pkl of torch.save.")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise MdjaxError("written on a big-endian machine; save it on a little-endian one.")

        def read_storage(storage: _Storage) -> bytes:
            return archive.read(f"{folder}data/{storage.key}")

        stream = io.BytesIO(archive.read(pickles[0]))
        root = _unpickle(_TensorUnpickler, stream).root
        if stream.read(1):
            raise MdjaxError("its pickle goes on after its end. Fetch the file again.")
        return _fill_tensors(_find_tensors(root), read_storage)


def _read_torch_legacy(content: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(content)

    def read_plain() -> Any:
        return _unpickle(_PlainUnpickler, stream).root

    if read_plain() != LEGACY_MAGIC_NUMBER:
        raise MdjaxError("a pickle, but not one of torch.save. Save model.state_dict() with it.")
    if read_plain() != LEGACY_PROTOCOL_VERSION:
        raise MdjaxError("written by an unknown version of torch.save; save it again.")
    if not read_plain()["little_endian"]:
        raise MdjaxError("written on a big-endian machine; save it on a little-endian one.")
    root, item_sizes = _unpickle(_TensorUnpickler, stream)
    tensors = _find_tensors(root)
    keys = [str(key) for key in read_plain()]

    # After the pickles: for each key the number of elements, then the elements. Their width stands
    # only in the pickle.
    storages: dict[str, bytes] = {}
    for key in keys:
        (num_elements,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(num_elements * item_sizes[key])
    return _fill_tensors(tensors, lambda storage: storages[storage.key])


def _read_safetensors(content: bytes) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for name, entry in safetensors.deserialize(content):
        if entry["dtype"] not in _SAFETENSORS_DTYPES:
            raise MdjaxError(f"tensor {name!r} has the unsupported type {entry['dtype']}.")
        # bytes(): a tensor of a mutable buffer would be writable.
        flat = np.frombuffer(bytes(entry["data"]), _SAFETENSORS_DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _find_tensors(root: Any) -> dict[str, _Tensor]:
    """Take the mapping from names to tensors out of what the pickle held."""
    if isinstance(root, dict) and isinstance(root.get("state_dict"), dict):
        root = root["state_dict"]
    if not isinstance(root, dict):
        raise MdjaxError(
            f"holds a {type(root).__name__.lstrip('_').lower()}, not a dictionary of tensors. "
            "Save model.state_dict()."
        )
    strangers = [
        repr(name)
        for name, value in root.items()
        if not isinstance(name, str)
        or not isinstance(value, _Tensor)
        or not isinstance(value.storage, _Storage)
    ]
    if strangers:
        raise MdjaxError(
            f"entries that are not tensors: {', '.join(strangers[:8])}. "
            "Save model.state_dict() alone or under the key 'state_dict'."
        )
    return dict(root)


def _fill_tensors(
    tensors: dict[str, _Tensor], read_storage: Callable[[_Storage], bytes]
) -> dict[str, np.ndarray]:
    flat_arrays: dict[tuple[str, np.dtype], np.ndarray] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        storage = tensor.storage
        key = (storage.key, storage.dtype)
        if key not in flat_arrays:
            data = read_storage(storage)
            if len(data) != storage.num_elements * storage.dtype.itemsize:
                raise MdjaxError(f"the numbers of tensor {name!r} are truncated. Fetch it again.")
            flat_arrays[key] = np.frombuffer(data, storage.dtype)
        arrays[name] = _take_window(name, flat_arrays[key], tensor)
    return arrays


def _take_window(name: str, flat: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """Applies offset, size and stride (in elements), after checking that they stay inside."""
    size, stride = tuple(tensor.size), tuple(tensor.stride)
    offset = tensor.offset + tensor.storage.view_offset
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise MdjaxError(f"tensor {name!r} has an impossible shape {size} or stride {stride}.")
    if 0 in size:
        return np.zeros(size, flat.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= flat.size:
        raise MdjaxError(f"tensor {name!r} reaches beyond its storage of {flat.size} elements.")
    strides_bytes = [step * flat.dtype.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat[offset:], size, strides_bytes, writeable=False)
