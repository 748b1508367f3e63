"""What a traced program computes: its equations, and how many multiplications they take."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax


def equations(program: Any) -> Iterator[Any]:
    """Yield all equations of a jaxpr, those within calls, loops and branches too, each once."""
    for equation in getattr(program, "jaxpr", program).eqns:
        yield equation
        for parameter in equation.params.values():
            several = parameter if isinstance(parameter, (tuple, list)) else (parameter,)
            for inner in several:
                if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                    yield from equations(inner)


def flops(work: Callable[..., Any], *arguments: Any) -> float:
    """Return the floating-point operations of all convolutions and matrix products of `work`.

    Two a multiplication with its addition, as is usual where a share of a device's peak is told.
    Zeros that a strided convolution's gradient is spread with are not counted, those of the
    padding are. (Elementwise work is a hundredth of a CNN's, and tensor cores have no part in it.)
    """
    program = jax.make_jaxpr(work)(*arguments)
    counts = {"conv_general_dilated": _of_convolution, "dot_general": _of_product}
    found = (e for e in equations(program) if e.primitive.name in counts)
    return float(sum(counts[e.primitive.name](e) for e in found))


def _of_convolution(equation: Any) -> float:
    _, kernel = (v.aval.shape for v in equation.invars)
    outputs: int = math.prod(equation.outvars[0].aval.shape)
    outputs_of_kernel = equation.params["dimension_numbers"].rhs_spec[0]
    spread = math.prod(equation.params["lhs_dilation"])
    each: float = math.prod(kernel) / kernel[outputs_of_kernel] / spread
    return 2 * outputs * each


def _of_product(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    summed: int = math.prod(left[axis] for axis in contracted)
    outputs: int = math.prod(equation.outvars[0].aval.shape)
    return 2.0 * outputs * summed
