"""Checkpoints of a training in progress, written by Orbax: whole or not at all."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from vsearch.errors import DataError

SECONDS = 60.0


class Checkpoints:
    """A folder of checkpoints of one training; the newest is what a killed run goes on from.

    The folder's name should tell everything that the training depends on: a checkpoint of another
    configuration is then never found.
    """

    def __init__(self, folder: Path, seconds: float = SECONDS):
        self.folder, self.seconds = folder.resolve(), seconds
        self._saved = time.monotonic()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=1, create=True, enable_async_checkpointing=False
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def due(self) -> bool:
        """Say whether it is time for the next checkpoint."""
        return time.monotonic() - self._saved >= self.seconds

    def save(self, step: int, tree: object, record: Mapping[str, Any]) -> None:
        """Keep a pytree of arrays and a JSON record as the state after `step` steps."""
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        named = {f"{index:05}": leaf for index, leaf in enumerate(leaves)}
        arguments = ocp.args.Composite(
            arrays=ocp.args.StandardSave(named), record=ocp.args.JsonSave(dict(record))
        )
        self._manager.save(step, args=arguments, force=True)
        self._manager.wait_until_finished()
        self._saved = time.monotonic()

    def restore(
        self, like: Callable[[Mapping[str, Any]], Any]
    ) -> tuple[int, Any, dict[str, Any]] | None:
        """Return step, pytree and record of the newest checkpoint; None if there is none.

        Args:
            like: maps the record to a pytree of the shapes and dtypes that were saved.

        Raises:
            DataError: the checkpoint is damaged.
        """
        step = self._manager.latest_step()
        if step is None:
            return None
        try:
            return step, *self._read(step, like)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the checkpoint in {self.folder} cannot be read: delete the folder, and the "
                f"training starts anew ({error})"
            ) from error

    def _read(
        self, step: int, like: Callable[[Mapping[str, Any]], Any]
    ) -> tuple[Any, dict[str, Any]]:
        record = self._manager.restore(
            step, args=ocp.args.Composite(record=ocp.args.JsonRestore())
        )["record"]
        record = json.loads(json.dumps(record))
        tree = like(record)
        leaves, structure = jax.tree.flatten(tree)
        shapes = {
            f"{index:05}": np.empty(np.shape(leaf), np.asarray(leaf).dtype)
            for index, leaf in enumerate(leaves)
        }
        arrays = self._manager.restore(
            step, args=ocp.args.Composite(arrays=ocp.args.StandardRestore(shapes))
        )["arrays"]
        found = [jax.device_put(arrays[name]) for name in sorted(arrays)]
        return jax.tree.unflatten(structure, found), record

    def discard(self) -> None:
        """Delete all checkpoints: the training is over and its result is kept elsewhere."""
        self._manager.close()
        shutil.rmtree(self.folder, ignore_errors=True)
