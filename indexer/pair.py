"""Whether what serves belongs together: the model, the index version and the catalogue."""

import json
from pathlib import Path

from indexer.shop import Shop
from vsearch.bundle import Bundle
from vsearch.errors import BundleError, FingerprintMismatchError, ShopError, VersionError


def load_model(shop: Shop, fingerprint: str) -> Bundle:
    """Return one of the shop's models, after all of its fingerprints were computed again.

    Raises:
        BundleError: it is missing or damaged, or lies under another model's name.
    """
    bundle = Bundle.load(shop.models / fingerprint)
    if bundle.model_fingerprint != fingerprint:
        raise BundleError(
            f"{shop.models / fingerprint} holds model {bundle.model_fingerprint}: rename the folder"
        )
    return bundle


def check_pair(model: Bundle, version: str, embedding_fingerprint: str) -> None:
    """Check that an index version holds embeddings of a model.

    Raises:
        FingerprintMismatchError: they are another network's.
    """
    if model.embedding_fingerprint != embedding_fingerprint:
        raise FingerprintMismatchError(
            f"index version {version} holds embeddings {embedding_fingerprint}, model "
            f"{model.model_fingerprint} makes {model.embedding_fingerprint}: run `vsearch build`"
        )


def check_sequence(version: str, taken_in: int, catalogue: int) -> None:
    """Check that a catalogue has all changes that an index version has taken in.

    Raises:
        VersionError: the catalogue is older.
    """
    if taken_in > catalogue:
        raise VersionError(
            f"index version {version} has taken in the catalogue's changes up to {taken_in}, the "
            f"catalogue ends at {catalogue}: it is an older one; run `vsearch build`"
        )


def schema_of(file: Path) -> int:
    """Return the schema that a model's or version's JSON file tells of itself.

    Raises:
        ShopError: it is missing or cannot be read.
    """
    try:
        if file.parent not in file.parent.parent.iterdir():  # a name such as “..”
            raise FileNotFoundError(2, "there is no such folder")
        return int(json.loads(file.read_text(encoding="utf-8"))["schema"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        name = f"{file.parent.name}/{file.name}"
        raise ShopError(f"{name} is missing or cannot be read ({error!r})") from error
