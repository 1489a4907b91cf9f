"""PyTorch: steps of SGD with L2, several networks as batched products, batches gathered from 45,000 images.

Prints a line of JSON for each way to make the steps: eager, and on a CUDA device as a CUDA graph of many of them with and
without TF32; for one network compiled, too. A time is that of a step of all networks.
"""
import torch
from torch.nn import functional as F

from _step import EPSILON, ETA, arguments, initial, random_data, report, shuffled, timed

GRAPH = 50  # Steps of a graph: starting it costs next to nothing for each.
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Networks(torch.nn.Module):
    """Activations are [batch, networks * width]: so the first layer, whose images all networks share, is one product, and
    batch norm treats the networks as further features."""

    def __init__(self, plan, tensors):
        super().__init__()
        self.plan = plan
        parameters = lambda kind, shape: torch.nn.ParameterList(
            torch.nn.Parameter(shape(torch.from_numpy(tensor)).contiguous().to(DEVICE)) for tensor in tensors[kind])
        side_by_side = lambda W: W.permute(1, 0, 2).reshape(W.shape[1], -1)
        one = plan.networks == 1
        self.first = torch.nn.Parameter(side_by_side(torch.from_numpy(tensors["W"][0])).contiguous().to(DEVICE))
        tensors = {**tensors, "W": tensors["W"][1:]}
        self.W = parameters("W", lambda W: W[0] if one else W)
        self.b = parameters("b", lambda b: b.flatten())
        if plan.batch_norm:
            self.gamma = parameters("gamma", lambda gamma: gamma.flatten())
            self.beta = parameters("beta", lambda beta: beta.flatten())

    def forward(self, x, y):
        """The cross-entropy, summed over images and networks."""
        s = torch.addmm(self.b[0], x, self.first)
        for l, W in enumerate(self.W):
            if self.plan.batch_norm:
                s = F.batch_norm(s, None, None, self.gamma[l], self.beta[l], training=True, eps=EPSILON)
            s = self.affine(torch.relu(s), W, self.b[l + 1])
        networks = self.plan.networks
        targets = y if networks == 1 else y[:, None].expand(-1, networks).reshape(-1)
        return F.cross_entropy(s.view(len(x) * networks, -1), targets, reduction="sum")

    def affine(self, h, W, b):
        networks = self.plan.networks
        if networks == 1:
            return torch.addmm(b, h, W)
        stacked = h.view(len(h), networks, -1).transpose(0, 1)
        return torch.baddbmm(b.view(networks, 1, -1), stacked, W).transpose(0, 1).reshape(len(h), -1)

    def tensors(self):
        """The parameters as `initial()` has them."""
        networks = self.plan.networks
        first = self.first.view(self.plan.inputs, networks, -1).transpose(0, 1)
        layers = {"W": [first, *(W.view(networks, *W.shape[-2:]) for W in self.W)]}
        for kind in ("b", "gamma", "beta") if self.plan.batch_norm else ("b",):
            layers[kind] = [tensor.view(networks, -1) for tensor in getattr(self, kind)]
        return {kind: [tensor.detach().cpu().numpy() for tensor in of] for kind, of in layers.items()}


class Steps:
    def __init__(self, plan, data, parameters, compiled=False):
        pixels, labels = data
        self.images = torch.as_tensor(pixels, device=DEVICE)
        self.labels = torch.as_tensor(labels, device=DEVICE)
        self.networks = Networks(plan, parameters)
        self.cost = torch.compile(self.networks) if compiled else self.networks
        self.all = list(self.networks.parameters())
        self.weights = [self.networks.first, *self.networks.W]
        self.shrink = shrinking(plan)
        self.rate = ETA / plan.batch  # The cost is a sum over the images.

    @property
    def parameters(self):
        return self.networks.tensors()

    def step(self, rows):
        cost = self.cost(self.images[rows], self.labels[rows])
        gradients = torch.autograd.grad(cost, self.all)
        with torch.no_grad():
            torch._foreach_mul_(self.weights, self.shrink)
            torch._foreach_add_(self.all, gradients, alpha=-self.rate)

    def run(self, order):
        for rows in torch.as_tensor(order, device=DEVICE):
            self.step(rows)


def shrinking(plan):
    """What W is multiplied by in a step: 1 - 2 eta lambda, numbers for one network, else in the layout of W."""
    factors = 1 - 2 * ETA * torch.from_numpy(plan.lambdas)
    if plan.networks == 1:
        return [float(factors)] * (len(plan.hidden) + 1)
    first = factors.repeat_interleave(plan.hidden[0]).to(DEVICE)
    return [first] + [factors.view(-1, 1, 1).to(DEVICE)] * len(plan.hidden)


class GraphSteps(Steps):
    """The same as a CUDA graph of several steps; which images they take is written to where the graph reads it."""

    def __init__(self, plan, data, parameters, graph, compiled=False):
        super().__init__(plan, data, parameters, compiled)
        self.rows = torch.as_tensor(shuffled(plan, graph, len(self.images)), device=DEVICE)
        before = [tensor.detach().clone() for tensor in self.all]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step(self.rows[0])
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            for tensor, value in zip(self.all, before):
                tensor.copy_(value)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for rows in self.rows:
                self.step(rows)

    def run(self, order):
        for piece in torch.as_tensor(order, device=DEVICE).view(-1, *self.rows.shape):
            self.rows.copy_(piece)
            self.graph.replay()


def prepare(plan, data, parameters, graph=0, compiled=False):
    """`graph` is the number of steps that are one CUDA graph, 0 without one."""
    if graph > 0:
        return GraphSteps(plan, data, parameters, graph, compiled)
    return Steps(plan, data, parameters, compiled)


def measure(plan, least, data, precision, graph=0, compiled=False):
    torch.set_float32_matmul_precision({"float32": "highest", "TF32": "high"}[precision])
    steps = prepare(plan, data, initial(plan), graph, compiled)
    batches = torch.as_tensor(shuffled(plan, 9 * GRAPH), device=DEVICE)
    unit = max(graph, 1)
    done = 0

    def run(count):
        nonlocal done
        for i in range(done, done + count):
            at = i * unit % len(batches)
            steps.run(batches[at:at + unit])
        done += count
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    made = ["compiled"] if compiled else []
    made += [f"CUDA graph of {graph} steps"] if graph else [] if compiled else ["eager"]
    mode = ", ".join([DEVICE, *made, precision])
    report("PyTorch", torch.__version__, mode, timed(run, least, unit))


def main():
    plan, least = arguments(__doc__)
    pixels, labels = random_data(plan)
    data = torch.as_tensor(pixels, device=DEVICE), torch.as_tensor(labels, device=DEVICE)
    measure(plan, least, data, "float32")
    if DEVICE != "cuda":
        return
    for compiled in (False, True) if plan.networks == 1 else (False,):
        for precision in ("float32", "TF32"):
            measure(plan, least, data, precision, graph=GRAPH, compiled=compiled)


if __name__ == "__main__":
    main()
