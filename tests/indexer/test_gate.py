"""The gate: what is compared, and what refuses a candidate."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from indexer.gate import MAX_DROP, GateReport, judge_candidate
from indexer.gate_figures import Change, Changes
from indexer.shop import Shop
from tests.indexer.gated_shop import (
    APPLE,
    LABELS,
    MILK,
    PEAR,
    VAL,
    Knowing,
    gated,
    gated_folder,
    truth,
    wrong_about,
)
from tests.indexer.tiny_shop import OWN_OR_FOREIGN, SEVERAL, TinyKind, add_further, make_shop
from vsearch.data import Label
from vsearch.paired import chance_of_losing

__all__ = ["gated", "gated_folder"]

MILKS, APPLES = VAL[1::2], VAL[::2]
WORSE = "b" * 16


def judged(
    shop: Shop, wrong: Sequence[int], *, before: Sequence[int] = (), max_drop: float = MAX_DROP
) -> GateReport:
    """Compare a model that is wrong about some photos with one that is wrong about others."""
    standing, candidate = Knowing(wrong_about(before)), Knowing(wrong_about(wrong), WORSE)
    return judge_candidate(shop, candidate, standing, max_drop=max_drop)


def test_a_candidate_that_is_as_good_passes(gated: Shop) -> None:
    report = judged(gated, [])
    assert report.passed
    assert (report.candidate, report.standing, report.terms) == (WORSE, "a" * 16, "labels")
    assert (report.photos, report.judged) == (60, 2)
    assert [(one.label, one.photos, one.drop) for one in report.changes.labels] == [
        ("Dairy > Milk", 30, 0.0),
        ("Fruit > Apple", 30, 0.0),
    ]
    assert "neither all 60 held-out photos" in report.reason


def test_only_held_out_photos_are_asked_about_each_once(gated: Shop) -> None:
    standing, candidate = Knowing(truth()), Knowing(truth(), WORSE)
    judge_candidate(gated, candidate, standing)
    assert (standing.photos, candidate.photos) == (60, 60)  # no train photo and no test photo


def test_one_label_that_drops_refuses_although_all_photos_are_better(gated: Shop) -> None:
    report = judged(gated, APPLES[:6], before=MILKS[:10])
    assert not report.passed
    assert report.changes.overall is not None
    assert report.changes.overall.drop < 0
    (refusal,) = report.refusals
    assert (refusal.label, refusal.photos, refusal.before) == ("Fruit > Apple", 30, 1.0)
    assert refusal.after == pytest.approx(0.8)
    assert refusal.chance == 1 / 64
    assert "“Fruit > Apple” (100.0 % → 80.0 %)" in report.reason
    assert judged(gated, APPLES[:6], before=MILKS[:10], max_drop=0.2).passed


def test_what_chance_brings_is_told_and_refuses_nothing(gated: Shop) -> None:
    report = judged(gated, APPLES[:4])
    assert report.passed
    (unsure,) = report.unsure
    assert (unsure.label, unsure.chance) == ("Fruit > Apple", 1 / 16)
    assert not judged(gated, APPLES[:5]).passed
    # Ten others are lost, and eight are won that the model in service was wrong about.
    assert judged(gated, APPLES[:10], before=APPLES[10:18]).passed


def changes(*lost_and_gained: tuple[int, int], photos: int = 40) -> Changes:
    """Return the changes of labels of which so many photos are lost and gained."""
    labels = tuple(
        Change(
            f"label {number}",
            photos,
            1.0,
            1.0 - (lost - gained) / photos,
            chance_of_losing(lost, gained),
            chance_of_losing(lost + gained, 0),
        )
        for number, (lost, gained) in enumerate(lost_and_gained)
    )
    return Changes(None, labels)


def test_the_more_labels_may_look_worse_by_chance_the_less_often_each_may() -> None:
    assert changes((5, 0)).level == 0.05
    # Labels whose photos both models take for the same take nothing from the others.
    assert changes((5, 0), *[(0, 0)] * 100, *[(2, 2)] * 100).level == 0.05
    assert changes(*[(6, 0)] * 3).level == pytest.approx(0.05 / 3)
    assert changes(*[(5, 5)] * 50).level == pytest.approx(0.001)
    assert changes().level == 0.05
    crowded = changes((6, 0), *[(10, 10)] * 99)
    assert not crowded.labels[0].refuses(0.02, crowded.level)
    assert crowded.labels[0].refuses(0.02)


def test_two_models_of_which_none_is_better_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):  # 100 labels of 30 photos, of which each model alone is right about 2
        lost = rng.binomial(30, 0.05, 100)
        gained = rng.binomial(30 - lost, 0.05 / 0.95)
        found = changes(*zip(lost.tolist(), gained.tolist(), strict=True), photos=30)
        refused += any(one.refuses(0.02, found.level) for one in found.labels)
    # Measured: 5 of 300; where each label is judged as if it were the only one, 114.
    assert refused <= 15


def test_small_drops_of_many_labels_refuse_together(gated: Shop) -> None:
    report = judged(gated, [*APPLES[:4], *MILKS[:4]])
    (refusal,) = report.refusals
    assert (refusal.label, refusal.photos) == (None, 60)
    assert "all photos (100.0 % → 86.7 %)" in report.reason


def test_labels_of_too_few_photos_are_not_judged_by_themselves(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with make_shop(tmp_path_factory.mktemp("rare"), {"a": (APPLE, [0]), "b": (MILK, [1])}) as shop:
        for seed in VAL[:8]:
            add_further(shop, "ab"[seed % 2], seed, "val")
        assert judged(shop, APPLES[:4]).passed
        assert judged(shop, APPLES[:4]).judged == 0
        assert not judged(shop, [*APPLES[:4], *MILKS[:1]]).passed  # five of all


def test_a_new_label_that_takes_from_an_old_one_is_noticed(gated: Shop) -> None:
    labels = (*LABELS, Label("Fruit > Pear", PEAR))
    says = truth() | dict.fromkeys(APPLES[:7], "Fruit > Pear")
    report = judge_candidate(gated, Knowing(says, WORSE, labels=labels), Knowing(truth()))
    assert report.new == ("Fruit > Pear",)
    assert [one.label for one in report.refusals] == [None, "Fruit > Apple"]


def test_a_label_that_the_candidate_lacks_is_lost(gated: Shop) -> None:
    says = dict.fromkeys(VAL, "Dairy > Milk")
    report = judge_candidate(gated, Knowing(says, WORSE, labels=LABELS[:1]), Knowing(truth()))
    assert [(one.label, one.after) for one in report.refusals] == [
        (None, 0.5),
        ("Fruit > Apple", 0.0),
    ]


def test_photos_of_labels_that_only_the_candidate_knows_do_not_count(gated: Shop) -> None:
    standing = Knowing(truth(MILKS), labels=LABELS[:1])
    report = judge_candidate(gated, Knowing(truth(), WORSE), standing)
    assert report.passed
    assert [one.label for one in report.changes.labels] == ["Dairy > Milk"]
    assert report.changes.overall is not None
    assert report.changes.overall.photos == 30
    assert "neither all 30 held-out photos" in report.reason


def test_several_labels_are_compared_by_their_precision(gated: Shop) -> None:
    def model(says: dict[int, str], name: str) -> Knowing:
        return Knowing(says, name, objective=SEVERAL)

    same = judge_candidate(gated, model(truth(), WORSE), model(truth(), "a" * 16))
    assert (same.terms, same.passed) == ("precisions", True)
    worse = judge_candidate(gated, model(wrong_about(APPLES[:9]), WORSE), model(truth(), "a" * 16))
    assert {one.label for one in worse.refusals} == {None, "Dairy > Milk", "Fruit > Apple"}
    assert "average precision" in worse.reason


def test_a_model_of_one_class_must_not_turn_more_away(gated: Shop) -> None:
    def model(own: Sequence[int], name: str) -> Knowing:
        labels = [Label("sold here", (), "")]
        says = dict.fromkeys(own, "sold here")
        return Knowing(says, name, labels=labels, columns=(), objective=OWN_OR_FOREIGN)

    report = judge_candidate(gated, model(VAL[6:], WORSE), model(VAL, "a" * 16))
    assert (report.terms, report.photos, report.passed) == ("own kind", 60, False)
    assert judge_candidate(gated, model(VAL[4:], WORSE), model(VAL, "a" * 16)).passed


def test_labels_of_other_columns_are_compared_by_category(gated: Shop) -> None:
    labels = [Label(f"item-{i}", (APPLE, MILK)[i % 2], "item_id") for i in range(6)]
    says = {seed: f"item-{seed % 2}" for seed in VAL}
    items = Knowing(says, WORSE, labels=labels, columns=("item_id",))
    report = judge_candidate(gated, items, Knowing(truth()))
    assert (report.terms, report.photos, report.passed) == ("categories", 60, True)
    assert [one.after for one in report.changes.labels] == [1.0, 1.0]
    swapped = Knowing(
        {seed: f"item-{1 - seed % 2}" for seed in VAL}, WORSE, labels=labels, columns=("item_id",)
    )
    assert not judge_candidate(gated, swapped, Knowing(truth())).passed


@pytest.mark.parametrize("objective", [None, SEVERAL, OWN_OR_FOREIGN])
def test_what_cannot_be_compared_needs_a_person(gated: Shop, objective: TinyKind | None) -> None:
    labels = [Label("red", (), "colour")]
    colours = Knowing({}, WORSE, labels=labels, columns=("colour",), objective=objective)
    report = judge_candidate(gated, colours, Knowing(truth()))
    assert (report.passed, report.photos, colours.photos) == (False, 0, 0)
    assert f"vsearch promote SHOP {WORSE} --force" in report.reason


def test_a_first_model_passes(gated: Shop) -> None:
    report = judge_candidate(gated, Knowing(truth()), None)
    assert (report.passed, report.standing) == (True, None)
    assert "no model in service" in report.reason


def test_without_held_out_photos_nothing_tells_a_candidate_worse(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with make_shop(tmp_path_factory.mktemp("bare"), {"a": (APPLE, [0]), "b": (MILK, [1])}) as shop:
        report = judged(shop, VAL)
        assert (report.passed, report.photos) == (True, 0)
        assert "no held-out photo" in report.reason


def test_a_shop_without_val_photos_is_judged_on_the_tenth_that_is_held_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    seeds = range(1000, 1160)
    items = {"apples": (APPLE, seeds[::2]), "milks": (MILK, seeds[1::2])}
    with make_shop(tmp_path_factory.mktemp("tenth"), items) as shop:
        standing, candidate = Knowing(truth(seeds)), Knowing({}, WORSE)
        report = judge_candidate(shop, candidate, standing)
        assert 5 <= report.photos == standing.photos <= 40
        assert not report.passed


def test_a_photo_that_cannot_be_read_is_left_out(gated: Shop) -> None:
    photo = add_further(gated, "item-0", 900, "val")
    assert judged(gated, []).photos == 61
    photo.path.unlink()
    assert judged(gated, []).photos == 60


def test_a_report_is_the_same_after_a_journey_through_json(gated: Shop) -> None:
    for report in (judged(gated, APPLES[:6]), judge_candidate(gated, Knowing(truth()), None)):
        document = json.loads(json.dumps(report.to_json()))
        assert GateReport.from_json(document) == report
        assert document["passed"] == report.passed
