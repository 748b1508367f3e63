"""Edits of the category tree, without training: rename, move, merge, retire and split categories.

Filters, hits, facets and counts follow with the next query of every process, as they do after any
change of the catalogue, and the rows of the index stay. The models follow with new labels and the
same embedding. Whoever still uses the old names, a manifest or an older model, is led on to the new
ones. Each edit is one transaction; what of it lies outside of the catalogue is made before, and
published after it (see `category_edits_publish`).
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from indexer.category_edits_checks import Tree, listed
from indexer.category_edits_models import edited, up_to_date
from indexer.category_edits_paths import CategoryEdit
from indexer.category_edits_publish import Following, finish_locked, prepare, publish
from indexer.category_edits_records import (
    forget_edit,
    items_of,
    record_unpublished,
    take_back,
    used_paths,
    write_edit,
)
from indexer.category_edits_report import EditReport
from indexer.category_edits_split import PartsOf
from indexer.pair import load_model
from indexer.shop import Shop
from vsearch.bundle import MODEL, Bundle
from vsearch.errors import CategoryError
from vsearch.progress import Progress, silent
from vsearch.taxonomy import CategoryPath, format_path

__all__ = ["EditReport", "forget", "merge", "move", "rename", "retire", "split", "undo"]


def rename(shop: Shop, category: str, name: str, *, progress: Progress = silent) -> EditReport:
    """Give a category another name.

    Args:
        shop: the shop.
        category: a path, or a name that only one category bears.
        name: the new name, of the last level alone.
        progress: told of the stage "judge", in photos, by those that need it.

    Raises:
        CategoryError: no such category, no name, or a category beside it is called so.
        BusyError: a training or a build is running.
    """
    return _made(shop, lambda tree: tree.rename(category, name), progress)


def move(
    shop: Shop, category: str, parent: str, *, create: bool = False, progress: Progress = silent
) -> EditReport:
    """Put a category, with all below it, into another one; the arguments are those of `rename`.

    Args:
        shop: the shop.
        category: which.
        parent: where to; empty for the top of the tree.
        create: whether `parent` may be new.
        progress: likewise.

    Raises:
        CategoryError: no such category, the new place lies within it, or one there is called so.
        BusyError: a training or a build is running.
    """
    return _made(shop, lambda tree: tree.move(category, parent, create=create), progress)


def merge(shop: Shop, category: str, into: str, *, progress: Progress = silent) -> EditReport:
    """Make one category of two: all of the first is of the second from now on.

    Raises:
        CategoryError: no such categories, or the second lies within the first.
        DataError: a model of this kind cannot merge labels.
        BusyError: a training or a build is running.
    """
    return _made(shop, lambda tree: tree.merge(category, into), progress)


def retire(
    shop: Shop,
    category: str,
    *,
    to: str | None = None,
    remove_items: bool = False,
    progress: Progress = silent,
) -> EditReport:
    """Take a category out, with all below it: it is sold no more.

    Args:
        shop: the shop.
        category: which.
        to: the category that its items go to.
        remove_items: take its items out with it. Without both it must have none.
        progress: as of `rename`.

    Raises:
        CategoryError: no such category, or it has items.
        DataError: a model cannot do without the label.
        BusyError: a training or a build is running.
    """
    return _made(shop, lambda tree: tree.retire(category, to), progress, remove_items=remove_items)


def split(shop: Shop, category: str, parts: PartsOf, *, progress: Progress = silent) -> EditReport:
    """Give some items of a category new ones.

    Args:
        shop: the shop.
        category: which; items of the categories below it stay there.
        parts: which items go where; see `category_edits_split`.
        progress: as of `rename`.

    Raises:
        CategoryError: no such category, no item goes, or a new category is too like another.
        BusyError: a training or a build is running.
    """

    def planned(tree: Tree) -> CategoryEdit:
        source = tree.find(category)
        going = {item: path for item, path in parts(source).items() if path != source}
        if not going:
            own = shop.catalogue.category_counts().get(source, 0)
            raise CategoryError(
                f"no item of “{format_path(source)}” would go anywhere: "
                + (f"none of its {own:,} is told to" if own else "all lie in categories below it")
            )
        return tree.split(source, going)

    report = _made(shop, planned, progress)
    unknown = report.parts.keys() - set(_label_paths(shop, report.model))
    if unknown and report.models:
        told = listed([format_path(path) for path in unknown])
        report.notes.append(f"the model does not know {told} yet: run `vsearch extend`")
    return report


def undo(shop: Shop, *, progress: Progress = silent) -> EditReport:
    """Take back the last edit: categories and items are as before, where nobody has changed them.

    Models that were made by the edit give way to those before it. One that was trained since is
    renamed back; it cannot tell apart again what was merged before it was trained.

    Raises:
        CategoryError: there is no edit, or its old name is that of another category by now.
        BusyError: a training or a build is running.
    """
    started = time.monotonic()
    with _locked(shop):
        edits = shop.catalogue.category_edits()
        if not edits:
            raise CategoryError("no edit of the category tree is there to undo")
        edit, report = edits[-1], EditReport(edits[-1], undone=True)
        if edit.kind in {"rename", "move"} and edit.source in _tree(shop).taxonomy.paths:
            raise CategoryError(
                f"edit {edit.number} cannot be undone: there is a new “{format_path(edit.source)}” "
                "since; rename that one first"
            )
        following = prepare(shop, lambda bundle: _before(shop, bundle, edit, report), progress)
        with shop.catalogue.transaction() as connection:
            report.items = take_back(connection, edit)
            if edit.kind != "split":
                report.items += len(items_of(connection, edit.source, below=True))
            step = record_unpublished(connection, following.to_json())
        publish(shop, step, following)
    if edit.kind == "retire" and edit.target is None and not report.items:
        report.notes.append(
            f"items that were deleted with “{format_path(edit.source)}” do not come back: import "
            "or upsert them again"
        )
    return _finished(shop, report, following, started)


def forget(shop: Shop, number: int) -> CategoryEdit:
    """Let manifests mean what they say again, however an edit has led them on; the tree stays.

    Raises:
        CategoryError: there is no such edit.
        BusyError: a training or a build is running.
    """
    with _locked(shop):
        for edit in shop.catalogue.category_edits():
            if edit.number == number and not edit.forgotten:
                with shop.catalogue.transaction() as connection:
                    forget_edit(connection, number)
                return edit
    raise CategoryError(f"there is no edit {number} that leads manifests on: see `list --edits`")


def _made(
    shop: Shop,
    plan: Callable[[Tree], CategoryEdit],
    progress: Progress,
    *,
    remove_items: bool = False,
) -> EditReport:
    """Plan an edit of the tree as it is, prepare the models, commit it, and publish them."""
    started = time.monotonic()
    with _locked(shop):
        edit = plan(_tree(shop))
        with shop.catalogue.frozen() as connection:
            _check_empty(connection, edit, remove_items=remove_items)
        following = prepare(shop, lambda bundle: _after(shop, bundle, edit), progress)
        report, paths = EditReport(edit), list[str]()
        with shop.catalogue.transaction() as connection:
            own = _check_empty(connection, edit, remove_items=remove_items)
            if edit.kind == "retire" and edit.target is None:
                removed, paths = shop.catalogue.take_out_items(own)
                report.removed = len(removed.item_ids)
            else:
                report.items = len(edit.parts) if edit.kind == "split" else len(own)
            write_edit(connection, edit, following.models)
            step = record_unpublished(connection, following.to_json())
        shop.catalogue.delete_files(paths)
        publish(shop, step, following)
    made = shop.catalogue.category_edits()[-1]
    report.edit = replace(edit, number=made.number, at=made.at)
    report.parts = dict(sorted(Counter(edit.parts.values()).items()))
    return _finished(shop, report, following, started)


def _check_empty(
    connection: sqlite3.Connection, edit: CategoryEdit, *, remove_items: bool
) -> list[str]:
    """Return the ids of the category's items; refuse where these would be left without one."""
    own = [row["item_id"] for row in items_of(connection, edit.source, below=True)]
    if own and edit.kind == "retire" and edit.target is None and not remove_items:
        raise CategoryError(
            f"“{format_path(edit.source)}” has {len(own):,} items, such as {listed(own[:3])}: say "
            "where they go (--to CATEGORY), or --remove-items"
        )
    return own


