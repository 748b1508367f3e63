"""Which files of a cache another training like a model's, or an audit with it, would use again."""

from pathlib import Path

from vsearch.bundle import Bundle
from vsearch.data import PhotoLimits
from vsearch.out_of_fold import head_config
from vsearch.pixels import squares_file
from vsearch.precision import PRECISIONS
from vsearch.train import SQUARE
from vsearch.trunk_features import feature_cache, trained_trunk


def kept_caches(bundle: Bundle, cache: Path) -> set[Path]:
    """Return the files that would hold features and decoded photos.

    Args:
        bundle: a trained model.
        cache: the folder that its training was given; it exists.
    """
    files = {squares_file(cache, round(bundle.spec.size * SQUARE))}
    if "config" not in bundle.training:
        return files
    config = head_config(bundle.training)
    precision = PRECISIONS[bundle.training["precision"]]
    trunk = bundle.provenance.get("sha256") or trained_trunk(bundle, precision).name
    limits = PhotoLimits()  # they are no part of a file's name
    return files | {
        feature_cache(cache, trunk, bundle.network, precision, count, limits).path
        for count in (config.renderings, 1)
    }
