"""The documents that the HTTP API answers with; `vsearch search --json` prints the same keys."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.schemas.explanations import ExplanationDocument
from api.schemas.facets import FacetDocument
from api.schemas.items import HitDocument, PathText
from indexer.search import SearchResult

Probability = Annotated[float, Field(description="From 0 to 1.", examples=[0.93])]


class LabelDocument(BaseModel):
    """A class of the model, with the category that it maps to."""

    name: str = Field(examples=["Granny-Smith"])
    path: PathText = Field(
        description="The category that it maps to, root first; empty where it maps to none.",
        examples=["Fruit > Apple"],
    )
    probability: Probability
    assigned: bool = Field(
        description="Whether the photo is given this label: the most probable one, or each that is "
        "probable enough where a photo can have several or none.",
        examples=[True],
    )


class CategoryDocument(BaseModel):
    """A category of any level, with the probability of all labels within it."""

    path: PathText
    probability: Probability


class Prediction(BaseModel):
    """What the model sees in a photo."""

    labels: list[LabelDocument] = Field(description="Best first.")
    categories: list[CategoryDocument] = Field(
        description="Every level of the tree, best first; the children of a category add up to it."
    )
    unknown: bool | None = Field(
        description="Whether the shop sells nothing of the kind; null: not judged.",
        examples=[False],
    )
    unknown_score: float | None = Field(
        description="How foreign the photo looks, from 0 to 1; unknown from 0.5 on.",
        examples=[0.03],
    )
    model: str = Field(description="The model_fingerprint.", examples=["3f9a0c1d2e4b5a69"])
    index: str = Field(description="The index version.", examples=["20260103T101500-9c1d2e4b"])
    timings: dict[str, float] = Field(
        description="Milliseconds by stage.",
        examples=[{"decode": 8.1, "embed": 21.4, "search": 0.9, "total": 30.6}],
    )

    @classmethod
    def of(cls, result: SearchResult) -> Self:
        """Describe what was predicted."""
        return cls.model_validate(result.to_json())


class RestrictedDocument(BaseModel):
    """Where a search with `restrict=auto` has looked."""

    categories: list[PathText] = Field(
        description="The likely categories; empty where none was clear: then among all items."
    )
    probability: Probability
    widened: str | None = Field(
        description="Why the search was not restricted; null where it was.", examples=[None]
    )
    beyond: int = Field(
        description="How many of the hits lie beyond the categories, which hold too few items.",
        examples=[0],
    )


class SamePhotoDocument(BaseModel):
    """The item that the catalogue has the very photo of."""

    item_id: str = Field(examples=["Granny-Smith"])
    same_file: bool = Field(description="Whether the bytes are the same, or the picture alone.")


class SearchAnswer(Prediction):
    """What the model sees in a photo, and the items that look like it."""

    same_photo: SamePhotoDocument | None = Field(
        description="The item that the catalogue has this very photo of; null where it has not."
    )

    restricted: RestrictedDocument | None = Field(
        description="Where a search with `restrict=auto` has looked; null for any other."
    )
    hits: list[HitDocument] = Field(description="Best first; each item once.")
    total: int = Field(description="Items that the filter leaves, however similar.", examples=[81])
    page: int = Field(examples=[1])
    pages: int = Field(description="Pages that can be asked for.", examples=[9])
    facets: list[FacetDocument] | None = Field(
        description="Counts of the items that the filter leaves; null where not asked for."
    )
    explanation: ExplanationDocument | None = Field(description="Why; null where not asked for.")


class SimilarAnswer(BaseModel):
    """The items that look like an item."""

    hits: list[HitDocument] = Field(description="Best first; each item once.")
    total: int = Field(
        description="Items that the filter leaves beside this one, however similar.", examples=[80]
    )
    page: int = Field(examples=[1])
    pages: int = Field(description="Pages that can be asked for.", examples=[8])
    model: str = Field(description="The model_fingerprint.", examples=["3f9a0c1d2e4b5a69"])
    index: str = Field(description="The index version.", examples=["20260103T101500-9c1d2e4b"])
    timings: dict[str, float] = Field(
        description="Milliseconds by stage.", examples=[{"total": 1.6}]
    )


class ProblemDocument(BaseModel):
    """A problem detail (RFC 9457); some kinds have further members."""

    type: str = Field(examples=["/problems/unknown-item"])
    title: str = Field(examples=["Unknown item"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["The shop has no item “X-17”."])


class BatchedAnswer(BaseModel):
    """The answer to one photo of several, or what was wrong with it."""

    photo: str = Field(description="The name that the file was sent with.", examples=["a.jpg"])
    answer: SearchAnswer | None = Field(description="null where there is a problem.")
    problem: ProblemDocument | None = Field(
        description="null where there is an answer.", examples=[None]
    )


class BatchAnswer(BaseModel):
    """The answers to several photos, by one pair of model and index."""

    results: list[BatchedAnswer] = Field(description="In the order of the photos.")
    model: str = Field(description="The model_fingerprint.", examples=["3f9a0c1d2e4b5a69"])
    index: str = Field(description="The index version.", examples=["20260103T101500-9c1d2e4b"])
