"""What the peers in Python share: what is to be trained, with which images and weights, and how steps are timed.

Every peer has a function `prepare(plan, data, ...)`, whose result makes steps with the batches that it is given, and hands
over its parameters as `initial()` makes them, which is how `check.py` compares it with float64.
"""
import argparse
import json
import time
from typing import NamedTuple

import numpy as np

INPUTS, CLASSES, IMAGES = 3072, 10, 45000
ETA, EPSILON = 0.01, 1e-5


class Plan(NamedTuple):
    hidden: tuple = (50, 50)
    batch: int = 100
    networks: int = 1
    batch_norm: bool = True
    inputs: int = INPUTS

    @property
    def widths(self):
        return (self.inputs, *self.hidden, CLASSES)

    @property
    def lambdas(self):
        """The weight of the L2 penalty of each network."""
        return np.logspace(-5, -1, self.networks).astype(np.float32)


class Least(NamedTuple):
    """How much a measurement takes at least."""
    steps: int
    ms: float


def arguments(description):
    """Parses the arguments of the program: what to train, and the minimum number of steps and milliseconds to time."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    widths = lambda text: tuple(int(width) for width in text.split(","))
    parser.add_argument("--hidden", type=widths, default=(50, 50), help="widths of the hidden layers, as in 50,50")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--networks", type=int, default=1, help="how many networks train together")
    parser.add_argument("--batch-norm", choices=("on", "off"), default="on")
    parser.add_argument("--min-steps", type=int, default=450)
    parser.add_argument("--min-ms", type=float, default=250)
    given = parser.parse_args()
    plan = Plan(given.hidden, given.batch, given.networks, given.batch_norm == "on")
    return plan, Least(given.min_steps, given.min_ms)


def random_data(plan, images=IMAGES, seed=0):
    """Images, [images, inputs], of bytes / 255 - 0.5, and their labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (images, plan.inputs), dtype=np.uint8).astype(np.float32)
    pixels /= 255
    pixels -= np.float32(0.5)
    return pixels, rng.integers(0, CLASSES, images)


def initial(plan, seed=1):
    """Parameters by kind, a list of a tensor for each layer: W [networks, in, out], the others [networks, out]."""
    rng = np.random.default_rng(seed)
    shape = lambda *sizes: (plan.networks, *sizes)
    layers = list(zip(plan.widths, plan.widths[1:]))
    tensors = {
        "W": [rng.normal(0, (2 / i) ** 0.5, shape(i, o)) for i, o in layers],
        "b": [np.zeros(shape(o)) for _, o in layers],
    }
    if plan.batch_norm:
        tensors["gamma"] = [np.ones(shape(o)) for o in plan.hidden]
        tensors["beta"] = [np.zeros(shape(o)) for o in plan.hidden]
    return {kind: [tensor.astype(np.float32) for tensor in of] for kind, of in tensors.items()}


def shuffled(plan, steps, images=IMAGES, seed=2):
    """The images of each batch, [steps, batch]: epochs of all images, each in an order of its own."""
    rng = np.random.default_rng(seed)
    count = steps * plan.batch
    epochs = [rng.permutation(images) for _ in range(-(-count // images))]
    return np.concatenate(epochs)[:count].reshape(steps, plan.batch)


def timed(run, least, unit=1):
    """Times `run(n)`, which makes n times `unit` steps and waits for their end; milliseconds of a step, and steps timed.

    What it runs is doubled until it takes as long as a measurement has to.
    """
    count = -(-least.steps // unit)
    run(min(count, max(1, 20 // unit)))  # Compiles, and fills caches.
    while True:
        began = time.perf_counter()
        run(count)
        took = (time.perf_counter() - began) * 1e3
        if took >= least.ms:
            return took / (count * unit), count * unit
        count *= 2


def report(peer, version, mode, time_and_steps):
    """Prints what `timed()` returned as a line of JSON."""
    ms, steps = time_and_steps
    line = {"peer": peer, "version": version, "mode": mode, "ms_per_step": ms, "steps": steps}
    print(json.dumps(line), flush=True)
