"""An audit's findings in the form that the evaluation's page shows."""

from api.report import Audit, DoubtfulPhoto, NearDuplicate, OddPhoto
from indexer import odd_photos
from indexer.audit_report import AuditReport
from indexer.near_duplicates import DuplicateGroup


def audit_for_page(report: AuditReport) -> Audit:
    """Return what somebody should look at, for `report.write_report`."""
    doubtful = [
        DoubtfulPhoto(one.photo.path, one.item.item_id, one.label, one.suggested, one.doubt)
        for one in report.suspects
    ]
    duplicates = [
        pair for group in report.duplicates if not group.variants for pair in _pairs(group)
    ]
    return Audit(doubtful, duplicates, [_odd(one) for one in report.odd])


def _pairs(group: DuplicateGroup) -> list[NearDuplicate]:
    """Return the first photo of a group beside each that another item has."""
    first, *rest = group.photos
    alike = 1.0 if group.alike is None else group.alike
    return [
        NearDuplicate(
            first.photo.path, first.item.item_id, other.photo.path, other.item.item_id, alike
        )
        for other in rest
        if other.item.key != first.item.key
    ]


def _odd(one: odd_photos.OddPhoto) -> OddPhoto:
    reason = (
        f"nearer to a photo of item {one.nearest_item.item_id} ({one.other:.3f}) than to any other "
        f"of its own ({one.own:.3f})"
    )
    return OddPhoto(one.photo.path, one.item.item_id, reason)
