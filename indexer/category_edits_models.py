"""A trained model after an edit of the category tree: its labels follow, its embedding stays.

Labels that stand for categories are called as these are called now; those of items or attributes
keep their names and follow to another place of the tree. Categories that are merged become one
class, one that is retired takes no share of any photo, and parts of one that is split are known by
the embeddings of their items.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.category_edits_paths import CategoryEdit, EditedPaths, category_label
from indexer.category_edits_records import items_of
from indexer.labels import CATEGORY, ITEM_ID, label_names
from indexer.records import Value
from indexer.shop import Shop
from indexer.training_data import common_ancestor
from vsearch.bundle import CLASS_MEANS, Bundle
from vsearch.data import Label
from vsearch.extend import NewLabel, new_label, relabelled, with_labels, without_labels
from vsearch.models.several_vectors import rows_of
from vsearch.taxonomy import CategoryPath, is_within

_ITEMS = 4096  # whose embeddings are read at a time


def edited(shop: Shop, bundle: Bundle, edit: CategoryEdit) -> Bundle:
    """Return a model as it is after an edit; the very same one where nothing of it changes.

    Args:
        shop: as it is before the edit.
        bundle: one of its models.
        edit: the edit.

    Raises:
        DataError: a model of this kind cannot do without a label, or take on others.
    """
    if edit.kind == "split" and CATEGORY in bundle.label_columns:
        followed = _split(shop, bundle, edit)
    else:
        followed = _followed(bundle, _labels(shop, bundle, edit))
    if followed is bundle:
        return bundle
    return replace(followed, parent=bundle.model_fingerprint)


def up_to_date(bundle: Bundle, edits: EditedPaths) -> Bundle:
    """Return a model that calls its labels as they are called now; an old one may have served.

    Raises:
        DataError: a model of this kind cannot do without a label, or merge labels.
    """
    now = {label.name: edits.label(label, bundle.label_columns) for label in bundle.labels}
    return _followed(
        bundle, {one.name: now[one.name] for one in bundle.labels if now[one.name] != one}
    )


def is_renamed(before: Bundle, after: Bundle) -> bool:
    """Say whether two models give every photo the same probabilities in the same order."""
    return (
        len(before.labels) == len(after.labels)
        and before.vectors == after.vectors
        and before.calibration == after.calibration
        and before.weights.keys() == after.weights.keys()
        and all(
            np.array_equal(before.weights[name], after.weights[name]) for name in before.weights
        )
    )


def _labels(shop: Shop, bundle: Bundle, edit: CategoryEdit) -> dict[str, Label | None]:
    """Return what becomes of each label whose name or place changes; None of one that goes."""
    places = _places(shop, bundle, edit)
    changes: dict[str, Label | None] = {}
    for label in bundle.labels:
        now = edit.label(label, bundle.label_columns)
        if label.name in places:
            place = places[label.name]
            now = None if place is None else replace(label, path=place)
        if now != label:
            changes[label.name] = now
    return changes


def _followed(bundle: Bundle, changes: Mapping[str, Label | None]) -> Bundle:
    gone = [name for name, label in changes.items() if label is None]
    renamed = {name: label for name, label in changes.items() if label is not None}
    bundle = without_labels(bundle, gone) if gone else bundle
    return relabelled(bundle, renamed) if renamed else bundle


def _places(shop: Shop, bundle: Bundle, edit: CategoryEdit) -> dict[str, CategoryPath | None]:
    """Return the places of labels of items and attributes that an edit may change otherwise.

    A label of an attribute lies in the deepest category that holds all its items: where some of
    these go elsewhere, that may be any other one. None: nothing of it is sold any more.
    """
    places: dict[str, CategoryPath | None] = {}
    for column in bundle.label_columns:
        touched = {
            label.name
            for label in bundle.labels
            if label.column == column and column != CATEGORY and _touches(edit, label.path)
        }
        if touched:
            items = _items_by_label(shop, column, bundle.label_columns, touched, edit)
            for name, paths in items.items():
                places[name] = common_ancestor(paths) if paths else None
    return places


def _touches(edit: CategoryEdit, path: CategoryPath) -> bool:
    """Say whether items of a label at a place may go elsewhere by an edit."""
    return bool(path) and (is_within(edit.source, path) or is_within(path, edit.source))


def _items_by_label(
    shop: Shop, column: str, columns: Sequence[str], wanted: Collection[str], edit: CategoryEdit
) -> dict[str, set[CategoryPath]]:
    """Return the categories of some labels' items after an edit, by the label's name.

    Labels that no item had before either are absent.
    """
    found: dict[str, set[CategoryPath]] = defaultdict(set)
    for item_id, path, value in _values(shop, column):
        now = edit.parts.get(item_id) or edit.path(path)
        for name in label_names(columns, item_id, None, {column: value}).get(column, ()):
            if name in wanted:
                found[name] |= {now} if now else set()
    return found


def _values(shop: Shop, column: str) -> Iterator[tuple[str, CategoryPath, Value]]:
    """Yield the items in state ok: id, primary path, and value of a column."""
    with shop.catalogue.frozen() as connection:
        attributes = "NULL" if column == ITEM_ID else "attributes"
        for item_id, path, told in connection.execute(
            f"SELECT item_id, path, {attributes} FROM items JOIN categories USING (category_id) "
            "WHERE state = 'ok'"
        ):
            yield item_id, tuple(json.loads(path)), json.loads(told).get(column) if told else None


def _split(shop: Shop, bundle: Bundle, edit: CategoryEdit) -> Bundle:
    """Return a model that tells the parts of a category apart, if it knows the category at all."""
    others = _followed(bundle, _labels(shop, bundle, edit))
    known = {label.name for label in bundle.labels}
    of_categories = (label for label in bundle.labels if label.column == CATEGORY)
    whole = next((label for label in of_categories if label.path == edit.source), None)
    if whole is None:
        return others
    parts = _part_embeddings(shop, bundle, edit)
    rest = parts.pop(edit.source, None)
    added = [
        _imprinted(bundle, whole, category_label(path, bundle.label_columns), embeddings)
        for path, embeddings in sorted(parts.items())
    ]
    added = [one for one in added if one.label.name not in known]
    if not added:
        return others
    split = without_labels(with_labels(others, added), [whole.name])
    if rest is None:
        return split
    # What is left of it looks like its own photos now, no longer like all of them.
    return with_labels(split, [_imprinted(bundle, whole, whole, rest)])


def _imprinted(
    bundle: Bundle, whole: Label, label: Label, embeddings: NDArray[np.float32]
) -> NewLabel:
    """Return a part as a label of its own; photos are as typical of it as of the whole."""
    made = new_label(label, embeddings)
    place = [one.name for one in bundle.labels].index(whole.name)
    means = bundle.weights.get(CLASS_MEANS)
    if means is None or not len(means):
        return made
    own = means[rows_of(bundle.vectors or (1,) * len(bundle.labels))[place]]
    return replace(made, means=np.resize(own, (len(made.vectors), own.shape[1])))


def _part_embeddings(
    shop: Shop, bundle: Bundle, edit: CategoryEdit
) -> dict[CategoryPath, NDArray[np.float32]]:
    """Return the embeddings of each part's photos, as far as they are known, (n ≥ 1, dim).

    The source stands for what is left of it.
    """
    with shop.catalogue.frozen() as connection:
        rows = items_of(connection, edit.source)
    items = {row["item_key"]: row["item_id"] for row in rows if row["state"] == "ok"}
    found: dict[CategoryPath, list[NDArray[np.float32]]] = defaultdict(list)
    for start in range(0, len(rows), _ITEMS):
        keys = [row["item_key"] for row in rows[start : start + _ITEMS]]
        views = shop.catalogue.embedded_views(keys, "all", bundle.embedding_fingerprint)
        for key, own in views.items():
            path = edit.parts.get(items[key], edit.source)
            found[path] += [view.vector for view in own.values() if view.vector is not None]
    return {path: np.stack(vectors) for path, vectors in found.items() if vectors}
