"""NumPy: steps of SGD with L2, several networks as stacked arrays, batches gathered from 45,000 images.

Prints a line of JSON with the time of a step of all networks.
"""
import numpy as np

from _step import EPSILON, ETA, arguments, initial, random_data, report, shuffled, timed


class Steps:
    """In the type of the parameters, so that float64 makes it the reference of the other peers."""

    def __init__(self, plan, data, parameters):
        self.plan, (self.images, self.labels) = plan, data
        self.parameters = {kind: [tensor.copy() for tensor in of] for kind, of in parameters.items()}
        self.decays = [2 * lam for lam in plan.lambdas.astype(parameters["W"][0].dtype)]

    def run(self, order):
        for rows in order:
            self.step(self.images[rows], self.labels[rows])

    def loss_gradient(self, logits, y):
        """d of the mean cross-entropy, [networks, batch, classes]."""
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        p[:, np.arange(len(y)), y] -= 1
        return p / len(y)

    def step(self, x, y):
        """x [batch, inputs], which the networks share; activations and gradients are [networks, batch, width]."""
        W, b = self.parameters["W"], self.parameters["b"]
        norm = self.plan.batch_norm
        h, kept = x, []
        for l in range(len(W) - 1):
            s = h @ W[l] + b[l][:, None]
            n = inverse = None
            if norm:
                inverse = 1 / np.sqrt(s.var(1, keepdims=True) + s.dtype.type(EPSILON))
                n = (s - s.mean(1, keepdims=True)) * inverse
                s = self.parameters["gamma"][l][:, None] * n + self.parameters["beta"][l][:, None]
            kept.append((h, n, inverse))
            h = np.maximum(s, 0)
        ds = self.loss_gradient(h @ W[-1] + b[-1][:, None], y)
        for l in reversed(range(len(W))):
            below = h if l == len(W) - 1 else kept[l][0]
            dh = ds @ W[l].swapaxes(1, 2) * (below > 0) if l else None
            self.descend("W", l, below.swapaxes(-1, -2) @ ds, self.decays)
            self.descend("b", l, ds.sum(1))
            if l:
                ds = self.batch_norm_backward(l - 1, dh, *kept[l - 1][1:]) if norm else dh

    def batch_norm_backward(self, l, g, n, inverse):
        dgamma, dbeta = (g * n).sum(1), g.sum(1)
        scale = self.parameters["gamma"][l][:, None] * inverse
        ds = scale * (g - (dbeta[:, None] + n * dgamma[:, None]) / g.shape[1])
        self.descend("gamma", l, dgamma)
        self.descend("beta", l, dbeta)
        return ds

    def descend(self, kind, l, gradients, decays=None):
        tensor = self.parameters[kind][l]
        if decays is not None:
            for network, decay in enumerate(decays):
                gradients[network] += decay * tensor[network]
        tensor -= tensor.dtype.type(ETA) * gradients


def prepare(plan, data, parameters):
    return Steps(plan, data, parameters)


def main():
    plan, least = arguments(__doc__)
    steps = prepare(plan, random_data(plan), initial(plan))
    batches = shuffled(plan, 450)
    done = 0

    def run(count):
        nonlocal done
        for i in range(done, done + count):
            steps.run(batches[i % len(batches)][None])
        done += count

    report("NumPy", np.__version__, "cpu", timed(run, least))


if __name__ == "__main__":
    main()
