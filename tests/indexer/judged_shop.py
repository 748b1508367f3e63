"""A shop of six painted items with thirty val photos: enough to judge what is unknown."""

from pathlib import Path

from indexer.build import BuildReport, build
from indexer.shop import Shop
from indexer.unknown import UnknownJudge
from indexer.versions import IndexVersion
from tests.indexer.tiny_shop import TinyEmbedder, TinyKind, add_further, make_shop
from vsearch.data import Label

APPLE, MILK = ("Fruit", "Apple"), ("Dairy", "Milk")
LABELS = (Label("apple", APPLE), Label("milk", MILK))
ITEMS = {f"item-{i}": ((APPLE, MILK)[i % 2], [2 * i, 2 * i + 1]) for i in range(6)}
VAL = range(100, 130)


def network(model: str = "a" * 16, objective: TinyKind | None = None) -> TinyEmbedder:
    return TinyEmbedder(LABELS, model_fingerprint=model, objective=objective)


def built(shop: Shop, embedder: TinyEmbedder | None = None, **options: object) -> BuildReport:
    return build(shop, embedder=embedder or network(), **options)  # type: ignore[arg-type]


def make_judged_shop(path: Path) -> Shop:
    """Make and build the shop; it has a test photo, too, that must not be asked about."""
    shop = make_shop(path, ITEMS)
    for seed in VAL:
        add_further(shop, f"item-{seed % 6}", seed, "val")
    add_further(shop, "item-0", 200, "test")
    built(shop)
    return shop


def version_of(shop: Shop) -> IndexVersion:
    name = shop.current().index
    assert name is not None
    return IndexVersion.open(shop.indexes / name)


def judge_of(shop: Shop) -> UnknownJudge:
    judge = version_of(shop).judge
    assert judge is not None
    return judge


def kept(shop: Shop) -> Path:
    """Return the file of what the network said of the val photos."""
    (file,) = shop.cache.glob("judging-*.npz")
    return file
