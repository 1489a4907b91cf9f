"""Compares what the peers in Python compute with float64: the parameters after a few steps of small networks of several
kinds, or of the only one that a peer knows.

Prints a line for each peer and kind: the largest error of a tensor, relative to how far the steps moved it. Exits with 1
where one exceeds what the rounding of float32 explains. TF32 is not compared. A peer that is not installed is named.
"""
import importlib
import sys

import numpy as np

import numpy_step
from _step import Plan, initial, random_data, shuffled

# Few steps: in many of them some ReLU has an input so near 0 that float32 takes the other side, without being wrong.
STEPS, GRAPH, IMAGES = 6, 3, 700
MAX_ERROR = 1e-3  # Parameters near 1 move by 1e-3 and are rounded to 1e-7; a wrong term makes 1e-2 and more.
KINDS = [
    Plan(hidden, 20, networks, batch_norm, inputs=48)
    for hidden in ((7, 5), (9, 6, 5, 5)) for networks in (1, 3) for batch_norm in (True, False)
]


def ways():
    """Each way to make steps: its name, the module, the plans that it knows and the options of its `prepare()`."""
    yield "NumPy", "numpy_step", KINDS, {}
    yield "PyTorch", "torch_step", KINDS, {}
    yield "PyTorch, CUDA graph", "torch_step", KINDS, {"graph": GRAPH}
    for unroll in (1, 10):
        yield f"JAX, unroll {unroll}", "jax_step", KINDS, {"precision": "highest", "unroll": unroll}
    yield "CuPy", "cupy_step", [Plan()], {"graph": GRAPH}


def error_of(plan, prepare, options):
    data = random_data(plan, IMAGES)
    order = shuffled(plan, STEPS, IMAGES)
    begin = initial(plan)
    wide = {kind: [tensor.astype(np.float64) for tensor in of] for kind, of in begin.items()}
    expected = numpy_step.prepare(plan, (data[0].astype(np.float64), data[1]), wide)
    expected.run(order)
    steps = prepare(plan, data, begin, **options)
    steps.run(order)
    worst = 0
    for kind, of in expected.parameters.items():
        for l, tensor in enumerate(of):
            given = steps.parameters[kind][l]
            moved = np.linalg.norm(tensor - wide[kind][l])
            # What is added to every row vanishes in batch norm, so biases in front of it move by rounding only.
            hidden_bias = kind == "b" and plan.batch_norm and l < len(of) - 1
            worst = max(worst, np.linalg.norm(given - tensor) / (1 if hidden_bias else moved))
    return worst


def main():
    failed = False
    for name, module, plans, options in ways():
        try:
            prepare = importlib.import_module(module).prepare
        except ImportError as error:
            print(f"{name}: not compared, {error}")
            continue
        if module == "torch_step" and "graph" in options and importlib.import_module(module).DEVICE != "cuda":
            print(f"{name}: not compared, there is no CUDA device")
            continue
        for plan in plans:
            error = error_of(plan, prepare, options)
            failed |= not error <= MAX_ERROR
            verdict = "" if error <= MAX_ERROR else "  WRONG"
            print(f"{name}: {plan.hidden}, networks {plan.networks}, batch norm {plan.batch_norm}: {error:.1e}{verdict}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
