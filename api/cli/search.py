"""`search`: a photo's predicted categories and the items that look like it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.classes import categories_listing, labels_listing, unknown_line
from api.cli.pictures import check_picture
from api.cli.progress import format_seconds
from api.cli.tables import listing
from api.cli.terminal import Json, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.filter_syntax import Filter
    from indexer.restriction import Restriction
    from indexer.same_photo import SamePhoto
    from indexer.search import Restrict, Searcher, SearchResult
    from vsearch.explain import Explainer
    from vsearch.images import Crop
    from vsearch.taxonomy import CategoryPath

Photos = Annotated[
    list[Path], typer.Argument(metavar="PHOTO", help="One or more photos.", show_default=False)
]


def search(
    shop: ShopFolder,
    photos: Photos,
    top_k: Annotated[int, typer.Option(min=1, help="How many items to show.")] = 10,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Only items within this category, such as “Fruit > Apple”, Fruit/Apple, or Apple "
            "alone where that is unique. Repeatable.",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER",
            help="Only items for which this holds, such as “price < 50 and brand in ('A', 'B') "
            "and in_stock”.",
            show_default=False,
        ),
    ] = None,
    min_score: Annotated[
        float,
        typer.Option(metavar="S", min=-1, max=1, help="Only items as similar as this, by cosine."),
    ] = -1.0,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help="Words that the items are to have in title, attributes or category, such as "
            "“blue striped”: those that look alike and have them come first.",
            show_default=False,
        ),
    ] = None,
    restrict: Annotated[
        Literal["off", "auto"],
        typer.Option(
            help="“auto” looks within the categories that the photo is likely to show, where they "
            "are clear; else, and where they hold too few items, among all items.",
        ),
    ] = "off",
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Score every view that may be found, also where the index has codes that save "
            "most of that work and may miss a view (`vsearch versions` tells how rarely).",
        ),
    ] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Use only this part of the photo, as fractions of its size.",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw the photo and its hits; with several photos, one numbered sheet for each.",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw why: what of the photo speaks for its label, and what it has in common "
            "with its first hits, each shown by the view that matched.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the items that look like a photo."""
    check_picture(sheet, "--sheet")
    check_picture(explain, "--explain")
    from api.loading import open_warm
    from indexer.filters import parse_filter
    from indexer.shop import Shop
    from vsearch.images import Crop, ImageError

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        taxonomy = opened.columns.all_paths()
        within = [taxonomy.find(name) for name in category or ()]
        question = Question(
            top_k,
            within,
            Crop.parse(crop) if crop else None,
            restrict,
            parse_filter(where, opened.columns.fields()) if where else None,
            min_score,
            text,
        )
        started = time.perf_counter()
        searcher = open_warm(opened, exact=exact)
        seconds = time.perf_counter() - started
        explainer = explainer_of(searcher) if explain else None
        answers: list[Answer] = []
        for number, photo in enumerate(photos, start=1):
            several = number if len(photos) > 1 else None
            drawn = Drawings(numbered(sheet, several), numbered(explain, several))
            try:
                result = ask(searcher, photo, question, drawn, explainer)
                answers.append(Answer(photo, result, drawn=drawn))
            except ImageError as error:
                answers.append(Answer(photo, error=str(error)))
        terminal.failed = any(answer.error for answer in answers)
        terminal.answer(
            answers_document(answers, seconds),
            *(part for answer in answers for part in answer.shown()),
            Text(f"Model and index loaded in {format_seconds(seconds)}.", style="dim"),
        )


@dataclass(frozen=True)
class Question:
    """What is asked about every photo of a command."""

    top_k: int
    categories: Sequence["CategoryPath"]
    crop: "Crop | None"
    restrict: "Restrict"
    where: "Filter | None" = None
    min_score: float = -1.0
    text: str | None = None


@dataclass(frozen=True)
class Drawings:
    """The pictures that are drawn of one photo; None: not drawn."""

    sheet: Path | None = None
    explained: Path | None = None

    def to_json(self) -> dict[str, str]:
        """Return what `--json` prints of them."""
        files = {"sheet": self.sheet, "explained": self.explained}
        return {name: str(file) for name, file in files.items() if file}

    def shown(self) -> list[RenderableType]:
        """Return what people see of them."""
        names = (("Contact sheet", self.sheet), ("Why", self.explained))
        return [f"{name}: {file}" for name, file in names if file]


