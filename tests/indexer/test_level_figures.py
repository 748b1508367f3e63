"""How honest probabilities are, at labels and levels, against plain loops over the definitions."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.level_figures import LevelFigures, level_figures
from indexer.truths import Truth
from tests.indexer.tiny_shop import OWN_OR_FOREIGN, SEVERAL, TinyEmbedder, TinyKind
from vsearch.data import Label
from vsearch.metrics import CALIBRATION_BINS, CalibrationBin
from vsearch.taxonomy import CategoryPath

GALA, FUJI = ("Food", "Fruit", "Apple"), ("Food", "Fruit", "Apple")
PEAR, MILK, PAN = ("Food", "Fruit", "Pear"), ("Food", "Dairy"), ("Home", "Pan")
ITEMS = {"gala": GALA, "fuji": FUJI, "pear": PEAR, "milk": MILK, "pan": PAN}
LABELS = tuple(Label(item, path, "item_id") for item, path in ITEMS.items())


def answers_of(embedder: TinyEmbedder, queries: int, seed: int = 0) -> Answers:
    """Return the answers to photos that nobody has taken."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(0, 1, (queries, embedder.dim)).astype(np.float32)
    logits = (2 * embeddings @ embedder._classes).astype(np.float32)
    told = embedder._told(embeddings, logits)
    return Answers.of([[]] * queries, [told], [None])


def truths_of(queries: int, seed: int = 1) -> list[Truth]:
    drawn = np.random.default_rng(seed).choice(sorted(ITEMS), queries).tolist()
    return [Truth(item, ITEMS[item], {"item_id": (item,)}) for item in drawn]


def bins_of(sure: Sequence[float], right: Sequence[bool]) -> list[CalibrationBin]:
    found = []
    for number in range(CALIBRATION_BINS):
        low, high = number / CALIBRATION_BINS, (number + 1) / CALIBRATION_BINS
        inside = [i for i, told in enumerate(sure) if low < told <= high]
        if inside:
            told = sum(sure[i] for i in inside) / len(inside)
            share = sum(right[i] for i in inside) / len(inside)
            found.append(CalibrationBin(low, high, len(inside), told, share))
    return found


def error_of(bins: Sequence[CalibrationBin]) -> float:
    total = sum(one.queries for one in bins)
    return sum(one.queries / total * abs(one.confidence - one.accuracy) for one in bins)


