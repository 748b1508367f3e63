"""What lies in a shop and nothing needs: told with its size, and removed where that is sure.

Sure is what crashes have left, models that nothing names with their cached embeddings, caches that
the newest training has no use for, and what the catalogue keeps of photos and items that are gone.
What this program does not know is told and never touched.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.catalogue_cleaning import clean_catalogue, needless_rows
from indexer.needed import Needed, model_folders
from indexer.shop import Shop
from indexer.shown_photos import THUMBNAILS
from indexer.versions import version_folders

_HOUR = 3600.0  # seconds; what is written in one step takes milliseconds
_CACHES = ("features", "squares", "training", "judging")  # what names in it begin with


@dataclass(frozen=True)
class Leftover:
    """Things of one kind that nothing needs.

    Attributes:
        kind: what they are.
        paths: where they lie; empty for what lies in the catalogue.
        count: how many they are.
        bytes: their size.
        removable: whether `clean` removes them.
    """

    kind: str
    paths: tuple[Path, ...]
    count: int
    bytes: int
    removable: bool


def leftovers(shop: Shop) -> list[Leftover]:
    """Return what nothing in the shop needs, and its caches, by kind.

    Raises:
        ShopError: CURRENT or TRAINED is damaged.
    """
    needed = Needed.of(shop)
    found = [
        _kind("photos that no item has", _orphans(shop), removable=False),
        _kind("half-written files", _drafts(shop), removable=True),
        _kind("models that nothing names", _models(shop, needed), removable=needed.sure),
        _kind("index versions in the making", shop.indexes.glob(".*"), removable=True),
        _kind("caches of older trainings", _caches(shop, needed, stale=True), removable=True),
        _kind("thumbnails of photos that are gone", _thumbnails(shop, shown=False), removable=True),
        *_needless(shop, needed),
        _kind("unknown things", _unknown(shop), removable=False),
        _kind("caches in use", _caches(shop, needed, stale=False), removable=False),
        _kind("thumbnails in use", _thumbnails(shop, shown=True), removable=False),
    ]
    return [one for one in found if one.count]


def clean(shop: Shop) -> list[Leftover]:
    """Remove what is certainly not needed; return it.

    Raises:
        ShopError: CURRENT or TRAINED is damaged.
        BusyError: a training or a build is running.
    """
    with shop.lock("train"), shop.lock("build"):
        removed = [one for one in leftovers(shop) if one.removable]
        for path in [path for one in removed for path in one.paths]:
            _remove(path)
        clean_catalogue(shop, Needed.of(shop))
    return removed


def _needless(shop: Shop, needed: Needed) -> Iterator[Leftover]:
    """Yield what lies in the catalogue."""
    for one in needless_rows(shop, needed):
        yield Leftover(one.kind, (), len(one.rows), one.bytes, one.sure)


def _kind(kind: str, paths: Iterable[Path], *, removable: bool) -> Leftover:
    listed = tuple(sorted(paths))
    return Leftover(kind, listed, len(listed), sum(map(_size, listed)), removable)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    size = 0
    for file in files:
        try:
            size += 0 if file.is_dir() else file.lstat().st_size
        except FileNotFoundError:
            continue  # another process was faster
    return size


def _orphans(shop: Shop) -> Iterator[Path]:
    """Yield the shop's own photos that no item has, and that no import has looked at."""
    with shop.catalogue.frozen() as connection:
        rows = connection.execute("SELECT path FROM photos UNION SELECT path FROM photo_files")
        known = {shop.path / path for (path,) in rows}
    for path in shop.photos.rglob("*"):
        if path.is_file() and not path.name.startswith(".") and path not in known:
            yield path


def _drafts(shop: Shop) -> Iterator[Path]:
    """Yield what a crash has left of files that are written under a hidden name."""
    kept = shop.cache / THUMBNAILS
    for folder in (shop.path.glob, shop.photos.rglob, shop.cache.glob, kept.rglob):
        for path in folder(".*.tmp"):
            if time.time() - path.stat().st_mtime > _HOUR:
                yield path


def _models(shop: Shop, needed: Needed) -> Iterator[Path]:
    """Yield models that nothing names, and those that were left half written or half deleted."""
    yield from shop.models.glob(".*")
    for path in model_folders(shop):
        if path.name not in needed.models:
            yield path


def _caches(shop: Shop, needed: Needed, *, stale: bool) -> Iterator[Path]:
    """Yield the caches of other trainings and models than the newest, or all others."""
    for path in shop.cache.glob("[!.]*"):
        kind = path.name.partition("-")[0]
        if kind in _CACHES and _is_stale(path, kind, needed) == stale:
            yield path


def _thumbnails(shop: Shop, *, shown: bool) -> Iterator[Path]:
    """Yield the small copies of photos that pages show, or those of all other photos."""
    with shop.catalogue.frozen() as connection:
        rows = connection.execute("SELECT content_hash FROM photos WHERE role = 'catalogue'")
        known = {name for (name,) in rows}
    for path in (shop.cache / THUMBNAILS).rglob("*.jpg"):
        if not path.name.startswith(".") and (path.stem in known) == shown:
            yield path


def _is_stale(path: Path, kind: str, needed: Needed) -> bool:
    if kind == "judging":
        return needed.sure and path.stem.removeprefix("judging-") not in needed.models
    main = path.with_name(path.name.removesuffix("-wal").removesuffix("-shm"))
    if main in needed.caches or not needed.sure or needed.trained is None:
        return False
    # What was written since is of a training that is not finished: it goes on from there.
    return _written(main if main.exists() else path) < needed.trained


def _written(path: Path) -> float:
    files = [*path.rglob("*"), path] if path.is_dir() else [path]
    return max(file.stat().st_mtime for file in files)


def _unknown(shop: Shop) -> Iterator[Path]:
    known = {*model_folders(shop), *version_folders(shop)}
    for folder in (shop.models, shop.indexes):
        yield from (path for path in folder.glob("[!.]*") if path not in known)
    for path in shop.cache.glob("[!.]*"):
        if path.name.partition("-")[0] not in _CACHES and path.name != THUMBNAILS:
            yield path


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    # Hidden first: a crash in the middle of deleting must not leave half a model.
    hidden = (
        path if path.name.startswith(".") else path.rename(path.with_name(f".{path.name}.gone"))
    )
    shutil.rmtree(hidden)
