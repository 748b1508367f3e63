"""What the last audit found and nobody has decided yet: kept in the shop, for whoever decides next.

An audit trains heads and takes minutes; deciding takes a moment, and may be done days later, one
question at a time, by people who never see a command line.
"""

from collections.abc import Sequence
from pathlib import Path

from indexer.apply_decisions import ApplyReport, apply_rows
from indexer.audit_file import KEPT_FILE, AuditRow, NumberedRow, read_audit, write_audit
from indexer.decisions import Verdict
from indexer.shop import Shop
from vsearch.errors import ShopError


def keep_questions(shop: Shop, rows: Sequence[AuditRow]) -> None:
    """Keep what an audit found in place of what the one before found."""
    write_audit(_file(shop), rows)


def open_questions(shop: Shop) -> list[AuditRow]:
    """Return what is still to be decided, in the order of the audit; none before the first one.

    Left out is what a person has decided since, and photos that their item has no more.

    Raises:
        ManifestError: the kept file is damaged.
    """
    if not _file(shop).exists():
        return []
    asked = [one.row for one in read_audit(_file(shop)) if one.problem is None]
    decided = {(one.content_hash, one.item_id) for one in shop.catalogue.decisions()}
    items = shop.catalogue.item_keys({row.item_id for row in asked})
    held = {key: _hashes(shop, key) for key in set(items.values())}
    return [
        row
        for row in asked
        if (row.content_hash, row.item_id) not in decided
        and row.content_hash in held.get(items.get(row.item_id, 0), ())
    ]


def decide(
    shop: Shop, content_hash: str, item_id: str, verdict: Verdict, new_label: str = ""
) -> ApplyReport:
    """Take a person's decision about one question; the next build indexes what it changes.

    Args:
        shop: the shop.
        content_hash: of the photo.
        item_id: the item that it stands with.
        verdict: the label is right; it is another one; the photo is used no more.
        new_label: with “relabel”, what to take instead of what the audit suggests.

    Raises:
        ShopError: the question is not open, or the decision was not taken, and why.
    """
    for row in open_questions(shop):
        if (row.content_hash, row.item_id) == (content_hash, item_id):
            told = AuditRow(**vars(row) | {"decision": verdict, "new_label": new_label})
            report = apply_rows(shop, [NumberedRow(1, told)])
            if report.refused:
                raise ShopError(report.refused[0].reason)
            return report
    raise ShopError(
        f"no question is open about this photo of item “{item_id}”: it was decided, or the photo "
        "is gone; run `vsearch audit` to look for more"
    )


def asked_photo(shop: Shop, content_hash: str) -> Path | None:
    """Return the file of a photo that a question is open about; None for any other."""
    for row in open_questions(shop):
        if row.content_hash == content_hash:
            (key,) = shop.catalogue.item_keys([row.item_id]).values()
            photos = shop.catalogue.photos_of(key)
            return next(photo.path for photo in photos if photo.content_hash == content_hash)
    return None


def _file(shop: Shop) -> Path:
    return shop.path / KEPT_FILE


def _hashes(shop: Shop, item_key: int) -> set[str]:
    return {photo.content_hash for photo in shop.catalogue.photos_of(item_key)}
