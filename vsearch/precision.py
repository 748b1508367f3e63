"""Which dtype parameters, arithmetic and outputs have; passed around instead of casts strewn about.

Mixed precision after Micikevicius et al. 2018 (arXiv:1710.03740): master weights, batch statistics,
softmax and the norm of the embedding stay in float32, the network computes in the lower precision.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Precision:
    """Parameters and outputs are float32; `compute` is what the convolutions work in."""

    name: str
    compute: jnp.dtype


PRECISIONS = {
    "fp32": Precision("fp32", jnp.dtype(jnp.float32)),
    "bf16": Precision("bf16", jnp.dtype(jnp.bfloat16)),
}


def default_precision() -> Precision:
    """Return bf16 where a GPU computes, fp32 on a CPU, where bf16 is the slower one."""
    return PRECISIONS["fp32" if jax.default_backend() == "cpu" else "bf16"]
