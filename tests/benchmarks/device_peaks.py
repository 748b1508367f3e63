"""The dense peak of a few devices as their makers publish it: what a share of the peak is of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peak:
    """TFLOP/s of matrix products without sparsity.

    `tf32` is what float32 convolutions reach where tensor cores round their operands to TF32, as
    JAX's default precision and PyTorch's convolutions do; before Ampere it is plain float32.
    """

    bf16: float | None
    fp16: float
    tf32: float

    def of(self, precision: str) -> float | None:
        """Return the peak in TFLOP/s of one of our precisions; None where the device has none."""
        return {"bf16": self.bf16, "fp16": self.fp16, "fp32": self.tf32}[precision]


# By the beginning of JAX's `device_kind`. Sources, all NVIDIA's: “H100 Tensor Core GPU
# Architecture” (2022), table 2; the data sheets of H200, L40S and L4 (halved, as they are given
# with sparsity); “A100 Tensor Core GPU Architecture” (2020), table 1; the data sheets of V100 and
# T4. The H200 has the H100's processor with other memory.
PEAKS = {
    "NVIDIA H200": Peak(989.4, 989.4, 494.7),
    "NVIDIA H100 80GB HBM3": Peak(989.4, 989.4, 494.7),  # the SXM module
    "NVIDIA H100 PCIe": Peak(756.0, 756.0, 378.0),
    "NVIDIA A100": Peak(312.0, 312.0, 156.0),
    "NVIDIA L40S": Peak(362.0, 362.0, 183.0),
    "NVIDIA L4": Peak(121.0, 121.0, 60.0),
    "Tesla V100": Peak(None, 125.0, 15.7),
    "Tesla T4": Peak(None, 65.0, 8.1),
}


def peak_of(device_kind: str, precision: str) -> float | None:
    """Return the dense peak in TFLOP/s; None where it is not known here."""
    known = [name for name in PEAKS if device_kind.startswith(name)]
    return PEAKS[max(known, key=len)].of(precision) if known else None


def share_of_peak(
    photos_per_second: float, flops_per_photo: float, device_kind: str, precision: str
) -> float | None:
    """Return which share of the device's peak is reached, 0..1; None where it is not known."""
    peak = peak_of(device_kind, precision)
    return photos_per_second * flops_per_photo / (peak * 1e12) if peak else None
