"""Room for what an audit of the labels found: doubtful ones, near-duplicates, odd photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from api.report.markup import Child, Markup, tag
from api.report.study import Study
from api.report.tables import Column, lazy_table
from api.report.thumbnails import Gallery
from api.report.wording import count_of
from indexer.audit_report import AuditReport

PICTURES = 60  # of each kind


@dataclass(frozen=True)
class DoubtfulPhoto:
    """A photo whose label may be wrong.

    Attributes:
        path: the photo.
        item_id: the item it is listed under.
        label: its label.
        suggested: the label that it looks like.
        doubt: how doubtful the label is, 0..1.
    """

    path: Path
    item_id: str
    label: str
    suggested: str
    doubt: float


@dataclass(frozen=True)
class NearDuplicate:
    """Two photos that show nearly the same; `alike` is their cosine similarity, where known."""

    first: Path
    first_item: str
    second: Path
    second_item: str
    alike: float | None


@dataclass(frozen=True)
class OddPhoto:
    """A photo that looks like nothing else of its item; `reason` says in which way."""

    path: Path
    item_id: str
    reason: str


@dataclass(frozen=True)
class Audit:
    """What an audit found, the most doubtful first; each may be empty."""

    doubtful: Sequence[DoubtfulPhoto] = ()
    duplicates: Sequence[NearDuplicate] = ()
    odd: Sequence[OddPhoto] = ()

    @classmethod
    def of(cls, found: AuditReport) -> "Audit":
        """Return what `vsearch audit` found, as the page shows it.

        Variants of one product may share a photo; those are left out.
        """
        return cls(
            [
                DoubtfulPhoto(one.photo.path, one.item.item_id, one.label, one.suggested, one.doubt)
                for one in found.suspects
            ],
            [
                NearDuplicate(
                    first.photo.path,
                    first.item.item_id,
                    second.photo.path,
                    second.item.item_id,
                    1.0 if group.same_bytes else group.alike,
                )
                for group in found.duplicates
                if not group.variants
                for first, second in pairwise(group.photos)
            ],
            [
                OddPhoto(
                    one.photo.path,
                    one.item.item_id,
                    f"nearer to {one.nearest_item.title} ({one.other:.2f}) than to any other photo "
                    f"of its own item ({one.own:.2f})",
                )
                for one in found.odd
            ],
        )


def audit_section(study: Study, gallery: Gallery, audit: Audit | None) -> Markup | None:
    """Return the photos that somebody should look at; None where there are none.

    Args:
        study: the evaluation.
        gallery: takes the photos.
        audit: what was found.
    """
    if audit is None or not (audit.doubtful or audit.duplicates or audit.odd):
        return None
    return tag(
        "section",
        tag("h2", "Labels and photos to look at"),
        tag(
            "p",
            "Wrong labels teach the model what is not so, and spoil the figures. These were found "
            "by comparing every photo with all others; a person should decide.",
        ),
        _doubtful(study, gallery, audit.doubtful),
        _duplicates(study, gallery, audit.duplicates),
        _odd(study, gallery, audit.odd),
        id="audit",
    )


def _picture(study: Study, gallery: Gallery, path: Path, number: int) -> int | None:
    if number >= PICTURES:
        return None
    return gallery.place(("path", path), study.query_photo(path))


def _doubtful(study: Study, gallery: Gallery, found: Sequence[DoubtfulPhoto]) -> Child:
    if not found:
        return None
    rows = [
        [
            _picture(study, gallery, one.path, number),
            one.item_id,
            study.face(one.label).title,
            study.face(one.suggested).title,
            round(one.doubt, 4),
            one.path.name,
        ]
        for number, one in enumerate(found)
    ]
    columns = [
        Column("", "picture"),
        Column("Item"),
        Column("Label"),
        Column("Looks like"),
        Column("Doubt", "sure", "how little the label fits the photo"),
        Column("Photo"),
    ]
    return tag(
        "div",
        tag("h3", f"{count_of(len(found), 'doubtful label')}"),
        lazy_table("doubtful", columns, rows, gallery=gallery, what="photos"),
    )


def _duplicates(study: Study, gallery: Gallery, found: Sequence[NearDuplicate]) -> Child:
    if not found:
        return None
    rows = [
        [
            _picture(study, gallery, one.first, number),
            one.first_item,
            one.first.name,
            _picture(study, gallery, one.second, number),
            one.second_item,
            one.second.name,
            None if one.alike is None else round(one.alike, 4),
        ]
        for number, one in enumerate(found)
    ]
    columns = [
        Column("", "picture"),
        Column("Item"),
        Column("Photo"),
        Column("", "picture"),
        Column("Other item"),
        Column("Other photo"),
        Column("Alike", "sure"),
    ]
    return tag(
        "div",
        tag("h3", f"{count_of(len(found), 'pair')} of photos that are nearly the same"),
        lazy_table("duplicates", columns, rows, gallery=gallery, what="pairs"),
    )


def _odd(study: Study, gallery: Gallery, found: Sequence[OddPhoto]) -> Child:
    if not found:
        return None
    rows = [
        [_picture(study, gallery, one.path, number), one.item_id, one.reason, one.path.name]
        for number, one in enumerate(found)
    ]
    columns = [Column("", "picture"), Column("Item"), Column("What is odd"), Column("Photo")]
    return tag(
        "div",
        tag("h3", f"{count_of(len(found), 'odd photo')}"),
        lazy_table("odd", columns, rows, gallery=gallery, what="photos"),
    )
