"""A shop without any download: products drawn in code, in a shop's and its customers' photos."""

from api.demo.baseline import thumbnail_baseline
from api.demo.shop import DemoShop, generate

__all__ = ["DemoShop", "generate", "thumbnail_baseline"]
