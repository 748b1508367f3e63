"""A shop's model learns the labels that its catalogue has got since, from what builds have kept."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import candidates, category_edits, extending
from indexer.build import build
from indexer.evaluate import measure
from indexer.extending import extend_shop
from indexer.gate import GateReport, judge_candidate
from indexer.item_intake import RETIRED_HOW
from indexer.records import ItemRow
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.shots import shots_curve
from indexer.versions import IndexVersion
from tests.indexer.bundled_shop import tiny_bundle
from tests.indexer.tiny_network import TINY, offer_tiny
from tests.indexer.tiny_shop import item_row, painted, photo_row
from vsearch.bundle import Bundle, weights_of
from vsearch.data import Label
from vsearch.embed import Embedder
from vsearch.errors import DataError, ShopError
from vsearch.finetune import finetune
from vsearch.fit_head import HeadConfig
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import OBJECTIVES

OLD = (("Fruit", "Apple"), ("Dairy", "Milk"))
PEAR, LEEK = ("Fruit", "Pear"), ("Vegetables", "Leek")
NAMES = ["Fruit > Pear", "Vegetables > Leek"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


def use(shop: Shop, bundle: Bundle) -> None:
    bundle.save(shop.models)
    shop.set_trained_model(bundle.model_fingerprint)


def old_model() -> Bundle:
    return replace(tiny_bundle(), labels=tuple(Label(" > ".join(path), path) for path in OLD))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A built shop of two labels that the model knows, and ten photos each of two others."""
    (tmp_path / "source").mkdir()
    with Shop.create(tmp_path / "shop") as shop:
        add(shop, {f"old-{i}": (OLD[i % 2], [i]) for i in range(12)})
        use(shop, old_model())
        build(shop)
        add(shop, {f"new-{i}": ((PEAR, LEEK)[i % 2], [100 + i]) for i in range(20)})
        build(shop)
        yield shop


def add(shop: Shop, items: dict[str, tuple[tuple[str, ...], list[int]]]) -> None:
    folder = shop.path.parent / "source"
    shop.catalogue.upsert_items([item_row(folder, name, *own) for name, own in items.items()])


def vectors(shop: Shop) -> NDArray[np.float32]:
    name = shop.current().index
    assert name is not None
    return np.array(IndexVersion.open(shop.indexes / name).vectors)


