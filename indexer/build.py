"""From the catalogue's changes to an index version that serves.

What a build has embedded stays in the catalogue, batch by batch: a build that was interrupted goes
on where it stopped. The version that serves changes in one step at the very end; a failure at any
step before leaves it as it was.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexer.candidates import Choose, Chosen, in_service, newest_that_passes
from indexer.embedding import PhotoEmbedder
from indexer.gate import GateReport
from indexer.handover import hand_over, serving
from indexer.index_plan import PLAN, IndexPlan, Kind
from indexer.judging import fit_judge, judged_by
from indexer.photo_vectors import photo_vectors
from indexer.records import Item, Photo
from indexer.shop import Shop, Views
from indexer.version_writer import Recipe, write_version
from indexer.versions import IndexVersion, prune
from vsearch.errors import ShopError, VersionError
from vsearch.progress import Progress, silent

_FEW = 20  # photos that may always be rejected
_BLOCK = 4096  # photos looked up in the catalogue at a time


@dataclass(frozen=True)
class BuildReport:
    """What a build did and how the shop stands after it.

    Attributes:
        embedded: photos that went through the network.
        photos_reused: photos of the index whose embedding was there already.
        indexed: items that can be found.
        waiting: items changed since the build began, with photos that are not embedded yet.
        rejected: items without a usable category or photo.
        rows: views in the index.
        structure: "exact" where a search scans all views, "codes" where it does not.
        recall: the share of the ten nearest views that a search finds, as measured.
        judged_by: val photos that tell what is unknown; 0 where too few can, None where the model
            tells it by itself.
        version: the version that serves now.
        published: whether it is a new one; False when nothing had changed.
        model: model_fingerprint of the model that serves now.
        gate: what the gate says of the newest trained model; None where it was not asked.
        judged: whether it was asked by this build, and not by an earlier one.
        seconds: how long it took.
    """

    embedded: int
    photos_reused: int
    indexed: int
    waiting: int
    rejected: int
    rows: int
    structure: Kind
    recall: float
    judged_by: int | None
    version: str
    published: bool
    model: str
    gate: GateReport | None
    judged: bool
    seconds: float

    @property
    def refused(self) -> bool:
        """Whether the newest trained model was refused, by this build or an earlier one."""
        return self.gate is not None and not self.gate.passed

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch build --json` prints."""
        return asdict(self) | {"gate": self.gate.to_json() if self.gate else None}


def build(
    shop: Shop,
    *,
    views: Views | None = None,
    false_rejects: float | None = None,
    recall: float | None = None,
    plan: IndexPlan = PLAN,
    progress: Progress = silent,
    embedder: PhotoEmbedder | None = None,
    choose: Choose | None = None,
) -> BuildReport:
    """Embed the photos that are new to a model, and publish an index of all with that model.

    The model is the newest trained one, if the gate lets it replace the one in service.

    Args:
        shop: the shop.
        views: change the shop's setting of what is indexed; None keeps it.
        false_rejects: change the shop's setting of how many photos of what it sells may be called
            unknown; None keeps it.
        recall: change the shop's setting of the recall@10 that a search in many views must have,
            1 for all of it; None keeps it.
        plan: from how many views on they are many.
        progress: told of the stages "gate", "embed", "index" and "judge", in photos, "codes", in
            rows, and "recall", in queries.
        embedder: the network; None: `choose` decides on it.
        choose: decides on the model; by default `newest_that_passes`.

    Raises:
        ShopError: there is no trained model, or most photos have gone.
        BundleError: the model is damaged.
        VersionError: the new version did not stand its check and was not published.
        BusyError: another build is running.
    """
    started = time.monotonic()
    with shop.lock("build"):
        changes = {"views": views, "false_rejects": false_rejects, "recall": recall}
        shop.update_settings(**{key: to for key, to in changes.items() if to is not None})
        chosen = in_service(shop, embedder) if embedder else _chosen(shop, choose, progress)
        embedder = chosen.embedder
        embedded = 0
        version = standing = _standing(shop, _recipe(shop, embedder))
        if version is None:
            embedded, recipe, rows = _embed_new(shop, embedder, progress)
            judge = partial(fit_judge, shop, embedder, progress=progress)
            vectors = _vectors(shop, recipe, rows, progress)
            version = write_version(
                shop, recipe, rows, vectors, judge, plan=plan, progress=progress
            )
        embedded += hand_over(shop, embedder, version, chosen_over=chosen.chosen_over)
        prune(shop)
        told = version.manifest
        counts = shop.catalogue.counts(told.sequence, told.embedding_fingerprint, told.views)
    return BuildReport(
        embedded=embedded,
        photos_reused=max(0, version.manifest.photos - embedded),
        indexed=counts.indexed,
        waiting=counts.waiting,
        rejected=counts.rejected,
        rows=version.manifest.rows,
        structure=version.manifest.structure,
        recall=version.manifest.recall,
        judged_by=_judged_by(embedder, version),
        version=version.name,
        published=standing is None,
        model=embedder.model_fingerprint,
        gate=chosen.gate,
        judged=chosen.fresh,
        seconds=round(time.monotonic() - started, 3),
    )


