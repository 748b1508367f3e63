"""Load published weights into a backbone, from wherever they come, every leaf checked."""

from dataclasses import dataclass, replace

from vsearch.errors import WeightsError
from vsearch.images import ImageSpec
from vsearch.models.architectures import ARCHITECTURES, Backbone
from vsearch.progress import Progress, silent
from vsearch.state_dict import load_state_dict, read_state_dict
from vsearch.timm_config import image_of_config
from vsearch.weight_names import naming_of
from vsearch.weight_sources import WeightsFile, check_source, default_source, fetch

__all__ = [
    "Pretrained",
    "Provenance",
    "check_source",
    "default_source",
    "load_pretrained",
    "load_state_dict",
]


@dataclass(frozen=True)
class Provenance:
    """Where weights come from and under which licence; kept in every model trained from them."""

    name: str
    source: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class Pretrained:
    """What is known about weights that were loaded.

    Attributes:
        provenance: for the record.
        image: the pixels that the weights expect, where they differ from the architecture's.
    """

    provenance: Provenance
    image: ImageSpec | None = None


def load_pretrained(
    backbone_name: str, backbone: Backbone, source: str, progress: Progress = silent
) -> Pretrained:
    """Fill a backbone with published weights.

    Args:
        backbone_name: a name of `ARCHITECTURES`.
        backbone: that architecture's network, which may be abstract; filled in place.
        source: `package`, the path of a file, `hub:ORGANISATION/NAME[@REVISION]` or
            `torchvision:FILE`. The naming of its leaves is found out. Beside a file that comes
            from timm, its config.json is heeded.
        progress: told of downloads.

    Raises:
        WeightsError: the source cannot be used, or its weights do not fit; the message names the
            first bad leaf.
    """
    file = fetch(backbone_name, source, progress)
    usual = ARCHITECTURES[backbone_name].spec
    image = _image(file, backbone_name, source, usual)
    state = read_state_dict(file.path)
    try:
        load_state_dict(backbone, state, naming_of(state, backbone))
    except WeightsError as error:
        raise WeightsError(f"{file.path} does not fit {backbone_name}: {error}") from None
    name = f"{backbone_name}, ImageNet-1k" if source == "package" else backbone_name
    return Pretrained(Provenance(name, file.source, file.licence, file.sha256), image)


def _image(file: WeightsFile, backbone: str, source: str, usual: ImageSpec) -> ImageSpec | None:
    if source == "package":
        return None
    if source.startswith("torchvision:"):
        return replace(usual, interpolation="bilinear")  # as torchvision evaluates them
    return image_of_config(file.path.with_name("config.json"), backbone, usual)
