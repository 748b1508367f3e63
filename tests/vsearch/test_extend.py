"""Labels added to a trained model, taken from it, renamed and merged, against plain NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from numpy.typing import NDArray

from tests.indexer.tiny_network import offer_tiny
from vsearch.bundle import CLASS_MEANS, FAMILIARITY, HEAD_LEAVES, Bundle, Label, weights_of
from vsearch.class_rows import balanced, rounds_of
from vsearch.embed import Embedder, strange_labels
from vsearch.errors import BundleError, DataError
from vsearch.extend import (
    NewLabel,
    head_logits,
    new_label,
    recalibrated,
    relabelled,
    with_labels,
    with_statistics,
    without_labels,
)
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.familiarity import Familiarity
from vsearch.models.initialise import initialise
from vsearch.models.likelihood import fill
from vsearch.objectives import DEFAULT, objective_named

DIM = 8
LABELS = tuple(Label(name, ("Paint", name)) for name in ("red", "green", "blue"))
NAVY = Label("navy", ("Paint", "Dark", "navy"))
KINDS = (DEFAULT, "softmax", "multi-label")


def bundle_of(name: str = DEFAULT, labels: tuple[Label, ...] = LABELS) -> Bundle:
    objective = objective_named(name)
    spec = NetworkSpec("tiny", DIM)
    network = abstract_classifier(spec, len(labels), objective)
    initialise(network, seed=0)
    weights = weights_of(network)
    rng = np.random.default_rng(1)
    for leaf in [name for name in weights if name.startswith(HEAD_LEAVES)]:
        weights[leaf] = rng.normal(0, 1, weights[leaf].shape).astype(np.float32)
    classes = len(labels) if objective.exclusive else 0
    if not objective.closed_form:
        known = nnx.eval_shape(lambda: Familiarity(network.trunk.channels, DIM, classes))
        initialise_positive(known)
        weights |= {FAMILIARITY + name: leaf for name, leaf in weights_of(known).items()}
    empty = np.zeros((0, 1 if name in ("binary", "one-class") else len(labels)), np.float32)
    calibration = objective.calibrate(empty, np.zeros((0, len(labels)), bool))
    metrics = {"val_top1": 0.5}
    return Bundle(spec, weights, labels, ("colour",), name, calibration, metrics)


def initialise_positive(module: nnx.Module) -> None:
    """Fill a module with numbers that may be variances, too."""
    rng = np.random.default_rng(3)
    flat = nnx.to_flat_state(nnx.state(module))
    shapes = {".".join(map(str, path)): leaf.get_raw_value().shape for path, leaf in flat}
    fill(module, {name: rng.uniform(0.5, 1, shape) for name, shape in shapes.items()})


def units(rows: int, seed: int = 0) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).normal(size=(rows, DIM))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def told(bundle: Bundle, photos: int = 5) -> NDArray[np.float32]:
    """Return the probabilities of made-up photos, as the running network tells them."""
    pixels = np.random.default_rng(2).integers(0, 256, (photos, 32, 32, 3), np.uint8)
    return Embedder(replace(bundle))(pixels).probabilities


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_is_added_and_nothing_else_of_the_model_changes(kind: str, tmp_path: Path) -> None:
    bundle = bundle_of(kind)
    added = NewLabel(NAVY, units(2), units(2, 1))
    extended = with_labels(bundle, [added])
    assert extended.labels == (*LABELS, NAVY)
    assert extended.vectors == (1, 1, 1, 2)
    assert extended.parent == bundle.model_fingerprint != extended.model_fingerprint
    assert extended.embedding_fingerprint == bundle.embedding_fingerprint
    assert extended.metrics == {}
    photos = units(20, 3)
    before, after = head_logits(bundle, photos), head_logits(extended, photos)
    np.testing.assert_allclose(after[:, :3], before, atol=1e-6)
    loaded = Bundle.load(extended.save(tmp_path))
    assert loaded.vectors == extended.vectors
    np.testing.assert_array_equal(told(loaded), told(extended))


def test_a_logit_is_that_of_the_nearest_vector() -> None:
    vectors, photos = units(3), units(20, 3)
    extended = with_labels(bundle_of(), [NewLabel(NAVY, vectors)])
    np.testing.assert_allclose(
        head_logits(extended, photos)[:, 3], (photos @ vectors.T).max(axis=1), atol=1e-6
    )


def test_new_weights_of_a_linear_head_are_as_long_as_the_trained_ones() -> None:
    bundle = bundle_of("softmax")
    extended = with_labels(bundle, [NewLabel(NAVY, units(2))])
    lengths = np.linalg.norm(extended.weights["top.head.class_weights"], axis=0)
    np.testing.assert_allclose(lengths[3:], lengths[:3].mean(), rtol=1e-6)
    biases = extended.weights["top.head.bias"]
    np.testing.assert_allclose(biases[3:], biases[:3].mean(), rtol=1e-6)


def test_a_new_label_among_several_starts_with_what_the_others_have() -> None:
    bundle = bundle_of("multi-label")
    calibration = {"scale": 2.0, "biases": [1.0, 2.0, 6.0], "thresholds": [0.3, 0.5, 0.4]}
    bundle = replace(bundle, calibration=calibration)
    extended = with_labels(bundle, [NewLabel(NAVY, units(1))])
    assert extended.calibration == {
        "scale": 2.0,
        "biases": [1.0, 2.0, 6.0, 3.0],
        "thresholds": [0.3, 0.5, 0.4, 0.4],
    }
    merged = relabelled(bundle, {"red": LABELS[1]})
    assert merged.calibration == {"scale": 2.0, "biases": [1.5, 6.0], "thresholds": [0.3, 0.4]}


def test_photos_of_a_new_label_are_told_by_their_clusters() -> None:
    centres = units(2)
    own = np.arange(40) % 4 == 0  # a quarter is of the second cluster
    noise = np.random.default_rng(4).normal(0, 0.05, (40, DIM))
    photos = centres[own.astype(int)] + noise
    photos = (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float32)
    places = np.random.default_rng(5).normal(size=(40, DIM)).astype(np.float32)
    added = new_label(NAVY, photos, places)
    assert len(added.vectors) == 2
    np.testing.assert_allclose(np.diag(added.vectors @ centres.T), 1, atol=0.01)
    assert added.means is not None
    expected = [places[~own].mean(axis=0), places[own].mean(axis=0)]
    np.testing.assert_allclose(added.means, expected, atol=1e-6)


def test_how_typical_photos_are_follows_the_labels() -> None:
    bundle = bundle_of()
    added = [NewLabel(NAVY, units(2), units(2, 1)), NewLabel(Label("sky", ()), units(1))]
    extended = with_labels(bundle, added)
    means = extended.weights[CLASS_MEANS]
    np.testing.assert_array_equal(means[3:5], units(2, 1))
    assert np.isinf(means[5]).all()  # nothing is known of its features
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    usual, typical = Embedder(extended)(pixels).familiarity.T
    assert np.isfinite(usual).all()
    assert np.isnan(typical).all() == (told(extended, 1).argmax() == 4)
    assert strange_labels(extended).tolist() == [False] * 4 + [True]
    left = without_labels(extended, {"red", "sky"})
    np.testing.assert_array_equal(left.weights[CLASS_MEANS], means[1:5])
    assert with_labels(bundle_of("multi-label"), added).weights[CLASS_MEANS].shape == (0, DIM)


def test_labels_are_taken_away() -> None:
    bundle = with_labels(bundle_of(), [NewLabel(NAVY, units(2))])
    left = without_labels(bundle, ["green"])
    assert left.labels == (LABELS[0], LABELS[2], NAVY)
    assert left.vectors == (1, 1, 2)
    assert left.parent == bundle.model_fingerprint
    photos = units(20, 3)
    kept = head_logits(bundle, photos)[:, [0, 2, 3]]
    np.testing.assert_allclose(head_logits(left, photos), kept, atol=1e-6)
    assert without_labels(bundle, ["navy"]).vectors == ()


def test_what_came_and_went_leaves_the_model_as_it_was() -> None:
    bundle = bundle_of()
    same = without_labels(with_labels(bundle, [NewLabel(NAVY, units(1), units(1))]), ["navy"])
    assert same.model_fingerprint == bundle.model_fingerprint
    known = trained()
    again = without_labels(with_labels(known, late()), LATE)
    assert again.model_fingerprint == known.model_fingerprint
    assert with_labels(bundle, []) is bundle
    assert without_labels(bundle, []) is bundle
    assert relabelled(bundle, {}) is bundle


@pytest.mark.parametrize("kind", [*KINDS, "binary", "one-class"])
def test_another_name_changes_no_probability(kind: str) -> None:
    count = {"binary": 2, "one-class": 1}.get(kind, 3)
    bundle = bundle_of(kind, LABELS[:count])
    renamed = relabelled(bundle, {"red": NAVY})
    assert renamed.labels == (NAVY, *LABELS[1:count])
    assert renamed.metrics == bundle.metrics
    assert renamed.parent == bundle.model_fingerprint != renamed.model_fingerprint
    np.testing.assert_array_equal(told(renamed), told(bundle))


def test_merged_labels_keep_all_class_vectors() -> None:
    bundle = bundle_of()
    merged = relabelled(bundle, {"red": NAVY, "blue": NAVY})
    assert merged.labels == (NAVY, LABELS[1])
    assert merged.vectors == (2, 1)
    photos = units(20, 3)
    before, after = head_logits(bundle, photos), head_logits(merged, photos)
    np.testing.assert_allclose(after[:, 0], before[:, [0, 2]].max(axis=1), atol=1e-6)
    np.testing.assert_array_equal(after[:, 1], before[:, 1])
    into = relabelled(bundle, {"red": LABELS[2]})  # one that stays as it is
    assert into.labels == (LABELS[2], LABELS[1])


def test_calibration_is_made_anew() -> None:
    bundle = with_labels(bundle_of(), [NewLabel(NAVY, units(1))])
    photos = np.repeat(units(1), 30, axis=0)
    targets = np.tile(np.arange(4) == 3, (30, 1))
    found = recalibrated(bundle, photos, targets)
    assert found.metrics["val_top1"] == 1.0
    assert found.parent == bundle.parent
    assert found.calibration["scale"] != bundle.calibration["scale"]
    none = recalibrated(bundle, photos[:0], targets[:0])
    assert (none.metrics, none.calibration) == ({}, {"scale": 10.0})


LATE = ("navy", "sky")


def photos_of(labels: list[int], seed: int) -> NDArray[np.float32]:
    """Return embeddings around a direction a label."""
    rows = units(8, 7)[labels] + np.random.default_rng(seed).normal(0, 0.1, (len(labels), DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def trained(kind: str = DEFAULT) -> Bundle:
    """Return a model that knows its classes by their directions and has seen their photos."""
    bundle = bundle_of(kind)
    vectors = units(8, 7)[:3]
    leaf = {"class_vectors": vectors} if kind == DEFAULT else {"class_weights": 10 * vectors.T}
    weights = bundle.weights | {HEAD_LEAVES + name: values for name, values in leaf.items()}
    own = [0, 1, 2] * 20
    known = replace(bundle, weights=weights, calibration={"scale": 9.0})
    return with_statistics(known, photos_of(own, 0), np.array(own))


def late(names: tuple[str, ...] = LATE, photos: int = 12) -> list[NewLabel]:
    return [
        new_label(Label(name, ("Paint", name)), photos_of([3 + i] * photos, 1 + i), most=1)
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize("kind", [DEFAULT, "softmax"])
def test_labels_that_come_later_leave_the_others_as_likely_among_themselves(kind: str) -> None:
    bundle = trained(kind)
    extended = with_labels(bundle, late())
    own = [0, 1, 2, 3, 4] * 8
    photos = photos_of(own, 9)
    before, after = head_logits(bundle, photos), head_logits(extended, photos)
    np.testing.assert_array_equal(after[:, :3], before)
    assert (after.argmax(axis=1) == own).mean() > 0.95
    loaded = replace(extended, labels=extended.labels)
    assert loaded.model_fingerprint == extended.model_fingerprint != bundle.model_fingerprint


@pytest.mark.parametrize("count", [1, 3, 12])
def test_the_evidence_is_fishers_discriminant(count: int) -> None:
    """Against densities of Gaussians, put together from all photos."""
    bundle = trained()
    extended = with_labels(bundle, late(photos=count))
    own, new = np.array([0, 1, 2] * 20), [photos_of([3 + i] * count, 1 + i) for i in range(2)]
    old = photos_of(own.tolist(), 0)
    groups = [old[own == label] for label in range(3)] + new
    means = np.stack([group.mean(axis=0, dtype=np.float64) for group in groups])
    weights = [1, 1, 1, 5, 5]
    within = sum(
        weight * (group - mean).T @ (group - mean)
        for weight, group, mean in zip(weights, groups, means, strict=True)
    )
    free = 57 + 5 * 2 * (count - 1)
    within = within / free
    shrinkage = max(0.01, 0.6 / count**1.5, DIM / (DIM + 10 * free))
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / DIM * np.eye(DIM)
    photos = photos_of([0, 3, 4, 2, 1], 9).astype(np.float64)
    apart = photos[:, None] - means[None]
    density = -0.5 * np.einsum("nci,ij,ncj->nc", apart, np.linalg.inv(within), apart)
    temper, offset = 0.2 * count / (count + 8), 2 * 5 / (count + 5)
    logits = 9.0 * head_logits(bundle, photos.astype(np.float32)).astype(np.float64)
    level = np.log(np.exp(logits).sum(axis=1, keepdims=True))
    against = np.log(np.exp(temper * density[:, :3]).sum(axis=1, keepdims=True))
    expected = (level + temper * density[:, 3:] - against + offset) / 9.0
    found = head_logits(extended, photos.astype(np.float32))[:, 3:]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_val_says_how_far_evidence_is_believed() -> None:
    extended = with_labels(trained(), late())
    own = [0, 1, 2, 3, 4] * 8
    targets, photos = np.eye(5, dtype=bool)[own], photos_of(own, 10)
    for temper, offset in ((0.1, -30.0), (0.1, 30.0), (1e-4, 0.0)):
        wrong = balanced(extended, temper, [offset])
        assert (head_logits(wrong, photos).argmax(axis=1) == own).mean() < 0.7
        found = recalibrated(wrong, photos_of(own, 9), targets)
        assert (head_logits(found, photos).argmax(axis=1) == own).mean() > 0.95
    only_old = recalibrated(
        extended, photos_of([0, 1, 2] * 9, 9), np.eye(5, dtype=bool)[[0, 1, 2] * 9]
    )
    name = HEAD_LEAVES + "arrivals.biases"
    np.testing.assert_array_equal(only_old.weights[name], extended.weights[name])


def test_no_more_photos_of_the_others_are_lost_than_is_allowed() -> None:
    """A photo that stays right by a hair's breadth stays so once leaves are rounded."""
    bundle, close = trained(), photos_of([0] * 12, 4) + np.float32(0.1)
    close /= np.linalg.norm(close, axis=1, keepdims=True)
    extended = with_labels(bundle, [new_label(NAVY, close, most=1)])
    lost = []
    for seed in range(20, 40):
        own = [0, 1, 2] * 30
        photos = np.concatenate([photos_of(own, seed), *[close] * 20])
        targets = np.eye(4, dtype=bool)[[*own, *[3] * 20 * len(close)]]
        found = recalibrated(extended, photos, targets, most_lost=0.02)
        said = [head_logits(one, photos[:90]).argmax(axis=1) == own for one in (bundle, found)]
        lost.append(int((said[0] & ~said[1]).sum()))
    assert max(lost) == 1  # of 90


