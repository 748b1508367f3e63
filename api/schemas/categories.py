"""The category tree and its counts."""

from collections.abc import Mapping
from typing import Self

from natsort import natsort_keygen, ns
from pydantic import BaseModel, Field

from api.schemas.items import PathText
from vsearch.taxonomy import CategoryPath, format_path

_AS_PEOPLE_SORT = natsort_keygen(alg=ns.IGNORECASE)  # 2 cm before 10 cm


class CategoryNode(BaseModel):
    """A category with everything below it."""

    name: str = Field(examples=["stone_fruit"])
    display_name: str = Field(description="The name as a menu shows it.", examples=["Stone fruit"])
    path: PathText
    items: int = Field(description="Items in the whole subtree.", examples=[28])
    own: int = Field(description="Items in the category itself.", examples=[3])
    children: list["CategoryNode"] = Field(
        description="In the order of a menu: by name, as people sort.", examples=[[]]
    )


class CategoryTree(BaseModel):
    """The shop's categories."""

    items: int = Field(description="Items in the shop, under the filter.", examples=[81])
    children: list[CategoryNode]

    @classmethod
    def of(cls, counts: Mapping[CategoryPath, tuple[int, int]], items: int) -> Self:
        """Build the tree.

        Args:
            counts: items of each category itself and of its whole subtree.
            items: of all categories, each once.
        """
        nodes: dict[CategoryPath, CategoryNode] = {}
        tree = cls(items=items, children=[])
        for path in sorted(counts, key=lambda path: (len(path), _AS_PEOPLE_SORT(path[-1]), path)):
            own, subtree = counts[path]
            node = CategoryNode(
                name=path[-1],
                display_name=display_name(path[-1]),
                path=format_path(path),
                items=subtree,
                own=own,
                children=[],
            )
            nodes[path] = node
            siblings = nodes[path[:-1]].children if len(path) > 1 else tree.children
            siblings.append(node)
        return tree


def display_name(name: str) -> str:
    """Return a category's name as people read it: `stone_fruit` is a program's word for it."""
    if "_" not in name or " " in name:
        return name
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
