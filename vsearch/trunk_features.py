"""Trunks and their features: that of the pretrained network as it came, or of a trained model.

Training and auditing name the same features alike, so that neither computes what the other has.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch import buckets
from vsearch.bundle import Bundle, load_weights, weights_of
from vsearch.data import PhotoLimits
from vsearch.features import Extractor, FeatureCache, Renderings
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import Trunk, abstract_trunk
from vsearch.precision import Precision
from vsearch.pretrained import load_pretrained
from vsearch.progress import Progress, silent
from vsearch.train_config import TrainConfig

TRUNK = "trunk."  # what the names of its leaves in a bundle begin with


@dataclass(frozen=True)
class KnownTrunk:
    """A trunk with its weights.

    Attributes:
        trunk: the network below the embedding.
        spec: its shape, and the pixels that it expects.
        name: a digest of the weights.
        provenance: where they come from.
    """

    trunk: Trunk
    spec: NetworkSpec
    name: str
    provenance: Mapping[str, str]


def pretrained_trunk(config: TrainConfig, progress: Progress = silent) -> KnownTrunk:
    """Return the trunk that training with this configuration starts from.

    Raises:
        WeightsError: the pretrained weights are missing or do not fit.
    """
    spec = NetworkSpec(config.backbone, config.dim)
    trunk = abstract_trunk(spec, config.computed_in.compute)
    loaded = load_pretrained(config.backbone, trunk.backbone, config.source, progress)
    if loaded.image is not None:
        spec = replace(spec, image=loaded.image)
        trunk.mean, trunk.std = loaded.image.mean, loaded.image.std
    return KnownTrunk(trunk, spec, loaded.provenance.sha256, asdict(loaded.provenance))


def trained_trunk(bundle: Bundle, precision: Precision) -> KnownTrunk:
    """Return the trunk of a trained model."""
    trunk = abstract_trunk(bundle.network, precision.compute)
    weights = {
        name.removeprefix(TRUNK): array
        for name, array in bundle.weights.items()
        if name.startswith(TRUNK)
    }
    load_weights(trunk, weights)
    return KnownTrunk(trunk, bundle.network, digest_of(trunk), bundle.provenance)


def feature_cache(
    folder: Path,
    trunk: str,
    spec: NetworkSpec,
    precision: Precision,
    count: int,
    limits: PhotoLimits,
) -> FeatureCache:
    """Return where the features of one trunk and number of renderings are kept.

    Args:
        folder: a folder that may be deleted at any time.
        trunk: the digest of its weights.
        spec: its shape.
        precision: what it computes in.
        count: renderings of each photo.
        limits: what a photo may measure.
    """
    key = f"{trunk} {spec.to_json()} {precision.name}"
    return FeatureCache(folder, key, Renderings(spec.spec, count), limits)


def feature_extractor(trunk: Trunk) -> Extractor:
    """Return the compiled map from photos (n, size, size, 3) uint8 to (n, features) float32."""
    trunk.eval()  # type: ignore[no-untyped-call]
    definition, state = nnx.split(trunk)

    @jax.jit
    def forward(state: nnx.State[Any, Any], pixels: jax.Array) -> jax.Array:
        return nnx.merge(definition, state)(pixels)

    def extract(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        (features,) = buckets.run(lambda batch: (forward(state, jnp.asarray(batch)),), pixels)
        return features

    return extract


def digest_of(module: nnx.Module) -> str:
    """Return a digest of a module's weights."""
    digest = hashlib.sha256()
    for name, array in sorted(weights_of(module).items()):
        digest.update(name.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
