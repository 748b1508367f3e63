"""What an audit found: as a person decides on it, as a script reads it, as a report shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.audit_file import AuditRow
from indexer.labels import ITEM_ID
from indexer.near_duplicates import DuplicateGroup
from indexer.odd_photos import OddPhoto
from indexer.records import Item, Photo

SUSPECT = 0.5  # beyond this doubt another label is more probable


@dataclass(frozen=True)
class DoubtfulLabel:
    """A photo's label, judged by a model that has not seen the photo.

    Attributes:
        item: whose photo it is.
        photo: the photo.
        column: where the label comes from.
        label: the label that it has, as people read it.
        suggested: the most probable other one.
        doubt: of the two, how probable the suggested one is, 0..1.
        flagged: whether confident learning takes the label for wrong.
        alone: whether it is the only photo of its kind (catalogue or further) that could teach the
            label: it looks doubtful more easily than others, and is listed after them.
    """

    item: Item
    photo: Photo
    column: str
    label: str
    suggested: str
    doubt: float
    flagged: bool
    alone: bool

    @property
    def suspect(self) -> bool:
        """Whether somebody should look at it."""
        return self.flagged or self.doubt > SUSPECT


@dataclass(frozen=True)
class AuditReport:
    """What an audit found; the worst first everywhere. What was decided before is left out.

    Attributes:
        model: model_fingerprint of the model whose labels, backbone and head were taken.
        label_columns: where its labels come from.
        features: which network's features the labels were judged by; None where they were not.
        refused: why labels were not judged; None where they were.
        labels: every label that was judged.
        not_judged: labels that no photo but the photo itself and its copies has.
        settled: labels that a person has decided on before.
        duplicates: photos that several items share; those of variants of one product last.
        odd: photos whose nearest view is another item's.
        views: photos that were compared by their embeddings; 0 where there is no index yet.
        unreadable: photos that could not be read, with reasons.
        seconds: how long it took.
    """

    model: str
    label_columns: tuple[str, ...]
    features: str | None
    refused: str | None
    labels: tuple[DoubtfulLabel, ...]
    not_judged: int
    settled: int
    duplicates: tuple[DuplicateGroup, ...]
    odd: tuple[OddPhoto, ...]
    views: int
    unreadable: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def suspects(self) -> list[DoubtfulLabel]:
        """The labels that somebody should look at, the most doubtful first."""
        return [one for one in self.labels if one.suspect]

    def rows(self, limit: int | None = None) -> list[AuditRow]:
        """Return the rows of the audit file: one for each photo that somebody should decide on.

        At most `limit` of each kind. Variants of one product may share a photo, and no question
        is asked twice.
        """
        suspects = self.suspects[:limit]
        asked = {(one.photo.key, one.column) for one in suspects}
        shared = [group for group in self.duplicates if not group.variants][:limit]
        odd = [one for one in self.odd if (one.photo.key, ITEM_ID) not in asked][:limit]
        return [
            *map(_label_row, suspects),
            *(row for group in shared for row in _shared_rows(group)),
            *map(_odd_row, odd),
        ]

    def to_json(self, limit: int | None = None) -> dict[str, Any]:
        """Return what `vsearch audit --json` prints, at most `limit` of each list."""
        suspects = self.suspects
        return {
            "model": self.model,
            "label": ", ".join(self.label_columns),
            "features": self.features,
            "refused": self.refused,
            "judged": len(self.labels),
            "not_judged": self.not_judged,
            "settled": self.settled,
            "suspects": len(suspects),
            "flagged": sum(one.flagged for one in suspects),
            "labels": [_label_json(one) for one in suspects[:limit]],
            "duplicate_groups": len(self.duplicates),
            "duplicates": [_group_json(group) for group in self.duplicates[:limit]],
            "odd_photos": len(self.odd),
            "odd": [_odd_json(one) for one in self.odd[:limit]],
            "views": self.views,
            "unreadable": dict(self.unreadable),
            "seconds": round(self.seconds, 2),
        }


def _label_row(one: DoubtfulLabel) -> AuditRow:
    return AuditRow(
        str(one.photo.path),
        one.photo.content_hash,
        one.item.item_id,
        "label",
        one.column,
        one.label,
        one.suggested,
        f"{one.doubt:.4f}",
        "yes" if one.flagged else "",
    )


def _shared_rows(group: DuplicateGroup) -> list[AuditRow]:
    rows = []
    for one in group.photos:
        item_id, others = one.item.item_id, group.others(one.item.item_id)
        suggested = others[0] if len(others) == 1 else ""
        if not one.accepted:
            photo = str(one.photo.path), one.photo.content_hash
            rows.append(AuditRow(*photo, item_id, "duplicate", ITEM_ID, item_id, suggested))
    return rows


def _odd_row(one: OddPhoto) -> AuditRow:
    return AuditRow(
        str(one.photo.path),
        one.photo.content_hash,
        one.item.item_id,
        "odd",
        ITEM_ID,
        one.item.item_id,
        one.nearest_item.item_id,
        f"{one.gap:.4f}",
    )


def _photo_json(item: Item, photo: Photo) -> dict[str, object]:
    return {
        "photo": str(photo.path),
        "content_hash": photo.content_hash,
        "item_id": item.item_id,
        "role": photo.role,
    }


def _label_json(one: DoubtfulLabel) -> dict[str, object]:
    return _photo_json(one.item, one.photo) | {
        "column": one.column,
        "label": one.label,
        "suggested": one.suggested,
        "doubt": round(one.doubt, 6),
        "flagged": one.flagged,
        "alone": one.alone,
    }


def _group_json(group: DuplicateGroup) -> dict[str, object]:
    return {
        "variants": group.variants,
        "same_bytes": group.same_bytes,
        "alike": group.alike,
        "photos": [
            _photo_json(one.item, one.photo) | {"accepted": one.accepted} for one in group.photos
        ],
    }


def _odd_json(one: OddPhoto) -> dict[str, object]:
    return _photo_json(one.item, one.photo) | {
        "nearest_item": one.nearest_item.item_id,
        "nearest_photo": str(one.nearest_photo.path),
        "own": round(one.own, 6),
        "other": round(one.other, 6),
        "gap": round(one.gap, 6),
    }
