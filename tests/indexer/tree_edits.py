"""Edits of the category tree as they happen to a shop, and to a plain dictionary alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import rule

from indexer import category_edits
from indexer.category_edits import EditReport
from indexer.category_edits_publish import Following
from indexer.category_edits_split import by_attribute
from indexer.shop import Shop
from tests.indexer.plain_shop import PlainShop, Told
from tests.indexer.shop_strategies import WHO
from vsearch.errors import CategoryError
from vsearch.taxonomy import CategoryPath, Taxonomy, format_path, is_within


@dataclass(frozen=True)
class Drawn:
    """An edit that is to be tried, of categories by their place among those that items have."""

    kind: str
    places: tuple[int, int]
    name: str


DRAWN = st.builds(
    Drawn,
    kind=st.sampled_from(["rename", "move", "merge", "retire", "split"]),
    places=st.tuples(st.integers(0, 11), st.integers(0, 11)),
    name=st.sampled_from(["Obst", "apple", "Cold", "Gala", "Fruit", "Kept"]),
)


@dataclass(frozen=True)
class Edit:
    """What became of a category: of all in it, or of some items by id."""

    kind: str
    source: CategoryPath
    target: CategoryPath = ()
    parts: Mapping[str, CategoryPath] = field(default_factory=dict)

    def path(self, path: CategoryPath, item: str = "") -> CategoryPath:
        if self.kind == "split":
            return self.parts.get(item, path) if path == self.source else path
        if not is_within(path, self.source):
            return path
        return self.target + (() if self.kind == "retire" else path[len(self.source) :])

    def of(self, item: str, told: Told) -> Told:
        further = tuple(map(self.path, told.further_paths))
        return replace(told, category=self.path(told.category, item), further_paths=further)


class TreeEdits:
    """The rules of the machine that edit the tree."""

    plain: PlainShop
    edits: list[Edit]

    def shop_of(self, who: int) -> Shop:
        """Return the shop as a process has it open."""
        raise NotImplementedError

    def called_now(self, item: str, told: Told) -> Told:
        """Return an item that is told in names of any time as it is to be stored."""
        for edit in self.edits:
            told = edit.of(item, told)
        return told

    def now(self, path: CategoryPath) -> CategoryPath:
        for edit in self.edits:
            path = edit.path(path)
        return path

    @rule(who=WHO, drawn=DRAWN)
    def edit(self, who: int, drawn: Drawn) -> None:
        """Edit the tree, if that can be done."""
        used = [t.category for t in self.plain.items.values()]
        if not (there := Taxonomy.of(used).paths):
            return
        source, target = (format_path(there[place % len(there)]) for place in drawn.places)
        runs: Mapping[str, Callable[[Shop], EditReport]] = {
            "rename": lambda shop: category_edits.rename(shop, source, drawn.name),
            "move": lambda shop: category_edits.move(shop, source, target),
            "merge": lambda shop: category_edits.merge(shop, source, target),
            "retire": lambda shop: category_edits.retire(shop, source, to=target),
            "split": lambda shop: category_edits.split(shop, source, by_attribute(shop, "colour")),
        }
        if report := self.made(who, runs[drawn.kind]):
            told = report.edit
            edit = Edit(drawn.kind, told.source, told.target or (), self.parts(told.source))
            self.edits.append(edit)
            self.plain.items = {item: edit.of(item, t) for item, t in self.plain.items.items()}

    def parts(self, source: CategoryPath) -> dict[str, CategoryPath]:
        """Return where the items of a category go that is split by colour."""
        return {
            item: (*source, told.colour)
            for item, told in self.plain.items.items()
            if told.category == source and told.colour and told.photos
        }

    @rule(who=WHO, drawn=DRAWN)
    def edit_and_undo(self, who: int, drawn: Drawn) -> None:
        """Edit the tree, and take that back before anything else happens."""
        items, edits = dict(self.plain.items), len(self.edits)
        self.edit(who, drawn)
        if len(self.edits) > edits:
            assert self.made(1 - who, category_edits.undo) is not None
            self.plain.items = items
            self.edits.pop()

    @rule(who=WHO)
    def undo(self, who: int) -> None:
        """Take the last edit back, if that can be done, whatever has happened since."""
        last = self.edits[-1] if self.edits else None
        # Of others the dictionary cannot tell which items were of which category.
        if last and last.kind in {"rename", "move"} and self.made(who, category_edits.undo):
            back = Edit(last.kind, last.target, last.source)
            self.edits.pop()
            self.plain.items = {item: back.of(item, t) for item, t in self.plain.items.items()}

    def made(self, who: int, run: Callable[[Shop], EditReport]) -> EditReport | None:
        """Run an edit; None where it cannot be made. The models are none that could follow."""

        def prepare(shop: Shop, *_: object) -> Following:
            return Following(shop.current(), shop.trained_model())

        with patch.object(category_edits, "prepare", prepare):
            try:
                return run(self.shop_of(who))
            except CategoryError:
                return None
