"""The page as a whole: sections in the order in which a reader asks, in one file."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from api.report.audit import Audit, audit_section
from api.report.charts import table_of
from api.report.confusions import confusions_section
from api.report.embedding_map import map_section
from api.report.explanations import Explanation, explanations_section
from api.report.few_photos import Shot, few_photos_section
from api.report.figures import all_figures, by_views, how_measured
from api.report.headline import headline
from api.report.honesty import honesty_section, unknown_section
from api.report.labels import labels_section
from api.report.markup import Child, Markup, join, tag
from api.report.queries import queries_section
from api.report.strips import strips_section
from api.report.study import Study
from api.report.thumbnails import Gallery
from api.report.training import training_section
from indexer.evaluate import Evaluation
from vsearch.progress import Progress, silent
from vsearch.storage import write_atomically

LARGE, SMALL, TINY = 144, 64, 40  # pixels of a picture: in strips, in tables, on the map
REJECTS_LISTED = 20
SCRIPTS = ("page.js", "tables.js", "map.js")  # in this order: the first has what the others use

TITLES = {
    "summary": "Summary",
    "views": "Kinds of photos",
    "labels": "Labels",
    "few": "Few photos",
    "confused": "Mixed up",
    "hits": "Hits",
    "why": "Why",
    "honesty": "Honesty",
    "unknown": "Not sold here",
    "map": "Map",
    "training": "Training",
    "audit": "To look at",
    "queries": "Every photo",
    "figures": "All figures",
    "about": "About",
}


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    audit: Audit | None = None,
    explanations: Sequence[Explanation] = (),
    shots: Sequence[Shot] = (),
    progress: Progress = silent,
) -> None:
    """Write the page of an evaluation to a file, in one step.

    Args:
        path: the file, in a folder that exists.
        evaluation: what was asked, and what came back.
        audit: labels and photos to look at, for a section of their own.
        explanations: pairs of photos with heat maps, for another.
        shots: how well new labels are recognised with few photos, as `--shots` tells it.
        progress: told of the stages "report map" and "report photos".

    Raises:
        OSError: the file cannot be written.
    """
    page = report_page(
        evaluation, audit=audit, explanations=explanations, shots=shots, progress=progress
    )
    write_atomically(path, page)


def report_page(
    evaluation: Evaluation,
    *,
    audit: Audit | None = None,
    explanations: Sequence[Explanation] = (),
    shots: Sequence[Shot] = (),
    progress: Progress = silent,
    made: datetime | None = None,
) -> str:
    """Return the page of an evaluation; see `write_report`.

    Args:
        evaluation: what was asked, and what came back.
        audit: labels and photos to look at.
        explanations: pairs of photos with heat maps.
        shots: how well new labels are recognised with few photos.
        progress: told of the stages "report map" and "report photos".
        made: when, for the page's foot; None: now.
    """
    study = Study(evaluation)
    large, small = Gallery("g", LARGE), Gallery("t", SMALL)
    tiny = Gallery("m", TINY, columns=40)
    document = study.document
    sections = {
        "summary": headline(study),
        "views": by_views(document),
        "labels": labels_section(study, small),
        "few": few_photos_section(shots),
        "confused": confusions_section(study, large),
        "hits": strips_section(study, large),
        "why": explanations_section(explanations),
        "honesty": honesty_section(document),
        "unknown": unknown_section(document),
        "map": map_section(study, tiny, progress=progress),
        "training": training_section(getattr(study.bundle, "training", {})),
        "audit": audit_section(study, small, audit),
        "queries": queries_section(study),
        "figures": all_figures(document),
        "about": _about(study, made or datetime.now(UTC)),
    }
    pictures = _pictures(large, small, tiny, progress)
    name = study.shop.settings.name
    return "<!doctype html>\n" + tag(
        "html",
        _head(f"{name}: how good the photo search is"),
        _body(name, {key: one for key, one in sections.items() if one is not None}, pictures),
        lang="en",
    )


def _pictures(large: Gallery, small: Gallery, tiny: Gallery, progress: Progress) -> Markup:
    """Return the sheets of all photos, at the page's end: the words are there before them."""
    total = len(large) + len(small) + len(tiny)
    drawn = 0

    def told(stage: str, done: int, _: int) -> None:
        progress(stage, drawn + done, total)

    styles = []
    for gallery in (large, small):
        styles.append(gallery.style(gallery.sheets(told, "report photos")))
        drawn += len(gallery)
    maps = tiny.sheets(told, "report photos")
    sheet = tag("img", id="map-sheet", src=maps[0], alt="", hidden=True) if maps else None
    return join(Markup(f"<style>{''.join(styles)}</style>"), sheet)


def _asset(*names: str) -> str:
    folder = resources.files("api.report")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _head(title: str) -> Markup:
    """Return the head; its policy lets nothing in from outside and runs no script but ours."""
    digest = base64.b64encode(hashlib.sha256(_asset(*SCRIPTS).encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Markup(f"<style>{_asset('style.css')}</style>"),
    )


def _body(name: str, sections: Mapping[str, Markup], pictures: Markup) -> Markup:
    links = (tag("li", tag("a", TITLES[key], href=f"#{key}")) for key in sections)
    theme = tag("button", "Dark", type="button", id="theme", hidden=True)
    return tag(
        "body",
        tag("a", "Skip to the figures", href="#main", class_="skip"),
        tag(
            "header",
            tag("h1", tag("span", name, class_="shop"), " How good the photo search is"),
            theme,
        ),
        tag(
            "div",
            tag("nav", tag("ol", links), aria_label="Sections"),
            tag("main", sections.values(), id="main"),
            class_="page",
        ),
        pictures,
        Markup(f"<script>{_asset(*SCRIPTS)}</script>"),
    )


def _about(study: Study, made: datetime) -> Markup:
    document, bundle = study.document, study.bundle
    rows: list[tuple[Child, ...]] = [*how_measured(document)]
    rows += [
        ("Kind of classification", document["objective"]),
        ("Labels", f"{len(bundle.labels):,}, from {', '.join(study.columns)}"),
        ("Model", document["model"]),
        ("Index", document["index"]),
    ]
    for key, value in getattr(bundle, "provenance", {}).items():
        rows.append((f"Starting weights, {key}", value))
    rows.append(("Made", f"{made:%d %B %Y, %H:%M} UTC"))
    rejects = document["rejects"]
    listed = tag("ul", (tag("li", reject) for reject in rejects[:REJECTS_LISTED]))
    return tag(
        "section",
        tag("h2", "About this report"),
        table_of(("What", "Value"), rows),
        tag("details", tag("summary", "Photos that could not be used"), listed)
        if rejects
        else None,
        tag(
            "p",
            "This page shows photos that customers may have taken. Keep it as you keep those.",
            class_="note",
        ),
        id="about",
    )
