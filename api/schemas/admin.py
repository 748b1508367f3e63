"""What the staff of a shop sees: what serves, what is complete, what waits for a person."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.items import CONTENT_HASH, ItemDocument
from indexer.decisions import Verdict


class StaffStatus(BaseModel):
    """What a shop holds, and what serves."""

    name: str = Field(examples=["Corner shop"])
    items: int = Field(examples=[81])
    indexed: int = Field(examples=[79])
    waiting: int = Field(description="Items that the next build embeds.", examples=[1])
    rejected: int = Field(examples=[1])
    model: str | None = Field(examples=["3f9a0c1d2e4b5a69"])
    index: str | None = Field(examples=["20260103T101500-9c1d2e4b"])
    built: str | None = Field(
        description="When the index was built, in UTC.", examples=["2026-01-03T10:15:00+00:00"]
    )
    trained_model: str | None = Field(
        description="The newest trained model.", examples=["3f9a0c1d2e4b5a69"]
    )
    delta_rows: int = Field(description="Views searched beside the index.", examples=[3])
    dead_rows: int = Field(description="Rows of the index that count no longer.", examples=[2])
    rebuild_due: str | None = Field(description="Why a new index is due.", examples=[None])
    questions: int = Field(
        description="What the last audit found and nobody has decided.", examples=[12]
    )
    report: bool = Field(
        description="Whether there is an evaluation report of the model.", examples=[True]
    )


class CheckDocument(BaseModel):
    """Something that was looked at."""

    name: str = Field(examples=["items"])
    ok: bool = Field(description="Whether it is as it should be.", examples=[True])
    detail: str = Field(description="What was found.", examples=["81 = 79 indexed + 1 + 1"])


class ChecksDocument(BaseModel):
    """Whether all that the shop serves from is sound."""

    ok: bool = Field(examples=[True])
    checks: list[CheckDocument]


class StaffVersion(BaseModel):
    """An index version."""

    version: str = Field(examples=["20260103T101500-9c1d2e4b"])
    current: bool = Field(description="Whether it serves.", examples=[True])
    problem: str | None = Field(description="Why it cannot be read.", examples=[None])
    model: str | None = Field(examples=["3f9a0c1d2e4b5a69"])
    created: str | None = Field(examples=["2026-01-03T10:15:00+00:00"])
    items: int | None = Field(examples=[79])
    rows: int | None = Field(examples=[160])
    structure: str | None = Field(
        description="“exact”: all views are scanned; “codes”: not all.", examples=["exact"]
    )
    recall: float | None = Field(description="As measured when it was built.", examples=[1.0])


class StaffVersions(BaseModel):
    """The index versions, the newest first."""

    versions: list[StaffVersion]


class RollbackAsked(BaseModel):
    """Which version is to serve again."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=100, examples=["20260103T101500-9c1d2e4b"])


class StaffModel(BaseModel):
    """A trained model."""

    fingerprint: str = Field(examples=["3f9a0c1d2e4b5a69"])
    state: str = Field(description="What it is to the shop.", examples=["serving"])
    made: str = Field(examples=["2026-01-03T09:00:00+00:00"])
    parent: str | None = Field(description="The model that it was made of.", examples=[None])
    objective: str | None = Field(examples=["normalised-softmax"])
    label_columns: list[str] = Field(examples=[["item_id"]])
    labels: int = Field(examples=[81])
    metrics: dict[str, float] = Field(examples=[{"top1": 0.88}])
    gate: dict[str, Any] | None = Field(description="What the gate found of it.", examples=[None])
    problem: str | None = Field(examples=[None])


class StaffModels(BaseModel):
    """The trained models, the newest first."""

    models: list[StaffModel]


class NewLabelDocument(BaseModel):
    """A label that the catalogue has and the model lacks."""

    name: str = Field(examples=["Umbrellas"])
    photos: int = Field(description="Photos that it can be learned from.", examples=[24])


class LabelProblem(BaseModel):
    """A label that cannot be added, or with a reservation."""

    label: str = Field(examples=["umbrellas"])
    reason: str = Field(examples=["it differs from “Umbrellas” only in case or spaces"])


class NewLabelsDocument(BaseModel):
    """What `vsearch extend` would add to the model that serves."""

    labels: list[NewLabelDocument]
    problems: list[LabelProblem]


class StaffReject(BaseModel):
    """Something that was not taken in."""

    manifest: str = Field(description="Its file name.", examples=["catalogue.csv"])
    row: int = Field(examples=[17])
    item_id: str | None = Field(examples=["Granny-Smith"])
    field: str = Field(examples=["image_path"])
    value: str = Field(examples=["photos/none.jpg"])
    reason: str = Field(examples=["there is no file photos/none.jpg"])


class StaffRejects(BaseModel):
    """What was not taken in, the newest first."""

    rejects: list[StaffReject]
    total: int = Field(examples=[1])


class Question(BaseModel):
    """What an audit found, for a person to decide."""

    content_hash: str = Field(description="What the photo is known by.", examples=[CONTENT_HASH])
    photo: str = Field(description="The photo's file name.", examples=["7.jpg"])
    item: ItemDocument = Field(description="The item that it stands with.")
    kind: Literal["label", "duplicate", "odd"] = Field(
        description="A doubtful label, a photo that another item has as well, or one that looks "
        "like another item's."
    )
    column: str = Field(description="Where the label comes from.", examples=["item_id"])
    label: str = Field(description="The label that it has.", examples=["Granny-Smith"])
    suggested: str = Field(description="The one that it may have.", examples=["Golden-Delicious"])
    suggested_item: ItemDocument | None = Field(
        description="The item of that id; null where the suggestion is none."
    )
    doubt: str = Field(description="How doubtful the label is, 0 to 1.", examples=["0.98"])


class Questions(BaseModel):
    """What is still to be decided, the most doubtful first."""

    questions: list[Question]
    total: int = Field(examples=[12])
    page: int = Field(examples=[1])
    pages: int = Field(examples=[2])


class DecisionAsked(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(extra="forbid")

    content_hash: str = Field(pattern="^[0-9a-f]{64}$", examples=[CONTENT_HASH])
    item_id: str = Field(max_length=200, examples=["Granny-Smith"])
    verdict: Verdict = Field(
        description="“accept”: the label is right; “relabel”: it is another one; “drop”: the photo "
        "is used no more."
    )
    new_label: str = Field(
        "", max_length=750, description="With “relabel”: what to take instead of the suggestion."
    )
