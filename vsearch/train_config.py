"""TrainConfig: what is trained and how, checked before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from vsearch.errors import DataError
from vsearch.fit_head import HeadConfig
from vsearch.fit_network import FINE_TUNING, FROM_SCRATCH, NetworkConfig
from vsearch.models.architectures import ARCHITECTURES
from vsearch.objectives import DEFAULT, OBJECTIVES, objective_named
from vsearch.precision import PRECISIONS, Precision, default_precision
from vsearch.pretrained import check_source, default_source

Trained = Literal["head", "last", "all"]
Imbalance = Literal["balanced", "logit-adjusted", "none"]


@dataclass(frozen=True)
class TrainConfig:
    """What is trained and how.

    The defaults train EfficientNet-Lite0's last five stages: on grocery-store (81 labels, 2,721
    photos) about seven minutes on two CPU cores. `trained="head"` takes two of them.

    Attributes:
        backbone: a name of `ARCHITECTURES`.
        weights: where starting weights come from, see `pretrained.load_pretrained`; None: the
            package where one ships them.
        objective: the kind of classification; None: normalised softmax.
        dim: length of an embedding.
        seed: the same seed trains the same model.
        precision: None: what suits the device.
        renderings: of each photo, for features.
        trained: the head alone, the last stages too, or all; None: the last stages of pretrained
            networks, all layers of others.
        imbalance: every label equally often in a batch; or photos as they come, with logits
            adjusted for it, or without.
        head: how the head is trained on features.
        network: how layers are trained from photos; None: as suits the starting weights.
    """

    backbone: str = "efficientnet-lite0"
    weights: str | None = None
    objective: str | None = None
    dim: int = 256
    seed: int = 0
    precision: str | None = None
    renderings: int = 4
    trained: Trained | None = None
    imbalance: Imbalance = "balanced"
    head: HeadConfig = field(default_factory=HeadConfig)
    network: NetworkConfig | None = None

    def __post_init__(self) -> None:
        """Refuse names that do not exist.

        Raises:
            DataError: an unknown name, a number that is too small, or a head alone without
                pretrained weights.
            WeightsError: weights that the backbone cannot be loaded with.
        """
        known: tuple[tuple[str, str | None, Sequence[str]], ...] = (
            ("backbone", self.backbone, list(ARCHITECTURES)),
            ("objective", self.objective, sorted(OBJECTIVES)),
            ("precision", self.precision, list(PRECISIONS)),
            ("part to train", self.trained, ("head", "last", "all")),
            ("way with imbalance", self.imbalance, ("balanced", "logit-adjusted", "none")),
        )
        for kind, name, choices in known:
            if name is not None and name not in choices:
                raise DataError(f"no {kind} “{name}”; there are {', '.join(choices)}")
        for number, value, fewest in (
            ("dim", self.dim, 2),
            ("seed", self.seed, 0),
            ("renderings", self.renderings, 1),
        ):
            if value < fewest:
                raise DataError(f"{number} has to be {fewest} or more, not {value}")
        check_source(self.backbone, self.source)
        if self.trained in ("head", "last") and not self.pretrained:
            raise DataError(
                f"training the {self.trained} alone needs pretrained weights, {self.backbone} "
                "starts from nothing: train all, or give it weights"
            )
        self._check_closed_form()

    def _check_closed_form(self) -> None:
        """Refuse to train layers for an objective whose head is computed from features."""
        if not objective_named(self.objective or DEFAULT).closed_form:
            return
        if not self.pretrained:
            raise DataError(
                f"{self.objective} needs pretrained weights, {self.backbone} starts from nothing: "
                "give it weights, or take another backbone"
            )
        if self.trained in ("last", "all"):
            raise DataError(f"{self.objective} trains no layers: leave out what to train")

    @property
    def source(self) -> str:
        """Return where starting weights come from."""
        return self.weights or default_source(self.backbone)

    @property
    def pretrained(self) -> bool:
        """Say whether training starts from pretrained weights."""
        return self.source != "none"

    @property
    def computed_in(self) -> Precision:
        """Return the precision that was asked for, or that suits the device."""
        return PRECISIONS[self.precision] if self.precision else default_precision()

    @property
    def network_config(self) -> NetworkConfig:
        """Return how layers are trained from photos."""
        return self.network or (FINE_TUNING if self.pretrained else FROM_SCRATCH)

    def first_stage(self, stages: int) -> int | None:
        """Return the first of `stages` stages that is trained; None: the head alone."""
        part = self.trained or ("last" if self.pretrained else "all")
        if objective_named(self.objective or DEFAULT).closed_form or part == "head":
            return None
        # Of EfficientNet's eight stages the last five: they hold nearly all of the weights and
        # well under half of the work.
        return 0 if part == "all" else -(-3 * stages // 8)
