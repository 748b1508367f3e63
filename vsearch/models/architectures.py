"""The backbones by name, and what decides the shape of a whole network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import jax

from vsearch.images import ImageSpec
from vsearch.models.deep_resnet import resnet18, resnet50
from vsearch.models.efficientnet_lite import LITE1_STAGES, LITE2_STAGES, EfficientNetLite
from vsearch.models.resnet import SmallResNet


class Backbone(Protocol):
    """A CNN as a row of stages; stage 0 begins with the stem and takes normalised photos."""

    @property
    def stage_channels(self) -> Sequence[int]:
        """The channels of every stage's output."""

    def stages(self, x: jax.Array, first: int = 0, stop: int | None = None) -> list[jax.Array]:
        """Return the outputs of stages `first` to `stop` (all by default).

        Args:
            x: normalised photos (n, h, w, 3), or what stage `first` - 1 returned.
            first: the first stage to compute.
            stop: the stage to stop before.
        """

    def stage_of(self, leaf: str) -> int:
        """Return the stage that the leaf of this dotted name belongs to."""


@dataclass(frozen=True)
class Architecture:
    """A family's network, the photo it takes, and which stages feed the embedding."""

    backbone: Callable[..., Backbone]
    spec: ImageSpec
    # Stages whose means and standard deviations over all positions are concatenated. Early stages
    # see colour and texture that the last one, trained to name ImageNet classes, has dropped.
    pooled: tuple[int, ...]


LITE_POOLED = (1, 2, 3, 4, 5, 6, 7)
# TensorFlow trained the Lite variants on pixels in -1..1, others on ImageNet's mean and deviation.
LITE = ImageSpec(mean=(0.5,) * 3, std=(0.5,) * 3)
IMAGENET_CROP = ImageSpec(scale=0.875)
ARCHITECTURES = {
    "efficientnet-lite0": Architecture(EfficientNetLite, LITE, LITE_POOLED),
    "efficientnet-lite1": Architecture(
        partial(EfficientNetLite, LITE1_STAGES), replace(LITE, size=240), LITE_POOLED
    ),
    "efficientnet-lite2": Architecture(
        partial(EfficientNetLite, LITE2_STAGES), replace(LITE, size=260), LITE_POOLED
    ),
    "resnet-18": Architecture(resnet18, IMAGENET_CROP, (0, 1, 2, 3)),
    "resnet-50": Architecture(resnet50, IMAGENET_CROP, (0, 1, 2, 3)),
    "resnet-small": Architecture(
        SmallResNet, ImageSpec(size=96, fit="pad", mean=(0.5,) * 3, std=(0.25,) * 3), (2, 3)
    ),
}


@dataclass(frozen=True)
class NetworkSpec:
    """All that decides the network's shape and its pixels; kept in the bundle.

    Attributes:
        backbone: a name of `ARCHITECTURES`.
        dim: the length of an embedding.
        image: how a photo becomes pixels; None: as the architecture says. Foreign weights may have
            been trained on pixels of another mean, deviation or size.
    """

    backbone: str
    dim: int = 256
    image: ImageSpec | None = None

    @property
    def architecture(self) -> Architecture:
        """Return what the backbone's name stands for."""
        return ARCHITECTURES[self.backbone]

    @property
    def spec(self) -> ImageSpec:
        """Return how a photo becomes this network's pixels."""
        return self.image or self.architecture.spec

    def to_json(self) -> dict[str, Any]:
        """Return the fields for model.json."""
        return {
            "backbone": self.backbone,
            "dim": self.dim,
            "spec": self.spec.to_json(),
            "pooled_stages": list(self.architecture.pooled),
        }
