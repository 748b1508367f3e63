"""A shop of painted photos with its manifests, and decisions about its photos."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.apply_decisions import ApplyReport, apply_decisions
from indexer.audit_file import AuditRow, write_audit
from indexer.importing import ImportReport, import_manifest
from indexer.records import Item
from indexer.shop import Shop
from vsearch.images import content_hash

HEADER = "item_id,image_path,category,colour,additional_image_link"
CATALOGUE = (
    "apple,a.png,Fruit > Apple,red,h.png",
    "pear,b.png,Fruit > Pear,green,",
    "milk,c.png,Dairy > Milk,white,",
)
FURTHER = ("apple,d.png,train", "apple,e.png,train", "pear,f.png,train", "milk,g.png,val")


class DecidedShop:
    """Three items, the apple with two catalogue photos, and four further photos.

    There are photos a to l in its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "files"
        self.shop = Shop.create(root / "shop")
        self.root.mkdir()
        for seed, name in enumerate("abcdefghijkl"):
            pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
            Image.fromarray(pixels).save(self.root / f"{name}.png")
        self.take()

    def take(
        self, catalogue: tuple[str, ...] = CATALOGUE, further: tuple[str, ...] = FURTHER
    ) -> ImportReport:
        """Import manifests of these rows."""
        items, photos = self.root / "catalogue.csv", self.root / "photos.csv"
        items.write_text("\n".join([HEADER, *catalogue]) + "\n")
        photos.write_text("\n".join(["item_id,image_path,split", *further]) + "\n")
        return import_manifest(self.shop, items, photos=[photos])

    def hash_of(self, name: str) -> str:
        return content_hash((self.root / f"{name}.png").read_bytes())

    def row(self, name: str, item_id: str, decision: str, **values: str) -> AuditRow:
        """Return a row of an audit file about the photo's item, unless values tell otherwise."""
        kind, column = values.pop("kind", "label"), values.pop("column", "item_id")
        label = values.pop("label", item_id if column == "item_id" else "")
        made = AuditRow(
            f"{name}.png", self.hash_of(name), item_id, kind, column, label, "", decision=decision
        )
        return replace(made, **values)

    def decide(self, *rows: AuditRow) -> ApplyReport:
        """Apply a file of these rows."""
        path = self.root / "audit.csv"
        write_audit(path, rows)
        return apply_decisions(self.shop, path)

    def item(self, item_id: str) -> Item:
        found = self.shop.catalogue.get(item_id)
        assert found is not None
        return found

    def photos(self) -> dict[str, list[str]]:
        """Return the names of each item's photos, catalogue photos first."""
        catalogue = self.shop.catalogue
        return {
            item.item_id: [photo.path.stem for photo in catalogue.photos_of(item.key)]
            for item in catalogue.items()
        }

    def state(self) -> Mapping[str, object]:
        """Return all that a second application or import must not change."""
        catalogue = self.shop.catalogue
        return {
            "items": [*catalogue.items("ok"), *catalogue.items("rejected")],
            "photos": [(item.item_id, photo) for item, photo in catalogue.photos()],
            "sequence": catalogue.seq(),
            "decisions": catalogue.decisions(),
        }

    def check(self) -> None:
        """Hold the catalogue's counts against one another."""
        counts = self.shop.catalogue.counts(0)
        assert counts.items == counts.indexed + counts.waiting + counts.rejected
        assert counts.rejected == 0