def test_new_labels_are_learned_without_the_network(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rows = shop.current(), vectors(shop)

    def never(*_: object) -> None:
        raise AssertionError("a photo went through the network")

    with monkeypatch.context() as patch:
        patch.setattr(Embedder, "__call__", never)
        report = extend_shop(shop, max_drop=1.0)
    assert [one.name for one in report.added] == NAMES
    assert (report.embedded, report.parent, report.serving) == (0, before.model, True)
    assert shop.current().model == shop.trained_model() == report.model != before.model
    np.testing.assert_array_equal(vectors(shop), rows)
    model = Bundle.load(shop.models / report.model)
    assert [label.name for label in model.labels] == [" > ".join(path) for path in OLD] + NAMES
    assert model.parent == before.model
    assert model.training["extended"]["labels"] == NAMES
    document = report.to_json()
    assert (document["added"], document["embedded"]) == (NAMES, 0)
    assert document["seconds"] > 0
    assert Searcher.open(shop).search(painted(100)).labels


def test_what_is_known_already_is_not_added_again(shop: Shop) -> None:
    first = extend_shop(shop, max_drop=1.0)
    current = shop.current()
    again = extend_shop(shop, max_drop=1.0)
    assert (again.added, again.problems) == ((), ())
    assert (again.model, again.parent) == (first.model, first.parent)
    assert (again.serving, again.gate, shop.current()) == (True, None, current)


def test_labels_come_later_still(shop: Shop) -> None:
    extend_shop(shop, max_drop=1.0)
    add(shop, {f"soap-{i}": (("Soap",), [200 + i]) for i in range(8)})
    build(shop)
    report = extend_shop(shop, max_drop=1.0)
    assert [one.name for one in report.added] == ["Soap"]
    assert report.embedded == 0
    assert len(Bundle.load(shop.models / report.model).labels) == 5


def test_one_photo_is_enough(shop: Shop) -> None:
    add(shop, {"soap": (("Soap",), [200])})
    build(shop)
    report = extend_shop(shop, max_drop=1.0)
    assert [one.photos for one in report.added if one.name == "Soap"] == [1]


def test_photos_that_no_build_has_embedded_are(shop: Shop) -> None:
    add(shop, {f"soap-{i}": (("Soap",), [200 + i]) for i in range(3)})
    report = extend_shop(shop, max_drop=1.0)
    assert "Soap" in [one.name for one in report.added]
    assert report.embedded == 3


def test_bad_labels_are_named_and_the_rest_goes_on(shop: Shop) -> None:
    add(shop, {"wide": (("Ｆruit", "Pear"), [204])})
    add(shop, {"alike": (("fruit", "PEAR "), [201]), "milk": (("dairy", "milk"), [202])})
    item = shop.catalogue.get("old-0")
    assert item is not None
    bare = ItemRow("bare", "Bare", ("Bare",), ())
    shop.catalogue.upsert_items([bare])
    add(shop, {"soap": (("Soap",), [203])})
    build(shop)
    (shop.path.parent / "source" / "203.png").unlink()
    report = extend_shop(shop, max_drop=1.0)
    assert [one.name for one in report.added] == [
        NAMES[0],
        "Soap",
        NAMES[1],
    ]  # embedded before it went
    told = {one.label: one for one in report.problems if not one.added}
    assert set(told) == {"fruit > PEAR ", "Ｆruit > Pear", "dairy > milk", "Bare"}
    assert "differs from “Fruit > Pear” only in case or spaces" in told["fruit > PEAR "].reason
    assert "differs from “Dairy > Milk”" in told["dairy > milk"].reason
    assert "its only item (bare) has no photo of split train" in told["Bare"].reason
    rare = [one.label for one in report.problems if one.added]
    assert "Soap" in rare


def test_a_category_that_was_retired_is_not_missed(shop: Shop) -> None:
    add(shop, {"soap": (("Soap",), [203])})
    category_edits.retire(shop, "Soap", remove_items=True)
    row = ItemRow("soap", "Soap", ("Soap",), (), reason=RETIRED_HOW)  # as old manifests have it
    shop.catalogue.upsert_items([row])
    assert [item.item_id for item in shop.catalogue.items("rejected")] == ["soap"]
    assert "Soap" not in [one.label for one in extend_shop(shop, max_drop=1.0).problems]


def test_a_label_whose_photos_have_all_gone_is_not_added(shop: Shop) -> None:
    add(shop, {"soap": (("Soap",), [203])})
    (shop.path.parent / "source" / "203.png").unlink()
    report = extend_shop(shop, max_drop=1.0)
    assert [one.name for one in report.added] == NAMES
    (problem,) = [one for one in report.problems if one.label == "Soap"]
    assert not problem.added
    assert "none of its 1 photos can be used" in problem.reason


def test_val_photos_are_not_learned_from(shop: Shop) -> None:
    source = shop.path.parent / "source"
    for name, seed in (("new-0", 300), ("new-1", 301), ("old-0", 302)):
        item = shop.catalogue.get(name)
        assert item is not None
        shop.catalogue.upsert_further(item.key, photo_row(source, seed, split="val"))
        shop.catalogue.upsert_further(item.key, photo_row(source, 50 + seed, split="test"))
    report = extend_shop(shop, max_drop=1.0)
    assert {one.name: one.photos for one in report.added} == dict.fromkeys(NAMES, 10)
    assert report.embedded == 3  # the build before knew of none of them


def test_finetuning_makes_other_embeddings_and_an_index_of_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(finetune, head=HeadConfig(steps=4, batch=8, checks=2))
    monkeypatch.setattr(extending, "finetune", few)
    before = shop.current()
    report = extend_shop(shop, finetuned=True, max_drop=1.0)
    assert report.serving
    assert report.embedded >= 32  # every photo anew
    model, old = (Bundle.load(shop.models / str(name)) for name in (report.model, before.model))
    assert model.embedding_fingerprint != old.embedding_fingerprint
    assert model.parent == before.model
    assert model.vectors == ()
    assert {label.name for label in model.labels} > set(NAMES)
    assert model.training["extended"] == {"labels": NAMES, "finetuned": True}
    assert Searcher.open(shop).search(painted(100)).hits[0].item.item_id == "new-0"


def test_the_curve_of_few_photos(shop: Shop, tmp_path: Path) -> None:
    manifest = tmp_path / "queries.csv"
    rows = [(f"new-{i % 20}", 400 + i) for i in range(12)] + [("old-0", 420), ("old-1", 421)]
    for _, seed in rows:
        photo_row(tmp_path, seed)
    lines = ["item_id,image_path,split", *(f"{item},{seed}.png,test" for item, seed in rows)]
    manifest.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"no label of model .* came by `vsearch extend`"):
        shots_curve(shop, measure(shop, manifest), [1])
    extend_shop(shop, max_drop=1.0)
    evaluation = measure(shop, manifest)
    curve = shots_curve(shop, evaluation, [5, 1, 5], draws=2)
    assert [(one.photos, one.draws) for one in curve] == [(1, 2), (5, 2), (None, 1)]
    assert all(one.late_low <= one.late <= one.late_high for one in curve)
    assert curve[-1].all == pytest.approx(evaluation.report.to_json()["top1"])
    assert curve == shots_curve(shop, evaluation, [1, 5], draws=2)


