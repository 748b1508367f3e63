"""The trained models of a shop: listed with what they are to it, and promoted."""

import json

import pytest

from indexer.models import models, promote
from indexer.shop import Current, Shop
from indexer.versions import rollback
from tests.indexer.gated_shop import Trained, gated, gated_folder, trained
from tests.indexer.test_candidates import GOOD, NEW, POOR, add_item, new, shuffled
from vsearch.errors import BusyError, ShopError

__all__ = ["gated", "gated_folder", "trained"]


def states(shop: Shop) -> dict[str, str]:
    return {entry.fingerprint: entry.state for entry in models(shop)}


def test_each_model_is_told_with_what_it_is_to_the_shop(trained: Trained) -> None:
    assert states(trained.shop) == {GOOD: "serving"}
    trained.train(new())
    assert states(trained.shop) == {GOOD: "serving", NEW: "candidate"}
    trained.build()
    assert states(trained.shop) == {GOOD: "previous", NEW: "serving"}
    trained.train(shuffled())
    trained.build()
    assert states(trained.shop) == {GOOD: "previous", NEW: "serving", POOR: "refused"}
    rollback(trained.shop)
    assert states(trained.shop) == {GOOD: "serving", NEW: "previous", POOR: "refused"}
    trained.train(new("c" * 16))
    trained.train(new("5" * 16))
    trained.build()
    assert states(trained.shop)["c" * 16] == "unused"


def test_a_model_that_was_never_built_with_can_be_set_aside(trained: Trained) -> None:
    first = trained.shop.current()
    add_item(trained.shop, "late", 900)
    trained.build()
    trained.train(new())
    assert rollback(trained.shop) == first
    assert states(trained.shop) == {GOOD: "serving", NEW: "set aside"}
    assert trained.build().model == GOOD


def test_a_listing_tells_where_a_model_comes_from_and_what_belongs_to_it(trained: Trained) -> None:
    path = trained.shop.models / GOOD / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parent": "9" * 16}))
    first = trained.shop.current().index
    add_item(trained.shop, "late", 900)
    second = trained.build().version
    trained.train(shuffled())
    trained.build()
    entries = {entry.fingerprint: entry for entry in models(trained.shop)}
    good, poor = entries[GOOD], entries[POOR]
    assert (good.parent, good.objective, good.labels, good.label_columns) == (
        "9" * 16,
        "tiny",
        2,
        ("category",),
    )
    assert (good.versions, good.metrics, good.gate) == ((second, first), {"val_top1": 0.9}, None)
    assert (poor.versions, poor.parent) == ((), None)
    document = json.loads(json.dumps(poor.to_json()))
    assert document["gate"]["passed"] is False
    assert document["made"].endswith("+00:00")


def test_a_model_that_cannot_be_read_is_listed_with_its_problem(trained: Trained) -> None:
    trained.train(new())
    (trained.shop.models / NEW / "model.json").write_text("[")
    entry = next(one for one in models(trained.shop) if one.fingerprint == NEW)
    assert entry.problem is not None
    assert "cannot be read" in entry.problem
    assert entry.state == "candidate"


def test_a_promoted_model_serves_and_builds_keep_it(trained: Trained) -> None:
    trained.train(new())
    trained.build()
    done = trained.promote(GOOD)
    assert done.built is not None
    assert done.gate is not None
    assert (done.model, done.was, done.gate.passed) == (GOOD, NEW, True)
    assert trained.shop.current() == Current(GOOD, done.built.version)
    add_item(trained.shop, "late", 900)
    assert trained.build().model == GOOD
    assert trained.promote(NEW[:4]).built is not None
    assert trained.build().model == NEW
    assert trained.shop.current().chosen_over is None


def test_a_poor_model_is_promoted_by_force_alone(trained: Trained) -> None:
    trained.train(shuffled())
    trained.train(new())
    before, answers = trained.shop.current(), trained.answers()
    refused = trained.promote(POOR)
    assert refused.gate is not None
    assert (refused.built, refused.gate.passed) == (None, False)
    assert refused.to_json()["promoted"] is False
    assert (trained.shop.current(), trained.answers()) == (before, answers)
    assert trained.promote(POOR, max_drop=1.0).built is not None
    assert trained.build().model == POOR  # NEW was there when it was chosen
    assert trained.shop.current().chosen_over == NEW


def test_promoting_by_force_asks_nothing(trained: Trained) -> None:
    trained.train(shuffled())
    asked = trained.networks[GOOD].photos
    done = trained.promote(POOR, force=True)
    assert done.built is not None
    assert (done.gate, trained.networks[GOOD].photos) == (None, asked)
    assert trained.build().model == POOR


def test_promoting_what_serves_settles_that_it_stays(trained: Trained) -> None:
    trained.train(new())
    done = trained.promote(GOOD)
    assert done.built is not None
    assert not done.built.published
    assert states(trained.shop) == {GOOD: "serving", NEW: "set aside"}
    assert trained.build().model == GOOD


def test_a_first_model_can_be_promoted(gated: Shop) -> None:
    made = Trained(gated)
    made.train(new())
    assert made.promote(NEW).built is not None
    assert gated.current().model == NEW


@pytest.mark.parametrize(
    ("name", "told"),
    [("0" * 16, "there is no model “0000"), ("", "models begin with"), ("../x", "there is no")],
)
def test_a_model_that_is_not_there_is_told(trained: Trained, name: str, told: str) -> None:
    with pytest.raises(ShopError, match=f"{told}.*vsearch models"):
        promote(trained.shop, name)


def test_a_beginning_that_several_models_have_is_told(trained: Trained) -> None:
    trained.train(new("ab" * 8))
    with pytest.raises(ShopError, match="2 models begin with “a”"):
        trained.promote("a")


def test_no_model_is_promoted_while_a_build_runs(trained: Trained) -> None:
    with trained.shop.lock("build"), pytest.raises(BusyError):
        trained.promote(GOOD)
