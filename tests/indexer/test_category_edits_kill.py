"""An edit that is killed at any moment is not made at all, or made whole by whoever comes next."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
from filelock import FileLock

from indexer import category_edits
from indexer.catalogue import Catalogue
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.versions import IndexVersion, version_folders
from tests.indexer import killed_edits
from tests.indexer.edited_shop import edited_folder, edited_original, items_within
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath

__all__ = ["edited_folder", "edited_original"]  # fixtures

OLD: CategoryPath = ("Fruit", killed_edits.OLD)
NEW: CategoryPath = ("Fruit", killed_edits.NEW)


def test_killed_at_any_step_all_of_an_edit_is_there_or_nothing(
    edited_original: Path, edited_folder: Path, tmp_path: Path
) -> None:
    with Shop.open(edited_folder) as shop:
        before = str(shop.current().model)
        after = str(category_edits.rename(shop, killed_edits.OLD, killed_edits.NEW).model)
    original = Path(shutil.copytree(edited_original, tmp_path / "original"))
    shutil.copytree(edited_folder / "models" / after, original / "models" / after)
    copies = tmp_path / "copies"
    copies.mkdir()
    command = [sys.executable, killed_edits.__file__, str(original), str(copies), after]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=env)
    assert ran.returncode == 0, ran.stderr
    states: Counter[str] = Counter()
    for copy in sorted(copies.iterdir(), key=lambda path: int(path.name)):
        states[checked(copy, before, after)] += 1
    assert states["nothing"] > 3
    assert states["committed"] > 3
    assert states["published"] > 1


def checked(copy: Path, before: str, after: str) -> str:
    """Check what a killed edit has left; return how far it came."""
    with closing(Catalogue.open(copy / "catalogue.db")) as catalogue:
        committed = [edit.target for edit in catalogue.category_edits()] == [NEW]
        pending = bool(catalogue.unpublished())
    # While a build runs nobody can publish, and all is told as it will be all the same.
    with FileLock(copy / "build.lock"), Shop.open(copy) as shop:
        assert bool(shop.catalogue.unpublished()) == pending
        tell_as_one(shop, NEW if committed else OLD)
    with Shop.open(copy) as shop:
        current = shop.current()
        now = (after if committed else before,) * 2
        assert (current.model, shop.trained_model()) == now
        assert shop.catalogue.unpublished() == []
        tell_as_one(shop, NEW if committed else OLD)
        for folder in version_folders(shop):
            IndexVersion.open(folder).verify()
        judge = IndexVersion.open(shop.indexes / str(current.index)).judge
        assert judge is not None
        assert judge.model_fingerprint == current.model
    return "committed" if pending else "published" if committed else "nothing"


def tell_as_one(shop: Shop, path: CategoryPath) -> None:
    """Hits, filters and what the model says, which may be the one before, use one name."""
    model = json.loads((shop.models / str(shop.current().model) / "model.json").read_text())
    labels = [Label(one["name"], tuple(one["path"])) for one in model["labels"]]
    version = IndexVersion.open(shop.indexes / str(shop.current().index))
    embedder = TinyEmbedder(
        labels,
        embedding_fingerprint=version.embedding_fingerprint,
        model_fingerprint=str(shop.current().model),
    )
    embedder.dim = version.manifest.dim
    searcher = Searcher(shop, embedder, version)
    told = best_paths(searcher)
    assert path in told
    assert told.isdisjoint({OLD, NEW} - {path})
    assert items_within(searcher, *path) == {"gala", "fuji", "granny"}
    assert set(shop.taxonomy().paths) & {OLD, NEW} == {path}


def best_paths(searcher: Searcher) -> set[CategoryPath]:
    """Return the categories that any photo may show."""
    shares = np.full((1, 4), 0.25, np.float32)
    none = np.zeros((1, 0), np.float32)
    told = TinyPredictions(none, shares, shares, shares > 1, shares, none, np.zeros(1, np.float32))
    (classes,) = searcher.classes(told)
    return {one.path for one in classes.categories}
