"""One trained model on disk: `weights.safetensors` and `model.json`, named by its fingerprint.

Two fingerprints must not blur. The embedding_fingerprint covers the network, its weights up to the
embedding and the ImageSpec: it keys cached embeddings and every index. The model_fingerprint covers
that and labels, head and calibration: adding a class changes it alone, and the index stays
valid. Both are recomputed when a bundle is loaded, so a damaged file is refused.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from vsearch.class_statistics import STATISTICS, statistic_shapes
from vsearch.data import Label
from vsearch.errors import BundleError, DataError
from vsearch.images import ImageSpec
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.several_vectors import Vectors
from vsearch.objectives import Calibration, objective_named
from vsearch.storage import sync_tree

SCHEMA = 4
# One of schema 3 has one class vector a label, one of schema 2 knows no familiarity either; both
# are the same beside that.
READABLE = (2, 3, SCHEMA)
WEIGHTS, MODEL = "weights.safetensors", "model.json"
FAMILIARITY, HEAD_LEAVES = "familiarity.", "top.head."
CLASS_MEANS = FAMILIARITY + "class_means"
HEAD = (HEAD_LEAVES, FAMILIARITY, STATISTICS)  # leaves that do not touch the embedding
Weights = dict[str, NDArray[np.float32]]

__all__ = ["Bundle", "Label", "Weights", "load_weights", "weights_of"]


@dataclass(frozen=True)
class Bundle:
    """A trained model: shapes, weights, labels, and what is known about it.

    Attributes:
        network: what decides the network's shape.
        weights: every leaf by dotted name, float32.
        labels: the classes, in the order of the probabilities.
        label_columns: the catalogue columns that the labels came from.
        objective: the name of the kind of classification.
        calibration: what makes its probabilities honest.
        metrics: figures on val, by name.
        provenance: source and licence of the weights that training started from.
        training: the configuration and the photos that training used, for the record.
        parent: model_fingerprint of the model that this one was made of.
        vectors: how many class vectors each label has; empty: one each.
    """

    network: NetworkSpec
    weights: Weights
    labels: tuple[Label, ...]
    label_columns: tuple[str, ...]
    objective: str
    calibration: Calibration
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    vectors: Vectors = ()

    @property
    def spec(self) -> ImageSpec:
        """Return how a photo becomes pixels for this model."""
        return self.network.spec

    @property
    def familiar(self) -> bool:
        """Say whether the model knows how usual a photo's features are."""
        return any(name.startswith(FAMILIARITY) for name in self.weights)

    @cached_property
    def embedding_fingerprint(self) -> str:
        """Return 16 hex digits that name the map from a photo to its embedding."""
        digest = hashlib.sha256()
        digest.update(_canonical(self.network.to_json()))
        for name in sorted(self.weights):
            if not name.startswith(HEAD):
                _add_array(digest, name, self.weights[name])
        return digest.hexdigest()[:16]

    @cached_property
    def model_fingerprint(self) -> str:
        """Return 16 hex digits that name the map from a photo to probabilities."""
        digest = hashlib.sha256(self.embedding_fingerprint.encode())
        digest.update(_canonical([asdict(label) for label in self.labels]))
        digest.update(_canonical([self.label_columns, self.objective, self.calibration]))
        if self.vectors:
            digest.update(_canonical(self.vectors))
        for name in sorted(self.weights):
            if name.startswith(HEAD):
                _add_array(digest, name, self.weights[name])
        return digest.hexdigest()[:16]

    def save(self, models: Path) -> Path:
        """Write the bundle as `models/<model_fingerprint>` in one atomic step; return the folder.

        Saving what is already there changes nothing.
        """
        folder = models / self.model_fingerprint
        if folder.is_dir():
            return folder
        models.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=models))
        try:
            # The format knows no strides: a transposed array would be written as its bytes lie.
            leaves = {name: np.ascontiguousarray(leaf) for name, leaf in self.weights.items()}
            save_file(leaves, draft / WEIGHTS)
            told = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
            (draft / MODEL).write_text(told, encoding="utf-8")
            draft.chmod(0o755)
            sync_tree(draft)
            draft.rename(folder)
            sync_tree(models, recurse=False)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder

    def to_json(self) -> dict[str, Any]:
        """Return what model.json holds."""
        return {
            "schema": SCHEMA,
            "embedding_fingerprint": self.embedding_fingerprint,
            "model_fingerprint": self.model_fingerprint,
            "network": self.network.to_json(),
            "objective": self.objective,
            "label_columns": list(self.label_columns),
            "labels": [asdict(label) for label in self.labels],
            "vectors": list(self.vectors),
            "calibration": dict(self.calibration),
            "metrics": dict(self.metrics),
            "provenance": dict(self.provenance),
            "training": dict(self.training),
            "parent": self.parent,
        }

    @classmethod
    def load(cls, folder: Path) -> "Bundle":
        """Read and verify a bundle.

        Raises:
            BundleError: the folder is missing, damaged, or of a newer schema; a leaf is missing or
                has another shape than the network's; a fingerprint does not match.
        """
        try:
            model = json.loads((folder / MODEL).read_text(encoding="utf-8"))
            _check_schema(folder, model["schema"])
            bundle = cls._from_json(model, load_file(folder / WEIGHTS))
        except FileNotFoundError as error:
            missing = Path(error.filename or WEIGHTS).name  # safetensors names no file
            raise BundleError(f"no model in {folder}: {missing} is missing") from None
        except DataError as error:
            raise BundleError(f"{folder}: {error}") from error
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise BundleError(f"the model in {folder} cannot be read: {error!r}") from error
        bundle._verify(folder, model)
        return bundle

    @classmethod
    def _from_json(cls, model: Mapping[str, Any], weights: Weights) -> "Bundle":
        return cls(
            network=NetworkSpec(
                model["network"]["backbone"],
                model["network"]["dim"],
                ImageSpec.from_json(model["network"]["spec"]),
            ),
            weights=weights,
            labels=tuple(
                Label(entry["name"], tuple(entry["path"]), entry["column"])
                for entry in model["labels"]
            ),
            label_columns=tuple(model["label_columns"]),
            objective=objective_named(model["objective"]).name,
            calibration=model["calibration"],
            metrics=model["metrics"],
            provenance=model["provenance"],
            training=model["training"],
            parent=model["parent"],
            vectors=_vectors(model),
        )

    def _verify(self, folder: Path, model: Mapping[str, Any]) -> None:
        expected = _leaf_shapes(self)
        for name in sorted(expected.keys() | self.weights.keys()):
            found = self.weights[name].shape if name in self.weights else "nothing"
            if found != expected.get(name, "nothing"):
                raise BundleError(
                    f"{folder / WEIGHTS}: leaf “{name}” has {found}, the network expects "
                    f"{expected.get(name, 'nothing')}"
                )
        for kind in ("embedding_fingerprint", "model_fingerprint"):
            if getattr(self, kind) != model[kind]:
                raise BundleError(
                    f"{folder}: {kind} is {getattr(self, kind)}, model.json says {model[kind]}: "
                    "the files were changed or damaged; train again or restore the folder"
                )


