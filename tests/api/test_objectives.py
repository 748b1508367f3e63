"""Every kind of classification from a catalogue to figures: train, build, search, evaluate."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.tagging import Tagger, Tags
from indexer.evaluate import evaluate
from indexer.models import promote
from indexer.search import Searcher, SearchResult
from indexer.shop import Shop
from indexer.training import TrainReport, train_shop
from tests.indexer.colour_shop import COLOURS, foreign_rows, make_colour_shop, write_rows
from tests.indexer.tiny_network import TINY, offer_tiny, write_weights
from vsearch.fit_head import HeadConfig
from vsearch.objectives import OBJECTIVES
from vsearch.train import TrainConfig

CASES = {
    "normalised-softmax": ("category",),
    "softmax": ("category",),
    "binary": ("warm",),
    "multi-label": ("category", "colour", "tones"),
    "one-class": ("category",),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        with make_colour_shop(tmp_path_factory.mktemp("colours")) as made:
            write_weights(made.path.parent / "tiny.safetensors")
            write_rows(made.path.parent / "foreign.csv", foreign_rows(made.path.parent))
            yield made


class Trained:
    """One model of the shop, built, and what it says."""

    def __init__(self, shop: Shop, objective: str) -> None:
        folder = shop.path.parent
        self.shop, self.folder = shop, folder
        config = TrainConfig(
            backbone=TINY,
            weights=str(folder / "tiny.safetensors"),
            objective=objective,
            dim=16,
            trained="head",
            renderings=2,
            head=HeadConfig(steps=60, batch=32),
        )
        self.report: TrainReport = train_shop(shop, config, labels=CASES[objective])
        # Models of other kinds cannot be compared with the one before.
        promote(shop, self.report.model, force=True)
        self.searcher = Searcher.open(shop)

    def search(self, name: str) -> SearchResult:
        return self.searcher.search((self.folder / name).read_bytes(), top_k=6)

    def tags(self, name: str) -> Tags:
        (tags,) = Tagger.open(self.shop)([self.folder / name])
        return tags

    def figures(self, manifest: str = "photos.csv") -> dict[str, Any]:
        queries = self.folder / manifest
        return evaluate(self.shop, queries, embedder=self.searcher.embedder).to_json()


@pytest.fixture(scope="module", params=list(CASES))
def trained(shop: Shop, request: pytest.FixtureRequest) -> Trained:
    return Trained(shop, request.param)


def test_all_kinds_are_tried() -> None:
    assert set(CASES) == set(OBJECTIVES)


def test_it_is_trained_built_searched_and_measured(trained: Trained) -> None:
    report = trained.report
    document = report.to_json()
    kind = OBJECTIVES[report.objective]
    assert document["objective"] == report.objective
    assert document["photos"] == {"train": 30, "val": 24}
    assert document["labels"] == len(trained.searcher.embedder.bundle.labels)
    result = trained.search("test/Red-0-0.png")
    assert result.hits[0].item.category == ("Paint", "Red")
    assert result.unknown is False
    assert result.unknown_score is not None
    assert result.unknown_score < 0.5
    given = [label.name for label in result.labels if label.assigned]
    assert len(given) == 1 or not kind.exclusive
    figures = trained.figures()
    assert (figures["queries"], figures["objective"]) == (6, report.objective)
    assert figures["recall@5"] == 1.0
    assert figures["map@r"] > 0.8
    assert {"top1", "top5", "ece", "per_label"} <= figures.keys()


def test_probabilities_add_up_over_every_level(trained: Trained) -> None:
    result = trained.search("test/Green-2-0.png")
    told = {one.path: one.probability for one in result.categories}
    if trained.report.label_columns[:1] != ("category",):
        # A yes or a no stands for all categories that its items are in, one-class for none.
        assert not {path for path in told if len(path) > 2}
        return
    assert told["Paint",] == pytest.approx(1, abs=1e-5)
    assert sum(told["Paint", colour] for colour in COLOURS) == pytest.approx(1, abs=1e-5)
    assert max(COLOURS, key=lambda colour: told["Paint", colour]) == "Green"


def test_classify_says_what_search_says(trained: Trained) -> None:
    tags, result = trained.tags("test/Blue-4-0.png"), trained.search("test/Blue-4-0.png")
    assert [(one.name, one.assigned) for one in tags.shown.labels] == [
        (one.name, one.assigned) for one in result.labels
    ]
    assert tags.shown.unknown == result.unknown
    if trained.report.objective == "multi-label":  # so few val photos allow for one too many
        told = {"category: Paint > Blue", "colour: Blue", "tones: cold", "tones: strong"}
        assert told <= set(tags.label.split(" | "))
        assert tags.category == "Paint > Blue"
    else:
        told_of = {"binary": "no", "one-class": "sold here"}
        assert tags.label == told_of.get(trained.report.objective, "Paint > Blue")


def test_the_figures_are_those_of_the_kind(trained: Trained) -> None:
    figures = trained.figures()
    match trained.report.objective:
        case "binary":
            assert (figures["positive"], figures["top1"]) == ("yes", 1.0)
            assert (figures["auroc"], figures["f1"]) == (1.0, 1.0)
        case "multi-label":
            assert figures["map"] > 0.9
            assert figures["by_column"]["colour"] == 1.0
            assert set(figures["by_column"]) == set(CASES["multi-label"])
            assert figures["category_top1"] == 1.0
        case "one-class":
            assert (figures["own"], figures["foreign"]) == (6, 0)
            assert figures["auroc"] is None
            assert figures["false_alarm"] < 0.5
        case _:
            assert figures["top1"] == 1.0


def test_photos_of_what_is_not_sold_are_told_apart(shop: Shop) -> None:
    trained = Trained(shop, "one-class")
    assert trained.report.label_columns == ()
    rows = [{"image_path": f"test/{c}-{2 * i}-0.png", "category": f"Paint > {c}", "split": "test"}
            for i, c in enumerate(COLOURS)]  # fmt: skip
    write_rows(trained.folder / "mixed.csv", [*rows, *foreign_rows(trained.folder)])
    figures = trained.figures("mixed.csv")
    assert (figures["queries"], figures["own"], figures["foreign"]) == (7, 3, 4)
    assert (figures["auroc"], figures["reject_rate"]) == (1.0, 1.0)
    assert figures["recall@1"] == 1.0  # of the three own ones
    result = trained.search("foreign/0.png")
    assert result.unknown is True
    assert result.categories == ()
    assert not result.labels[0].assigned
    assert trained.tags("foreign/0.png").label == "sold here"