def test_labels_come_at_two_times_as_well_as_at_once() -> None:
    first = with_labels(trained(), late(("navy",)))
    again = with_labels(first, late()[1:])
    photos = photos_of([0, 1, 2, 3, 4], 9)
    np.testing.assert_allclose(
        head_logits(again, photos), head_logits(with_labels(trained(), late()), photos), atol=1e-4
    )
    left = without_labels(again, ["red", "navy"])
    assert [label.name for label in left.labels] == ["green", "blue", "sky"]
    assert np.isfinite(head_logits(left, photos)).all()
    alone = without_labels(again, ["red", "green", "blue"])  # no trained class is left
    assert head_logits(alone, photos_of([3, 4], 9)).argmax(axis=1).tolist() == [0, 1]


def test_an_earlier_addition_does_not_pay_for_a_later_one() -> None:
    """A label that looks like a trained one must be held back, and is; one that came before not."""
    first = with_labels(trained(), late(("navy",)))
    close = photos_of([0] * 12, 4) + np.float32(0.05)
    close /= np.linalg.norm(close, axis=1, keepdims=True)
    both = with_labels(first, [new_label(Label("rose", ("Paint", "rose")), close, most=1)])
    assert rounds_of(both).tolist() == [0, 0, 0, 1, 2]
    left = without_labels(both, ["navy"])
    assert rounds_of(left).tolist() == [0, 0, 0, 1]
    own = [0, 1, 2, 3] * 20
    photos, like = photos_of(own, 9), np.eye(5, dtype=bool)
    alone = recalibrated(first, photos, like[own, :4])
    val = np.concatenate([photos, *[close] * 5])
    found = recalibrated(both, val, like[[*own, *[4] * 5 * len(close)]], most_lost=0.0)
    said = head_logits(found, photos).argmax(axis=1)
    np.testing.assert_array_equal(said, head_logits(alone, photos).argmax(axis=1))
    assert (said == own).mean() == 1.0
    # Come at once, they share an offset, and the first is held back as far as the second.
    together = recalibrated(
        with_labels(
            trained(),
            [*late(("navy",)), new_label(Label("rose", ("Paint", "rose")), close, most=1)],
        ),
        val,
        like[[*own, *[4] * 5 * len(close)]],
        most_lost=0.0,
    )
    name = HEAD_LEAVES + "arrivals.biases"
    gap = [float(one.weights[name][3] - one.weights[name][4]) for one in (found, together)]
    assert gap[0] > gap[1]


