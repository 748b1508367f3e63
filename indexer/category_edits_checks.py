"""From what a person types to an edit of the category tree that can be made, or words why not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from indexer.category_edits_paths import CategoryEdit, EditedPaths
from indexer.columns import read_category
from indexer.labels import compared_name
from vsearch.errors import CategoryError
from vsearch.taxonomy import CategoryPath, Taxonomy, ancestors, format_path, is_within


@dataclass(frozen=True)
class Tree:
    """The tree as it is before an edit.

    Attributes:
        taxonomy: the paths that items have, and those that the models know.
        edits: the edits so far that hold.
    """

    taxonomy: Taxonomy
    edits: EditedPaths

    @classmethod
    def of(cls, paths: Iterable[CategoryPath], edits: EditedPaths) -> "Tree":
        """Return the tree of these paths."""
        return cls(Taxonomy.of(paths), edits)

    def find(self, text: str) -> CategoryPath:
        """Return the category that a text names: a whole path, or a name that only one bears.

        Raises:
            CategoryError: none does, or several.
        """
        path = read_path(text)
        if path in self.taxonomy.paths:
            return path
        try:
            return self.taxonomy.find(text)
        except CategoryError as error:
            if edit := self.edits.leads_on(path):
                now = self.edits.path(path)
                told = f"“{format_path(now)}”" if now else "sold no more"
                raise CategoryError(
                    f"{error}; “{format_path(path)}” is {told} since edit {edit.number}"
                ) from None
            raise

    def rename(self, text: str, name: str) -> CategoryEdit:
        """Return the edit that gives a category another name in its place.

        Raises:
            CategoryError: no such category, no name, or another one is called so.
        """
        source, (last, *more) = self.find(text), read_path(name)
        if more or ">" in name:
            raise CategoryError(
                f"“{name}” is a path: give the new name alone; to put the category elsewhere use "
                "move"
            )
        return self._checked(CategoryEdit("rename", source, (*source[:-1], last)))

    def move(self, text: str, parent: str, *, create: bool = False) -> CategoryEdit:
        """Return the edit that puts a category, with all below it, into another one.

        Args:
            text: the category.
            parent: where to; empty for the top of the tree.
            create: whether `parent` may be new.

        Raises:
            CategoryError: no such category, the new place lies within it, or another one there is
                called so.
        """
        source = self.find(text)
        above = self._parent(parent, create=create)
        if is_within(above, source):
            raise CategoryError(
                f"“{format_path(source)}” cannot be moved to “{format_path(above)}”, which is or "
                "lies within itself"
            )
        if above == source[:-1]:
            place = f"in “{format_path(above)}”" if above else "at the top"
            raise CategoryError(f"“{format_path(source)}” is {place} already")
        return self._checked(CategoryEdit("move", source, (*above, source[-1])))

    def merge(self, text: str, into: str) -> CategoryEdit:
        """Return the edit that lets all items of a category be of another one from now on.

        Raises:
            CategoryError: no such categories, or the other one lies within the first.
        """
        source, target = self.find(text), self.find(into)
        if is_within(target, source):
            told = "they are one category" if target == source else "it lies within the first"
            raise CategoryError(
                f"“{format_path(source)}” cannot be merged into “{format_path(target)}”: {told}"
            )
        return self._sound(CategoryEdit("merge", source, target))

    def retire(self, text: str, to: str | None = None) -> CategoryEdit:
        """Return the edit that takes a category out, with all below it.

        Args:
            text: the category.
            to: where its items go; None: it has none.

        Raises:
            CategoryError: no such categories, or the other one lies within the first.
        """
        source = self.find(text)
        target = None if to is None else self.find(to)
        if target is not None and is_within(target, source):
            raise CategoryError(
                f"the items of “{format_path(source)}” cannot go to “{format_path(target)}”, which "
                "is retired with it"
            )
        return self._sound(CategoryEdit("retire", source, target))

    def split(self, source: CategoryPath, parts: Mapping[str, CategoryPath]) -> CategoryEdit:
        """Return the edit that gives some items of a category other ones.

        Args:
            source: the category.
            parts: the new category of each item, by item id.

        Raises:
            CategoryError: a new category is too like another, or cannot be called so.
        """
        edit = CategoryEdit("split", source, parts=parts)
        alike: dict[tuple[CategoryPath, str], CategoryPath] = {}
        for path in sorted(set(parts.values())):
            self._check_free(path)
            other = alike.setdefault((path[:-1], compared_name(path[-1])), path)
            if other != path:
                raise CategoryError(
                    f"“{path[-1]}” would differ from “{format_path(other)}” only in case or "
                    "spaces: write both alike in the catalogue, or give --items"
                )
            self._check_siblings(path)
            self._check_old_name(edit, path)
        return edit

    def _parent(self, text: str, *, create: bool) -> CategoryPath:
        if not text.strip(" >"):
            return ()
        if not create or read_path(text) in self.taxonomy.paths:
            return self.find(text)
        path = read_path(text)
        self._check_siblings(path)
        return path

    def _checked(self, edit: CategoryEdit) -> CategoryEdit:
        """Check that a category can be called as an edit wants it to be called."""
        target = edit.target or ()
        if target == edit.source:
            raise CategoryError(f"“{format_path(target)}” is called so already")
        if target in self.taxonomy.paths:
            raise CategoryError(
                f"there is a “{format_path(target)}” already: to make one category of the two use "
                f"merge “{format_path(edit.source)}” “{format_path(target)}”"
            )
        self._check_siblings(target, edit.source)
        return self._sound(edit)

    def _sound(self, edit: CategoryEdit) -> CategoryEdit:
        for path in self.taxonomy.subtree(edit.source):
            now = edit.path(path)
            if now is not None:
                self._check_free(now)
                self._check_old_name(edit, now)
        return edit

    def _check_free(self, path: CategoryPath) -> None:
        """Check that a path can be that of a category."""
        try:
            read_category([list(path)])
        except ValueError as error:
            raise CategoryError(f"“{format_path(path)}”: {error}") from error
        if not all(path):
            raise CategoryError("a new category has no name")
        if any(">" in name for name in path):
            raise CategoryError(f"“{path[-1]}” cannot be a category's name: > stands between names")

    def _check_siblings(self, path: CategoryPath, leaving: CategoryPath = ()) -> None:
        """Check that a new category differs from those beside it in more than case or spaces."""
        for new in ancestors(path):
            if new in self.taxonomy.paths:
                continue
            for other in self.taxonomy.children(new[:-1]):
                if other != leaving and compared_name(other[-1]) == compared_name(new[-1]):
                    raise CategoryError(
                        f"“{new[-1]}” differs from “{format_path(other)}” only in case or spaces: "
                        "take that one, or another name"
                    )

    def _check_old_name(self, edit: CategoryEdit, path: CategoryPath) -> None:
        """Check that nobody is led on from a path that a category is to have from now on."""
        edits = EditedPaths((*self.edits.edits, edit), self.edits.part_of)
        if edits.path(path) != path:
            first = edits.leads_on(path)
            told = format_path(path)
            if first is None or first is edit:
                raise CategoryError(
                    f"“{told}” would be a new and an old name at once: do it in two steps"
                )
            raise CategoryError(
                f"“{told}” is an old name, which edit {first.number} leads on to another category: "
                f"let manifests mean what they say with `forget {first.number}` first"
            )


def read_path(text: str) -> CategoryPath:
    """Return the path that a person has typed, as manifests write paths.

    Raises:
        CategoryError: there is no name in it, or it is no name.
    """
    try:
        return read_category([text])
    except ValueError as error:
        told = "it has no name" if "has no category" in str(error) else str(error)
        raise CategoryError(f"“{text}” is no category: {told}") from error


def listed(names: Collection[str], most: int = 5) -> str:
    """Return the first of some names, as a message tells them."""
    shown: Sequence[str] = sorted(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(f"“{name}”" for name in shown[:most]) + more
