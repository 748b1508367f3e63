"""Which model a build is made with: the newest trained one, if the gate lets it replace another."""

from collections.abc import Callable
from dataclasses import dataclass

from indexer.embedding import PhotoEmbedder, load_embedder
from indexer.gate import MAX_DROP, GateReport, judge_candidate, judged_before
from indexer.handover import serving
from indexer.shop import Shop
from indexer.versions import built_with, version_folders
from vsearch.errors import BundleError
from vsearch.progress import Progress, silent

Load = Callable[[Shop, str | None], PhotoEmbedder]
"""Loads one of the shop's models by its fingerprint."""


@dataclass(frozen=True)
class Chosen:
    """The model that a build is made with.

    Attributes:
        embedder: the model.
        chosen_over: the newest trained model, if a person has chosen this one instead.
        gate: what the gate says of the newest trained model; None where it was not asked.
        fresh: whether it was asked now, and not by an earlier build.
    """

    embedder: PhotoEmbedder
    chosen_over: str | None = None
    gate: GateReport | None = None
    fresh: bool = False


Choose = Callable[[Shop], Chosen]
"""Decides on the model of a build, which holds the shop's build lock."""


def newest_that_passes(
    shop: Shop,
    *,
    load: Load = load_embedder,
    max_drop: float = MAX_DROP,
    progress: Progress = silent,
) -> Chosen:
    """Return the newest trained model, or that in service where the gate refuses the new one.

    So it is where a person has gone back from the newest trained model, or has promoted another.

    Args:
        shop: the shop.
        load: loads a model.
        max_drop: by how much a label may get worse, as a share.
        progress: told of the stage "gate", in photos.

    Raises:
        ShopError: there is no model yet.
        BundleError: the newest model is damaged.
    """
    newest, over = shop.trained_model(), serving(shop).chosen_over
    name = standing_model(shop)
    if name is None:
        return Chosen(load(shop, newest))
    if newest in {None, name, over}:
        return Chosen(load(shop, name), over)
    try:
        standing = load(shop, name)
    except BundleError:
        return Chosen(load(shop, newest))  # what is damaged cannot be gone on with
    known = judged_before(shop, str(newest), standing, max_drop=max_drop)
    if known is not None and not known.passed:
        return Chosen(standing, over, known)
    candidate = load(shop, newest)
    found = known or judge_candidate(
        shop, candidate, standing, max_drop=max_drop, progress=progress
    )
    if found.passed:
        return Chosen(candidate, None, found, known is None)
    return Chosen(standing, over, found, known is None)


def standing_model(shop: Shop) -> str | None:
    """Return the model in service; that of the newest version where CURRENT is damaged or gone.

    Losing that file must not let a model in that the gate has refused.
    """
    folders = reversed(version_folders(shop))
    return serving(shop).model or next(filter(None, map(built_with, folders)), None)


def in_service(shop: Shop, embedder: PhotoEmbedder) -> Chosen:
    """Return a model that somebody has decided on already; the gate is not asked."""
    current = serving(shop)
    same = current.model == embedder.model_fingerprint
    return Chosen(embedder, current.chosen_over if same else None)
