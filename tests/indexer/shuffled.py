"""A deliberately poor model: a good one whose labels are shuffled."""

from dataclasses import replace

import numpy as np

from indexer.shop import Shop
from vsearch.bundle import Bundle


def save_shuffled(shop: Shop, model: str, *, seed: int = 0) -> str:
    """Make a model the shop's newest one whose every label means another; return its name."""
    bundle = Bundle.load(shop.models / model)
    order = np.random.default_rng(seed).permutation(len(bundle.labels))
    following = np.empty_like(order)
    following[order] = np.roll(order, 1)  # one cycle: no label stays where it was
    poor = replace(bundle, labels=tuple(bundle.labels[place] for place in following), parent=model)
    poor.save(shop.models)
    shop.set_trained_model(poor.model_fingerprint)
    return poor.model_fingerprint
