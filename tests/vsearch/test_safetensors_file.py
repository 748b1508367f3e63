import json
import struct
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from vsearch.errors import WeightsError
from vsearch.safetensors_file import read_safetensors_file


def written(path: Path, header: object, data: bytes) -> Path:
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    return path


def entry(dtype: str, shape: list[Any], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_what_the_library_writes_is_read(tmp_path: Path, dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    path = tmp_path / "x.safetensors"
    save_file({"a": array, "scalar": np.asarray(array[1, 2])}, path, metadata={"format": "pt"})
    leaves = read_safetensors_file(path)
    assert leaves["a"].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(leaves["a"], array)
    assert leaves["scalar"].shape == ()


def test_bfloat16_is_read(tmp_path: Path) -> None:
    numbers = np.array([1.5, -2], jnp.bfloat16)
    path = written(tmp_path / "x", {"a": entry("BF16", [2], 0, 4)}, numbers.tobytes())
    np.testing.assert_array_equal(read_safetensors_file(path)["a"].astype(np.float32), [1.5, -2])


def test_a_truncated_file_is_refused_wherever_it_ends_and_names_the_first_cut_leaf(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.safetensors"
    save_file({name: np.arange(3, dtype=np.float32) for name in ("a.weight", "b.weight")}, path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        missing = len(content) - length
        expected = "truncated before" if missing > 24 else "“a.weight”|“b.weight”"
        with pytest.raises(WeightsError, match=rf"x\.safetensors: .*({expected})"):
            read_safetensors_file(path)
    path.write_bytes(content[:-13])
    with pytest.raises(WeightsError, match=r"leaf “a\.weight” has 11 of 12 bytes"):
        read_safetensors_file(path)


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (entry("F8_E4M3", [2], 0, 2), "“a” has dtype F8_E4M3; these are read: F64, F32"),
        (entry("F32", [2], 0, 4), r"“a” of shape \(2,\) has 4 bytes"),
        (entry("F32", [1], -4, 0), "“a” of shape"),
        (entry("F32", [-1], 4, 0), "“a” of shape"),
        (entry("F32", ["x"], 0, 4), "no readable"),
        ({"dtype": "F32"}, "no readable"),
        (7, "no readable"),
    ],
)
def test_a_leaf_that_makes_no_sense_is_refused(tmp_path: Path, leaf: object, expected: str) -> None:
    with pytest.raises(WeightsError, match=expected):
        read_safetensors_file(written(tmp_path / "x", {"a": leaf}, bytes(4)))


@pytest.mark.parametrize(
    "content", [b"", b"\x02", b"\x80\x02" + bytes(30), b"\x04" + bytes(7) + b"nope"]
)
def test_what_is_no_safetensors_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_safetensors_file(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.safetensors"):
        read_safetensors_file(tmp_path / "gone.safetensors")
