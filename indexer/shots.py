"""How well labels that came by extension are recognised with so many photos each.

The model is taken back to what it was without them and extended anew, with photos drawn at random;
evaluation's photos are asked about again, by the embeddings that they have already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.evaluate import Evaluation
from indexer.extending import calibrated
from indexer.gate import MAX_DROP
from indexer.handover import serving
from indexer.new_labels import photos_of
from indexer.pair import load_model
from indexer.shop import Shop
from indexer.training_data import training_data
from vsearch.bundle import Bundle
from vsearch.class_rows import late_labels
from vsearch.embed import Embedder
from vsearch.errors import DataError
from vsearch.extend import head_logits, new_label, with_labels, without_labels
from vsearch.progress import Progress, silent

DRAWS = 5


@dataclass(frozen=True)
class Shots:
    """What is reached with so many photos a label, on average over the draws.

    Attributes:
        photos: of each label at most; None: all that it has.
        draws: how often photos were drawn.
        late: top-1 of photos of the labels that came by extension, all labels competing.
        late_low: that of the worst draw.
        late_high: that of the best.
        others: top-1 of photos of all other labels; None where none of these is asked about.
        all: top-1 of all photos.
    """

    photos: int | None
    draws: int
    late: float
    late_low: float
    late_high: float
    others: float | None
    all: float

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch evaluate --shots` prints of it."""
        return asdict(self)


def shots_curve(
    shop: Shop,
    evaluation: Evaluation,
    shots: Sequence[int],
    *,
    draws: int = DRAWS,
    max_drop: float = MAX_DROP,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Shots]:
    """Extend the model anew with few photos a label, and with all, and measure each.

    Args:
        shop: the shop.
        evaluation: of its model, which some labels came to by extension.
        shots: numbers of photos, each at least 1.
        draws: how often so many are drawn.
        max_drop: the share of photos of other labels that may be lost to these, see `extend_shop`.
        seed: draws them.
        progress: told of the stage "shots", in models.

    Raises:
        DataError: no label came by extension, or none of these is asked about.
    """
    bundle = load_model(shop, evaluation.report.model)
    late = _late(bundle)
    data = training_data(shop, bundle.label_columns)
    base, embedder = without_labels(bundle, late), Embedder(bundle)
    photos = photos_of(shop, bundle, data, late)
    place = {label.name: index for index, label in enumerate(base.labels)}
    place |= {label.name: len(place) + index for index, label in enumerate(photos)}
    truth = np.array([_place(one.names, place) for one in evaluation.known])
    asked = truth >= 0
    if not (truth >= len(base.labels)).any():
        raise DataError("none of the queries shows a label that came by `vsearch extend`")
    curve: list[Shots] = []
    wanted = [(number, draw) for number in sorted(set(shots)) for draw in range(draws)]
    found: dict[int | None, list[NDArray[np.bool_]]] = {}
    for done, (number, draw) in enumerate([*wanted, (None, 0)]):
        progress("shots", done, len(wanted) + 1)
        rng = np.random.default_rng((seed, draw))
        added = [
            new_label(label, rows[np.sort(rng.permutation(len(rows))[:number])])
            for label, rows in photos.items()
        ]
        extended = with_labels(base, added)
        model = calibrated(shop, embedder, extended, data, max_drop=max_drop, progress=silent)
        answers = head_logits(model, evaluation.answers.embeddings[asked]).argmax(axis=1)
        found.setdefault(number, []).append(answers == truth[asked])
    progress("shots", len(wanted) + 1, len(wanted) + 1)
    is_late = truth[asked] >= len(base.labels)
    for photos_each, right in found.items():
        curve.append(_shots(photos_each, np.stack(right), is_late))
    return curve


def require_extended(shop: Shop) -> None:
    """Refuse, before minutes of evaluation, a shop that has no curve of few photos.

    Raises:
        DataError: no label of the model in service came by extension.
    """
    if model := serving(shop).model:  # without one evaluation says what is missing
        _late(load_model(shop, model))


def _late(bundle: Bundle) -> tuple[str, ...]:
    if late := late_labels(bundle):
        return late
    raise DataError(
        f"no label of model {bundle.model_fingerprint} came by `vsearch extend`: there is no "
        "curve of few photos to draw; leave --shots out"
    )


def _shots(photos: int | None, right: NDArray[np.bool_], late: NDArray[np.bool_]) -> Shots:
    own = right[:, late].mean(axis=1)
    others = float(right[:, ~late].mean()) if (~late).any() else None
    return Shots(
        photos,
        len(right),
        float(own.mean()),
        float(own.min()),
        float(own.max()),
        others,
        float(right.mean()),
    )


def _place(names: Sequence[str], place: Mapping[str, int]) -> int:
    """Return the place of a photo's one label; -1 where the model does not have it."""
    return next((place[name] for name in names if name in place), -1)