def test_a_late_label_is_merged_with_a_trained_one() -> None:
    extended = with_labels(trained(), late())
    merged = relabelled(extended, {"sky": LABELS[2]})
    own = [0, 1, 2, 3, 4]
    found = head_logits(merged, photos_of(own, 9)).argmax(axis=1)
    assert found.tolist() == [0, 1, 2, 3, 2]


def test_what_is_known_of_classes_is_saved(tmp_path: Path) -> None:
    extended = with_labels(trained(), late())
    loaded = Bundle.load(extended.save(tmp_path))
    photos = photos_of([0, 3], 9)
    np.testing.assert_array_equal(head_logits(loaded, photos), head_logits(extended, photos))
    few = {"statistics.means": extended.weights["statistics.means"][:2]}
    folder = replace(extended, weights=extended.weights | few).save(tmp_path)
    with pytest.raises(BundleError, match="the network expects"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda b: with_labels(b, [NewLabel(LABELS[0], units(1))]), "label “red” already"),
        (lambda b: with_labels(b, [NewLabel(NAVY, units(1))] * 2), "or is to have it twice"),
        (lambda b: with_labels(b, [NewLabel(NAVY, units(1)[:, :3])]), r"\(1, 3\), expected \(1, 8"),
        (lambda b: with_labels(b, [NewLabel(NAVY, units(0))]), r"\(0, 8\), expected \(1, 8\)"),
        (lambda b: with_labels(b, [NewLabel(NAVY, units(1), units(2))]), "class means of “navy”"),
        (lambda b: with_labels(b, [NewLabel(NAVY, units(1) * np.nan)]), "of finite numbers"),
        (lambda b: without_labels(b, ["ochre"]), "no label “ochre”; there are “blue”, “green”"),
        (lambda b: without_labels(b, ["red", "blue"]), "3 labels cannot do without 2: train again"),
        (lambda b: relabelled(b, {"ochre": NAVY}), "no label “ochre”"),
        (lambda b: relabelled(b, {"red": Label("blue", ())}), "two labels would be called “blue”"),
        (lambda b: relabelled(b, dict.fromkeys(("red", "green", "blue"), NAVY)), "merge them to 1"),
    ],
)
def test_what_cannot_be_done_is_refused(change: object, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        change(bundle_of())  # type: ignore[operator]


@pytest.mark.parametrize(("kind", "labels"), [("binary", 2), ("one-class", 1)])
def test_a_model_without_class_vectors_takes_on_no_label(kind: str, labels: int) -> None:
    bundle = bundle_of(kind, LABELS[:labels])
    for change in (
        lambda: with_labels(bundle, [NewLabel(NAVY, units(1))]),
        lambda: without_labels(bundle, ["red"]),
        lambda: head_logits(bundle, units(1)),
    ):
        with pytest.raises(DataError, match=f"objective {kind} .*: train again"):
            change()
