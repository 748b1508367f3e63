"""A shopper's photo that went through the network."""

import time
from dataclasses import dataclass, field

from PIL import Image

from indexer.close_matches import SentPhoto
from indexer.embedding import PhotoPredictions
from vsearch.images import Crop


@dataclass(frozen=True)
class Seen:
    """A shopper's photo after it went through the network.

    Attributes:
        data: its file.
        crop: the part that was looked at; None: all.
        predictions: what the network says, one row.
        batch: how many photos shared its pass.
        started: when its way began, `time.perf_counter` seconds.
        timings: milliseconds of the stages so far, "decode" and "embed".
        glance: the photo small; see `load_with_glance`.
    """

    data: bytes
    crop: Crop | None
    predictions: PhotoPredictions
    batch: int
    started: float
    timings: dict[str, float] = field(default_factory=dict)
    glance: Image.Image | None = None

    @property
    def sent(self) -> SentPhoto | None:
        """The photo as the catalogue may have it; None where a part of it was looked at."""
        return None if self.crop else SentPhoto(self.data, self.glance)

    def timed(self, **stages: float) -> dict[str, float]:
        """Return all timings: further stages, "total" until now, and "wait".

        "wait" is what no stage accounts for: the photo waited for a thread, its batch, or its turn.
        """
        total = 1e3 * (time.perf_counter() - self.started)
        worked = self.timings | stages
        return {**worked, "wait": max(total - sum(worked.values()), 0.0), "total": total}
