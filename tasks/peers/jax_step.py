"""JAX: steps of SGD with L2, several networks by vmap, in one jitted scan over a shuffled epoch of 45,000 images.

Prints a line of JSON with the precision of products that JAX takes by itself, and one with float32. Each is measured with
one step in a turn of the scan's loop and with ten; the faster counts. A time is that of a step of all networks.
"""
import jax
import jax.numpy as jnp
import numpy as np

from _step import EPSILON, ETA, IMAGES, arguments, initial, random_data, report, shuffled, timed

UNROLLS = (1, 10)


def batch_norm(s, gamma, beta):
    return gamma * (s - s.mean(0)) * jax.lax.rsqrt(s.var(0) + EPSILON) + beta


def cost(p, lam, x, y):
    h = x
    for l in range(len(p["W"]) - 1):
        s = h @ p["W"][l] + p["b"][l]
        h = jax.nn.relu(batch_norm(s, p["gamma"][l], p["beta"][l]) if "gamma" in p else s)
    losses = jax.nn.log_softmax(h @ p["W"][-1] + p["b"][-1])[jnp.arange(len(y)), y]
    return -losses.mean() + lam * sum((w ** 2).sum() for w in p["W"])


def epoch_of(gradient, unroll):
    def epoch(networks, lams, images, labels, order):
        def step(networks, rows):
            g = gradient(networks, lams, images[rows], labels[rows])
            return jax.tree_util.tree_map(lambda p, d: p - ETA * d, networks, g), None

        return jax.lax.scan(step, networks, order, unroll=unroll)[0]

    return jax.jit(epoch)


class Steps:
    def __init__(self, plan, data, parameters, precision=None, unroll=1):
        self.plan, self.precision = plan, precision
        self.images, self.labels = (jnp.asarray(array) for array in data)
        gradient = jax.grad(cost)
        # A network alone has no axis of networks: that leaves XLA the most freedom.
        one = plan.networks == 1
        self.epoch = epoch_of(gradient if one else jax.vmap(gradient, (0, 0, None, None)), unroll)
        own = lambda tensor: jnp.asarray(tensor[0] if one else tensor)
        self.networks = {kind: [own(tensor) for tensor in of] for kind, of in parameters.items()}
        self.lams = jnp.asarray(plan.lambdas[0] if one else plan.lambdas)

    @property
    def parameters(self):
        shape = lambda tensor: tensor.shape if self.plan.networks > 1 else (1, *tensor.shape)
        return {kind: [np.asarray(tensor).reshape(shape(tensor)) for tensor in of] for kind, of in self.networks.items()}

    def run(self, order):
        """Does not wait for the end."""
        with jax.default_matmul_precision(self.precision):
            self.networks = self.epoch(self.networks, self.lams, self.images, self.labels, jnp.asarray(order))

    def wait(self):
        jax.block_until_ready(self.networks)


def prepare(plan, data, parameters, precision=None, unroll=1):
    return Steps(plan, data, parameters, precision, unroll)


def main():
    plan, least = arguments(__doc__)
    data = [jnp.asarray(array) for array in random_data(plan)]
    platform = jax.devices()[0].platform
    # A whole epoch, unless few steps are asked for of a slow device.
    epoch = IMAGES // plan.batch if platform != "cpu" else min(least.steps, IMAGES // plan.batch)
    order = jnp.asarray(shuffled(plan, epoch))
    for precision in (None, "highest"):
        times = []
        for unroll in UNROLLS:
            steps = prepare(plan, data, initial(plan), precision, min(unroll, epoch))

            def run(epochs):
                for _ in range(epochs):
                    steps.run(order)
                steps.wait()

            times.append(timed(run, least, unit=epoch))
        unrolls = " or ".join(map(str, UNROLLS))
        # Which one was faster may change from round to round: it would tell apart what is to be compared.
        mode = f"{platform}, scan, unroll {unrolls}, {precision or 'default'} precision"
        report("JAX", jax.__version__, mode, min(times))


if __name__ == "__main__":
    main()
