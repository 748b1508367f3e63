"""The whole way on one catalogue: import, train, build, evaluate, search; what the demo shows.

A second walk in the same folder uses again what the first one finished.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from api.cli.gate import verdict
from api.loading import open_warm
from api.report import reasons, write_report
from api.sheet import contact_sheet
from indexer.build import build
from indexer.evaluate import Evaluation, measure
from indexer.importing import ImportReport, import_manifest
from indexer.manifest import read_queries
from indexer.search import SearchResult
from indexer.shop import Shop, Views
from indexer.training import train_shop
from indexer.training_data import training_of
from vsearch.bundle import Bundle
from vsearch.errors import BundleError, ShopError
from vsearch.explain import Explainer
from vsearch.images import read_photo
from vsearch.progress import Progress, silent
from vsearch.train import TrainConfig, photo_set

T = TypeVar("T")
QUICK = TrainConfig(trained="head")


@dataclass(frozen=True)
class Given:
    """What a walk starts from.

    Attributes:
        catalogue: the manifest of the items.
        photos: manifests of further labelled photos.
        queries: the manifest of held-out photos; None: nothing is measured.
        labels: where the labels come from: category, item_id or attributes.
        views: which photos are indexed.
        config: what is trained and how; None: the head alone, which is quick, or as the model
            before was trained.
    """

    catalogue: Path
    photos: tuple[Path, ...] = ()
    queries: Path | None = None
    labels: tuple[str, ...] = ("category",)
    views: Views = "catalogue"
    config: TrainConfig | None = None


@dataclass(frozen=True)
class Step:
    """One step: what was done, what came of it, and the seconds it took."""

    name: str
    outcome: str
    seconds: float


@dataclass(frozen=True)
class Found:
    """The one search of a walk: the photo, what was found, and the contact sheet of it."""

    photo: Path
    result: SearchResult
    sheet: Path


class Walk:
    """Goes the way step by step and remembers what came of each.

    Attributes:
        steps: what was done so far.
        figures: what `evaluate` measured; None before it or without queries.
        report: the page that shows it, None likewise.
    """

    def __init__(self, shop: Shop, given: Given, progress: Progress = silent) -> None:
        self.steps: list[Step] = []
        self.figures: dict[str, Any] | None = None
        self.report: Path | None = None
        self._shop, self._given, self._progress = shop, given, progress

    def go(self, sheet: Path) -> Found:
        """Go the whole way and draw the contact sheet of one search.

        Raises:
            VsearchError: a step failed; what the steps before it made stays.
        """
        imported = self.take("import", self._import, _imported)
        self.take("train", lambda: self._train(imported), str)
        self.take("build", self._build, str)
        if self._given.queries:
            evaluation = self.take("evaluate", self._evaluate, _measured)
            self.take("report", lambda: self._report(evaluation, sheet.parent), str)
        return self.take("search", lambda: self._search(sheet), _found)

    def take(self, name: str, do: Callable[[], T], tell: Callable[[T], str]) -> T:
        """Do one step, and remember what came of it and how long it took."""
        started = time.perf_counter()
        outcome = do()
        self.steps.append(Step(name, tell(outcome), time.perf_counter() - started))
        return outcome

    def _import(self) -> ImportReport:
        given = self._given
        return import_manifest(
            self._shop, given.catalogue, photos=given.photos, progress=self._progress
        )

    def _train(self, imported: ImportReport) -> str:
        nothing_new = not (imported.added or imported.changed or imported.photos_added)
        if nothing_new and (model := self._trained()):
            return f"model {model} from the walk before"
        report = train_shop(
            self._shop,
            self._given.config or QUICK,
            labels=self._given.labels,
            progress=self._progress,
        )
        photos = f"{report.train_photos:,} photos"
        return f"{report.labels:,} labels from {photos}: model {report.model}"

    def _trained(self) -> str | None:
        """Return the newest model, if it was trained on what the shop holds now."""
        model = self._shop.trained_model()
        if model is None:
            return None
        try:
            bundle = Bundle.load(self._shop.models / model)
        except BundleError:
            return None
        given = self._given
        data, config = training_of(self._shop, given.config or QUICK, given.labels)
        wanted = (data.label_columns, data.labels, photo_set(data))
        if (bundle.label_columns, bundle.labels, bundle.training.get("photo_set")) != wanted:
            return None
        asked = given.config and json.loads(json.dumps(asdict(config)))
        return model if asked in (None, bundle.training.get("config")) else None

    def _build(self) -> str:
        report = build(self._shop, views=self._given.views, progress=self._progress)
        refused = f"; {verdict(report.gate)}" if report.gate and report.refused else ""
        return (
            f"{report.embedded:,} photos embedded, {report.photos_reused:,} reused; "
            f"{report.indexed:,} items in {report.version}{refused}"
        )

    def _report(self, evaluation: Evaluation, folder: Path) -> str:
        """Write the evaluation as a page beside the contact sheet."""
        self.report = folder / "report.html"
        explainer = Explainer.load(self._shop.models / evaluation.report.model)
        why = reasons(evaluation, explainer)
        write_report(self.report, evaluation, explanations=why, progress=self._progress)
        return str(self.report)

    def _evaluate(self) -> Evaluation:
        assert self._given.queries is not None  # or this step is not taken
        evaluation = measure(self._shop, self._given.queries, progress=self._progress)
        self.figures = evaluation.report.to_json()
        return evaluation

    def _search(self, sheet: Path) -> Found:
        photo = self._photo()
        data = read_photo(photo, max_bytes=self._shop.settings.max_bytes)
        result = open_warm(self._shop).search(data, top_k=10)
        contact_sheet(self._shop, data, result).save(sheet)
        return Found(photo, result, sheet)

    def _photo(self) -> Path:
        """Return the middle one of the held-out photos; without any, the first catalogue photo."""
        if self._given.queries:
            queries, _ = read_queries(self._shop, self._given.queries)
            if queries:
                return queries[len(queries) // 2].path
        for _, photo in self._shop.catalogue.photos(role="catalogue"):
            return photo.path
        raise ShopError("the catalogue holds no item with a photo that can be used")


def _imported(report: ImportReport) -> str:
    known = report.unchanged
    return (
        f"{report.added:,} items added, {report.changed:,} changed, {known:,} known; "
        f"{report.photos_added:,} photos added, {report.rejected:,} rejected"
    )


def _measured(evaluation: Evaluation) -> str:
    return f"{evaluation.report.queries:,} held-out photos"


def _found(found: Found) -> str:
    first = found.result.hits[0].item.title if found.result.hits else "nothing"
    return f"{found.photo.name}: {first}, in {found.result.timings['total']:.0f} ms once loaded"


def open_or_create(path: Path, name: str) -> Shop:
    """Open the shop in a folder, or make an empty one there."""
    return Shop.open(path) if (path / "shop.toml").exists() else Shop.create(path, name=name)