def _after(shop: Shop, bundle: Bundle, edit: CategoryEdit) -> Bundle:
    """Return a model after an edit; its parent is the one before."""
    after = edited(shop, up_to_date(bundle, shop.catalogue.edited_paths()), edit)
    return after if after is bundle else replace(after, parent=bundle.model_fingerprint)


def _before(shop: Shop, bundle: Bundle, edit: CategoryEdit, report: EditReport) -> Bundle:
    """Return a model as it was before an edit, as far as it can be told."""
    models = shop.catalogue.models_of_edit(edit.number)
    before = next((a for a, b in models.items() if b == bundle.model_fingerprint), None)
    if before is not None and (shop.models / before).is_dir():
        return load_model(shop, before)
    if edit.kind in {"rename", "move"}:
        return edited(shop, bundle, edit.inverse())
    if models and bundle.label_columns:
        report.notes.append(
            f"model {bundle.model_fingerprint} was made since and stays as it is: run `vsearch "
            "extend` or `vsearch train` for the categories that are back"
        )
    return bundle


@contextmanager
def _locked(shop: Shop) -> Iterator[None]:
    """Keep models and index as they are, with all that was committed before published."""
    with shop.lock("train"), shop.lock("build"):
        finish_locked(shop)
        yield


def _tree(shop: Shop) -> Tree:
    """Return the tree of what items lie in and models know."""
    edits = shop.catalogue.edited_paths()
    with shop.catalogue.frozen() as connection:
        paths = {*used_paths(connection)}
    for model in {shop.current().model, shop.trained_model()}:
        paths |= {now for path in _label_paths(shop, model) if (now := edits.path(path))}
    return Tree.of(paths, edits)


def _label_paths(shop: Shop, model: str | None) -> list[CategoryPath]:
    """Return the categories of a model's labels; none where it cannot be read."""
    try:
        document = json.loads((shop.models / str(model) / MODEL).read_text(encoding="utf-8"))
        return [tuple(label["path"]) for label in document["labels"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _finished(shop: Shop, report: EditReport, following: Following, started: float) -> EditReport:
    current = shop.current()
    report.models, report.model, report.version = following.models, current.model, current.index
    report.seconds = time.monotonic() - started
    return report
