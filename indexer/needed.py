"""What of a shop's models, embeddings and caches something still names."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.shop import Shop
from indexer.version_files import read_manifest
from indexer.versions import version_folders
from vsearch.bundle import Bundle
from vsearch.errors import VsearchError
from vsearch.kept_caches import kept_caches

FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Needed:
    """What CURRENT, TRAINED and the index versions name.

    Attributes:
        models: the model_fingerprints.
        embeddings: the embedding_fingerprints of these models and of the versions.
        caches: the files that another training like that of the newest model would use.
        sure: False where a version or model cannot be read: what it names is then not known.
        trained: when the newest training ended, in seconds since 1970; None before any.
        taken_in: the change sequence that all index versions have taken in; None where there is
            none, or one that cannot be read.
    """

    models: frozenset[str]
    embeddings: frozenset[str]
    caches: frozenset[Path]
    sure: bool
    trained: float | None
    taken_in: int | None

    @classmethod
    def of(cls, shop: Shop) -> "Needed":
        """Read what a shop names.

        Raises:
            ShopError: CURRENT or TRAINED is damaged.
        """
        newest = shop.trained_model()
        told = [_told(folder / "manifest.json") for folder in version_folders(shop)]
        named = {shop.current().model, newest, *(one.get("model_fingerprint") for one in told)}
        models = {name for name in named if name is not None}
        told += [_told(shop.models / name / "model.json") for name in models]
        embeddings = {one["embedding_fingerprint"] for one in told if one}
        sure = all(told)
        caches: set[Path] = set()
        if newest and shop.cache.is_dir():
            try:
                caches = kept_caches(Bundle.load(shop.models / newest), shop.cache)
            except (VsearchError, KeyError, TypeError, ValueError):  # as of another program
                sure = False
        ended = (shop.path / "TRAINED").stat().st_mtime if newest else None
        return cls(
            frozenset(models),
            frozenset(embeddings),
            frozenset(caches),
            sure,
            ended,
            _taken_in(version_folders(shop)),
        )


def _taken_in(versions: Sequence[Path]) -> int | None:
    """Return the change sequence that all of some versions have taken in."""
    try:
        return min((read_manifest(folder).sequence for folder in versions), default=None)
    except VsearchError:
        return None


def model_folders(shop: Shop) -> Iterator[Path]:
    """Yield the folders that are named like models."""
    return (path for path in shop.models.glob("*") if FINGERPRINT.fullmatch(path.name))


def _told(file: Path) -> dict[str, str]:
    """Return the fingerprints that a model's or version's JSON file tells, none if it is damaged.

    Those of an older program are read too, which cannot serve any more but name their model.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        names = ("model_fingerprint", "embedding_fingerprint")
        return {name: str(document[name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
