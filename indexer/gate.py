"""The gate: a new model is a candidate until held-out photos show that nothing gets worse.

Both models are asked about the same photos. The candidate is refused where all photos together, or
those of an old label, are recognised less often than before by more than is allowed. Labels have
few held-out photos, a dozen or four: one of four is 25 points. A drop therefore counts only where
chance alone would bring one like it less than one time in twenty, and the drop of any one of the
labels no oftener than that. A label with fewer photos than can ever show it is not judged by
itself; its photos count among all.
"""

from collections.abc import Sequence
from dataclasses import replace

from indexer.embedding import PhotoEmbedder
from indexer.gate_answers import (
    Terms,
    ValAnswers,
    ask,
    ask_again,
    held_out,
    names_of,
    said,
    scores_of,
    terms_of,
)
from indexer.gate_figures import (
    NO_CHANGES,
    Changes,
    Names,
    precision_changes,
    share_changes,
)
from indexer.gate_record import recorded, write_record
from indexer.gate_report import MAX_DROP, GateReport
from indexer.shop import Shop
from vsearch.data import LabelledPhoto
from vsearch.progress import Progress, silent

__all__ = ["MAX_DROP", "GateReport", "judge_candidate", "judged_before"]


def judge_candidate(
    shop: Shop,
    candidate: PhotoEmbedder,
    standing: PhotoEmbedder | None,
    *,
    max_drop: float = MAX_DROP,
    progress: Progress = silent,
) -> GateReport:
    """Compare a candidate with the model in service on the shop's held-out photos.

    Nothing is published. Where the labels of both come from the same columns they are compared
    label by label, all of each model's labels competing; else by the categories that the labels lie
    in; models that have not even these in common cannot be compared. What is found lies beside the
    candidate from then on, and the networks are asked again only when something else is to be
    compared.

    Args:
        shop: whose catalogue says what is true.
        candidate: the new model.
        standing: the model in service; None: there is none, and the candidate passes.
        max_drop: by how much a label, and all photos together, may get worse, as a share.
        progress: told of the stage "gate", in photos of both models.
    """
    name = candidate.model_fingerprint
    if standing is None:
        return GateReport(name, None, "nothing", 0, "", NO_CHANGES, (), max_drop)
    if known := judged_before(shop, name, standing, max_drop=max_drop):
        return known
    report = _judge(shop, candidate, standing, max_drop, progress)
    write_record(shop, report)
    return report


def judged_before(
    shop: Shop, candidate: str, standing: PhotoEmbedder, *, max_drop: float = MAX_DROP
) -> GateReport | None:
    """Return what was found of a candidate, if the same would be compared again.

    Args:
        shop: the shop.
        candidate: its model_fingerprint; the network itself is not needed.
        standing: the model in service.
        max_drop: the drop that is allowed now, as a share.
    """
    known = recorded(shop, candidate)
    if known is None or known.standing != standing.model_fingerprint:
        return None
    if known.photo_set != held_out(shop, standing, known.terms).digest:
        return None
    return replace(known, max_drop=max_drop)


def _judge(
    shop: Shop,
    candidate: PhotoEmbedder,
    standing: PhotoEmbedder,
    max_drop: float,
    progress: Progress,
) -> GateReport:
    terms = terms_of(candidate, standing)
    truth = held_out(shop, standing, terms)
    changes, asked = NO_CHANGES, 0
    if truth.photos:
        before, after = _asked(shop, standing, candidate, truth.photos, progress)
        both = set(before.hashes) & set(after.hashes)
        hashes = [photo.content_hash for photo in truth.photos if photo.content_hash in both]
        told = [(standing, before.of(hashes)), (candidate, after.of(hashes))]
        changes, asked = _compared(told, [truth.names[one] for one in hashes], terms), len(hashes)
    return GateReport(
        candidate=candidate.model_fingerprint,
        standing=standing.model_fingerprint,
        terms=terms,
        photos=asked,
        photo_set=truth.digest,
        changes=changes,
        new=tuple(sorted(set(names_of(candidate, terms)) - set(names_of(standing, terms)))),
        max_drop=max_drop,
    )


def _asked(
    shop: Shop,
    standing: PhotoEmbedder,
    candidate: PhotoEmbedder,
    photos: Sequence[LabelledPhoto],
    progress: Progress,
) -> tuple[ValAnswers, ValAnswers]:
    """Ask both models about photos; a candidate of the same embedding need not see them."""
    total = 2 * len(photos)

    def told(_stage: str, done: int, _total: int, /) -> None:
        progress("gate", len(photos) + done, total)

    progress("gate", 0, total)
    before = ask(shop, standing, photos, lambda stage, done, _: progress(stage, done, total))
    same = candidate.embedding_fingerprint == standing.embedding_fingerprint
    after = ask_again(candidate, before) if same else None
    after = after or ask(shop, candidate, photos, told)
    progress("gate", total, total)
    return before, after


def _compared(
    told: Sequence[tuple[PhotoEmbedder, ValAnswers]], truth: Names, terms: Terms
) -> Changes:
    """Compare what the model in service and the candidate have said, in this order."""
    old = names_of(told[0][0], terms)
    if terms == "precisions":
        before, after = (scores_of(model, answers, terms) for model, answers in told)
        return precision_changes(old, truth, before, after)
    first, second = (said(model, answers, terms) for model, answers in told)
    return share_changes(old, truth, first, second)
