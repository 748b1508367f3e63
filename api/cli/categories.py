"""`categories`: the category tree, and edits of it that need no training."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from typer.core import TyperGroup

from api.cli.progress import format_seconds
from api.cli.tables import counted, facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.category_edits import EditReport
    from indexer.category_edits_paths import CategoryEdit
    from indexer.shop import Shop
    from vsearch.progress import Progress
    from vsearch.taxonomy import CategoryPath

HELP = (
    "Show the category tree, or edit it: no training, no embedding, nothing to build.\n\n"
    "Filters, hits, counts and probabilities follow at once, in servers that run as well. A "
    "CATEGORY is a whole path (“Fruit > Apple”, or Fruit/Apple), or a name that only one category "
    "bears. Manifests that still use old names are led on to the new ones: see `list --edits`, "
    "`undo` and `forget`."
)


class ListUnlessTold(TyperGroup):
    """Takes options right behind the shop for those of `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (typer's or click's)
        """Return what is left of the arguments."""
        if args[1:] and not args[0].startswith("-") and args[1] in {"--json", "--edits"}:
            args = [args[0], "list", *args[1:]]
        return super().parse_args(ctx, args)


categories = typer.Typer(
    cls=ListUnlessTold,
    help=HELP,
    no_args_is_help=True,
    invoke_without_command=True,
    rich_markup_mode=None,
)

Category = Annotated[str, typer.Argument(metavar="CATEGORY", help="Its path, or a unique name.")]
Siblings = Annotated[
    bool, typer.Option("--siblings", help="New categories lie beside it, not within it.")
]


@categories.callback()
def of_shop(context: typer.Context, shop: ShopFolder) -> None:
    """Keep the shop for the command that follows; without one the tree is shown."""
    context.obj = shop
    if context.invoked_subcommand is None:
        list_(context)


@categories.command("list")
def list_(
    context: typer.Context,
    edits: Annotated[
        bool, typer.Option("--edits", help="List the edits of the tree instead, in order.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the tree with its items, or the edits that were made."""
    from indexer.shop import Shop

    with Terminal(as_json) as terminal, Shop.open(context.obj) as opened:
        made = opened.catalogue.category_edits()
        if edits:
            document = {"edits": [edit.to_json() for edit in made]}
            terminal.answer(document, _edits(made) if made else "The tree was never edited.")
        else:
            counts = opened.catalogue.category_counts()
            terminal.answer(*_tree(counts))


@categories.command()
def rename(
    context: typer.Context,
    category: Category,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The new name, of the last level alone.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give a category another name; all below it comes along."""
    from indexer import category_edits

    _edit(
        context, lambda s, p: category_edits.rename(s, category, name, progress=p), as_json, quiet
    )


@categories.command()
def move(
    context: typer.Context,
    category: Category,
    parent: Annotated[
        str, typer.Argument(metavar="PARENT", help='Where to; "" for the top of the tree.')
    ],
    create: Annotated[bool, typer.Option("--create", help="PARENT may be new.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a category, with all below it, into another one."""
    from indexer import category_edits

    def run(shop: "Shop", progress: "Progress") -> "EditReport":
        return category_edits.move(shop, category, parent, create=create, progress=progress)

    _edit(context, run, as_json, quiet)


@categories.command()
def merge(
    context: typer.Context,
    category: Category,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The category that stays.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make one category of two: items, labels and old names of the first go to the second."""
    from indexer import category_edits

    _edit(context, lambda s, p: category_edits.merge(s, category, into, progress=p), as_json, quiet)


@categories.command()
def retire(
    context: typer.Context,
    category: Category,
    to: Annotated[
        str | None, typer.Option(help="The category that its items go to.", show_default=False)
    ] = None,
    remove_items: Annotated[
        bool, typer.Option("--remove-items", help="Delete its items with it.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take out a category that is not sold any more; the model stops recognising it."""
    from indexer import category_edits

    if to is not None and remove_items:
        raise typer.BadParameter("give one of --to and --remove-items")

    def run(shop: "Shop", progress: "Progress") -> "EditReport":
        return category_edits.retire(
            shop, category, to=to, remove_items=remove_items, progress=progress
        )

    _edit(context, run, as_json, quiet)


@categories.command()
def split(
    context: typer.Context,
    category: Category,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="ATTRIBUTE",
            help="One new category for each value of an attribute.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A new category, for items that --where tells.", show_default=False
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR",
            help="Which items go: colour = 'red' and price < 50.",
            show_default=False,
        ),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file that says which item goes where: item_id, category.",
            show_default=False,
        ),
    ] = None,
    siblings: Siblings = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give some items of a category new ones, which the model knows by these items' photos."""
    if sum(given is not None for given in (by, into, items)) != 1:
        raise typer.BadParameter("give one of --by, --into and --items")
    if (into is None) != (where is None):
        raise typer.BadParameter("--into and --where go together")
    from indexer import category_edits
    from indexer.category_edits_split import PartsOf, by_attribute, by_file, by_filter
    from indexer.filters import parse_filter

    def parts(shop: "Shop") -> PartsOf:
        if by is not None:
            return by_attribute(shop, by, siblings=siblings)
        if items is not None:
            return by_file(shop, items, siblings=siblings)
        wanted = parse_filter(str(where), shop.columns.fields())
        return by_filter(shop, str(into), wanted, siblings=siblings)

    def run(shop: "Shop", progress: "Progress") -> "EditReport":
        return category_edits.split(shop, category, parts(shop), progress=progress)

    _edit(context, run, as_json, quiet)


@categories.command()
def undo(context: typer.Context, as_json: Json = False, quiet: Quiet = False) -> None:
    """Take back the last edit; items that were deleted do not come back."""
    from indexer import category_edits

    _edit(context, lambda s, p: category_edits.undo(s, progress=p), as_json, quiet)


@categories.command()
def forget(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the edit, as `list --edits` tells it.")],
    as_json: Json = False,
) -> None:
    """Let manifests mean what they say again, where an edit leads them on; the tree stays."""
    from indexer import category_edits
    from indexer.shop import Shop

    with Terminal(as_json) as terminal, Shop.open(context.obj) as opened:
        edit = category_edits.forget(opened, number)
        document = edit.to_json()
        terminal.answer(
            document | {"forgotten": True},
            f"“{document['from']}” means “{document['from']}” again, from the next import on.",
        )


def _edit(
    context: typer.Context,
    run: "Callable[[Shop, Progress], EditReport]",
    as_json: bool,
    quiet: bool,
) -> None:
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(context.obj) as opened:
        report = run(opened, terminal.progress)
        terminal.answer(report.to_json(), _done(report))
        for told in report.notes:
            terminal.warn(told)


def _done(report: "EditReport") -> RenderableType:
    """Return what an edit did, as people see it."""
    from vsearch.taxonomy import format_path

    edit = report.edit.to_json()
    rows: list[tuple[str, object]] = [
        ("undone" if report.undone else "done", f"{edit['kind']} (edit {edit['number']})"),
        ("category", edit["from"]),
    ]
    if edit["to"] is not None:
        rows.append(("  is now" if not report.undone else "  was", edit["to"]))
    rows += [(f"  {format_path(path)}", counted(n, "item")) for path, n in report.parts.items()]
    rows += [("items", report.items)]
    if report.removed:
        rows.append(("items deleted", report.removed))
    if report.model is not None:
        changed = "" if report.models else " (as before)"
        rows.append(("model", f"{report.model}{changed}"))
        rows.append(("version", report.version))
    return facts([*rows, ("time", format_seconds(report.seconds))])


def _edits(edits: "Sequence[CategoryEdit]") -> RenderableType:
    rows = []
    for edit in edits:
        told = edit.to_json()
        means = "mean what they say" if edit.forgotten else "are led on"
        at = edit.at.replace("T", " ").removesuffix("+00:00")
        rows.append((edit.number, edit.kind, told["from"], told["to"], means, at))
    return listing(("edit", "kind", "category", "became", "old manifests", "made (UTC)"), rows)


def _tree(
    counts: "Mapping[CategoryPath, int]",
) -> tuple[dict[str, object], RenderableType]:
    """Return the tree for scripts and for people."""
    from vsearch.taxonomy import ancestors, format_path

    subtrees: Counter[CategoryPath] = Counter()
    for path, count in counts.items():
        subtrees.update(dict.fromkeys(ancestors(path), count))
    told, rows = [], []
    for path, subtree in sorted(subtrees.items()):
        own = counts.get(path, 0)
        told.append({"path": format_path(path), "own": own, "subtree": subtree})
        rows.append(("  " * (len(path) - 1) + path[-1], own, subtree))
    header = ("category", "items", "with all below it")
    shown = listing(header, rows) if rows else "No item yet: vsearch import"
    return {"categories": told}, shown