def _check_schema(folder: Path, schema: object) -> None:
    if schema in READABLE:
        return
    newer = isinstance(schema, int) and schema > SCHEMA
    older = ", ".join(map(str, READABLE[:-1]))
    raise BundleError(
        f"{folder} is of schema {schema}, this program reads {older} and {SCHEMA}: "
        + ("update the program" if newer else "train again")
    )


def _vectors(model: Mapping[str, Any]) -> Vectors:
    vectors = tuple(model.get("vectors", ()))
    if vectors and (len(vectors) != len(model["labels"]) or min(vectors) < 1):
        raise DataError(
            f"{MODEL} tells of the class vectors of {len(vectors)} labels, at least {min(vectors)} "
            f"each; expected one or more for each of {len(model['labels'])}"
        )
    return vectors


def weights_of(module: nnx.Module) -> Weights:
    """Return every leaf of a module by dotted name."""
    return {
        ".".join(map(str, path)): np.asarray(leaf[...], np.float32)
        for path, leaf in nnx.to_flat_state(nnx.state(module))
    }


def load_weights(module: nnx.Module, weights: Weights) -> None:
    """Fill an abstract module of the same shape with a bundle's weights."""
    flat = dict(nnx.to_flat_state(nnx.state(module)))
    arrays = jax.device_put(weights)  # all at once: leaf by leaf each shape would be compiled for
    for path, leaf in flat.items():
        leaf.set_raw_value(arrays[".".join(map(str, path))])
    nnx.update(module, nnx.from_flat_state(flat))


def _leaf_shapes(bundle: Bundle) -> dict[str, tuple[int, ...]]:
    objective = objective_named(bundle.objective)
    network = abstract_classifier(
        bundle.network,
        len(bundle.labels),
        objective,
        familiar=bundle.familiar,
        vectors=bundle.vectors,
    )
    state = nnx.state(network)
    found = {
        ".".join(map(str, path)): leaf.get_raw_value().shape
        for path, leaf in nnx.to_flat_state(state)
    }
    if any(name.startswith(STATISTICS) for name in bundle.weights):
        rows = sum(bundle.vectors) or len(bundle.labels)
        found |= statistic_shapes(rows, bundle.network.dim)
    return found


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add_array(digest: "hashlib._Hash", name: str, array: NDArray[np.float32]) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
