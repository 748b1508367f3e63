"""Why some photos found what they found: the surest mistakes and some good answers, explained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from api.report.explanations import Explanation
from api.report.strips import chosen
from api.report.study import Outcome, Study
from indexer.evaluate import Evaluation
from vsearch.images import ImageError, read_photo

if TYPE_CHECKING:  # it brings JAX
    from vsearch.explain import Explainer

EXPLAINED = {"sure": 4, "right": 2}


def reasons(evaluation: Evaluation, explainer: "Explainer") -> list[Explanation]:
    """Return explanations of the surest mistakes, then of a few good answers.

    They are among the photos whose hits the page shows; those that cannot be read are left out.

    Args:
        evaluation: what was asked, and what came back.
        explainer: the model that answered.
    """
    study = Study(evaluation)
    groups = chosen(study.sought)
    asked = [one for kind, most in EXPLAINED.items() for one in groups[kind][:most]]
    return [pair for one in asked for pair in _explained(study, explainer, one)]


def _explained(study: Study, explainer: "Explainer", one: Outcome) -> Iterator[Explanation]:
    from api.explain import PhotoSeen, explain_hits  # noqa: PLC0415  it brings JAX

    settings = study.shop.settings
    try:
        data = read_photo(one.path, max_bytes=settings.max_bytes)
        query = PhotoSeen.of(explainer, data, max_pixels=settings.max_pixels)
    except ImageError:
        return
    title = study.title_of(one)
    # Hits are shown by their catalogue photos, as everywhere on the page.
    for found in explain_hits(study.shop, query, one.hits[:1], public=True):
        if found.found is not None:
            verdict = "found rightly" if one.found else f"taken for {found.hit.item.title}"
            caption = f"{title}, {verdict}: {found.similarity:.2f} alike"
            yield Explanation(caption, found.query, found.found, query.photo, found.plain)
