import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.vsearch.torch_writer import (
    Global,
    Reduced,
    Storage,
    legacy_file,
    pickled,
    tensor,
    zip_file,
)
from vsearch.errors import WeightsError
from vsearch.torch_file import read_torch_file
from vsearch.weight_sources import package_file


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_tensors_come_back_with_shape_strides_and_offset(tmp_path: Path, write: Any) -> None:
    numbers = Storage("0", np.arange(12, dtype=np.float32))
    counts = Storage("1", np.array([7], np.int64), "LongStorage")
    state = {
        "a": tensor(numbers, (2, 3), (3, 1)),
        "transposed": tensor(numbers, (3, 2), (1, 3), offset=6),
        "scalar": tensor(counts, (), ()),
    }
    read = read_torch_file(write(tmp_path / "x.pth", state, [numbers, counts]))
    np.testing.assert_array_equal(read["a"], np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(read["transposed"], np.arange(6, 12).reshape(2, 3).T)
    assert read["scalar"].dtype == np.int64
    assert read["scalar"] == 7


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_a_pickle_that_calls_something_else_is_refused_and_not_run(
    tmp_path: Path, write: Any
) -> None:
    witness = tmp_path / "ran"
    attack = Reduced(Global("os", "system"), f"touch {witness}")
    with pytest.raises(WeightsError, match=r"asks for os\.system"):
        read_torch_file(write(tmp_path / "x.pth", {"a": attack}, []))
    assert not witness.exists()


def test_a_tensor_outside_its_storage_is_refused(tmp_path: Path) -> None:
    numbers = Storage("0", np.arange(4, dtype=np.float32))
    state = {"a": tensor(numbers, (3, 2), (2, 1))}
    with pytest.raises(WeightsError, match=r"“a” of shape .* outside its data"):
        read_torch_file(legacy_file(tmp_path / "x.pth", state, [numbers]))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02]."])
def test_what_is_no_checkpoint_is_an_error_that_names_the_file(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.pth"):
        read_torch_file(path)


def two_leaves(path: Path, write: Any) -> Path:
    first, second = (Storage(key, np.arange(12, dtype=np.float32)) for key in "01")
    state = {"a.weight": tensor(first, (12,), (1,)), "b.weight": tensor(second, (12,), (1,))}
    return write(path, state, [first, second])  # type: ignore[no-any-return]


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_a_truncated_checkpoint_is_refused_wherever_it_ends(tmp_path: Path, write: Any) -> None:
    whole = two_leaves(tmp_path / "x.pth", write)
    content = whole.read_bytes()
    for length in range(len(content)):
        whole.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"x\.pth"):
            read_torch_file(whole)


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_a_truncated_checkpoint_names_the_first_leaf_that_is_cut(
    tmp_path: Path, write: Any
) -> None:
    whole = two_leaves(tmp_path / "x.pth", write)
    content = whole.read_bytes()
    numbers = np.arange(12, dtype=np.float32).tobytes()
    begins = content.index(numbers), content.rindex(numbers)
    for begin, leaf in zip(begins, ("a.weight", "b.weight"), strict=True):
        whole.write_bytes(content[: begin + 44])
        with pytest.raises(WeightsError, match=f"“{leaf}” cannot be read: its data has 44 of 48"):
            read_torch_file(whole)


def test_a_leaf_whose_bytes_changed_is_named(tmp_path: Path) -> None:
    path = two_leaves(tmp_path / "x.pth", zip_file)
    content = bytearray(path.read_bytes())
    content[content.rindex(np.arange(12, dtype=np.float32).tobytes()) + 8] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"“b\.weight” cannot be read: its data is damaged"):
        read_torch_file(path)


def test_a_leaf_without_data_is_named(tmp_path: Path) -> None:
    numbers = Storage("0", np.arange(4, dtype=np.float32))
    path = zip_file(tmp_path / "x.pth", {"a": tensor(numbers, (4,), (1,))}, [])
    with pytest.raises(WeightsError, match="“a” cannot be read: its data is not in the file"):
        read_torch_file(path)


def test_no_more_is_unpacked_than_a_leaf_needs(tmp_path: Path) -> None:
    numbers = Storage("0", np.arange(4, dtype=np.float32))
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", pickled({"a": tensor(numbers, (4,), (1,))}))
        archive.writestr("m/data/0", bytes(10_000_000))
    with pytest.raises(WeightsError, match="“a” cannot be read: its data has 17 of 16 bytes"):
        read_torch_file(path)


@pytest.mark.parametrize("key", ["state_dict", "model", "model_ema"])
def test_a_nested_state_dict_is_found(tmp_path: Path, key: str) -> None:
    numbers = Storage("0", np.arange(4, dtype=np.float32))
    state = {"epoch": 7, key: {"a": tensor(numbers, (4,), (1,))}}
    assert list(read_torch_file(legacy_file(tmp_path / "x.pth", state, [numbers]))) == ["a"]


@pytest.mark.parametrize("state", [{"epoch": 7}, {}, [1]])
def test_a_file_without_tensors_is_refused(tmp_path: Path, state: object) -> None:
    with pytest.raises(WeightsError, match=r"x\.pth: (no tensors|expected a state dict)"):
        read_torch_file(legacy_file(tmp_path / "x.pth", state, []))


def test_half_precision_is_read(tmp_path: Path) -> None:
    brain = Storage("0", np.array([1.5, -2], jnp.bfloat16), "BFloat16Storage")
    half = Storage("1", np.array([1.5, -2], np.float16), "HalfStorage")
    state = {"brain": tensor(brain, (2,), (1,)), "half": tensor(half, (2,), (1,))}
    for leaf in read_torch_file(zip_file(tmp_path / "x.pth", state, [brain, half])).values():
        np.testing.assert_array_equal(leaf.astype(np.float32), [1.5, -2])


def test_the_shipped_checkpoint_is_read() -> None:
    state = read_torch_file(package_file("efficientnet-lite0"))
    assert state["_fc.weight"].shape == (1000, 1280)
    assert state["_conv_stem.weight"].dtype == np.float32
