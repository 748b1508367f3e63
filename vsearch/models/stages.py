"""Which stage of a backbone a leaf belongs to: what is frozen, and how fast the rest learns."""

import bisect

from vsearch.models.architectures import Backbone

BACKBONE = "trunk.backbone."


def stage_of(backbone: Backbone, leaf: str) -> int:
    """Return the stage of a classifier's leaf; one past the last for projection and head.

    Args:
        backbone: has `blocks` in a row; where a stage has several, `stage_ends` tells their ends.
        leaf: the dotted name, such as `trunk.backbone.blocks.3.expand.kernel`.
    """
    stages = len(backbone.stage_channels)
    if not leaf.startswith(BACKBONE):
        return stages
    part, _, rest = leaf.removeprefix(BACKBONE).partition(".")
    if part.startswith("stem"):
        return 0
    if part != "blocks":
        return stages - 1
    block = int(rest.split(".")[0])
    ends = getattr(backbone, "stage_ends", None)
    return block if ends is None else bisect.bisect_left(ends, block)
