import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vsearch.bundle import MODEL, WEIGHTS, Bundle, Label, weights_of
from vsearch.errors import BundleError
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import DEFAULT, OBJECTIVES

LABELS = tuple(Label(name, ("Paint", name)) for name in ("red", "green", "blue"))


@pytest.fixture
def bundle() -> Bundle:
    network = abstract_classifier(NetworkSpec("tiny", 8), len(LABELS), OBJECTIVES[DEFAULT])
    initialise(network, seed=0)
    return Bundle(
        network=NetworkSpec("tiny", 8),
        weights=weights_of(network),
        labels=LABELS,
        label_columns=("colour",),
        objective=DEFAULT,
        calibration={"scale": 10.0},
        metrics={"val_top1": 0.5},
        provenance={"licence": "Apache-2.0"},
    )


def test_a_bundle_comes_back_as_it_was_saved(bundle: Bundle, tmp_path: Path) -> None:
    folder = bundle.save(tmp_path / "models")
    loaded = Bundle.load(folder)
    assert folder.name == bundle.model_fingerprint == loaded.model_fingerprint
    assert loaded.labels == LABELS
    assert loaded.metrics == bundle.metrics
    assert loaded.provenance == bundle.provenance
    for name, array in bundle.weights.items():
        np.testing.assert_array_equal(array, loaded.weights[name])
    assert bundle.save(tmp_path / "models") == folder
    assert [path.name for path in (tmp_path / "models").iterdir()] == [folder.name]


def changed(bundle: Bundle, leaf: str) -> Bundle:
    return replace(bundle, weights=bundle.weights | {leaf: bundle.weights[leaf] + np.float32(1e-3)})


@pytest.mark.parametrize(
    "leaf",
    [
        "trunk.stem.kernel",
        "trunk.blocks.0.first_norm.mean",
        "top.projection.project.kernel",
        "top.projection.feature_mean",
    ],
)
def test_weights_up_to_the_embedding_change_both_fingerprints(bundle: Bundle, leaf: str) -> None:
    other = changed(bundle, leaf.replace("trunk.", "trunk.backbone."))
    assert other.embedding_fingerprint != bundle.embedding_fingerprint
    assert other.model_fingerprint != bundle.model_fingerprint


def test_labels_head_and_calibration_change_the_model_alone(bundle: Bundle) -> None:
    renamed = (*LABELS[:2], Label("navy", ("Paint", "navy")))
    others = [
        replace(bundle, labels=renamed),
        replace(bundle, calibration={"scale": 11.0}),
        replace(bundle, objective="softmax"),
        changed(bundle, "top.head.class_vectors"),
    ]
    assert {other.embedding_fingerprint for other in others} == {bundle.embedding_fingerprint}
    assert len({b.model_fingerprint for b in (bundle, *others)}) == 5


def test_metrics_change_no_fingerprint(bundle: Bundle) -> None:
    assert replace(bundle, metrics={}).model_fingerprint == bundle.model_fingerprint


def edit_json(folder: Path, **fields: object) -> None:
    model = json.loads((folder / MODEL).read_text())
    (folder / MODEL).write_text(json.dumps(model | fields))


def newer_kind(folder: Path) -> None:
    """Make it a bundle of a program that keeps weights elsewhere."""
    edit_json(folder, schema=100)
    (folder / WEIGHTS).unlink()


def edit_network(folder: Path, **fields: object) -> None:
    network = json.loads((folder / MODEL).read_text())["network"]
    edit_json(folder, network=network | fields)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: (f / MODEL).unlink(), r"model\.json is missing"),
        (lambda f: (f / WEIGHTS).unlink(), "missing|cannot be read"),
        (lambda f: (f / MODEL).write_text("{"), "cannot be read"),
        (lambda f: (f / WEIGHTS).write_bytes(b"12345678"), "cannot be read"),
        (lambda f: flip_a_byte(f / WEIGHTS), "changed or damaged"),
        (lambda f: edit_json(f, calibration={"scale": 3.0}), "changed or damaged"),
        (lambda f: edit_json(f, objective="triplet"), "no objective “triplet”; there are"),
        (lambda f: edit_json(f, schema=99), "schema 99, this program reads 2, 3 and 4: update"),
        (newer_kind, "schema 100, .*: update the program"),
        (lambda f: edit_json(f, schema=1), "schema 1, this program reads 2, 3 and 4: train again"),
        (lambda f: edit_json(f, schema=None), "schema None.*train again"),
        (lambda f: edit_network(f, dim=9), "the network expects"),
    ],
)
def test_a_damaged_bundle_is_refused(
    bundle: Bundle, tmp_path: Path, damage: object, expected: str
) -> None:
    folder = bundle.save(tmp_path)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(BundleError, match=expected):
        Bundle.load(folder)


def test_a_failed_save_leaves_nothing_behind(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vsearch.bundle.sync_tree", full_disk)
    with pytest.raises(OSError, match="No space left"):
        bundle.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
