"""Taking in further labelled photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.intake import Files, Intake, photo_row
from indexer.kept_decisions import KeptDecisions
from indexer.records import FurtherOutcome, PhotoFile
from indexer.row_reader import PhotoEntry

_NO_ITEM = "the shop has no item of this id"


@dataclass
class FurtherIntake(Intake):
    """Takes the entries of a manifest of further photos in."""

    def write(self, batch: Sequence[PhotoEntry]) -> None:
        """Take in a batch, in one transaction."""
        catalogue = self.shop.catalogue
        keys = catalogue.item_keys({entry.item_id for entry in batch})
        known = [entry for entry in batch if entry.item_id in keys]
        views = {entry.photo.text for entry in known if entry.split == "train"}
        files = self.photos.files([entry.photo.text for entry in known], views)
        outcomes: list[FurtherOutcome | None] = []
        forgetting: list[int] = []  # the row of each decision that is forgotten
        with catalogue.transaction() as connection:
            before = catalogue.seq()
            decided = KeptDecisions(connection, self.shop.path)
            keys = catalogue.item_keys(keys)  # some may have gone meanwhile
            for entry in batch:
                outcomes.append(self._written(entry, keys, files, decided))
                forgetting += [entry.photo.row] * (len(decided.forgotten) - len(forgetting))
            self.photos.written(_trained_on(batch, outcomes, files), before)
        self.tell_decided(decided, forgetting)
        for entry, outcome in zip(batch, outcomes, strict=True):
            self._tell(entry, outcome)

    def _written(
        self,
        entry: PhotoEntry,
        keys: Mapping[str, int],
        files: Files,
        decided: KeptDecisions,
    ) -> FurtherOutcome | None:
        """Write a photo; None where a person has decided that it is used no more."""
        if entry.item_id not in keys:
            return FurtherOutcome("unchanged", refusal=_NO_ITEM)
        file = files[entry.photo.text]
        if isinstance(file, str):
            return FurtherOutcome("unchanged", refusal=file)
        key = decided.further(entry.item_id, keys[entry.item_id], file.content_hash)
        if key is None:
            return None
        photo = photo_row(file, entry.split)
        self.check_kept([photo])
        self.shop.catalogue.forgive([(entry.item_id, str(file.path))])
        return self.shop.catalogue.upsert_further(key, photo)

    def _tell(self, entry: PhotoEntry, outcome: FurtherOutcome | None) -> None:
        if outcome is None:
            return
        if outcome.refusal == _NO_ITEM:
            column = self.manifest.columns.item_id or ""
            self.rejects.append(
                self.reject(entry.photo.row, entry.item_id, column, entry.item_id, _NO_ITEM)
            )
        elif outcome.refusal:
            self.rejects.append(self.photo_reject(entry.item_id, entry.photo, outcome.refusal))
        self.tell_released(entry.photo.row, outcome.released)
        self.report.photos_added += outcome.change == "added"


def _trained_on(
    batch: Sequence[PhotoEntry], outcomes: Sequence[FurtherOutcome | None], files: Files
) -> set[str]:
    """Return the content hashes of the photos of split train that were written."""
    found = [
        files[entry.photo.text]
        for entry, outcome in zip(batch, outcomes, strict=True)
        if entry.split == "train" and outcome is not None and outcome.refusal is None
    ]
    return {file.content_hash for file in found if isinstance(file, PhotoFile)}
