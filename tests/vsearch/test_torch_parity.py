"""Every backbone against PyTorch's forward pass, with the same random state dict."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.vsearch.foreign_weights import abstract_backbone
from vsearch.pretrained import load_pretrained

torch = pytest.importorskip("torch", reason="needs the extra “parity” (torch)")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("efficientnet-lite0", (64, 75)),  # sides odd and even at several strides
        ("efficientnet-lite1", (75, 64)),
        ("efficientnet-lite2", (66, 70)),
        ("resnet-18", (64, 75)),
        ("resnet-50", (75, 66)),
    ],
)
def test_every_stage_is_what_torch_computes(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    # Here, because the module needs torch.
    from tests.vsearch.torch_networks import torch_network, torch_stages  # noqa: PLC0415

    torch.manual_seed(0)
    theirs = torch_network(name)
    for leaf, value in theirs.state_dict().items():
        if value.ndim == 1:
            low, high = (0.5, 1.5) if leaf.endswith(("weight", "var")) else (-0.2, 0.2)
            value.uniform_(low, high)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = abstract_backbone(name)
    load_pretrained(name, ours, str(tmp_path / "weights.pth"))
    ours.eval()
    pixels = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    with jax.numpy_dtype_promotion("strict"):
        outputs = nnx.jit(lambda network, x: network.stages(x))(ours, jnp.asarray(pixels))
    expected = torch_stages(theirs, pixels)
    assert len(outputs) == len(expected)
    for output, stage in zip(outputs, expected, strict=True):
        assert np.abs(stage).max() > 0.01, "the example says nothing"
        np.testing.assert_allclose(output, stage, rtol=0, atol=1e-4 * np.abs(stage).max())
