"""A folder of any size into tags.csv and category folders, in bounded memory, kill-safe."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.sorting import FEW, Sorter
from api.tagging import Tagger, Tags, Unreadable, nothing_below, walk
from api.tags_file import DIGEST_BYTES, PhotoSet, Row, TagsFile, digest, state_of
from vsearch.errors import ShopError
from vsearch.progress import Progress, silent, track


@dataclass
class BulkReport:
    """What a run has done.

    Attributes:
        tagged: photos classified by this run.
        already: photos of the folder that an earlier run had classified, moved ones too.
        unreadable: photos that cannot be used.
        reasons: why, of the first few; tags.csv has all.
        seconds: how long this run took, the loading of the model left out.
    """

    tagged: int = 0
    already: int = 0
    unreadable: int = 0
    reasons: dict[Path, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def photos(self) -> int:
        """Return the number of photos with a row of labels."""
        return self.tagged + self.already

    @property
    def photos_per_second(self) -> float:
        """Return the rate of this run."""
        return self.tagged / self.seconds if self.seconds else 0.0


def tag_folder(
    tagger: Tagger,
    folder: Path,
    out: Path,
    *,
    sorter: Sorter | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> BulkReport:
    """Classify the photos of a folder that have no row in `out` yet; sort them if told.

    The rows of a batch are on the disk before its photos are moved, so whatever a kill leaves, the
    same call goes on from there and comes to the same end. Held at any time are the photos of a
    few batches, the names of one folder and 16 bytes for each photo of an earlier run. A photo
    that could not be read is tried again each time; where that fails again no row is added.

    Args:
        tagger: the model.
        folder: a folder, or one photo.
        out: tags.csv.
        sorter: moves or links the photos of new and old rows.
        overwrite: classify all photos again, throwing away what `out` holds.
        progress: told of the stages "sort" (photos of an earlier run) and "classify".

    Raises:
        ShopError: the folder is empty, cannot be sorted as asked, or `out` is of another model.
        BusyError: another process writes `out`.
        OSError: `out` cannot be written, or the disk of the category folders is full.
    """
    if sorter:
        sorter.check(folder)
    with TagsFile.open(out, tagger.embedder.model_fingerprint, overwrite=overwrite) as file:
        if sorter:
            sorter.begin()
        return _Run(tagger, folder, file, sorter, progress)()


class _Run:
    def __init__(
        self,
        tagger: Tagger,
        folder: Path,
        file: TagsFile,
        sorter: Sorter | None,
        progress: Progress,
    ) -> None:
        self._tagger, self._folder, self._file = tagger, folder, file
        self._sorter, self._progress = sorter, progress
        self._begin = time.perf_counter()
        self._tagged, self._failed = PhotoSet(), PhotoSet()
        # Of photos that are being read: how they were before.
        self._states: dict[Path, tuple[str, str]] = {}
        self._report = BulkReport()

    def __call__(self) -> BulkReport:
        self._take_up()
        done = self._report.already
        total = done + sum(1 for _ in self._open_photos())
        if not total:
            raise ShopError(nothing_below(self._folder))
        self._progress("classify", done, total)
        for batch in self._tagger.batches(self._watched()):
            self._take_in(batch)
            done += len(batch)
            self._progress("classify", done, max(done, total))
        self._report.seconds = time.perf_counter() - self._begin
        return self._report

    def _take_up(self) -> None:
        tagged, failed = bytearray(), bytearray()
        for row in self._rows_of_folder():
            photos = failed if row.error else tagged
            photos += digest(row.photo, row.state)
        self._tagged, self._failed = PhotoSet(tagged), PhotoSet(failed)
        self._report.already = len(self._tagged)
        if self._sorter and tagged:
            rows = (row for row in self._rows_of_folder() if not row.error)
            for row in track(rows, len(tagged) // DIGEST_BYTES, "sort", self._progress):
                self._sorter(row)

    def _rows_of_folder(self) -> Iterator[Row]:
        root = Path(os.path.abspath(self._folder))  # noqa: PTH100  Path.absolute keeps `..`
        for row in self._file.rows():
            if Path(os.path.abspath(row.photo)).is_relative_to(root):  # noqa: PTH100
                yield row

    def _open_photos(self) -> Iterator[Path]:
        ours = {os.path.realpath(self._file.path)}
        if self._sorter:
            ours.add(str(self._sorter.real))
        for photo in walk(self._folder, ours):
            if not len(self._tagged) or (str(photo), state_of(photo)) not in self._tagged:
                yield photo

    def _watched(self) -> Iterator[Path]:
        for photo in self._open_photos():
            self._states[photo] = state_of(photo)
            yield photo

    def _take_in(self, batch: Sequence[Tags | Unreadable]) -> None:
        model, rows = self._file.model, list[Row]()
        for one in batch:
            row = Row.of(one, model, self._states.pop(one.photo))
            if isinstance(one, Unreadable):
                self._note(one)
                if (row.photo, row.state) in self._failed:
                    continue
            rows.append(row)
        self._file.append(rows)
        readable = [row for row in rows if not row.error]
        self._report.tagged += len(readable)
        if self._sorter:
            for row in readable:
                self._sorter(row)

    def _note(self, one: Unreadable) -> None:
        self._report.unreadable += 1
        if len(self._report.reasons) < FEW:
            self._report.reasons[one.photo] = str(one.error)
