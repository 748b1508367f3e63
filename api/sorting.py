"""Photos moved or linked into category folders, of which none is ever overwritten."""

import errno
import filecmp
import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from api.tagging import SORTED
from api.tags_file import Row, state_of
from vsearch.errors import ShopError
from vsearch.storage import sync_path
from vsearch.taxonomy import parse_path

UNKNOWN, UNSURE = "_unknown", "_unsure"

FEW = 10  # reasons that are told of; the rest are counted
_LONGEST_NAME = 255  # bytes, of ext4, APFS and most others
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
# What Windows refuses, which is more than others do, and what is no text.
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    """Return a category's name as every file system takes it for a folder.

    Characters that some refuse become `_`, names that mean something else get a `_` in front, and
    a name that is too long is cut and told apart by eight characters of its hash.
    """
    safe = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" ").rstrip(". ")
    if not safe or safe[0] == "." or safe in {UNKNOWN, UNSURE} or _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    if len(safe.encode()) <= _LONGEST_NAME:
        return safe
    mark = f"~{hashlib.sha256(safe.encode()).hexdigest()[:8]}"
    return safe.encode()[: _LONGEST_NAME - len(mark)].decode(errors="ignore") + mark


@dataclass
class Sorter:
    """Moves or links photos into folders such as `into/Fruit/Apple`, by their rows in tags.csv.

    A photo that the model turns away or gives no label goes to `_unknown`, one that is less
    probable than `min_probability` to `_unsure`, one whose label has no place in the tree to the
    label's folder.

    Nothing is overwritten: of another photo of the same name the content is compared. The same
    content stays where it is (or linked once), other content gets a number: `photo (2).jpg`.

    Attributes:
        into: the folder of the category folders.
        link: make relative symbolic links, and leave the photos where they are.
        min_probability: 0..1.
        placed: photos moved or linked so far.
        duplicates: photos left alone because their folder has the same name with the same content.
        failed: photos that the operating system would not move or link.
        reasons: why, of the first few.
    """

    into: Path
    link: bool = False
    min_probability: float = 0.0
    placed: int = 0
    duplicates: int = 0
    failed: int = 0
    reasons: dict[Path, str] = field(default_factory=dict)

    def check(self, folder: Path) -> None:
        """Refuse to sort a folder into itself or into one above it, where categories may meet it.

        Raises:
            ShopError: with what to do.
        """
        if Path(os.path.realpath(folder)).is_relative_to(self.real):
            raise ShopError(
                f"{folder} cannot be sorted into {self.into}, which holds it: name a folder within "
                f"it, such as {folder / 'sorted'}, or one elsewhere"
            )

    def begin(self) -> None:
        """Make the folder and mark it, so that no later run takes what is in it for new photos.

        Raises:
            OSError: it cannot be made.
        """
        self.into.mkdir(parents=True, exist_ok=True)
        (self.into / SORTED).touch()

    @property
    def real(self) -> Path:
        """Return `into` with its links followed."""
        return Path(os.path.realpath(self.into))

    def folder_of(self, row: Row) -> Path:
        """Return where a photo belongs."""
        if row.unknown == "true" or not (row.category or row.label):
            return self.into / UNKNOWN
        if float(row.probability) < self.min_probability:
            return self.into / UNSURE
        names = parse_path(row.category) or row.label.split(" | ")[:1]
        return self.into.joinpath(*map(safe_name, names))

    def __call__(self, row: Row) -> None:
        """Move or link the photo of a row, unless it is gone or has been replaced since.

        A kill leaves each photo whole in its old place, in its new one, or in both; the next call
        completes it.

        Raises:
            OSError: the disk is full or read-only. Other refusals are counted.
        """
        photo, folder = Path(row.photo), self.folder_of(row)
        if Path(_in_real_folder(photo)).is_relative_to(self.real):
            return  # sorted already
        if state_of(photo) != row.state:
            if not self.link and not os.path.lexists(photo):
                _draft(photo, folder).unlink(missing_ok=True)  # a kill's, right after the move
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._place(photo, folder)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise
            self.failed += 1
            if len(self.reasons) < FEW:
                self.reasons[photo] = str(error)

    def _place(self, photo: Path, folder: Path) -> None:
        for target in _names(photo, folder):
            if not self.link and target.is_symlink() and _lead_to_one(photo, target):
                target.unlink()  # an earlier --link, or a kill amid the move of a link
            if not os.path.lexists(target):
                try:
                    (link_to if self.link else move)(photo, target)
                except FileExistsError:  # another process was quicker: see what it is
                    pass
                else:
                    self.placed += 1
                    return
            if self._is_there(photo, target):
                return

    def _is_there(self, photo: Path, target: Path) -> bool:
        if self.link and _lead_to_one(photo, target):
            return True
        if not self.link and _was_moving(photo, target):
            photo.unlink()
            _draft(photo, target.parent).unlink(missing_ok=True)
            self.placed += 1
            return True
        if target.is_file() and filecmp.cmp(photo, target, shallow=False):
            self.duplicates += 1
            return True
        return False


def _names(photo: Path, folder: Path) -> Iterator[Path]:
    yield folder / photo.name
    number = 2
    while True:
        yield folder / f"{photo.stem} ({number}){photo.suffix}"
        number += 1


def link_to(photo: Path, target: Path) -> None:
    """Make `target` a relative symbolic link to `photo`.

    Raises:
        FileExistsError: there is a target already.
        OSError: the file system has no links.
    """
    source = os.path.realpath(photo) if photo.is_symlink() else _in_real_folder(photo)
    target.symlink_to(os.path.relpath(source, os.path.realpath(target.parent)))


def move(photo: Path, target: Path) -> None:
    """Move a photo without ever replacing a file.

    A hard link is made and the old name removed: unlike `os.replace`, a link refuses a name that
    is taken. Where there are no hard links the photo is renamed; on another device it is copied
    to a draft, synced, and the draft named.

    Raises:
        FileExistsError: there is a target already.
        OSError: the operating system refuses; the photo is where it was.
    """
    if photo.is_symlink():
        link_to(photo, target)
        photo.unlink()
        return
    try:
        _take_name(photo, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(photo, target)
    try:
        photo.unlink(missing_ok=True)  # renaming has taken it away
    except OSError:
        target.unlink()
        raise
    finally:
        _draft(photo, target.parent).unlink(missing_ok=True)


def _take_name(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "there is a file already", str(target)) from error
        source.rename(target)


def _copy(photo: Path, target: Path) -> None:
    draft = _draft(photo, target.parent)
    try:
        with photo.open("rb") as source, draft.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(photo, draft)
        _take_name(draft, target)
        sync_path(target.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _draft(photo: Path, folder: Path) -> Path:
    """Return the name of a copy in progress: the same after a kill, another for each photo."""
    name = hashlib.sha256(os.fsencode(_in_real_folder(photo))).hexdigest()[:32]
    return folder / f".{name}.part"


def _in_real_folder(photo: Path) -> str:
    return str(Path(os.path.realpath(photo.parent)) / photo.name)


def _lead_to_one(photo: Path, target: Path) -> bool:
    return os.path.realpath(photo) == os.path.realpath(target)


def _was_moving(photo: Path, target: Path) -> bool:
    """Say whether a kill came when the photo had its new name and still its old one."""
    status = target.lstat()
    known = [one.lstat() for one in (photo, _draft(photo, target.parent)) if os.path.lexists(one)]
    return any(os.path.samestat(status, one) for one in known)
