"""What the staff's view shows, read from the shop."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from api.schemas.admin import (
    CheckDocument,
    ChecksDocument,
    LabelProblem,
    NewLabelDocument,
    NewLabelsDocument,
    Question,
    StaffModel,
    StaffModels,
    StaffReject,
    StaffRejects,
    StaffStatus,
    StaffVersion,
    StaffVersions,
)
from api.shown import Shown
from indexer.audit_file import AuditRow, Kind
from indexer.checks import Sample, check_shop
from indexer.counting import count_items
from indexer.embedding import ModelBundle
from indexer.models import models as list_models
from indexer.new_labels import new_labels
from indexer.open_questions import open_questions
from indexer.rebuild import Drift
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.versions import versions as list_versions
from vsearch.errors import DataError

REPORT = "report.html"  # beside a model


def status(shop: Shop, searcher: Searcher | None) -> StaffStatus:
    """Return what a shop holds, and what serves.

    Args:
        shop: the shop.
        searcher: what serves, for what has changed since it was built; None: that is not told.
    """
    current = shop.current()
    manifest = searcher.version.manifest if searcher else None
    drift = Drift.of(searcher.items.live_rows()) if searcher else None
    counts = count_items(shop)
    return StaffStatus(
        name=shop.settings.name,
        **asdict(counts),
        model=current.model,
        index=current.index,
        built=manifest.created if manifest else None,
        trained_model=shop.trained_model(),
        delta_rows=drift.delta if drift else 0,
        dead_rows=drift.dead if drift else 0,
        rebuild_due=drift.reason if drift else None,
        questions=len(open_questions(shop)),
        report=report(shop) is not None,
    )


def checks(shop: Shop) -> ChecksDocument:
    """Check every item, row and file; no vector is computed anew, which would hold up searches."""
    found = check_shop(shop, sample=Sample(size=0))
    return ChecksDocument(
        ok=all(one.ok for one in found), checks=[CheckDocument(**asdict(one)) for one in found]
    )


def versions(shop: Shop) -> StaffVersions:
    """Return the index versions, the newest first."""
    listed = []
    for entry in list_versions(shop):
        told = entry.manifest
        listed.append(
            StaffVersion(
                version=entry.name,
                current=entry.current,
                problem=entry.problem,
                model=told.model_fingerprint if told else None,
                created=told.created if told else None,
                items=told.items if told else None,
                rows=told.rows if told else None,
                structure=told.structure if told else None,
                recall=told.recall if told else None,
            )
        )
    return StaffVersions(versions=listed)


def models(shop: Shop) -> StaffModels:
    """Return the trained models, the newest first."""
    known = StaffModel.model_fields.keys()
    listed = [
        StaffModel(**{key: value for key, value in entry.to_json().items() if key in known})
        for entry in list_models(shop)
    ]
    return StaffModels(models=listed)


def labels_to_add(shop: Shop, bundle: ModelBundle) -> NewLabelsDocument:
    """Return what `extend` would add to a model."""
    try:
        found = new_labels(shop, bundle.labels, bundle.label_columns)
    except DataError as error:
        return NewLabelsDocument(labels=[], problems=[LabelProblem(label="", reason=str(error))])
    return NewLabelsDocument(
        labels=[
            NewLabelDocument(name=found.data.labels[index].name, photos=len(found.train_of(index)))
            for index in found.added
        ],
        problems=[LabelProblem(label=one.label, reason=one.reason) for one in found.problems],
    )


def rejects(shop: Shop, limit: int) -> StaffRejects:
    """Return what was not taken in, of each manifest its name alone."""
    listed = [
        StaffReject(**asdict(one) | {"manifest": Path(one.manifest).name})
        for one in shop.catalogue.rejects(limit)
    ]
    return StaffRejects(rejects=listed, total=shop.catalogue.reject_count())


def questions(shop: Shop, documents: Shown, rows: Sequence[AuditRow]) -> list[Question]:
    """Describe questions with the items that they are about."""
    wanted = {one for row in rows for one in (row.item_id, row.suggested)}
    items = [item for one in wanted if (item := shop.catalogue.get(one)) is not None]
    described = {told.item_id: told for told in documents.items(items)}
    return [
        Question(
            content_hash=row.content_hash,
            photo=Path(row.photo).name,
            item=described[row.item_id],
            kind=cast("Kind", row.kind),
            column=row.column,
            label=row.label,
            suggested=row.suggested,
            suggested_item=described.get(row.suggested) if row.column == "item_id" else None,
            doubt=row.doubt,
        )
        for row in rows
        if row.item_id in described
    ]


def report(shop: Shop) -> Path | None:
    """Return the evaluation report of the model that serves; None where there is none."""
    model = shop.current().model
    file = shop.models / model / REPORT if model else None
    return file if file and file.is_file() else None
