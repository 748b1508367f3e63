"""A shop without any download: products drawn in code, photographed as a shop and its customers do."""

from api.demo.baseline import thumbnail_baseline
from api.demo.shop import DemoShop, generate

__all__ = ["DemoShop", "generate", "thumbnail_baseline"]
