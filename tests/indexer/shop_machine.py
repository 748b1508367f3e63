"""Everything that can happen to a shop, in any order, held against a plain dictionary.

Two processes have the shop open, each with a searcher that it keeps for as long as it likes. After
every step both must answer as the dictionary does, whichever of them has made the change and
however old the index version is that they look into.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from indexer.attributes import convert
from indexer.build import build
from indexer.cleaning import clean
from indexer.counting import count_items
from indexer.filters import parse_filter
from indexer.live import delete_photos, upsert_photos
from indexer.records import ItemRow, Value
from indexer.search import Searcher
from indexer.shop import Current, Shop, Views
from indexer.versions import IndexVersion, rollback, version_folders
from tests.indexer.killed_builds import AuditedEmbedder
from tests.indexer.mortal import death
from tests.indexer.plain_shop import (
    NETWORKS,
    PATHS,
    WHERE,
    Asked,
    PlainShop,
    Told,
    hash_of,
    vector,
)
from tests.indexer.shop_strategies import (
    ASKED,
    ITEM,
    NETWORK,
    PATH,
    PHOTOS,
    SEED,
    SEEDS,
    TOLD,
    VIEWS,
    WHO,
)
from tests.indexer.tiny_shop import photo_row
from tests.indexer.tree_edits import Edit, TreeEdits
from vsearch.taxonomy import format_path


@dataclass
class Process:
    """One that has the shop open."""

    shop: Shop
    searcher: Searcher | None = None

    def take_over(self) -> None:
        """Open what serves now."""
        if self.shop.current().index is not None:
            version = IndexVersion.open(self.shop.indexes / str(self.shop.current().index))
            self.searcher = Searcher(self.shop, NETWORKS[version.embedding_fingerprint], version)


class ShopMachine(TreeEdits, RuleBasedStateMachine):
    """Changes a shop and a dictionary alike."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.rows = [photo_row(self.folder, seed) for seed in SEEDS]
        with Shop.create(self.folder / "shop") as shop:
            shop.catalogue.set_attribute_types({"price": "int", "colour": "text"}, convert)
            for embedder in NETWORKS.values():
                (shop.models / embedder.model_fingerprint).mkdir(parents=True)
        self.processes = [self.opened(), self.opened()]
        self.plain = PlainShop()
        self.edits: list[Edit] = []
        self.serving: str | None = None
        self.recipes: dict[str, tuple[str, Views]] = {}  # of every version, by its name
        self.steps = 0

    def opened(self) -> Process:
        return Process(Shop.open(self.folder / "shop"))

    def shop_of(self, who: int) -> Shop:
        return self.processes[who].shop

    def teardown(self) -> None:
        for process in self.processes:
            process.shop.close()
        shutil.rmtree(self.folder)

    @property
    def network(self) -> str | None:
        """The network that serves."""
        return self.recipes[self.serving][0] if self.serving else None

    @property
    def views(self) -> Views:
        """The views of the version that serves."""
        return self.recipes[self.serving][1] if self.serving else "catalogue"

    @rule(who=WHO, item=ITEM, told=TOLD, live=st.booleans())
    def upsert(self, who: int, item: str, told: Told, live: bool) -> None:
        """Add an item, or change everything about it; live, or as an import does."""
        before = self.plain.items.get(item)
        # A further photo that is listed as a catalogue photo is one from then on.
        kept = before.further - set(told.photos) if before else frozenset()
        self.write(who, item, replace(told, further=kept), live=live)

    @rule(who=WHO, item=ITEM, photos=PHOTOS, live=st.booleans())
    def change_photos(self, who: int, item: str, photos: tuple[int, ...], live: bool) -> None:
        if before := self.plain.items.get(item):
            kept = before.further - set(photos)
            self.write(who, item, replace(before, photos=photos, further=kept), live=live)

    @rule(who=WHO, item=ITEM, path=PATH, live=st.booleans())
    def move(self, who: int, item: str, path: tuple[str, ...], live: bool) -> None:
        before = self.plain.items.get(item)
        if before and before.photos:
            self.write(who, item, replace(before, category=path), live=live)

    def write(self, who: int, item: str, told: Told, *, live: bool) -> None:
        shop, now = self.processes[who].shop, self.called_now(item, told)
        if not live:
            shop.catalogue.upsert_items([self.row(item, now)])
        else:
            report = shop.upsert(
                [self.cells(item, told)],
                embedder=NETWORKS[self.network] if self.network else None,
                folder=self.folder,
            )
            assert report.rejects == []
            assert (report.searchable, report.waiting) == ((1, 0) if self.network else (0, 1))
            if self.network:
                self.plain.embedded[self.network] |= set(told.photos)
        self.plain.items[item] = now

    def row(self, item: str, told: Told) -> ItemRow:
        attributes: dict[str, Value] = {"price": told.price}
        attributes |= {"colour": told.colour} if told.colour else {}
        photos = tuple(replace(self.rows[s], position=i) for i, s in enumerate(told.photos))
        further = told.further_paths
        return ItemRow(item, "", told.category, photos, further, attributes=attributes)

    def cells(self, item: str, told: Told) -> dict[str, object]:
        return {
            "item_id": item,
            "category": list(told.category),
            "further_categories": [format_path(path) for path in told.further_paths],
            "photos": [self.rows[seed].path for seed in told.photos],
            "price": told.price,
            "colour": told.colour,
        }

    @rule(who=WHO, item=ITEM, seed=SEED, live=st.booleans())
    def add_further_photo(self, who: int, item: str, seed: int, live: bool) -> None:
        told, shop = self.plain.items.get(item), self.processes[who].shop
        if told is None or not told.photos:
            return
        if live:
            row = {"item_id": item, "image_path": self.rows[seed].path, "split": "train"}
            network = NETWORKS[self.network] if self.network else None
            upsert_photos(shop, [row], embedder=network, folder=self.folder)
            if self.network and self.views == "all":
                self.plain.embedded[self.network].add(seed)
        else:
            shop.catalogue.upsert_further(self.key(who, item), self.rows[seed])
        if seed not in told.photos:
            self.plain.items[item] = replace(told, further=told.further | {seed})

    def key(self, who: int, item: str) -> int:
        found = self.processes[who].shop.catalogue.get(item)
        assert found is not None
        return found.key

    @rule(who=WHO, item=ITEM)
    def delete(self, who: int, item: str) -> None:
        report = self.processes[who].shop.delete([item])
        known = self.plain.items.pop(item, None) is not None
        assert (report.deleted, report.unknown) == ((1, []) if known else (0, [item]))

    @rule(who=WHO, item=ITEM, seed=SEED)
    def delete_photo(self, who: int, item: str, seed: int) -> None:
        """Take a photo away; an item without one is rejected."""
        if told := self.plain.items.get(item):
            delete_photos(self.processes[who].shop, item, [hash_of(seed)])
            left = tuple(photo for photo in told.photos if photo != seed)
            self.plain.items[item] = replace(told, photos=left, further=told.further - {seed})

    @rule(who=WHO, network=NETWORK, views=VIEWS)
    def build(self, who: int, network: str, views: Views) -> None:
        new = self.plain.all_views(views) - self.plain.embedded[network]
        report = build(self.processes[who].shop, views=views, embedder=NETWORKS[network])
        self.plain.embedded[network] |= new
        self.serving = report.version
        assert report.embedded == len(new)
        assert report.published == (report.version not in self.recipes)
        assert self.recipes.setdefault(report.version, (network, views)) == (network, views)

    @rule(who=WHO, network=NETWORK, views=VIEWS, touches=st.integers(0, 70))
    def build_and_die(self, who: int, network: str, views: Views, touches: int) -> None:
        """Die before one of the build's steps, or after all of them."""
        mortal = AuditedEmbedder(
            embedding_fingerprint=network, model_fingerprint=NETWORKS[network].model_fingerprint
        )
        with death().after(touches):
            build(self.processes[who].shop, views=views, embedder=mortal)
        self.reopen(who)
        shop = self.processes[who].shop
        new = sorted(self.plain.all_views(views) - self.plain.embedded[network])
        known = shop.catalogue.embeddings(network, [hash_of(seed) for seed in new])
        self.plain.embedded[network] |= {seed for seed in new if hash_of(seed) in known}
        for name in {folder.name for folder in version_folders(shop)} - self.recipes.keys():
            self.recipes[name] = (network, views)
        if (now := shop.current().index) != self.serving:
            assert now is not None
            assert self.recipes[now] == (network, views)
            assert self.plain.all_views(views) <= self.plain.embedded[network]
            self.serving = now

    @precondition(lambda self: self.serving)
    @rule(who=WHO, back=st.integers(0, 3))
    def roll_back(self, who: int, back: int) -> None:
        shop = self.processes[who].shop
        names = [folder.name for folder in version_folders(shop)]
        self.serving = names[-1 - back % len(names)]
        model = NETWORKS[self.recipes[self.serving][0]].model_fingerprint
        assert rollback(shop, self.serving) == Current(model, self.serving)

    @precondition(lambda self: self.serving)  # before, nothing names the models that there are
    @rule(who=WHO)
    def clean(self, who: int) -> None:
        """Take away what nothing needs; the embeddings of photos that there are stay."""
        shop = self.processes[who].shop
        clean(shop)
        there = {s for told in self.plain.items.values() for s in (*told.photos, *told.further)}
        for network, before in self.plain.embedded.items():
            known = shop.catalogue.embeddings(network, [hash_of(seed) for seed in before])
            left = {seed for seed in before if hash_of(seed) in known}
            assert before & there <= left
            self.plain.embedded[network] = left

    @rule(who=WHO)
    def reopen(self, who: int) -> None:
        """Die at rest, and come back."""
        self.processes[who].shop.close()
        self.processes[who] = self.opened()
        self.processes[who].take_over()

    @rule(who=WHO)
    def take_over(self, who: int) -> None:
        """Look into what serves now; until then an older version answers, as well."""
        self.processes[who].take_over()

    @rule(who=WHO, asked=ASKED)
    def search(self, who: int, asked: Asked) -> None:
        """Ask one searcher; what it answers is what the dictionary says."""
        shop, searcher = self.processes[who].shop, self.processes[who].searcher
        if searcher is None:
            return
        there = [told for told in self.plain.items.values() if told.photos]
        named = dict.fromkeys(map(self.now, asked.categories))
        paths = tuple(c for c in named if any(told.within([c]) for told in there))
        asked = replace(asked, categories=paths)  # without those that the shop has not
        network, views = searcher.version.embedding_fingerprint, searcher.version.manifest.views
        (hits,) = searcher.items.hits(
            vector(network, asked.seed)[None],
            asked.top_k,
            asked.categories,
            where=parse_filter(asked.where, shop.columns.fields()) if asked.where else None,
            min_score=asked.min_score,
        )
        expected = self.plain.scores(asked, network, views)
        best = sorted(expected.values(), reverse=True)[: asked.top_k]
        found = {hit.item.item_id: hit.score for hit in hits}
        assert [hit.score for hit in hits] == pytest.approx(best, abs=1e-6)
        assert found == pytest.approx({item: expected[item] for item in found}, abs=1e-6)
        assert len(found) == len(hits)

    @invariant()
    def both_answer_as_the_dictionary(self) -> None:
        self.steps += 1
        rng = np.random.default_rng(self.steps)
        for who in range(2):
            some = [PATHS[place] for place in rng.integers(0, len(PATHS), rng.integers(2))]
            where = [None, *WHERE][rng.integers(len(WHERE) + 1)]
            self.search(who, Asked(int(rng.choice(SEEDS)), tuple(some), where, top_k=9))

    @invariant()
    def every_change_is_there(self) -> None:
        catalogue = self.processes[self.steps % 2].shop.catalogue
        found = {}
        for item in (*catalogue.items("ok"), *catalogue.items("rejected")):
            photos = catalogue.photos_of(item.key)
            own = {
                role: [p.content_hash for p in photos if p.role == role]
                for role in ("catalogue", "further")
            }
            row = item.category, item.further_paths, item.attributes, item.state
            found[item.item_id] = (*row, own["catalogue"], sorted(own["further"]))
        assert found == {item: self.stored(item, told) for item, told in self.plain.items.items()}

    def stored(self, item: str, told: Told) -> tuple[object, ...]:
        attributes = dict(self.row(item, told).attributes)
        state = "ok" if told.photos else "rejected"
        photos = [[hash_of(s) for s in told.photos], sorted(map(hash_of, told.further))]
        return (told.category, told.further_paths, attributes, state, *photos)

    @invariant()
    def items_are_indexed_waiting_or_rejected(self) -> None:
        shop = self.processes[self.steps % 2].shop
        current = shop.current()
        assert current.index == self.serving
        if current.index:
            manifest = IndexVersion.open(shop.indexes / current.index).manifest
            told = manifest.embedding_fingerprint, manifest.views
            assert told == (self.network, self.views)
        counts = count_items(shop)
        own = counts.items, counts.indexed, counts.waiting, counts.rejected
        assert own == self.plain.counts(self.network, self.views)

    @invariant()
    def words_find_what_has_them(self) -> None:
        catalogue = self.processes[self.steps % 2].shop.catalogue
        for word, items in self.plain.words():
            found = catalogue.get_many(list(catalogue.items_by_text(word)))
            assert {item.item_id for item in found.values()} == items

    @invariant()
    def every_version_stands_its_check(self) -> None:
        shop = self.processes[0].shop
        for folder in version_folders(shop):
            assert folder.name in self.recipes
            if folder.name == self.serving or self.steps % 8 == 0:
                IndexVersion.open(folder).verify()
