"""Read a PyTorch checkpoint of plain tensors without PyTorch and without running its pickles.

Pickle can call anything that can be imported; the unpickler here knows the handful of names that
a state dict of tensors needs and refuses every other. Both containers are read: the legacy file
(three pickles and a state dict, then raw storages) and the zip archive of PyTorch 1.6 and later.
Format: torch/serialization.py of the PyTorch project.
"""

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vsearch.errors import WeightsError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


@dataclass
class _Storage:
    key: str
    dtype: np.dtype[Any]
    elements: int
    data: NDArray[Any] | None = None


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        data = self.storage.data
        if data is None:
            raise WeightsError(f"storage {self.storage.key} is referred to but not in the file")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, 0) < 0 or (
            min(self.shape, default=1) and last >= data.size
        ):
            raise WeightsError(f"a tensor of shape {self.shape} reaches outside its storage")
        strides = tuple(s * data.itemsize for s in self.strides)
        view = np.lib.stride_tricks.as_strided(data[self.offset :], self.shape, strides)
        return view.copy()


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Return the state dict of a `.pth` file as arrays by name.

    Raises:
        WeightsError: the file is missing, truncated, no state dict of tensors, or asks for a name
            that plain tensors do not need.
    """
    try:
        state = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except (
        OSError,
        EOFError,
        pickle.UnpicklingError,
        struct.error,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error) or type(error).__name__
        raise WeightsError(f"{path} is no readable PyTorch checkpoint ({reason})") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path}: expected a state dict, found {type(state).__name__}")
    state = state.get("state_dict", state)
    return {str(k): v.array() for k, v in state.items() if isinstance(v, _Tensor)}


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], storages: dict[str, _Storage]):
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        allowed: dict[tuple[str, str], Callable[..., object]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        if (module, name) not in allowed:
            raise WeightsError(
                f"refused: the checkpoint asks for {module}.{name}, which plain "
                "tensors do not need; save it as a state dict of tensors"
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - pickle's own interface
        kind, dtype, key, _device, elements = pid[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise WeightsError(f"unknown kind of storage {kind!r}")
        return self.storages.setdefault(key, _Storage(key, dtype, int(elements)))


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _read_legacy(path: Path) -> object:
    storages: dict[str, _Storage] = {}
    with path.open("rb") as file:
        if _RestrictedUnpickler(file, storages).load() != LEGACY_MAGIC:
            raise WeightsError("the file does not start as a PyTorch checkpoint")
        for _ in range(2):  # protocol version, and the writing machine's sizes of integers
            _RestrictedUnpickler(file, storages).load()
        state = _RestrictedUnpickler(file, storages).load()
        for key in _RestrictedUnpickler(file, storages).load():
            storage = storages[key]
            (elements,) = struct.unpack("<q", file.read(8))
            wanted = elements * storage.dtype.itemsize
            data = file.read(wanted)
            if elements != storage.elements or len(data) != wanted:
                raise WeightsError(f"truncated: storage {key} has {len(data)} of {wanted} bytes")
            storage.data = np.frombuffer(data, storage.dtype)
    return state


def _read_zip(path: Path) -> object:
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(path) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = index.removesuffix("data.pkl")
        with archive.open(index) as file:
            state = _RestrictedUnpickler(file, storages).load()
        for storage in storages.values():
            data = archive.read(f"{folder}data/{storage.key}")
            if len(data) != storage.elements * storage.dtype.itemsize:
                raise WeightsError(f"truncated: storage {storage.key} has {len(data)} bytes")
            storage.data = np.frombuffer(data, storage.dtype)
    return state