def check(
    level: LevelFigures,
    classes: Sequence[object],
    of_label: Sequence[object],
    truth: Sequence[object],
    told: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Compare a level with sums over the labels of each class, calibrated and not."""
    found = []
    for shares in told:
        sure, right = [], []
        for row, own in zip(shares.tolist(), truth, strict=True):
            sums = dict.fromkeys(classes, 0.0)
            for share, name in zip(row, of_label, strict=True):
                sums[name] += share
            best = max(sums, key=lambda name: sums[name])
            sure.append(min(sums[best], 1.0))
            right.append(best == own)
        found.append((bins_of(sure, right), sum(right) / len(right)))
    assert level.classes == len(classes)
    assert level.queries == len(truth)
    assert level.top1 == pytest.approx(found[0][1])
    for bins, expected in (
        (level.bins, found[0][0]),
        (level.bins_uncalibrated, found[1][0]),
    ):
        assert [(one.low, one.queries) for one in bins] == [(o.low, o.queries) for o in expected]
        assert [one.confidence for one in bins] == pytest.approx([o.confidence for o in expected])
        assert [one.accuracy for one in bins] == pytest.approx([o.accuracy for o in expected])
    assert level.ece == pytest.approx(error_of(found[0][0]))
    assert level.ece_uncalibrated == pytest.approx(error_of(found[1][0]))
    assert level.ece != pytest.approx(level.ece_uncalibrated)


def test_the_levels_of_a_model_of_items() -> None:
    embedder = TinyEmbedder(LABELS, ("item_id",))
    answers, known = answers_of(embedder, 200), truths_of(200)
    levels = level_figures(embedder, known, answers)
    # Of level 3, milk and pan have none of their own: they are themselves there.
    assert [(one.level, one.classes) for one in levels] == [
        ("label", 5),
        ("level 1", 2),
        ("level 2", 3),
        ("level 3", 4),
    ]
    raw = embedder.uncalibrated(answers.logits)
    names = [label.name for label in LABELS]
    probabilities = (answers.probabilities, raw[0])
    check(levels[0], names, names, [one.item_id for one in known], probabilities)
    for depth in (1, 2, 3):
        own = [label.path[:depth] for label in LABELS]
        truth = [(one.category or ())[:depth] for one in known]
        check(levels[depth], sorted(set(own)), own, truth, (answers.shares, raw[1]))


CATEGORIES = (Label("apple", GALA), Label("pear", PEAR), Label("milk", MILK), Label("pan", PAN))


def names_of(levels: Sequence[LevelFigures]) -> list[tuple[str, int, int]]:
    return [(one.level, one.classes, one.queries) for one in levels]


def test_a_level_that_is_the_labels_or_the_level_above_is_left_out() -> None:
    embedder = TinyEmbedder(CATEGORIES)
    known = [Truth(None, path, {"category": (name,)}) for name, path in _rows()]
    levels = level_figures(embedder, known, answers_of(embedder, len(known)))
    assert names_of(levels) == [("label", 4, 4), ("level 1", 2, 4), ("level 2", 3, 4)]
    alone = TinyEmbedder([Label("apple", ("Fruit", "Apple")), Label("pear", ("Fruit", "Pear"))])
    levels = level_figures(alone, known, answers_of(alone, len(known)))
    assert names_of(levels) == [("label", 2, 4)]  # all is fruit, and the kinds are the labels


def _rows() -> list[tuple[str, CategoryPath]]:
    return [(label.name, label.path) for label in CATEGORIES]


@pytest.mark.parametrize("objective", [SEVERAL, TinyKind()])
def test_a_level_that_is_the_labels_is_told_where_no_label_was_measured(
    objective: TinyKind,
) -> None:
    embedder = TinyEmbedder(CATEGORIES, objective=objective)
    names = {} if objective.exclusive else {"category": ("apple",)}
    known = [Truth(None, path, names) for _, path in _rows()]
    levels = level_figures(embedder, known, answers_of(embedder, len(known)))
    assert names_of(levels) == [("level 1", 2, 4), ("level 2", 3, 4), ("level 3", 4, 4)]


def test_labels_without_a_place_in_the_tree_take_no_part_in_its_levels() -> None:
    labels = (*CATEGORIES, Label("red", (), "colour"), Label("blue", (), "colour"))
    embedder = TinyEmbedder(labels, objective=SEVERAL)
    known = [Truth(None, path, {}) for _, path in _rows()]
    answers = answers_of(embedder, len(known))
    levels = level_figures(embedder, known, answers)
    assert [one.level for one in levels] == ["level 1", "level 2", "level 3"]
    own = [label.path[:1] for label in CATEGORIES]
    raw = embedder.uncalibrated(answers.logits)[1]
    truth = [path[:1] for _, path in _rows()]
    check(levels[0], sorted(set(own)), own, truth, (answers.shares[:, :4], raw[:, :4]))


def test_only_queries_whose_truth_a_level_can_tell_are_asked_there() -> None:
    embedder = TinyEmbedder(CATEGORIES)
    known = [
        Truth(None, GALA, {"category": ("apple",)}),
        Truth(None, ("Food",), {"category": ("Food",)}),  # nobody said which food
        Truth(None, ("Food", "Fruit"), {"category": ("Food > Fruit",)}),
        Truth(None, MILK, {"category": ("milk",)}),  # that is all there is to say of it
        Truth(None, ("Toys",), {"category": ("Toys",)}),  # what the model lacks is never right
        Truth(None, None, {}),
    ]
    levels = level_figures(embedder, known, answers_of(embedder, len(known)))
    assert names_of(levels) == [("label", 4, 5), ("level 1", 2, 5), ("level 2", 3, 4)]
    lacking = level_figures(embedder, known[4:5], answers_of(embedder, 1))
    assert [one.top1 for one in lacking] == [0, 0, 0]


def test_nothing_to_measure_is_no_level() -> None:
    embedder = TinyEmbedder(CATEGORIES)
    assert level_figures(embedder, [Truth(None, None, {})], answers_of(embedder, 1)) == ()
    nothing = answers_of(embedder, 2).of_rows(np.array([], np.int64))
    assert level_figures(embedder, [], nothing) == ()
    turns_away = TinyEmbedder([Label("sold here", ())], (), objective=OWN_OR_FOREIGN)
    known = [Truth("gala", GALA, {})]
    assert level_figures(turns_away, known, answers_of(turns_away, 1)) == ()


def test_a_sum_that_was_rounded_up_is_no_more_than_certain() -> None:
    embedder = TinyEmbedder([Label(str(i), ("Food", str(i // 5))) for i in range(10)])
    answers = answers_of(embedder, 2)
    shares = np.zeros((2, 10), np.float32)
    shares[:, :5] = np.nextafter(np.float32(0.2), np.float32(1))
    rounded = Answers(
        answers.hits, answers.embeddings, answers.logits, shares, answers.assigned, shares, None
    )
    known = [Truth(None, ("Food", "0"), {"category": ("0",)})] * 2
    level = level_figures(embedder, known, rounded)[1]
    assert (level.level, level.top1) == ("level 2", 1)
    assert level.bins[-1].confidence <= 1
    document = json.loads(json.dumps(level.to_json()))
    assert document["bins"] == [vars(one) for one in level.bins]
    assert document["level"] == "level 2"
