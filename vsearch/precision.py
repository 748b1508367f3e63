"""Which dtype parameters, arithmetic and outputs have; passed around instead of casts strewn about.

Mixed precision after Micikevicius et al. 2018 (arXiv:1710.03740): master weights, batch statistics,
softmax and the norm of the embedding stay in float32, the network computes in the lower precision.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

AMPERE = 8  # the first CUDA compute capability whose tensor cores take bfloat16


@dataclass(frozen=True)
class Precision:
    """Parameters and outputs are float32; `compute` is what the convolutions work in."""

    name: str
    compute: jnp.dtype


PRECISIONS = {
    "fp32": Precision("fp32", jnp.dtype(jnp.float32)),
    # As wide in range as float32, so that no gradient overflows.
    "bf16": Precision("bf16", jnp.dtype(jnp.bfloat16)),
    # Finer, but nothing above 65,504: training multiplies the loss by a scale that it adapts.
    "fp16": Precision("fp16", jnp.dtype(jnp.float16)),
}


def default_precision(device: jax.Device | None = None) -> Precision:
    """Return what a device computes quickly and safely.

    fp32 on a CPU, where the lower ones are slower; bf16 on GPUs and TPUs that have it; fp16 on
    NVIDIA GPUs before Ampere, which have no bfloat16.

    Args:
        device: None: the one that JAX computes on by default.
    """
    device = device or jax.local_devices()[0]
    if device.platform == "cpu":
        return PRECISIONS["fp32"]
    # JAX tells CUDA's as “9.0”; AMD's is a name such as “gfx942”, and TPUs have none.
    generation = str(getattr(device, "compute_capability", "")).partition(".")[0]
    old = generation.isdigit() and int(generation) < AMPERE
    return PRECISIONS["fp16" if old else "bf16"]
