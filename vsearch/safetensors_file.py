"""Read a safetensors file leaf by leaf, so that the first bad leaf of a damaged one has a name.

Format: the length of the header (8 bytes, little-endian), the header (JSON: dtype, shape and place
of every leaf), then the leaves' bytes (github.com/huggingface/safetensors).
"""

import json
import math
import struct
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from vsearch.errors import WeightsError

DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
LONGEST_HEADER = 100_000_000  # the format's own limit, bytes


def read_safetensors_file(path: Path) -> dict[str, NDArray[Any]]:
    """Return the leaves of a safetensors file by name, in the order of their bytes.

    Raises:
        WeightsError: the file is missing or no safetensors file; where a leaf is cut off, damaged
            or of a dtype that is not read, the message names the first such leaf.
    """
    try:
        with path.open("rb") as file:
            header = _header(file, path.stat().st_size)
            start = file.tell()
            ordered = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
            return {name: _leaf(file, start, name, entry) for name, entry in ordered}
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise WeightsError(f"{path} is no readable safetensors file ({reason})") from error


def _header(file: IO[bytes], size: int) -> dict[str, dict[str, Any]]:
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
    if length > min(size - 8, LONGEST_HEADER):
        raise WeightsError("truncated before its list of leaves, or no safetensors file")
    header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return dict(header)


def _leaf(file: IO[bytes], start: int, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    dtype = DTYPES.get(entry["dtype"])
    if dtype is None:
        raise WeightsError(
            f"leaf “{name}” has dtype {entry['dtype']}; these are read: {', '.join(DTYPES)}"
        )
    if min(begin, *shape, 0) < 0 or end - begin != math.prod(shape) * dtype.itemsize:
        raise WeightsError(f"leaf “{name}” of shape {shape} has {end - begin} bytes")
    file.seek(start + begin)
    content = file.read(min(end - begin, max(0, Path(file.name).stat().st_size - file.tell())))
    if len(content) < end - begin:
        raise WeightsError(
            f"truncated: leaf “{name}” has {len(content)} of {end - begin} bytes in the file"
        )
    return np.frombuffer(content, dtype).reshape(shape)
