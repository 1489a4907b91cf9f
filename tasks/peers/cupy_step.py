"""CuPy: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, in CUDA C, nearly as our fused kernels do.

Three kernels a step, as in WebGPU (fused_step.cu says what differs), and 50 steps in a CUDA graph: the difference to our
time is about what WebGPU costs. Prints a line of JSON.
"""
import pathlib
import sys

import cupy
import numpy as np

from _step import CLASSES, ETA, IMAGES, INPUTS, Plan, arguments, initial, random_data, report, shuffled, timed

GRAPH = 50  # Steps of a graph.
# As in fused_step.cu: columns of four features, slices of the inputs, and blocks and threads of each kernel.
HIDDEN, LAST, SLICES = 13, 3, 96
GRIDS = {"fused_norm": (HIDDEN, 800), "fused_tail": (1, 352), "fused_input": (SLICES, 416)}
ROWS, WIDTH = 100, 50


def padded(array, rows, columns):
    """Pads a matrix, or a row, with zeros."""
    result = np.zeros((rows, 4 * columns), np.float32)
    array = np.atleast_2d(array)
    result[: array.shape[0], : array.shape[1]] = array
    return cupy.asarray(result)


class Steps:
    """What the kernels read and write, and a graph of steps that takes the images which `rows` names."""

    def __init__(self, plan, data, parameters, graph):
        pixels, labels = data
        code = pathlib.Path(__file__).with_name("fused_step.cu").read_text()
        kernels = cupy.RawModule(code=code, options=("--std=c++17",))
        self.kernels = {name: kernels.get_function(name) for name in GRIDS}
        self.decay = np.float32(2 * plan.lambdas[0])
        images = np.rint((np.asarray(pixels) + np.float32(0.5)) * 255).astype(np.uint8)
        self.images = cupy.asarray(images.view(np.uint32))
        self.labels = cupy.asarray(np.asarray(labels).astype(np.uint32))
        standard = np.ones((INPUTS // 4, 2, 4), np.float32)  # Scale and shift of each input.
        standard[:, 1] = -0.5
        self.standard = cupy.asarray(standard)
        self.set(parameters)
        empty = lambda *shape: cupy.zeros(shape, np.float32)
        self.slices = empty(HIDDEN, SLICES, ROWS, 4)
        self.n, self.h, self.ds = (empty(HIDDEN, ROWS, 4) for _ in range(3))
        self.inverses, self.averages1, self.averages2 = empty(HIDDEN, 4), empty(2, HIDDEN, 4), empty(2, HIDDEN, 4)
        self.rows = cupy.zeros((graph + 1, ROWS), np.uint32)  # The last is that of the product after its steps.
        self.stream = cupy.cuda.Stream(non_blocking=True)
        cupy.cuda.get_current_stream().synchronize()
        with self.stream:
            self.step(0)  # Loads the kernels, which a capture cannot.
            self.stream.synchronize()
            self.stream.begin_capture()
            for step in range(graph):
                self.step(step)
            self.graph = self.stream.end_capture()
        self.set(parameters)

    def set(self, parameters):
        """Takes the parameters of a network; a tensor that exists keeps its place."""
        of = lambda kind, l: np.asarray(parameters[kind][l][0])
        given = {"W1": padded(of("W", 0), INPUTS, HIDDEN), "b1": padded(of("b", 0), 1, HIDDEN)}
        for l, columns in ((1, HIDDEN), (2, LAST)):
            given[f"W{l + 1}"] = padded(np.vstack([of("W", l), of("b", l)]), WIDTH + 2, columns)
        for kind in ("gamma", "beta"):
            for l in (0, 1):
                given[f"{kind}{l + 1}"] = padded(of(kind, l), 1, HIDDEN)
        if hasattr(self, "tensors"):
            for name, tensor in given.items():
                self.tensors[name][...] = tensor
        else:
            self.tensors = given
        cupy.cuda.get_current_stream().synchronize()

    @property
    def parameters(self):
        self.wait()
        t = {name: cupy.asnumpy(tensor)[None] for name, tensor in self.tensors.items()}
        row = lambda name: t[name][:, 0, :WIDTH]
        return {
            "W": [t["W1"][..., :WIDTH], t["W2"][:, :WIDTH, :WIDTH], t["W3"][:, :WIDTH, :CLASSES]],
            "b": [row("b1"), t["W2"][:, WIDTH, :WIDTH], t["W3"][:, WIDTH, :CLASSES]],
            "gamma": [row("gamma1"), row("gamma2")],
            "beta": [row("beta1"), row("beta2")],
        }

    def launch(self, name, *arguments):
        blocks, threads = GRIDS[name]
        self.kernels[name]((blocks,), (threads,), arguments)

    def input(self, first, next, eta, decay):
        first, next = np.int32(first * ROWS), np.int32(next * ROWS)
        places = (self.rows, self.images, self.standard, self.ds, self.tensors["W1"], self.slices)
        self.launch("fused_input", *places, first, next, eta, decay)

    def step(self, step):
        t, eta = self.tensors, np.float32(ETA)
        first_layer = (t["b1"], t["gamma1"], t["beta1"])
        self.launch("fused_norm", self.slices, *first_layer, self.n, self.h, self.inverses, self.averages1)
        second_layer = (t["W2"], t["gamma2"], t["beta2"], self.averages2)
        read = (self.rows, self.labels, self.n, self.h, self.inverses)
        last = (t["W3"], self.ds, np.int32(step * ROWS), eta, self.decay)
        self.launch("fused_tail", *read, *first_layer, *second_layer, *last)
        self.input(step, step + 1, eta, self.decay)

    def run(self, order):
        """Makes the steps of whole graphs: order is [steps, rows]. Does not wait for the end."""
        with self.stream:
            order = cupy.asarray(order, dtype=np.uint32)
            graph = len(self.rows) - 1
            for at in range(0, len(order), graph):
                self.rows[:graph] = order[at:at + graph]
                self.rows[graph] = order[(at + graph) % len(order)]
                if at == 0:  # The first product; without a rate the weights stay as they are.
                    self.input(0, 0, np.float32(0), np.float32(0))
                self.graph.launch(self.stream)

    def wait(self):
        self.stream.synchronize()


def prepare(plan, data, parameters, graph=GRAPH):
    if plan != Plan():
        sys.exit(f"Cannot make these steps: they are of {plan}, expected {Plan()}")
    return Steps(plan, data, parameters, graph)


def main():
    plan, least = arguments(__doc__)
    order = cupy.asarray(shuffled(plan, IMAGES // ROWS), dtype=np.uint32)
    steps = prepare(plan, random_data(plan), initial(plan))  # Also waits for that copy.

    def run(count):
        for _ in range(count):
            steps.run(order)
        steps.wait()

    mode = f"cuda, our three kernels, CUDA graph of {GRAPH} steps"
    report("CuPy", cupy.__version__, mode, timed(run, least, unit=len(order)))


if __name__ == "__main__":
    main()
