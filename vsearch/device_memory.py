"""How network and index share a GPU's memory: all the arithmetic, and nothing of JAX loaded.

JAX by itself takes three quarters of a card when it first computes, whatever it needs, and two
processes on one card then fail. Here it takes what it needs as it needs it, up to a share of the
card; the rest is left to what allocates beside it: CUDA's contexts and FAISS's temporary memory.
The rows of an index belong to JAX's share, for JAX holds them. Environment variables:
https://docs.jax.dev/en/latest/gpu_memory_allocation.html
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from importlib import metadata

GIB = 1 << 30

JAX_SHARE = 0.85
"""The most of a card that JAX takes, unless the environment says otherwise."""

CONTEXTS = GIB // 2
"""What CUDA, cuBLAS and the kernels' code take beside all arrays, roughly."""

FAISS_TEMPORARY = GIB // 2
"""What FAISS is given for scores on their way; it takes 1.5 GiB where nobody says."""

NETWORK = GIB
"""What is kept free for the network: weights, and activations of its largest batch."""

_CUDA_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")
_ALLOCATION = ("XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_ALLOCATOR")
_SHARES = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION")


def expects_gpu(environment: Mapping[str, str]) -> bool:
    """Say whether JAX may find an NVIDIA GPU, without loading it."""
    platforms = environment.get("JAX_PLATFORMS", "")
    allowed = not platforms or bool({"cuda", "gpu"} & {*platforms.split(",")})
    return allowed and any(_is_installed(plugin) for plugin in _CUDA_PLUGINS)


def bound_preallocation(environment: MutableMapping[str, str]) -> None:
    """Let JAX take memory as it needs it, up to `JAX_SHARE`; before JAX starts, or it is too late.

    What somebody has set already stays as it is.

    Args:
        environment: `os.environ`, or what a child process is to have.
    """
    if not any(name in environment for name in _ALLOCATION):
        environment[_ALLOCATION[0]] = "false"
    if not any(name in environment for name in _SHARES):
        environment[_SHARES[0]] = str(JAX_SHARE)


@dataclass(frozen=True)
class Room:
    """The memory of a device, in bytes.

    Attributes:
        limit: the most that JAX takes.
        used: what it has taken for arrays so far.
    """

    limit: int
    used: int

    @property
    def free(self) -> int:
        """What is left to JAX."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class Need:
    """What an index needs on a device, in bytes.

    Attributes:
        rows: the rows in half precision.
        scratch: scores, and what else a search holds for a moment.
    """

    rows: int
    scratch: int

    def problem(self, room: Room | None) -> str | None:
        """Say why the index does not fit beside the network; None where it does.

        Args:
            room: of the device; None where it does not tell, as a CPU does not.
        """
        wanted = self.rows + self.scratch + NETWORK
        if room is None or wanted <= room.free:
            return None
        return (
            f"too little room on the GPU: the index needs {_gib(self.rows)}, its searches "
            f"{_gib(self.scratch)} and the network {_gib(NETWORK)}; of {_gib(room.limit)} that JAX "
            f"may take, {_gib(room.free)} are free"
        )


def fitting_rows(room: Room, scratch: int, dim: int) -> int:
    """Return how many rows of `dim` numbers fit beside the network."""
    return max(0, room.free - scratch - NETWORK) // (2 * dim)


def faiss_temporary(limit: int, share: float = JAX_SHARE) -> int:
    """Return what FAISS may take for scores on their way, 0 where the card has none to spare.

    Args:
        limit: the most that JAX takes, in bytes.
        share: which share of the card that is, above 0.
    """
    outside = round(limit / share) - limit - CONTEXTS
    # Less than this is no use: FAISS would ask CUDA for memory in each search.
    return min(FAISS_TEMPORARY, outside) if outside >= FAISS_TEMPORARY // 8 else 0


def jax_share(environment: Mapping[str, str]) -> float:
    """Return which share of a card JAX takes at most, as the environment says."""
    for name in _SHARES:
        try:
            share = float(environment.get(name, ""))
        except ValueError:
            continue
        if 0 < share <= 1:
            return share
    return 0.75  # JAX's own


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
