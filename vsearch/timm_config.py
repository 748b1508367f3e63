"""What timm's config.json says of the weights beside it: the architecture and its pixels.

Format: timm/models/_hub.py of github.com/huggingface/pytorch-image-models.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vsearch.errors import BundleError, WeightsError
from vsearch.images import ImageSpec

# The names of our backbones there. Close relatives with the same leaves compute something else:
# `efficientnet_lite0` without `tf_` pads like PyTorch, `resnetblur50` blurs before it strides.
ARCHITECTURE_NAMES = {
    "efficientnet-lite0": "tf_efficientnet_lite0",
    "efficientnet-lite1": "tf_efficientnet_lite1",
    "efficientnet-lite2": "tf_efficientnet_lite2",
    "resnet-18": "resnet18",
    "resnet-50": "resnet50",
}


def image_of_config(path: Path, backbone: str, usual: ImageSpec) -> ImageSpec | None:
    """Return the pixels that a config.json asks for.

    Args:
        path: the file; it need not exist, and need not be timm's.
        backbone: our name of the network.
        usual: what holds where the file says nothing.

    Returns:
        The spec, or None where it is `usual` or nothing is said.

    Raises:
        WeightsError: the file cannot be read, names another architecture, or has values that
            cannot be used.
    """
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        values = config.get("pretrained_cfg", config)
        architecture = config.get("architecture", values.get("architecture"))
        _check_architecture(architecture, backbone)
        spec = replace(usual, **_fields(values))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, AttributeError, LookupError, BundleError) as error:
        raise WeightsError(
            f"{path} says of the weights' pixels what cannot be used ({error}): mend it or take "
            "the weights into a folder without it"
        ) from error
    return None if spec == usual else spec


def _check_architecture(found: object, backbone: str) -> None:
    expected = ARCHITECTURE_NAMES.get(backbone)
    if found is not None and found != expected:
        raise WeightsError(f"the weights are of {found}; {backbone} takes those of {expected}")


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: tuple(float(number) for number in values[name])
        for name in ("mean", "std")
        if name in values
    }
    if "input_size" in values:
        _channels, height, width = values["input_size"]
        if height != width:
            raise ValueError(f"an input of {height} × {width} is no square")
        fields["size"] = height
    if "crop_pct" in values:
        fields["scale"] = float(values["crop_pct"])
    if values.get("interpolation") in ("bilinear", "bicubic", "lanczos"):
        fields["interpolation"] = values["interpolation"]
    return fields
