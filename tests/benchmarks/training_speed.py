"""How fast a whole train step is, in every precision, beside the same step in PyTorch.

`python -m tests.benchmarks.training_speed --backbone resnet-50 --size 224 --batch 256 --steps 50
--precisions bf16,fp16,fp32 --torch --json FILE` prints photos per second of forward pass, backward
pass and update, the share of the device's peak that they reach, and the losses of every precision
from the same start on the same batches. Photos are synthetic and lie on the device already: input
is `test_input.py`'s matter.

`--finetune FOLDER` trains on photos in grocery-store's format instead and prints top-1.

Nothing of this has run on a GPU yet: a CPU only shows that it works.
"""

import argparse
import importlib.util
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax

from tests.benchmarks.device_peaks import peak_of, share_of_peak
from tests.benchmarks.finetune import Finetuning, finetune
from tests.benchmarks.machine import machine
from tests.benchmarks.our_step import POOL, Losses, Measured, Setting, measure
from vsearch.models.architectures import ARCHITECTURES
from vsearch.precision import PRECISIONS


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    options = _parser().parse_args(arguments)
    report = _finetune(options) if options.finetune else _speed(_setting(options), options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def _setting(options: argparse.Namespace) -> Setting:
    return Setting(options.backbone, options.size, options.batch, options.steps, options.loss_steps)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training_speed", description=__doc__)
    parser.add_argument("--backbone", choices=list(ARCHITECTURES), default="resnet-50")
    parser.add_argument("--size", type=int, default=224, help="side of the photos, pixels")
    parser.add_argument("--batch", type=int, default=256, help="photos a step")
    parser.add_argument("--steps", type=int, default=50, help="steps that are timed")
    parser.add_argument(
        "--loss-steps", type=int, default=100, help="steps before them, for the losses"
    )
    parser.add_argument("--precisions", type=_precisions, default=list(PRECISIONS))
    parser.add_argument("--torch", action="store_true", help="measure PyTorch too (resnet-50)")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    tuning = parser.add_argument_group("fine-tuning on real photos")
    tuning.add_argument("--finetune", type=Path, metavar="FOLDER", help="images.csv, catalogue.csv")
    tuning.add_argument("--split", default="val", help="the split that top-1 is of")
    tuning.add_argument("--weights", help="starting weights, as TrainConfig has them")
    tuning.add_argument("--epochs", type=int, default=30)
    tuning.add_argument("--learning-rate", type=float, default=1e-3)
    tuning.add_argument("--cache", type=Path, help="a folder for decoded photos")
    return parser


def _precisions(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PRECISIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no precision {unknown}; there are {list(PRECISIONS)}")
    return names


def _speed(setting: Setting, options: argparse.Namespace) -> dict[str, Any]:
    # PyTorch first: JAX takes most of the device's memory for itself when it starts.
    peers, why_not = _torch(setting, options.precisions) if options.torch else ([], "")
    print(f"{machine()}\ndriver     {driver()}")
    print(
        f"\n{setting.backbone}, {setting.size} px, {setting.batch} photos a step, {setting.steps} "
        "steps timed; forward, backward, AdamW"
    )
    rows = [measure(setting, precision) for precision in options.precisions]
    rows.append(measure(setting, options.precisions[0], augmented=True))
    rows += [Measured(**peer, flops_per_photo=rows[0].flops_per_photo) for peer in peers]
    kind = jax.local_devices()[0].device_kind
    print(_table(rows, kind))
    if why_not:
        print(f"PyTorch was not measured: {why_not}")
    curves = {row.precision: row.losses for row in rows if row.name == "ours"}
    differences = differences_from_fp32(curves)
    print(_losses(curves, differences))
    return {
        "machine": machine(),
        "driver": driver(),
        "setting": asdict(setting),
        "rows": [row.to_json() | _derived(row, setting, kind) for row in rows],
        "greatest_relative_difference_of_loss": differences,
    }


def _torch(setting: Setting, precisions: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return PyTorch's rows, or why there are none."""
    if setting.backbone != "resnet-50":
        return [], f"the peer is a resnet-50, not a {setting.backbone}"
    if importlib.util.find_spec("torch") is None:
        return [], "torch is not installed"
    wanted = json.dumps(asdict(setting) | {"precisions": precisions})
    command = [sys.executable, "-m", "tests.benchmarks.torch_step", wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return [], f"it ended with {done.returncode}:\n{done.stderr[-2000:]}"
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows, ""


def _table(rows: Sequence[Measured], kind: str) -> str:
    lines = [f"{'':24}{'photos/s':>10}{'TFLOP/s':>9}{'of peak':>9}{'first step':>12}{'memory':>9}"]
    for row in rows:
        share = share_of_peak(row.photos_per_second, row.flops_per_photo, kind, row.precision)
        lines.append(
            f"{row.precision:5}{row.name:19}{row.photos_per_second:10.1f}"
            f"{row.photos_per_second * row.flops_per_photo / 1e12:9.2f}"
            f"{'unknown' if share is None else f'{share:.1%}':>9}{row.first_step:10.1f} s"
            f"{f'{row.memory / 2**30:.1f} GB' if row.memory else '':>9}  {row.note}"
        )
    return "\n".join(lines)


def _derived(row: Measured, setting: Setting, kind: str) -> dict[str, float | None]:
    return {
        "milliseconds_per_step": 1000 * setting.batch / row.photos_per_second,
        "peak_tflops": peak_of(kind, row.precision),
        "share_of_peak": share_of_peak(
            row.photos_per_second, row.flops_per_photo, kind, row.precision
        ),
    }


def differences_from_fp32(curves: Mapping[str, Losses]) -> dict[str, float]:
    """Return the greatest difference of each lower precision's losses from fp32's, if it is there.

    Relative to the loss in fp32; steps that fp16 skipped are left out.
    """
    found = {}
    reference = curves.get("fp32", [])
    for name in [name for name in curves if name != "fp32" and reference]:
        pairs = zip(curves[name], reference, strict=True)
        apart = (abs(a - b) / abs(b) for a, b in pairs if a is not None and b is not None)
        found[name] = max(apart, default=math.nan)
    return found


def _losses(curves: Mapping[str, Losses], differences: Mapping[str, float]) -> str:
    steps = len(next(iter(curves.values())))
    lines = [f"\nlosses from the same start on the same {POOL} batches", f" step{_cells(curves)}"]
    for step in sorted({*range(0, steps, max(1, steps // 10)), steps - 1}):
        lines.append(f"{step + 1:5}{_cells([curve[step] for curve in curves.values()])}")
    for name, greatest in differences.items():
        lines.append(f"{name} differs from fp32 by at most {greatest:.2%} of the loss in any step")
    return "\n".join(lines)


def _cells(values: Iterable[object]) -> str:
    texts = (f"{v:.4f}" if isinstance(v, float) else str(v or "skipped") for v in values)
    return "".join(f"{text:>10}" for text in texts)


def driver() -> str:
    """Return the GPU driver's version as nvidia-smi tells it."""
    if not (tool := shutil.which("nvidia-smi")):
        return "no nvidia-smi"
    query = [tool, "--query-gpu=name,driver_version,power.limit", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def _finetune(options: argparse.Namespace) -> dict[str, Any]:
    plan = Finetuning(
        folder=options.finetune,
        split=options.split,
        backbone=options.backbone,
        weights=options.weights,
        precision=options.precisions[0],
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        cache=options.cache,
    )
    print(f"{machine()}\ndriver     {driver()}\n")
    return {"machine": machine(), "driver": driver(), **finetune(plan)}


if __name__ == "__main__":
    main()
