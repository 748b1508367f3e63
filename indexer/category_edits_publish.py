"""The models that follow an edit of the category tree, and how they come to serve.

They are saved before the edit is committed. With it is committed what is still to be published; a
process that is killed in between leaves that to the next one which opens the shop. Until then the
model before serves, and what it says is told in the names of now (see `live_labels`).
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.category_edits_models import is_renamed
from indexer.judging import carry_over, fit_judge
from indexer.pair import load_model
from indexer.shop import Current, Shop
from indexer.unknown import UnknownJudge, margin_of
from indexer.version_links import linked_version
from indexer.versions import IndexVersion
from vsearch.bundle import Bundle
from vsearch.embed import Embedder, tree_labels
from vsearch.errors import BusyError, VersionError
from vsearch.extend import head_logits
from vsearch.objectives import objective_named
from vsearch.progress import Progress

Change = Callable[[Bundle], Bundle]
"""From one of the shop's models to the same after the edit."""


@dataclass(frozen=True)
class Following:
    """The models of a shop before and after an edit.

    Attributes:
        current: the pair that serves before.
        trained: the newest trained model before.
        models: the model_fingerprint after by that before, of those that change.
        judge: what the version that serves needs to judge unknown photos for the model after.
    """

    current: Current
    trained: str | None
    models: dict[str, str] = field(default_factory=dict)
    judge: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is committed with an edit until it is published."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Following":
        """Read what was committed."""
        return cls(**{**document, "current": Current(**document["current"])})


def prepare(shop: Shop, change: Change, progress: Progress) -> Following:
    """Save the models as they are after an edit, and make their judge; nothing serves as yet.

    Args:
        shop: the caller holds its locks of training and building.
        change: what the edit does to a model.
        progress: told of the stage "judge", in photos, where it has to be made anew.

    Raises:
        BundleError: a model is damaged.
        DataError: a model cannot follow.
    """
    current, trained = shop.current(), shop.trained_model()
    named = {name: None for name in (current.model, trained) if name}
    bundles = {name: load_model(shop, name) for name in named}
    changed = {name: change(bundle) for name, bundle in bundles.items()}
    for bundle in changed.values():
        bundle.save(shop.models)
    models = {name: one.model_fingerprint for name, one in changed.items()}
    following = Following(current, trained, {a: b for a, b in models.items() if a != b})
    if current.index is None or current.model not in following.models:
        return following
    version = IndexVersion.open(shop.indexes / current.index)
    pair = bundles[current.model], changed[current.model]
    return _judged(shop, version, pair, following, progress)


def publish(shop: Shop, step: int, following: Following) -> None:
    """Let the models that follow a committed edit serve; doing it twice changes nothing.

    The caller holds the shop's locks of training and building.
    """
    current, models = shop.current(), following.models
    over = models.get(current.chosen_over or "", current.chosen_over)
    if current != following.current or current.index is None:
        pass  # it is published already, or there is nothing to publish
    elif current.model in models:
        before = IndexVersion.open(shop.indexes / current.index)
        judge = following.judge
        after = linked_version(
            shop,
            before,
            models[current.model],
            None if judge is None else UnknownJudge.from_json(judge),
            sequence=_sequence(shop, before),
        )
        shop.publish(Current(after.manifest.model_fingerprint, after.name, over))
        # Its rows have another name now; there is nothing in it that one could go back to.
        hidden = before.folder.rename(shop.indexes / f".{before.name}.removed")
        shutil.rmtree(hidden, ignore_errors=True)
    elif over != current.chosen_over:  # the model that serves does not know the category
        shop.publish(replace(current, chosen_over=over))
    if (trained := shop.trained_model()) == following.trained and trained in models:
        shop.set_trained_model(models[trained])
    shop.catalogue.forget_unpublished(step)


def finish(shop: Shop) -> bool:
    """Publish what edits have committed and a killed process has not published; say if all is.

    Where a training or a build is running, or the index is damaged, it is left to a later time:
    nothing is told wrong meanwhile.
    """
    with ExitStack() as locks:
        try:
            locks.enter_context(shop.lock("train"))
            locks.enter_context(shop.lock("build"))
            finish_locked(shop)
        except (BusyError, VersionError):
            return False
    return True


def finish_locked(shop: Shop) -> None:
    """Do the same where the caller holds both locks."""
    for step, document in shop.catalogue.unpublished():
        publish(shop, step, Following.from_json(document))


def _judged(
    shop: Shop,
    version: IndexVersion,
    pair: tuple[Bundle, Bundle],
    following: Following,
    progress: Progress,
) -> Following:
    """Return the same with what judges unknown photos."""
    before, after = pair
    judge, name = version.judge, after.model_fingerprint
    if judge is None or judge.model_fingerprint != before.model_fingerprint:
        return following
    renamed = is_renamed(before, after)
    carry_over(
        shop, before.model_fingerprint, name, None if renamed else _confidence_by_head(after)
    )
    if renamed:
        fitted: UnknownJudge | None = replace(judge, model_fingerprint=name)
    else:
        fitted = fit_judge(shop, Embedder(after), version.vectors, version.photo_hashes, progress)
    told = None if fitted is None else fitted.to_json()
    return replace(following, judge=told)


def _confidence_by_head(bundle: Bundle) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what says how sure a model is of photos with embeddings (n, dim)."""

    def confidence(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        objective, logits = objective_named(bundle.objective), head_logits(bundle, embeddings)
        if objective.exclusive:
            return margin_of(objective.probabilities(logits, bundle.calibration))
        tree = tree_labels(bundle.labels)
        return margin_of(objective.shares(logits, bundle.calibration, tree))

    return confidence


def _sequence(shop: Shop, version: IndexVersion) -> int | None:
    """Return the newest change if edits of the tree are all that came after a version."""
    changed = shop.catalogue.changed_since(version.manifest.sequence)
    return changed[0] if not changed[1] else None
