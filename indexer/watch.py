"""Following a manifest that another system rewrites: import and build, round after round.

A round that fails leaves what serves as it is. One that failed because of the manifest waits for
its next version; any other is tried again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from indexer.build import BuildReport
from indexer.candidates import Choose, newest_that_passes
from indexer.embedding import PhotoEmbedder, load_embedder
from indexer.gate import MAX_DROP
from indexer.importing import ImportReport, import_manifest
from indexer.manifest_state import ManifestState
from indexer.rebuild import rebuild_due
from indexer.shop import Shop
from vsearch.errors import ManifestError, ShopError, VsearchError
from vsearch.progress import Progress, silent

POLL_SECONDS = 2.0
RETRY_SECONDS = 30.0  # before what failed is tried again
DUE_SECONDS = 60.0  # between two looks at whether other changes call for a rebuild

Build = Callable[[Choose], BuildReport]


@dataclass(frozen=True)
class Round:
    """What a round has done.

    Attributes:
        number: of the round, from 1; those that are not told count.
        at: when it ended, in UTC, ISO 8601.
        because: why it was begun.
        imported: what the import did; None where there was none, or it failed.
        built: what the build did; None where it failed.
        error: why the round failed, None where it did not.
    """

    number: int
    at: str
    because: str
    imported: ImportReport | None
    built: BuildReport | None
    error: str | None

    def to_json(self) -> dict[str, object]:
        """Return the round's line of JSON."""
        return {
            "round": self.number,
            "at": self.at,
            "because": self.because,
            "import": self.imported.to_json() if self.imported else None,
            "build": self.built.to_json() if self.built else None,
            "error": self.error,
        }


class Watch:
    """Follows one manifest for one shop.

    Args:
        shop: the shop.
        manifest: what to follow; it need not be there yet.
        build: builds with the network that what it is given decides on.
        prune: remove items that the manifest does not name.
        max_drop: by how much a label may get worse where a new model takes over, as a share.
        progress: told about imports.
        poll: seconds between two looks at the manifest.
        wait: what to do for so many seconds.
    """

    def __init__(
        self,
        shop: Shop,
        manifest: Path,
        build: Build,
        *,
        prune: bool = False,
        max_drop: float = MAX_DROP,
        progress: Progress = silent,
        poll: float = POLL_SECONDS,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._shop = shop
        self._state = ManifestState(manifest)
        self._build = build
        self._prune = prune
        self._max_drop = max_drop
        self._progress = progress
        self._poll = poll
        self._wait = wait
        self._networks: dict[str, PhotoEmbedder] = {}
        self._number = 0
        self._imported = False
        self._failed: str | None = None
        self._retry_at: float | None = None
        self._look_at = time.monotonic() + DUE_SECONDS

    def rounds(self) -> Iterator[Round]:
        """Yield each round when it has ended, for ever.

        A round that fails just as the one before is not told again.
        """
        while True:
            if because := self._because():
                done = self._round(because)
                if done.error is None or done.error != self._failed:
                    yield done
                self._failed = done.error
            self._wait(self._poll)

    def _because(self) -> str | None:
        """Return why a round is to begin now, None where nothing is to be done."""
        now = time.monotonic()
        if self._state.rewritten():
            self._imported = False
            return "the manifest was rewritten" if self._number else "the first look"
        if self._retry_at is not None:
            return "the last round failed" if now >= self._retry_at else None
        if self._imported and now >= self._look_at:
            self._look_at = now + DUE_SECONDS
            return self._due()
        return None

    def _due(self) -> str | None:
        try:
            return rebuild_due(self._shop)
        except ShopError as error:
            return str(error)

    def _round(self, because: str) -> Round:
        """Import what has not been imported yet, and build."""
        imported: ImportReport | None = None
        built: BuildReport | None = None
        error: str | None = None
        self._number += 1
        self._retry_at = None
        try:
            # Not before every rebuild: the manifest does not know what was upserted since.
            if not self._imported:
                imported = self._import()
            built = self._build(self._choice())
            self._networks = {built.model: self._networks[built.model]}
        except (VsearchError, OSError) as failure:
            error = str(failure)
            # A manifest that is wrong stays wrong until it is written again.
            if self._imported or not isinstance(failure, ManifestError):
                self._retry_at = time.monotonic() + RETRY_SECONDS
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Round(self._number, at, because, imported, built, error)

    def _import(self) -> ImportReport:
        report = import_manifest(
            self._shop, self._state.path, prune=self._prune, progress=self._progress
        )
        self._imported = True
        return report

    def _choice(self) -> Choose:
        """Return what decides on the network, which stays loaded from round to round."""
        return partial(
            newest_that_passes,
            load=self._load,
            max_drop=self._max_drop,
            progress=self._progress,
        )

    def _load(self, shop: Shop, model: str | None) -> PhotoEmbedder:
        if model is None or model not in self._networks:
            network = load_embedder(shop, model)
            self._networks[network.model_fingerprint] = network
            return network
        return self._networks[model]
