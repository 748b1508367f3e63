"""Writes what torch.save writes, of both formats and without PyTorch."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vsearch.torch_file import LEGACY_MAGIC


class Global:
    """Pickles as the bare name of something in a module that need not exist here."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Reduced:
    """Pickles as a call of a global."""

    def __init__(self, function: Global, *arguments: object):
        self.function, self.arguments = function, arguments


class Storage:
    """Pickles as a reference to an array of the file."""

    def __init__(self, key: str, array: np.ndarray, kind: str = "FloatStorage"):
        self.key, self.array, self.kind = key, array, kind


class Writer(pickle._Pickler):
    """Pickles with names in place of the real torch."""

    write: Callable[[bytes], object]

    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Storage):
            return ("storage", Global("torch", obj.kind), obj.key, "cpu", obj.array.size, None)
        return None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Reduced):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]


def pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    Writer(buffer, 2).dump(value)
    return buffer.getvalue()


def tensor(
    storage: Storage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> Reduced:
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Reduced(rebuild, storage, offset, shape, strides, False, {})


def legacy_file(path: Path, state: object, storages: list[Storage]) -> Path:
    parts = [pickled(LEGACY_MAGIC), pickled(1001), pickled({}), pickled(state)]
    parts.append(pickled([storage.key for storage in storages]))
    for storage in storages:
        parts.append(struct.pack("<q", storage.array.size) + storage.array.tobytes())
    path.write_bytes(b"".join(parts))
    return path


def zip_file(path: Path, state: object, storages: list[Storage]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickled(state))
        for storage in storages:
            archive.writestr(f"model/data/{storage.key}", storage.array.tobytes())
    return path