@dataclass(frozen=True)
class Answer:
    """What became of one photo: a result, or an error."""

    photo: Path
    result: "SearchResult | None" = None
    error: str | None = None
    drawn: Drawings = Drawings()

    def to_json(self) -> dict[str, object]:
        """Return what `--json` prints of this photo."""
        if self.result is None:
            return {"photo": str(self.photo), "error": self.error}
        return {"photo": str(self.photo), **self.drawn.to_json(), **self.result.to_json()}

    def shown(self) -> list[RenderableType]:
        """Return what people see of this photo."""
        name = Text(f"\n{self.photo}", style="bold")
        if self.result is None:
            return [name, Text(f"Error: {self.error}", style="red")]
        tables = result_tables(self.result)
        return [name, *tables, *self.drawn.shown(), timings_line(self.result)]


def ask(
    searcher: "Searcher",
    photo: Path,
    question: Question,
    drawn: Drawings,
    explainer: "Explainer | None",
) -> "SearchResult":
    """Search with one photo and draw of it what is wanted."""
    from api.sheet import contact_sheet
    from vsearch.images import read_photo

    data = read_photo(photo, max_bytes=searcher.shop.settings.max_bytes)
    result = searcher.search(
        data,
        top_k=question.top_k,
        categories=question.categories,
        crop=question.crop,
        restrict=question.restrict,
        where=question.where,
        min_score=question.min_score,
        text=question.text,
    )
    if drawn.sheet:
        contact_sheet(searcher.shop, data, result, question.crop).save(drawn.sheet)
    if drawn.explained and explainer:
        from api.explain_sheet import search_explained

        why = search_explained(searcher.shop, explainer, data, result, question.crop)
        why.save(drawn.explained)
    return result


def explainer_of(searcher: "Searcher") -> "Explainer":
    """Load the model that answers once more, with what it takes to explain."""
    from vsearch.explain import Explainer

    return Explainer.load(searcher.shop.models / searcher.embedder.model_fingerprint)


def numbered(file: Path | None, number: int | None) -> Path | None:
    """Return the file of one of several pictures: `out.png` becomes `out-2.png`."""
    return file.with_stem(f"{file.stem}-{number}") if file and number else file


def answers_document(answers: Sequence[Answer], seconds: float) -> dict[str, object]:
    """Return one answer as it is, several as a list."""
    if len(answers) == 1:
        return {**answers[0].to_json(), "load_seconds": round(seconds, 3)}
    return {
        "photos": [answer.to_json() for answer in answers],
        "load_seconds": round(seconds, 3),
    }


def result_tables(result: "SearchResult") -> list[RenderableType]:
    """Return what is predicted and the hits as people see them.

    Labels are listed where the categories do not tell them: they have no place there, or the photo
    is given several.
    """
    document: dict[str, Any] = result.to_json()
    found = hits_listing(document["hits"])
    categories = categories_listing(result)
    several = sum(label.assigned for label in result.labels) > 1
    labels = [labels_listing(result)] if several or not categories else []
    return [
        *labels,
        *categories,
        *unknown_line(result),
        *restricted_line(result.restricted),
        *same_photo_line(result.same_photo),
        found,
    ]


def hits_listing(hits: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return hits, as JSON tells them, as people see them."""
    rows = [
        (rank, hit["score"], hit["item_id"], hit["title"], hit["category"])
        for rank, hit in enumerate(hits, start=1)
    ]
    columns = ("", "score", "item", "title", "category")
    return listing(columns, rows) if rows else "No item is left."


def same_photo_line(same: "SamePhoto | None") -> list[RenderableType]:
    """Return whose photo it is that was searched with, where the catalogue has it."""
    if same is None:
        return []
    what = "This very file is" if same.same_file else "A copy of this picture is"
    return [Text(f"{what} in the catalogue already: item {same.item_id}.", style="yellow")]


def restricted_line(restricted: "Restriction | None") -> list[RenderableType]:
    """Return where a search that may restrict itself has looked."""
    if restricted is None:
        return []
    told: dict[str, Any] = restricted.to_json()
    if restricted.widened:
        return [Text(f"Searched among all items: {restricted.widened}.", style="dim")]
    where = f"Searched within {', '.join(told['categories'])} ({restricted.probability:.0%})"
    if not restricted.beyond:
        return [Text(f"{where}.", style="dim")]
    last = f"{restricted.beyond} hits lie" if restricted.beyond > 1 else "hit lies"
    return [Text(f"{where}; the last {last} beyond.", style="dim")]


def timings_line(result: "SearchResult") -> Text:
    """Return where the time of one photo went."""
    spent = ", ".join(f"{stage} {spent:.1f} ms" for stage, spent in result.timings.items())
    return Text(spent, style="dim")
