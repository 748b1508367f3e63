"""Items that come in over HTTP: their photos are kept in the shop, then they are upserted."""

from collections.abc import Sequence
from pathlib import Path

from api.schemas.writing import ItemInput, NamedItem, RejectDocument
from indexer.columns import PHOTO_COLUMNS, column_name
from indexer.embedding import PhotoEmbedder, imported_photo
from indexer.live import UpsertReport, upsert
from indexer.photo_reader import keep_photo
from indexer.shop import Shop
from vsearch.errors import DataError
from vsearch.images import ImageError, ImageProblem
from vsearch.photo_problems import format_of
from vsearch.taxonomy import parse_path

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "TIFF": ".tif"}
_OWN = frozenset(
    ("item_id", "title", "category", "further_categories", "group_id", "photos", "split")
)


def take_in(
    shop: Shop, items: Sequence[NamedItem], embedder: PhotoEmbedder | None, max_bytes: int
) -> tuple[UpsertReport, list[RejectDocument]]:
    """Add or change items so that they are found at once; see `indexer.live.upsert`.

    Args:
        shop: takes them in, and keeps the photos.
        items: each tells all of an item.
        embedder: the network that serves; None while nothing serves.
        max_bytes: that a photo may have.

    Returns:
        What became of them, and what was not taken in: an item that is refused stays as it was.

    Raises:
        FingerprintMismatchError: another network has taken over meanwhile; nothing is changed.
    """
    rows, rejects = [], []
    for item in items:
        try:
            rows.append(_cells(shop, item, _photos(shop, item, max_bytes)))
        except (ImageError, DataError) as error:
            field = "photos" if isinstance(error, ImageError) else "item"
            rejects.append(RejectDocument(item_id=item.item_id, field=field, reason=str(error)))
    report = upsert(shop, rows, embedder=embedder, folder=shop.photos) if rows else UpsertReport()
    rejects += [
        RejectDocument(item_id=one.item_id, field=one.field, reason=one.reason)
        for one in report.rejects
    ]
    return report, rejects


def _photos(shop: Shop, item: NamedItem, max_bytes: int) -> list[Path]:
    """Return the files of an item's catalogue photos, all below SHOP/photos."""
    if item.photos is None:
        return [keep_photo(shop, data, suffix) for data, suffix in _present(shop, item.item_id)]
    for data in item.photos:
        if len(data) > max_bytes:
            told = f"a photo has {len(data):,} bytes; at most {max_bytes:,} are taken"
            raise ImageError(ImageProblem.TOO_MANY_BYTES, told)
    return [
        keep_photo(shop, data, _SUFFIXES.get(format_of(data) or "", "")) for data in item.photos
    ]


def _present(shop: Shop, item_id: str) -> list[tuple[bytes, str]]:
    """Return the bytes and suffixes of the catalogue photos that an item has."""
    item = shop.catalogue.get(item_id)
    photos = shop.catalogue.photos_of(item.key) if item else []
    try:
        return [
            (imported_photo(shop, photo.path, photo.content_hash), photo.path.suffix)
            for photo in photos
            if photo.role == "catalogue"
        ]
    except ImageError as error:
        raise DataError(
            f"the photos that item “{item_id}” has cannot be kept, {error}: send its photos"
        ) from error


def _cells(shop: Shop, item: NamedItem, photos: Sequence[Path]) -> dict[str, object]:
    """Return an item as a row of a manifest."""
    _check_attributes(shop, item)
    return {
        **item.attributes,
        **_places(shop, item),
        "item_id": item.item_id,
        "title": item.title,
        "group_id": item.group_id,
        "photos": [str(path.relative_to(shop.photos)) for path in photos],
    }


def _check_attributes(shop: Shop, item: ItemInput) -> None:
    """Refuse attributes that would be read as something else: no path comes from a client."""
    own = _OWN | PHOTO_COLUMNS | {column_name(name) for name in shop.settings.category_columns}
    seen: dict[str, str] = {}
    for name in item.attributes:
        column = column_name(name)
        if column in own:
            raise DataError(f"“{name}” is no attribute but an item's own: give it beside them")
        if column in seen:
            raise DataError(f"the attributes “{seen[column]}” and “{name}” have the same name")
        seen[column] = name


def _places(shop: Shop, item: ItemInput) -> dict[str, object]:
    """Return the cells of an item's categories, as the shop's manifests have them."""
    cells: dict[str, object] = {"further_categories": " | ".join(item.further_categories)}
    columns = shop.settings.category_columns
    path = parse_path(item.category)
    if not columns:
        return cells | {"category": item.category}
    if len(path) > len(columns):
        raise DataError(
            f"“{item.category}” has {len(path)} levels; this shop's categories have "
            f"{len(columns)}: {', '.join(columns)}"
        )
    return cells | dict(zip(columns, path, strict=False))
