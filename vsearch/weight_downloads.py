"""Files fetched over the network: from Hugging Face's hub and from torchvision's server."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from vsearch.errors import WeightsError
from vsearch.progress import Progress, silent

TORCHVISION = "https://download.pytorch.org/models"
TIMEOUT = 30  # seconds without an answer
CHUNK = 1 << 20


def hub_file(name: str) -> Path:
    """Return the weights file of `ORGANISATION/NAME[@REVISION]`, from the hub or its cache.

    `model.safetensors` is preferred to `pytorch_model.bin`; `config.json`, where there is one, then
    lies beside it.

    Raises:
        WeightsError: huggingface_hub is not installed, the repository has neither file, or the hub
            cannot be reached.
    """
    for weights in ("model.safetensors", "pytorch_model.bin"):
        path = _from_hub(name, weights)
        if path is not None:
            _from_hub(name, "config.json")
            return path
    raise WeightsError(
        f"huggingface.co/{name} has neither model.safetensors nor pytorch_model.bin: choose a "
        "repository of timm, or download its file and pass the path"
    )


def _from_hub(name: str, file: str) -> Path | None:
    try:
        # Here, because only this needs that extra, and importing it is slow.
        from huggingface_hub import errors, hf_hub_download  # noqa: PLC0415
    except ImportError:
        raise WeightsError(
            "weights from “hub:” need the package huggingface_hub: install the extra “hub”"
        ) from None
    repository, _, revision = name.partition("@")
    try:
        return Path(hf_hub_download(repository, file, revision=revision or None))
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(f"huggingface.co/{repository}", file, error) from error
    except errors.EntryNotFoundError:
        return None
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"there is no public repository huggingface.co/{repository}: check the name, such as "
            "timm/resnet50.a1_in1k"
        ) from error
    except (OSError, ValueError) as error:
        raise _unreachable(f"huggingface.co/{repository}", file, error) from error


def _unreachable(place: str, file: str, error: Exception) -> WeightsError:
    reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
    return WeightsError(
        f"{place} could not be downloaded ({reason}): download {file} on a machine that can, and "
        "pass its path"
    )


def weights_cache() -> Path:
    """Return the user's cache folder for downloaded weights."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "vsearch" / "weights"


def torchvision_file(name: str, progress: Progress = silent) -> Path:
    """Return one of torchvision's files, downloaded unless the cache has it whole.

    Args:
        name: the file's name without `.pth`; it ends in the first digits of the file's sha256.
        progress: told of the bytes downloaded.

    Raises:
        WeightsError: there is no such file, the server cannot be reached, what came has another
            digest, or the cache cannot be written.
    """
    path = weights_cache() / f"{name}.pth"
    url = f"{TORCHVISION}/{path.name}"
    try:
        if not (path.is_file() and _digest_fits(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            _download(url, path, progress)
    except urllib.error.HTTPError as error:
        raise WeightsError(
            f"{url} answers {error.code}: check the name against torchvision's list of models"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, path.name, error) from error
    return path


def _download(url: str, path: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".draft-") as folder:
        draft = Path(folder) / path.name
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, draft.open("wb") as file:
            _copy(answer, file, progress)
        if not _digest_fits(draft):
            raise WeightsError(
                f"the download of {url} is damaged: its sha256 does not begin with the digits at "
                "the end of its name; try again"
            )
        draft.replace(path)


def _digest_fits(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(path.stem.split("-")[-1])


def _copy(answer: http.client.HTTPResponse, file: IO[bytes], progress: Progress) -> None:
    total = int(answer.headers.get("Content-Length") or 0)
    progress("download", 0, total)
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        progress("download", file.tell(), max(file.tell(), total))