def test_a_gate_that_refuses_leaves_the_old_model_in_service(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> GateReport:
        return replace(judge_candidate(*args, **options), terms="nothing")

    monkeypatch.setattr(candidates, "judge_candidate", refuse)
    before = shop.current()
    report = extend_shop(shop)
    assert not report.serving
    assert shop.current().model == before.model
    assert shop.trained_model() == report.model  # a candidate


def test_shops_that_cannot_be_extended_are_refused(tmp_path: Path, shop: Shop) -> None:
    with Shop.create(tmp_path / "empty") as empty, pytest.raises(ShopError, match="has no index"):
        extend_shop(empty)
    bundle = replace(old_model(), label_columns=())
    use(shop, bundle)
    build(shop, embedder=Embedder(bundle))
    with pytest.raises(DataError, match="labels of no column: there is nothing to extend"):
        extend_shop(shop)


def test_a_model_of_several_labels_a_photo_learns_further_ones(shop: Shop) -> None:
    source = shop.path.parent / "source"
    colours = ("red", "green", "blue")
    rows = [
        item_row(source, f"c-{i}", OLD[0], [500 + i], attributes={"colour": colours[i % 3]})
        for i in range(30)
    ]
    shop.catalogue.upsert_items(rows)
    objective = OBJECTIVES["multi-label"]
    known = tuple(Label(f"colour: {name}", (), "colour") for name in colours[:2])
    labels = (*known, Label("category: Fruit > Apple", OLD[0]))
    network = abstract_classifier(NetworkSpec(TINY, 8), 3, objective)
    initialise(network, 0)
    calibration = objective.calibrate(np.zeros((0, 3), np.float32), np.zeros((0, 3), bool))
    bundle = Bundle(
        NetworkSpec(TINY, 8),
        weights_of(network),
        labels,
        ("category", "colour"),
        "multi-label",
        calibration,
    )
    use(shop, bundle)
    build(shop, embedder=Embedder(bundle))
    report = extend_shop(shop, max_drop=1.0)
    assert "colour: blue" in [one.name for one in report.added]
    assert report.embedded == 0
    model = Bundle.load(shop.models / report.model)
    assert len(model.calibration["thresholds"]) == len(model.labels)
    assert Searcher.open(shop).search(painted(500)).model == report.model
