"""What computes here, and where compiled programs are kept between runs."""

import os
from functools import cache
from pathlib import Path
from typing import TypeAlias

import jax

from vsearch.device_memory import Room

COMPILE_CACHE = "VSEARCH_COMPILE_CACHE"

Device: TypeAlias = jax.Device


def describe_devices() -> list[str]:
    """Return one line for each device that JAX computes on, such as `cpu: cpu (JAX 0.10.2)`."""
    return [f"{d.platform}: {d.device_kind} (JAX {jax.__version__})" for d in jax.devices()]


def first_gpu() -> Device | None:
    """Return the GPU that JAX computes on, None where there is none; starts JAX."""
    device = jax.devices()[0]
    return device if device.platform == "gpu" else None


def room(device: Device) -> Room | None:
    """Return the memory of a device; None where it does not tell, as a CPU does not."""
    told = device.memory_stats() or {}
    if not {"bytes_limit", "bytes_in_use"} <= told.keys():
        return None
    return Room(int(told["bytes_limit"]), int(told["bytes_in_use"]))


def default_compile_cache() -> Path:
    """Return the user's cache folder for compiled programs, or what VSEARCH_COMPILE_CACHE says."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(COMPILE_CACHE) or base / "vsearch" / "compiled")


@cache
def use_compile_cache() -> None:
    """Keep compiled programs on disk: a command's first photo then costs a third of the time.

    `VSEARCH_COMPILE_CACHE=off` switches it off; a folder that cannot be made does so too.
    """
    if os.environ.get(COMPILE_CACHE) == "off" or jax.config.values["jax_compilation_cache_dir"]:
        return
    folder = default_compile_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
