"""What a benchmark ran on: no figure is worth anything without it."""

import os
import platform
from importlib import metadata
from pathlib import Path

from vsearch.devices import describe_devices

LIBRARIES = ("jax", "flax", "numpy", "pillow", "faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")


def machine() -> str:
    """Return processor, cores, devices and versions, one fact a line."""
    installed = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    versions = [f"{name} {installed[name]}" for name in LIBRARIES if name in installed]
    return "\n".join(
        (
            f"processor  {_processor()}, {os.cpu_count()} cores",
            f"devices    {'; '.join(describe_devices())}",
            f"versions   Python {platform.python_version()}, {', '.join(versions)}",
        )
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
