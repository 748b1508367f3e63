"""The same train step in PyTorch, as its users write it for speed: the peer of `our_step`.

ResNet-50 (He et al. 2016, “v1.5”) with pooled means and deviations of all stages, projection and
class vectors as ours; channels_last, autocast, fused AdamW, on a GPU torch.compile where it works.
It runs in a process of its own, so that two frameworks do not share the device's memory:
`python -m tests.benchmarks.torch_step SETTING` takes a JSON object and prints a JSON list.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

REPEATS, WIDTHS = (3, 4, 6, 3), (64, 128, 256, 512)
EXPANSION, TEMPERATURE, EPSILON = 4, 0.1, 1e-6
WARMUP = 10
LOWER = {"bf16": torch.bfloat16, "fp16": torch.float16}


def network_of(labels: int, dim: int) -> nn.ModuleDict:
    """Return the layers; `logits_of` says how they are joined."""
    inputs, stages = 64, []
    for index, (repeats, width) in enumerate(zip(REPEATS, WIDTHS, strict=True)):
        blocks = []
        for repeat in range(repeats):
            blocks.append(bottleneck(inputs, width, 2 if index > 0 and repeat == 0 else 1))
            inputs = EXPANSION * width
        stages.append(nn.ModuleList(blocks))
    return nn.ModuleDict(
        {
            "stem": nn.Sequential(*convolved(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
            "stages": nn.ModuleList(stages),
            "project": nn.Linear(2 * EXPANSION * sum(WIDTHS), dim, bias=False),
            "class_vectors": nn.Linear(dim, labels, bias=False),
        }
    )


def bottleneck(inputs: int, width: int, stride: int) -> nn.ModuleDict:
    """Return 1 × 1, 3 × 3 with the stride, 1 × 1; beside them a skip, projected if need be."""
    outputs = EXPANSION * width
    body = (
        *convolved(inputs, width, 1, 1),
        nn.ReLU(),
        *convolved(width, width, 3, stride),
        nn.ReLU(),
        *convolved(width, outputs, 1, 1),
    )
    changes = stride > 1 or inputs != outputs
    skip = convolved(inputs, outputs, 1, stride) if changes else ()
    return nn.ModuleDict({"body": nn.Sequential(*body), "skip": nn.Sequential(*skip)})


def convolved(inputs: int, outputs: int, size: int, stride: int) -> tuple[nn.Module, nn.Module]:
    """Return a convolution without bias and its norm."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)


def logits_of(network: nn.ModuleDict, photos: Tensor, lower: torch.dtype | None) -> Tensor:
    """Map photos (n, 3, h, w) uint8 to logits (n, labels) float32, pooled and headed in float32."""
    x = (photos.float() / 255 - 0.45) / 0.225
    with torch.autocast(photos.device.type, lower, enabled=lower is not None):
        x = network["stem"](x)
        outputs = []
        for stage in network["stages"]:
            for block in stage:
                x = functional.relu(block["body"](x) + block["skip"](x))
            outputs.append(x)
    wide = [y.float() for y in outputs]
    means = [y.mean((2, 3)) for y in wide]
    spreads = [(y.var((2, 3), correction=0) + EPSILON).sqrt() for y in wide]
    z = network["project"](torch.cat([*means, *spreads], 1))
    embedding = functional.normalize(z - z.mean(1, keepdim=True))
    return embedding @ functional.normalize(network["class_vectors"].weight).T / TEMPERATURE


def measure(setting: dict[str, Any], precision: str, device: str) -> dict[str, Any]:
    """Return a row of the table, as `our_step.Measured`."""
    torch.manual_seed(0)
    network = network_of(setting["labels"], setting["dim"]).to(device)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=5e-2, fused=True)
    scaler = torch.amp.GradScaler(device, enabled=precision == "fp16")
    shape = setting["batch"], 3, setting["size"], setting["size"]
    photos = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    photos = photos.to(memory_format=torch.channels_last)
    labels = torch.randint(0, setting["labels"], shape[:1], device=device)

    def loss_of(photos: Tensor, labels: Tensor) -> Tensor:
        logits = logits_of(network, photos, LOWER.get(precision))
        return functional.cross_entropy(logits, labels, label_smoothing=0.1)

    def step(loss_of: Callable[[Tensor, Tensor], Tensor]) -> None:
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss_of(photos, labels)).backward()
        scaler.step(optimiser)
        scaler.update()

    def advance(count: int, loss_of: Callable[[Tensor, Tensor], Tensor]) -> float:
        started = time.perf_counter()
        for _ in range(count):
            step(loss_of)
        synchronise(device)
        return time.perf_counter() - started

    work, note = loss_of, "eager"
    if device == "cuda":  # on a CPU compiling takes minutes
        work, note = torch.compile(loss_of), "torch.compile"
    try:
        first = advance(1, work)
    except Exception as error:
        if work is loss_of:
            raise
        work, note = loss_of, f"eager, since torch.compile failed: {type(error).__name__}"
        first = advance(1, work)
    advance(WARMUP, work)
    took = advance(setting["steps"], work)
    return {
        "name": "PyTorch",
        "precision": precision,
        "photos_per_second": setting["steps"] * setting["batch"] / took,
        "first_step": first,
        "memory": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "note": f"torch {torch.__version__}, channels_last, fused AdamW, {note}",
    }


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Print the rows of the setting given as JSON."""
    setting = json.loads(sys.argv[1])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # TF32 where there is one, as JAX does
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    rows = []
    for precision in setting["precisions"]:
        rows.append(measure(setting, precision, device))
        torch.compiler.reset()
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
