from dataclasses import dataclass

from flax import nnx

from vsearch.errors import WeightsError
from vsearch.images import ImageSpec
from vsearch.pretrained import Provenance, load_efficientnet_lite0


@dataclass(frozen=True)
class Pretrained:
    provenance: Provenance
    image: ImageSpec | None


def default_source(backbone: str) -> str:
    return "package" if backbone == "efficientnet-lite0" else "none"


def check_source(backbone: str, source: str) -> None:
    if source == "package" and backbone != "efficientnet-lite0":
        raise WeightsError(f"no package ships weights for {backbone}: use weights “none”")


def load_pretrained(name: str, backbone: nnx.Module, source: str) -> Pretrained:
    return Pretrained(load_efficientnet_lite0(backbone), None)
