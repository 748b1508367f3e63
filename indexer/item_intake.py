"""Taking in items with their catalogue photos."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.attributes import convert
from indexer.category_edits_paths import EditedPaths
from indexer.intake import Files, Intake, photo_row
from indexer.kept_decisions import NO_PHOTO, KeptDecisions
from indexer.records import ItemRow, PhotoRow, Reject, UpsertCounts
from indexer.row_reader import Entry
from vsearch.taxonomy import format_path

RETIRED = "its category was retired"
RETIRED_HOW = f"{RETIRED}: name another one, or see `vsearch categories SHOP list --edits`"


@dataclass
class ItemIntake(Intake):
    """Takes the entries of a catalogue manifest in."""

    def unrepeated(self, rows: dict[str, int]) -> Iterator[Entry | Reject]:
        """Pass the first entry of each id on and reject the others.

        Args:
            rows: takes up the row of each id.
        """
        for entry in self.manifest.catalogue_entries():
            if isinstance(entry, Reject) or entry.item_id not in rows:
                yield entry
            else:
                why = f"the id stands in row {rows[entry.item_id]} already; that row is taken"
                column = self.manifest.columns.item_id or ""
                yield self.reject(entry.row, entry.item_id, column, entry.item_id, why)
            if isinstance(entry, Entry):
                rows.setdefault(entry.item_id, entry.row)

    def write(self, batch: Sequence[Entry]) -> None:
        """Take in a batch, in one transaction."""
        wanted = [photo.text for entry in batch if not entry.fault for photo in entry.photos]
        files = self.photos.files(wanted, wanted)
        read = {entry.item_id: self._item_row(entry, files) for entry in batch}
        with self.shop.catalogue.transaction() as connection:
            before = self.shop.catalogue.seq()
            typed = self._typed([row for row, _ in read.values()])
            edits = self.shop.catalogue.edited_paths()
            decided = KeptDecisions(connection, self.shop.path, edits)
            rows = [decided.item(called_now(row, edits)) for row in typed]
            counts = self._upsert(rows, before)
        numbers = {entry.item_id: entry.row for entry in batch}
        for entry in batch:
            self._tell_faults(read[entry.item_id][1], counts)
            self.rejects += entry.notes
        self._tell_faults(self._left_out(rows, numbers), counts)
        self.tell_decided(decided, [numbers[one.item_id] for one in decided.forgotten])
        for held in counts.released:
            self.tell_released(numbers[held.taken_by], [held])
        self._count(counts)

    def _upsert(self, rows: Sequence[ItemRow], before: int) -> UpsertCounts:
        taken = [row for row in rows if not (self.photos.live and row.reason)]
        photos = [(row.item_id, photo) for row in taken for photo in row.photos]
        self.check_kept(photo for _, photo in photos)
        counts = self.shop.catalogue.upsert_items(taken, live=self.photos.live)
        self.shop.catalogue.forgive((item_id, str(photo.path)) for item_id, photo in photos)
        self.photos.written({photo.content_hash for _, photo in photos}, before)
        return counts

    def _typed(self, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Return the rows with attributes of the types that hold in the shop by now.

        Another process may have widened a type since this manifest was looked through.
        """
        types = self.shop.catalogue.set_attribute_types(self.manifest.types, convert)
        wider = {name: types[name] for name, kind in self.manifest.types.items()}
        wider = {name: kind for name, kind in wider.items() if kind != self.manifest.types[name]}
        if not wider:
            return list(rows)
        return [replace(row, attributes=_converted(row, wider)) for row in rows]

    def _item_row(self, entry: Entry, files: Files) -> tuple[ItemRow, list[Reject]]:
        """Return what to write for an entry, and what of it is rejected."""
        photos: list[PhotoRow] = []
        faults = [entry.fault] if entry.fault else []
        for photo in () if entry.fault else entry.photos:
            file = files[photo.text]
            if isinstance(file, str):
                faults.append(self.photo_reject(entry.item_id, photo, file))
            else:
                photos.append(photo_row(file, "train", len(photos)))
        row = ItemRow(
            item_id=entry.item_id,
            title=entry.title,
            category=entry.category,
            photos=tuple(photos),
            further_paths=entry.further_paths,
            group_id=entry.group_id,
            attributes=entry.attributes,
            reason=None if photos else faults[0].reason,
        )
        return row, faults

    def _left_out(self, rows: Sequence[ItemRow], numbers: Mapping[str, int]) -> list[Reject]:
        """Return a reject for each item that a person's decisions do not let in.

        Those of an audit have left it without a photo, or its category was retired.
        """
        columns = self.manifest.columns
        told: list[Reject] = []
        for row in rows:
            number = numbers[row.item_id]
            if row.reason == NO_PHOTO:
                told.append(self.reject(number, row.item_id, columns.photo or "", None, NO_PHOTO))
            elif row.reason and row.reason.startswith(RETIRED):
                value, column = format_path(row.category), ", ".join(columns.category)
                told.append(self.reject(number, row.item_id, column, value, row.reason))
        return told

    def _tell_faults(self, faults: Sequence[Reject], counts: UpsertCounts) -> None:
        self.rejects += [_as_it_was(one) if one.item_id in counts.kept else one for one in faults]

    def _count(self, counts: UpsertCounts) -> None:
        self.report.added += counts.added
        self.report.changed += counts.changed
        self.report.unchanged += counts.unchanged
        self.report.photos_added += counts.photos_added


def called_now(row: ItemRow, edits: EditedPaths) -> ItemRow:
    """Return a row with its categories as they are called now; rejected where that is retired."""
    if not edits.edits:
        return row
    category = edits.item_path(row.item_id, row.category) if row.category else row.category
    further = tuple(now for path in row.further_paths if (now := edits.path(path)))
    if category is None:
        return replace(row, further_paths=further, reason=row.reason or RETIRED_HOW)
    return replace(row, category=category, further_paths=further)


def _converted(
    row: ItemRow, types: Mapping[str, str]
) -> dict[str, str | int | float | bool | None]:
    return {
        name: convert(value, types[name]) if name in types else value
        for name, value in row.attributes.items()
    }


def _as_it_was(fault: Reject) -> Reject:
    return replace(fault, reason=f"{fault.reason}; the item stays as it was")
