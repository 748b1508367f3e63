"""Which model a build is made with: a new one that passes, else the one in service."""

import pytest

from indexer.build import build
from indexer.gate_record import RECORD
from indexer.shop import Current, Shop
from indexer.versions import rollback, versions
from tests.indexer.gated_shop import (
    APPLE,
    VAL,
    Knowing,
    Trained,
    gated,
    gated_folder,
    trained,
    truth,
    wrong_about,
)
from tests.indexer.tiny_shop import add_further, item_row
from vsearch.errors import BundleError, ShopError

__all__ = ["gated", "gated_folder", "trained"]

GOOD, NEW, POOR = "a" * 16, "b" * 16, "d" * 16
OTHER = "f" * 16  # another embedding


def new(name: str = NEW) -> Knowing:
    return Knowing(truth(), name, embedding=OTHER)


def shuffled(name: str = POOR) -> Knowing:
    """Return a model whose labels are exchanged."""
    return Knowing(wrong_about(VAL), name, embedding=OTHER)


def add_item(shop: Shop, item_id: str, seed: int) -> None:
    shop.catalogue.upsert_items([item_row(shop.path.parent / "source", item_id, APPLE, [seed])])


def test_a_new_model_that_passes_serves_with_its_index_from_the_build_on(trained: Trained) -> None:
    before = trained.shop.current()
    trained.train(new())
    assert trained.shop.current() == before  # nothing has changed yet
    report = trained.build()
    assert report.gate is not None
    assert (report.gate.passed, report.judged, report.refused) == (True, True, False)
    assert trained.shop.current() == Current(NEW, report.version)
    assert (report.model, report.embedded, report.published) == (NEW, 12, True)
    assert {one[2:] for one in trained.answers()} == {(NEW, report.version)}  # type: ignore[index]


def test_a_refused_model_leaves_the_service_as_it_was(trained: Trained) -> None:
    before = trained.answers()
    trained.train(shuffled())
    report = trained.build()
    assert (report.refused, report.judged, report.published) == (True, True, False)
    assert (report.model, report.embedded) == (GOOD, 0)
    assert trained.answers() == before
    assert report.to_json()["gate"]["passed"] is False  # type: ignore[index]
    assert trained.shop.trained_model() == POOR


def test_what_is_new_in_the_catalogue_is_indexed_with_the_model_that_stays(
    trained: Trained,
) -> None:
    trained.train(shuffled())
    add_item(trained.shop, "late", 900)
    report = trained.build()
    assert (report.refused, report.published, report.embedded, report.indexed) == (True, True, 1, 7)
    assert trained.shop.current() == Current(GOOD, report.version)


def test_a_refused_model_is_not_judged_by_each_build(trained: Trained) -> None:
    trained.train(shuffled())
    first = trained.build()
    asked = trained.networks[POOR].photos
    second = trained.build()
    assert (second.refused, second.judged, second.gate) == (True, False, first.gate)
    assert trained.networks[POOR].photos == asked
    # Another limit is judged from what is known.
    assert trained.build(max_drop=1.0).model == POOR
    assert trained.networks[POOR].photos == asked + 72  # for index and judge


def test_other_held_out_photos_are_a_reason_to_judge_again(trained: Trained) -> None:
    trained.train(shuffled())
    trained.build()
    add_further(trained.shop, "item-1", 901, "val")
    report = trained.build()
    assert report.judged
    assert report.gate is not None
    assert report.gate.photos == 61


def test_a_damaged_record_is_made_again(trained: Trained) -> None:
    trained.train(shuffled())
    trained.build()
    (trained.shop.models / POOR / RECORD).write_text("{")
    assert trained.build().judged
    assert not list(trained.shop.path.glob(".*.tmp"))


def test_a_refused_model_is_judged_again_beside_another_one_in_service(trained: Trained) -> None:
    trained.train(shuffled())
    trained.build()
    trained.train(Knowing(wrong_about(VAL), "c" * 16))
    trained.promote("c" * 16, force=True)
    trained.train(trained.networks[POOR])
    report = trained.build()
    assert (report.judged, report.model) == (True, POOR)  # as poor as what serves


def test_a_model_in_service_that_is_damaged_holds_no_other_up(trained: Trained) -> None:
    trained.train(shuffled())
    (trained.shop.models / GOOD / "model.json").unlink()
    report = trained.build()
    assert (report.model, report.gate) == (POOR, None)


@pytest.mark.parametrize("text", [None, "{"])
def test_without_knowing_what_serves_a_poor_model_is_refused_all_the_same(
    trained: Trained, text: str | None
) -> None:
    before = trained.shop.current()
    trained.train(shuffled())
    (trained.shop.path / "CURRENT").unlink()
    if text is not None:
        (trained.shop.path / "CURRENT").write_text(text)
    report = trained.build()
    assert (report.model, report.refused) == (before.model, True)
    assert trained.shop.current().model == before.model


def test_a_new_model_that_is_damaged_is_told(trained: Trained) -> None:
    trained.train(new())
    (trained.shop.models / NEW / "model.json").unlink()
    with pytest.raises(BundleError, match="damaged"):
        trained.build()


def test_a_shop_without_a_model_is_told_to_train(gated: Shop) -> None:
    with pytest.raises(ShopError, match="vsearch train"):
        Trained(gated).build()


def test_builds_keep_what_a_person_has_gone_back_to(trained: Trained) -> None:
    first = trained.shop.current()
    trained.train(new())
    trained.build()
    assert rollback(trained.shop) == first
    add_item(trained.shop, "late", 900)
    kept = trained.build()
    assert (kept.model, kept.gate, kept.indexed) == (GOOD, None, 7)
    add_item(trained.shop, "later", 901)
    assert trained.build().model == GOOD
    # Going back once more leads to what served before, not to what was left.
    assert rollback(trained.shop) == Current(GOOD, kept.version)
    trained.train(new("c" * 16))
    assert trained.build().model == "c" * 16
    assert trained.build().model == "c" * 16


def test_the_model_before_can_be_gone_back_to_however_often_the_index_was_built(
    trained: Trained,
) -> None:
    first = trained.shop.current()
    trained.train(new())
    for seed in range(900, 906):
        add_item(trained.shop, f"late-{seed}", seed)
        assert trained.build().model == NEW
    kept = [entry.name for entry in versions(trained.shop)]
    assert (len(kept), kept[-1]) == (4, first.index)
    assert rollback(trained.shop, first.index) == first


def test_a_build_with_the_model_that_serves_keeps_the_choice_too(trained: Trained) -> None:
    trained.train(new())
    trained.build()
    rollback(trained.shop)
    add_item(trained.shop, "late", 900)
    build(trained.shop, embedder=trained.networks[GOOD])
    assert trained.shop.current().chosen_over == NEW
    assert trained.build().model == GOOD


def test_a_pair_that_an_older_program_published_is_understood(trained: Trained) -> None:
    current = trained.shop.current()
    text = f'{{"model": "{current.model}", "index": "{current.index}"}}'
    (trained.shop.path / "CURRENT").write_text(text)
    assert trained.shop.current() == current
    assert trained.build().model == GOOD
