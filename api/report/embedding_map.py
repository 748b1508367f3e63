"""The photos laid out so that those which the model finds alike lie close together."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.report.markup import Markup, data, join, tag
from api.report.study import Study
from api.report.thumbnails import Gallery
from api.report.wording import count_of
from indexer.records import Item
from vsearch.progress import Progress, silent
from vsearch.taxonomy import CategoryPath

QUERIES, CATALOGUE = 1200, 400  # points at most, drawn at random
FEWEST = 50  # with fewer points neighbourhoods say little, and the plain projection is shown
PERPLEXITY = 30
GROUPS = 8  # as many as have colours of their own
OTHERS = "others"


@dataclass(frozen=True)
class Spot:
    """One photo on the map.

    Attributes:
        title: what it shows.
        category: where that lies in the tree, () where not known.
        right: whether the first hit was right; None for catalogue photos.
        picture: its number in the gallery.
    """

    title: str
    category: CategoryPath
    right: bool | None
    picture: int


def map_section(
    study: Study, gallery: Gallery, *, seed: int = 0, progress: Progress = silent
) -> Markup | None:
    """Return the map of a sample of the queries and of the catalogue; None for fewer than three.

    Args:
        study: the evaluation.
        gallery: takes the photos.
        seed: decides the sample and the layout.
        progress: told of the stage "report map", as one unit.
    """
    rng = np.random.default_rng(seed)
    query_vectors, asked = _queries(study, gallery, rng)
    view_vectors, sold = _catalogue(study, gallery, rng)
    spots = [*asked, *sold]
    if len(spots) < 3:
        return None
    progress("report map", 0, 1)
    places = layout(np.concatenate([query_vectors, view_vectors]), seed)
    progress("report map", 1, 1)
    names, groups = grouped([spot.category for spot in spots])
    titles = list(dict.fromkeys(spot.title for spot in spots))
    number = {title: i for i, title in enumerate(titles)}
    content = {
        "x": np.round(places[:, 0], 4).tolist(),
        "y": np.round(places[:, 1], 4).tolist(),
        "group": groups,
        "groups": names,
        "title": [number[spot.title] for spot in spots],
        "titles": titles,
        "right": [None if spot.right is None else int(spot.right) for spot in spots],
        "picture": [spot.picture for spot in spots],
        "side": gallery.side,
        "columns": gallery.columns,
    }
    way = "t-SNE" if len(spots) >= FEWEST else "principal components"
    return tag(
        "section",
        tag("h2", "How the model sees the shop"),
        tag(
            "p",
            f"{count_of(len(asked), 'photo')} that were asked with (round) and "
            f"{count_of(len(sold), 'catalogue photo')} (square, framed): what the model finds "
            "alike lies close together. Islands are told apart well; where colours mix, products "
            f"are mixed up. Distances between islands mean little ({way}). Drag to move it; + and "
            "− look closer, as does the wheel once it was clicked.",
        ),
        _frame(len(spots)),
        data("map-data", content),
        id="map",
    )


def _frame(points: int) -> Markup:
    choose = tag(
        "label",
        "Colour by ",
        tag(
            "select",
            tag("option", "category", value="group"),
            tag("option", "first hit right", value="right"),
            class_="map-colour",
        ),
    )
    names = (("+", "Closer"), ("−", "Further away"), ("⟲", "All of it"))
    buttons = [
        tag("button", sign, type="button", aria_label=name, data_map=i)
        for i, (sign, name) in enumerate(names)
    ]
    canvas = tag(
        "canvas",
        tabindex=0,
        role="img",
        aria_label=f"Map of {points} photos. Arrow keys move it, plus and minus zoom.",
    )
    return join(
        tag("div", choose, tag("span", buttons, class_="zoom"), class_="tools"),
        tag("div", canvas, tag("div", class_="map-tip", hidden=True), class_="map"),
        tag("ul", class_="legend map-legend"),
        tag("noscript", "The map needs JavaScript."),
    )


def _queries(
    study: Study, gallery: Gallery, rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[Spot]]:
    drawn = np.sort(rng.permutation(len(study.outcomes))[:QUERIES])
    spots = []
    for row in drawn.tolist():
        one = study.outcomes[row]
        item = study.items.get(one.item_id or "")
        category = study.evaluation.known[row].category or (item.category if item else ())
        picture = gallery.place(("query", row), study.query_photo(one.path))
        spots.append(Spot(study.title_of(one), category, one.found, picture))
    return study.evaluation.answers.embeddings[drawn], spots


def _catalogue(
    study: Study, gallery: Gallery, rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[Spot]]:
    """Return one catalogue photo of each item, of a sample of the items that are indexed."""
    version = study.evaluation.searcher.version
    rows = _first_catalogue_rows(study)
    keys = rng.permutation(np.array(sorted(rows), np.int64))[:CATALOGUE].tolist()
    items: dict[int, Item] = study.shop.catalogue.get_many(keys)
    spots, kept = [], []
    for key in sorted(items):
        item = items[key]
        picture = gallery.place(("item", key), study.item_photo(item))
        spots.append(Spot(item.title or item.item_id, item.category, None, picture))
        kept.append(rows[key])
    return np.asarray(version.vectors[kept], np.float32).reshape(len(kept), -1), spots


def _first_catalogue_rows(study: Study) -> dict[int, int]:
    """Return the row of the first catalogue photo of every item that is still sold."""
    version = study.evaluation.searcher.version
    place = {key: row for row, key in enumerate(version.photo_keys.tolist())}
    rows: dict[int, int] = {}
    for item, photo in study.shop.catalogue.photos(role="catalogue"):
        if photo.key in place:
            rows.setdefault(item.key, place[photo.key])
    return rows


def layout(vectors: NDArray[np.float32], seed: int = 0) -> NDArray[np.float64]:
    """Return where each vector lies on the map, (n, 2), both in 0..1.

    t-SNE (van der Maaten and Hinton, Visualizing Data using t-SNE, 2008) keeps neighbours together;
    it starts from the principal components, so that the same vectors make the same map.

    Args:
        vectors: shape (n ≥ 1, dim), unit rows.
        seed: decides the layout.
    """
    wide = vectors.astype(np.float64)
    centred = wide - wide.mean(axis=0, keepdims=True)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    if len(wide) >= FEWEST:
        flat = _neighbours(wide, flat, seed)
    low, high = flat.min(axis=0, keepdims=True), flat.max(axis=0, keepdims=True)
    return np.asarray((flat - low) / np.maximum(high - low, 1e-12))


def _neighbours(
    vectors: NDArray[np.float64], start: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE  # noqa: PLC0415  takes a second to import

    spread = max(float(start[:, 0].std()), 1e-12)
    method = TSNE(
        perplexity=min(PERPLEXITY, len(vectors) / 4),
        init=(1e-4 / spread * start).astype(np.float32),
        learning_rate="auto",
        random_state=seed,
        n_jobs=1,  # sums in another order would make another map
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return np.asarray(method.fit_transform(vectors), np.float64)


def grouped(paths: Sequence[CategoryPath]) -> tuple[list[str], list[int]]:
    """Return what the colours stand for, and the colour of each path.

    The groups are those of the highest level of the tree that tells anything apart; where that has
    more than `GROUPS`, the largest ones.

    Args:
        paths: the category paths.
    """
    depths = max((len(path) for path in paths), default=0)
    level = next(
        (depth for depth in range(1, depths + 1) if len({path[:depth] for path in paths}) > 1), 1
    )
    cut = [path[:level] for path in paths]
    largest = [path for path, _ in Counter(cut).most_common()]
    kept = sorted(largest[:GROUPS] if len(largest) <= GROUPS else largest[: GROUPS - 1])
    number = {path: i for i, path in enumerate(kept)}
    names = [path[-1] if path else OTHERS for path in kept]
    if len(largest) > GROUPS:
        names.append(OTHERS)
    return names, [number.get(path, len(kept)) for path in cut]
