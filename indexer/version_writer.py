"""Writing an index version: every file durable and verified before the version has its name."""

import errno
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.index_plan import PLAN, RECALL, IndexPlan
from indexer.shop import Shop, Views
from indexer.structure_writer import write_structure
from indexer.unknown import UnknownJudge
from indexer.version_files import (
    UNKNOWN,
    VersionManifest,
    check_lengths,
    open_array,
    to_bytes,
    write_array,
    write_file,
)
from indexer.versions import IndexVersion, clear_leftovers, version_folders
from indexer.view_rows import ViewRows
from vsearch.errors import VersionError
from vsearch.progress import Progress, silent
from vsearch.storage import sync_path

JudgeOf = Callable[[NDArray[np.float32], NDArray[np.uint8]], UnknownJudge | None]

_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Recipe:
    """What a new version is made from, beside its vectors; see `VersionManifest`."""

    embedding_fingerprint: str
    model_fingerprint: str
    dim: int
    views: Views
    sequence: int
    judged_by: str
    least_recall: float = RECALL


def write_version(
    shop: Shop,
    recipe: Recipe,
    views: ViewRows,
    vectors: Iterable[NDArray[np.float32]],
    judge: JudgeOf,
    *,
    plan: IndexPlan = PLAN,
    progress: Progress = silent,
) -> IndexVersion:
    """Write a version, verify it by reading it again, and give it its name; publish nothing.

    The caller holds the shop's build lock. Until the last step all lies in a folder whose name
    starts with a dot; it is removed when anything fails, and after a crash by the next build.

    Args:
        shop: where to.
        recipe: how the vectors were made.
        views: the rows.
        vectors: their vectors in blocks of shape (any, dim), in the same order.
        judge: makes the judge of what is unknown, given the rows' vectors (rows, dim) and the
            SHA-256 of their photos (rows, 32) uint8.
        plan: from how many rows on there are codes.
        progress: told of the stages "codes", in rows, and "recall", in queries.

    Raises:
        VersionError: the disk is full, or what was written does not stand the check.
    """
    clear_leftovers(shop)  # first: they may be what fills the disk
    name = next_name(shop)
    with partial_folder(shop.indexes / f".{name}.partial") as folder:
        _write_files(folder, name, recipe, views, vectors, judge, plan, progress)
        IndexVersion.open(folder).verify()
        folder.rename(shop.indexes / name)
    sync_path(shop.indexes)
    return IndexVersion.open(shop.indexes / name)


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Provide a folder for a version that is being written; whatever fails, it is gone."""
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise VersionError(
            f"the disk of {folder.parent} is full: the new index version was not written, what "
            "serves is unchanged; free some space and run `vsearch build` again"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # has its name by now, unless something failed


def _write_files(
    folder: Path,
    name: str,
    recipe: Recipe,
    views: ViewRows,
    vectors: Iterable[NDArray[np.float32]],
    judge: JudgeOf,
    plan: IndexPlan,
    progress: Progress,
) -> None:
    """Write all files of a version, the manifest last, and wait until they are on the disk."""
    rows = np.stack([views.item_keys, views.photo_keys], axis=1)
    categories = views.categories()
    parts = [asdict(part) for part in categories]
    files = {
        "vectors.npy": write_array(folder, "vectors.npy", (len(views), recipe.dim), vectors),
        "rows.npy": write_array(folder, "rows.npy", (len(views), 2), [rows]),
        "photos.npy": write_array(folder, "photos.npy", (len(views), 32), [views.hashes]),
        "categories.json": write_file(folder / "categories.json", [to_bytes(parts)]),
    }
    written = open_array(folder, "vectors.npy", (len(views), recipe.dim))
    check_lengths(folder, written)  # before codes and queries are made from them
    structure, entries = write_structure(
        folder, written, categories, recipe.least_recall, plan, progress
    )
    files |= entries
    fitted = judge(written, views.hashes)
    document = to_bytes(fitted.to_json() if fitted else None)
    files[UNKNOWN] = write_file(folder / UNKNOWN, [document])
    manifest = VersionManifest(
        **asdict(recipe),
        version=name,
        rows=len(views),
        items=views.items,
        photos=views.photos,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=files,
        **vars(structure),
    )
    write_file(folder / "manifest.json", [to_bytes(asdict(manifest))])
    sync_path(folder)


def next_name(shop: Shop) -> str:
    """Return a new version's name: it sorts after all others, even if the clock was set back."""
    now = datetime.now(UTC).replace(tzinfo=None)
    for folder in version_folders(shop)[-1:]:
        last = datetime.strptime(folder.name.partition("-")[0], _TIME)
        now = max(now, last + timedelta(seconds=1))
    return f"{now.strftime(_TIME)}-{secrets.token_hex(4)}"
