"""From the catalogue's changes to an index version that serves.

What a build has embedded stays in the catalogue, batch by batch: a build that was interrupted goes
on where it stopped. The version that serves changes in one step at the very end; a failure at any
step before leaves it as it was.
"""

import time
from dataclasses import asdict, dataclass
from functools import partial

from indexer.candidates import Choose, Chosen, in_service, newest_that_passes
from indexer.counting import counts_beside
from indexer.embedding import PhotoEmbedder
from indexer.gate import GateReport
from indexer.handover import hand_over, serving
from indexer.index_plan import PLAN, IndexPlan, Kind
from indexer.judging import fit_judge, judged_by
from indexer.shop import Shop, Views
from indexer.version_writer import Recipe, write_version
from indexer.versions import IndexVersion, prune
from indexer.view_embedding import embed_missing, vectors_of
from indexer.view_rows import ViewRows
from vsearch.errors import VersionError
from vsearch.progress import Progress, silent


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
            vectors = vectors_of(shop, recipe.embedding_fingerprint, rows, progress)
            version = write_version(
                shop, recipe, rows, vectors, judge, plan=plan, progress=progress
            )
        embedded += hand_over(shop, embedder, version, chosen_over=chosen.chosen_over)
        prune(shop)
        with shop.catalogue.moment():
            counts = counts_beside(shop.catalogue, version)
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
) -> tuple[int, Recipe, ViewRows]:
    """Embed until every photo to be indexed has an embedding.

    More than one round where a photo was rejected, or another process imported meanwhile.

    Returns:
        How many photos were embedded, what the version is made from, and its rows.
    """
    embedded = 0
    while True:
        with shop.catalogue.moment():  # the rows are those of the change sequence, no more or less
            recipe = _recipe(shop, embedder)
            rows = shop.catalogue.view_rows(recipe.views, recipe.embedding_fingerprint)
        if not len(rows.missing()):
            return embedded, recipe, rows
        embedded += embed_missing(shop, embedder, rows, progress)