def _chosen(shop: Shop, choose: Choose | None, progress: Progress) -> Chosen:
    return choose(shop) if choose else newest_that_passes(shop, progress=progress)


def _judged_by(embedder: PhotoEmbedder, version: IndexVersion) -> int | None:
    if embedder.objective.rejects:
        return None
    return version.judge.val_photos if version.judge else 0


def _recipe(shop: Shop, embedder: PhotoEmbedder) -> Recipe:
    return Recipe(
        embedder.embedding_fingerprint,
        embedder.model_fingerprint,
        embedder.dim,
        shop.settings.views,
        shop.catalogue.seq(),
        judged_by(shop),
        shop.settings.recall,
    )


def _standing(shop: Shop, recipe: Recipe) -> IndexVersion | None:
    """Return the version that serves, if a new one would be the same and it is sound."""
    name = serving(shop).index
    if name is None:
        return None
    try:
        version = IndexVersion.open(shop.indexes / name)
        told = version.manifest
        # Not the embedding alone: what is unknown is judged by the whole model.
        if any(getattr(told, key) != value for key, value in asdict(recipe).items()):
            return None
        version.verify()
    except VersionError:
        return None  # damaged: the build replaces it
    return version


def _embed_new(
    shop: Shop, embedder: PhotoEmbedder, progress: Progress
) -> tuple[int, Recipe, list[tuple[Item, Photo]]]:
    """Embed until every photo to be indexed has an embedding.

    More than one round where a photo was rejected, or another process imported meanwhile.

    Returns:
        How many photos were embedded, what the version is made from, and its rows.
    """
    embedded = 0
    while True:
        # The sequence is read first: a change in between is indexed and yet counts as waiting.
        recipe = _recipe(shop, embedder)
        rows = shop.catalogue.views(recipe.views)
        # A photo that several items share is embedded once, from the first place it lies in.
        photos = {photo.content_hash: photo for _, photo in reversed(rows)}
        missing = _missing(shop, recipe.embedding_fingerprint, list(photos))
        if not missing:
            return embedded, recipe, rows
        newly, failures = _embed(shop, embedder, [photos[content] for content in missing], progress)
        _reject(shop, failures, new=len(missing), photos=len(photos))
        embedded += newly


def _missing(shop: Shop, fingerprint: str, hashes: Sequence[str]) -> list[str]:
    """Return the hashes that have no embedding."""
    return [
        content
        for start in range(0, len(hashes), _BLOCK)
        for content in shop.catalogue.missing_embeddings(
            fingerprint, hashes[start : start + _BLOCK]
        )
    ]


def _embed(
    shop: Shop, embedder: PhotoEmbedder, photos: Sequence[Photo], progress: Progress
) -> tuple[int, list[tuple[Photo, str]]]:
    """Embed photos and commit batch by batch; return how many, and those that cannot be used."""
    failures: list[tuple[Photo, str]] = []
    embedded = 0
    progress("embed", 0, len(photos))
    for batch, vectors in photo_vectors(shop, embedder, photos, failures):
        hashes = (photo.content_hash for photo in batch)
        shop.catalogue.put_embeddings(
            embedder.embedding_fingerprint, list(zip(hashes, vectors, strict=True))
        )
        embedded += len(batch)
        progress("embed", embedded, len(photos))
    progress("embed", len(photos), len(photos))
    return embedded, sorted(failures, key=lambda failure: failure[0].key)


def _reject(shop: Shop, failures: list[tuple[Photo, str]], *, new: int, photos: int) -> None:
    """Reject photos that cannot be used; a disk that is not there must not empty a shop.

    Args:
        shop: the shop.
        failures: the photos, with reasons.
        new: how many photos were to be embedded.
        photos: how many the index was to have.
    """
    # Measured by the whole shop too: after an interrupt the bad photos are all that is left to do.
    most = max(_FEW, new // 2, photos // 10)
    if len(failures) > most or len(failures) == photos:
        raise ShopError(
            f"{len(failures)} of {new} new photos cannot be used, the first because "
            f"{failures[0][1]} — is their disk there? Nothing was rejected: mend it and run "
            "`vsearch build` again"
        )
    for photo, reason in failures:
        shop.catalogue.reject_photo(photo.key, reason)


def _vectors(
    shop: Shop, recipe: Recipe, rows: Sequence[tuple[Item, Photo]], progress: Progress
) -> Iterator[NDArray[np.float32]]:
    progress("index", 0, len(rows))
    for start in range(0, len(rows), _BLOCK):
        hashes = [photo.content_hash for _, photo in rows[start : start + _BLOCK]]
        known = shop.catalogue.embeddings(recipe.embedding_fingerprint, hashes)
        yield np.stack([known[content] for content in hashes])
        progress("index", start + len(hashes), len(rows))
