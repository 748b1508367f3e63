"""Read a PyTorch checkpoint of plain tensors without PyTorch and without running its pickles.

Pickle can call anything that can be imported; the unpickler here knows the handful of names that
a state dict of tensors needs and refuses every other. Both containers are read: the legacy file
(three pickles and a state dict, then raw storages) and the zip archive of PyTorch 1.6 and later.
Format: torch/serialization.py of the PyTorch project.
"""

import contextlib
import io
import pickle
import re
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from vsearch.errors import WeightsError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_HEADER = b"PK\x03\x04"
DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(jnp.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
# Where training scripts keep the state dict among other things.
NESTED = ("state_dict", "model", "model_ema")
UNREADABLE = (
    OSError,
    EOFError,
    pickle.UnpicklingError,
    struct.error,
    LookupError,
    ValueError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RuntimeError,  # a compression that zipfile does not know, or pickles nested too deeply
    zipfile.BadZipFile,
)


@dataclass
class _Storage:
    key: str
    dtype: np.dtype[Any]
    elements: int
    data: NDArray[Any] | None = None
    problem: str = "is not in the file"

    @property
    def size(self) -> int:
        return max(self.elements, 0) * self.dtype.itemsize

    def fill(self, content: bytes) -> None:
        if len(content) == self.size:
            self.data = np.frombuffer(content, self.dtype)
        else:
            self.problem = f"has {len(content)} of {self.size} bytes"


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, name: str) -> NDArray[Any]:
        data = self.storage.data
        if data is None:
            raise WeightsError(f"leaf “{name}” cannot be read: its data {self.storage.problem}")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, 0) < 0 or (
            min(self.shape, default=1) and last >= data.size
        ):
            raise WeightsError(
                f"leaf “{name}” of shape {self.shape} reaches outside its data of {data.size} "
                "elements"
            )
        strides = tuple(s * data.itemsize for s in self.strides)
        view = np.lib.stride_tricks.as_strided(data[self.offset :], self.shape, strides)
        return view.copy()


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Return the state dict of a PyTorch checkpoint as arrays by name, in the file's order.

    A state dict under one of the keys `NESTED` is found; what is no tensor is left out.

    Raises:
        WeightsError: the file is missing, no state dict of tensors, or asks for a name that plain
            tensors do not need; where it is truncated or damaged, the message names the first leaf
            that cannot be read.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(4) == ZIP_HEADER
        return _read_zip(path) if zipped else _leaves(_read_legacy(path))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except UNREADABLE as error:
        reason = str(error) or type(error).__name__
        raise WeightsError(f"{path} is no readable PyTorch checkpoint ({reason})") from error


def _leaves(state: object) -> dict[str, NDArray[Any]]:
    if not isinstance(state, dict):
        raise WeightsError(f"expected a state dict, found {type(state).__name__}")
    nested = (state[key] for key in NESTED if isinstance(state.get(key), dict))
    state = next(nested, state)
    tensors = {str(k): v for k, v in state.items() if isinstance(v, _Tensor)}
    if not tensors:
        raise WeightsError(f"no tensors among the keys {list(map(str, state))[:5]}")
    return {name: tensor.array(name) for name, tensor in tensors.items()}


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], storages: dict[str, _Storage]):
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        allowed: dict[tuple[str, str], Callable[..., object]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,  # before PyTorch 0.4
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
        # A file that ends here leaves data missing, and `_leaves` names the first leaf without.
        with contextlib.suppress(EOFError, pickle.UnpicklingError, struct.error):
            _read_storages(file, storages)
    return state


def _read_storages(file: IO[bytes], storages: Mapping[str, _Storage]) -> None:
    size = Path(file.name).stat().st_size
    for key in _RestrictedUnpickler(file, {}).load():
        (elements,) = struct.unpack("<q", file.read(8))
        if elements != storages[key].elements:
            raise WeightsError(
                f"damaged: the data of storage {key} has another length than its leaves say"
            )
        left = size - file.tell()
        storages[key].fill(file.read(min(storages[key].size, left)))


def _read_zip(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _leaves(_read_archive(archive))
    except zipfile.BadZipFile:
        _leaves(_read_cut_archive(path.read_bytes()))
        raise WeightsError("truncated or damaged after the last leaf") from None


def _read_archive(archive: zipfile.ZipFile) -> object:
    storages: dict[str, _Storage] = {}
    (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    with archive.open(index) as file:
        state = _RestrictedUnpickler(file, storages).load()
    members = {member.filename: member for member in archive.infolist()}
    for storage in storages.values():
        member = members.get(f"{index.removesuffix('data.pkl')}data/{storage.key}")
        if member is None:
            continue
        try:
            # No more is unpacked than the storage needs, whatever the archive says.
            with archive.open(member) as file:
                storage.fill(file.read(storage.size + 1))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
            storage.problem = "is damaged"
    return state


def _read_cut_archive(content: bytes) -> object:
    """Read what is left of an archive whose end, and so its directory, is missing.

    PyTorch stores its records one after the other, uncompressed and the list of leaves first.
    """
    records: dict[str, int] = {}
    for match in re.finditer(re.escape(ZIP_HEADER), content):
        sizes = content[match.start() + 26 : match.start() + 30]
        if len(sizes) == 4:
            name, extra = struct.unpack("<2H", sizes)
            start = match.start() + 30
            records[content[start : start + name].decode(errors="replace")] = start + name + extra
    index = next((name for name in records if name.endswith("/data.pkl")), None)
    if index is None:
        raise WeightsError("truncated before the list of leaves")
    storages: dict[str, _Storage] = {}
    state = _RestrictedUnpickler(io.BytesIO(content[records[index] :]), storages).load()
    for storage in storages.values():
        begin = records.get(f"{index.removesuffix('data.pkl')}data/{storage.key}")
        if begin is not None:
            storage.fill(content[begin : begin + storage.size])
    return state
