"""A shop: one folder with its settings, its catalogue, its models and its index versions."""

import json
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, get_args

from filelock import FileLock, Timeout

from indexer.catalogue import Catalogue
from indexer.index_plan import RECALL
from indexer.kept_items import KeptItems
from indexer.live_columns import LiveColumns
from indexer.settings_schema import SCHEMA, upgrade
from vsearch import images
from vsearch.errors import BusyError, ShopError
from vsearch.storage import write_atomically
from vsearch.taxonomy import Taxonomy

if TYPE_CHECKING:
    from indexer.embedding import PhotoEmbedder
    from indexer.live import DeleteReport, UpsertReport

Views = Literal["catalogue", "all"]

KEYS_FILE = "keys.json"  # the API keys of the shop, hashed; for its owner's eyes only


@dataclass(frozen=True)
class Current:
    """What serves now: the model's fingerprint and the index version's name, None before both.

    Attributes:
        model: model_fingerprint of the model.
        index: name of the index version.
        chosen_over: the newest trained model at the time when a person chose this pair instead;
            builds pass it over until there is a newer one. It tells nothing of the pair itself.
    """

    model: str | None
    index: str | None
    chosen_over: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ShopSettings:
    """The contents of shop.toml; a person may edit that file between two commands.

    Attributes:
        name: what people call the shop.
        views: which photos become rows of the index: catalogue photos, or also further labelled
            photos of split train.
        false_rejects: the share of photos of what is sold that may be called unknown.
        recall: the share of the ten nearest views that a search in many must find; 1: all of them,
            so that however many there are, they are scanned.
        max_pixels: a photo with more is rejected before it is decoded.
        max_bytes: a photo file with more is rejected before it is read.
        remote_hosts: hosts from which import may fetch photos, such as "cdn.example.com".
        category_columns: the columns that make up a category path, root first; empty: the
            usual names are recognised.
    """

    name: str
    views: Views = "catalogue"
    false_rejects: float = 0.05
    recall: float = RECALL
    max_pixels: int = images.MAX_PIXELS
    max_bytes: int = images.MAX_BYTES
    remote_hosts: tuple[str, ...] = ()
    category_columns: tuple[str, ...] = ()
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ShopError(f"schema is {self.schema!r}, expected {SCHEMA}")
        if self.views not in get_args(Views):
            raise ShopError(
                f"views is {self.views!r}, expected one of {', '.join(get_args(Views))}"
            )
        name: object = self.name  # like all of these, as wrong as a person may have typed it
        if not isinstance(name, str) or not name.isprintable() or not name.strip():
            raise ShopError(f"name is {name!r}, expected a printable text")
        share: object = self.false_rejects
        if not isinstance(share, float) or not 0 < share < 1:
            raise ShopError(f"false_rejects is {share!r}, expected a share such as 0.05")
        recall: object = self.recall
        if not isinstance(recall, float) or not 0 < recall <= 1:
            raise ShopError(f"recall is {recall!r}, expected a share such as 0.98, at most 1.0")
        for key in ("max_pixels", "max_bytes"):
            value = getattr(self, key)
            if type(value) is not int or value < 1:
                raise ShopError(f"{key} is {value!r}, expected a whole number of at least 1")
        for key in ("remote_hosts", "category_columns"):
            value = getattr(self, key)
            if not isinstance(value, tuple) or not all(isinstance(v, str) and v for v in value):
                raise ShopError(f"{key} is {value!r}, expected a list of texts")

    def to_toml(self) -> str:
        """Return the text of shop.toml."""
        # Every value here has the same form in JSON and TOML.
        return "".join(
            f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
            for key, value in asdict(self).items()
        )

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read the text of shop.toml; one of an older schema is upgraded.

        Raises:
            ShopError: not TOML, of a newer schema, or a key or value that is not understood.
        """
        try:
            values = upgrade(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ShopError(f"not valid TOML: {error}") from error
        known = [field.name for field in fields(cls)]
        if unknown := sorted(values.keys() - set(known)):
            raise ShopError(f"unknown key {unknown[0]!r}, expected one of {', '.join(known)}")
        if "name" not in values:
            raise ShopError('the key "name" is missing')
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**(values | lists))


class Shop:
    """A shop folder that is open.

    Attributes:
        path: the folder, absolute.
        settings: what shop.toml says.
        catalogue: items, photos, change log, rejects and cached embeddings.
    """

    def __init__(self, path: Path, settings: ShopSettings, catalogue: Catalogue) -> None:
        self.path = path
        self.settings = settings
        self.catalogue = catalogue

    @classmethod
    def create(cls, path: Path, *, name: str | None = None) -> Self:
        """Make an empty shop in a new or empty folder and open it.

        Raises:
            ShopError: the folder is a shop already, or holds something else.
        """
        path = Path(path).absolute()
        if (path / "shop.toml").exists():
            raise ShopError(f"{path} is already a shop")
        if path.exists() and not path.is_dir():
            raise ShopError(f"{path} is a file: name a new or empty folder for the shop")
        if path.is_dir() and any(path.iterdir()):
            raise ShopError(f"{path} is not empty and no shop: name a new or empty folder")
        settings = ShopSettings(name=name or path.name)
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "shop.toml", settings.to_toml())
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing shop.

        Raises:
            ShopError: no shop there, or its settings or catalogue cannot be understood.
        """
        path = Path(path).absolute()
        settings = _read_settings(path)
        shop = cls(path, settings, Catalogue.open(path / "catalogue.db"))
        if shop.catalogue.unpublished():
            from indexer.category_edits_publish import finish  # noqa: PLC0415  built on this module

            finish(shop)
        return shop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue; closing twice is fine."""
        self.catalogue.close()

    @property
    def models(self) -> Path:
        """The folder of trained models, one folder per model_fingerprint."""
        return self.path / "models"

    @property
    def indexes(self) -> Path:
        """The folder of index versions."""
        return self.path / "indexes"

    @property
    def photos(self) -> Path:
        """The folder of photos that the shop keeps itself, by content hash."""
        return self.path / "photos"

    @property
    def cache(self) -> Path:
        """A folder for what can be made again; it may be deleted at any time."""
        return self.path / "cache"

    @cached_property
    def columns(self) -> LiveColumns:
        """The items' attributes and categories in memory, which filters and facets read."""
        return LiveColumns(self.catalogue)

    @cached_property
    def kept(self) -> KeptItems:
        """What answers tell of items, in memory for as long as the catalogue does not change."""
        return KeptItems(self.catalogue)

    def current(self) -> Current:
        """Return the pair of model and index that serves.

        Raises:
            ShopError: the file CURRENT is damaged.
        """
        values = self._read_json("CURRENT", ("model", "index"), ("chosen_over",))
        return Current(**values)

    def publish(self, current: Current) -> None:
        """Let another pair of model and index serve: both switch at once, or neither."""
        write_atomically(self.path / "CURRENT", json.dumps(asdict(current)) + "\n")

    def trained_model(self) -> str | None:
        """Return the fingerprint of the newest trained model, the candidate of the next build."""
        return self._read_json("TRAINED", ("model",))["model"]

    def set_trained_model(self, fingerprint: str) -> None:
        """Name the model that the next build lets serve, if it passes the gate."""
        write_atomically(self.path / "TRAINED", json.dumps({"model": fingerprint}) + "\n")

    def _read_json(
        self, name: str, keys: tuple[str, ...], newer: tuple[str, ...] = ()
    ) -> dict[str, str | None]:
        """Read texts by key; `newer` ones are missing where an older program wrote the file."""
        path = self.path / name
        try:
            values = dict.fromkeys(newer) | json.loads(path.read_text(encoding="utf-8"))
            if any(not isinstance(values[key], str | None) for key in (*keys, *newer)):
                raise TypeError(f"expected texts, found {values}")
            return {key: values[key] for key in (*keys, *newer)}
        except FileNotFoundError:
            return dict.fromkeys((*keys, *newer))
        except (ValueError, KeyError, TypeError) as error:
            again = "train" if name == "TRAINED" else "build"
            raise ShopError(f"{path} is damaged: delete it and run `vsearch {again}`") from error

    def update_settings(self, **changes: object) -> None:
        """Change some settings, in shop.toml and here.

        Raises:
            ShopError: a value that is not allowed.
        """
        settings = replace(_read_settings(self.path), **changes)  # type: ignore[arg-type]
        if settings != self.settings:
            write_atomically(self.path / "shop.toml", settings.to_toml())
            self.settings = settings

    def taxonomy(self) -> Taxonomy:
        """Return the tree of all categories that hold items."""
        return Taxonomy.of(self.catalogue.category_counts())

    def upsert(
        self,
        items: Iterable[Mapping[str, object]],
        *,
        embedder: "PhotoEmbedder | None" = None,
        folder: Path | None = None,
    ) -> "UpsertReport":
        """Add or change items so that they are found at once; see `indexer.live.upsert`."""
        from indexer.live import upsert  # noqa: PLC0415  it is built on this module

        return upsert(self, items, embedder=embedder, folder=folder)

    def delete(self, item_ids: Collection[str]) -> "DeleteReport":
        """Take items out so that they are found no more; see `indexer.live.delete`."""
        from indexer.live import delete  # noqa: PLC0415  it is built on this module

        return delete(self, item_ids)

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the shop's lock for `what` (such as "build") against other processes and threads.

        Raises:
            BusyError: at once, when it is held already.
        """
        lock = FileLock(self.path / f"{what}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"another {what} is running on {self.path}: wait until it has ended"
            ) from error
        try:
            yield
        finally:
            lock.release()


def _read_settings(path: Path) -> ShopSettings:
    file = path / "shop.toml"
    try:
        return ShopSettings.from_toml(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ShopError(
            f"{path} is no shop (there is no shop.toml): make one with `vsearch init {path}`"
        ) from error
    except (ShopError, UnicodeDecodeError) as error:
        raise ShopError(f"{file}: {error}") from error
