"""JAX: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, in one jitted scan over a shuffled epoch.

Its arguments are the minimum number of steps and of milliseconds: epochs are doubled until they take as long. Prints a
line of JSON with the precision of products that JAX takes by itself, and one with float32. Further arguments are numbers of
networks that train together (vmap), 1 unless given.
"""
import json
import sys
import time

import jax
import jax.numpy as jnp

min_steps, min_ms = int(sys.argv[1]), float(sys.argv[2])
counts = [int(count) for count in sys.argv[3:]] or [1]
key = jax.random.PRNGKey(0)
images = jax.random.normal(key, (45000, 3072))
labels = jax.random.randint(key, (45000,), 0, 10)


def fresh(key):
    a, b, c = jax.random.split(key, 3)
    return {
        "W1": jax.random.normal(a, (3072, 50)) * 0.025, "W2": jax.random.normal(b, (50, 50)) * 0.2,
        "W3": jax.random.normal(c, (50, 10)) * 0.2, "b1": jnp.zeros(50), "b2": jnp.zeros(50), "b3": jnp.zeros(10),
        "gamma1": jnp.ones(50), "gamma2": jnp.ones(50), "beta1": jnp.zeros(50), "beta2": jnp.zeros(50),
    }


def batch_norm(s, gamma, beta):
    return gamma * (s - s.mean(0)) * jax.lax.rsqrt(s.var(0) + 1e-5) + beta


def cost(p, lam, x, y):
    h = jax.nn.relu(batch_norm(x @ p["W1"] + p["b1"], p["gamma1"], p["beta1"]))
    h = jax.nn.relu(batch_norm(h @ p["W2"] + p["b2"], p["gamma2"], p["beta2"]))
    losses = jax.nn.log_softmax(h @ p["W3"] + p["b3"])[jnp.arange(100), y]
    return -losses.mean() + lam * sum((p[w] ** 2).sum() for w in ("W1", "W2", "W3"))


def epoch(networks, lams, order):
    def step(networks, rows):
        g = jax.vmap(jax.grad(cost), (0, 0, None, None))(networks, lams, images[rows], labels[rows])
        return jax.tree_util.tree_map(lambda p, d: p - 0.01 * d, networks, g), None

    return jax.lax.scan(step, networks, order)[0]


for precision in (None, "highest"):
    with jax.default_matmul_precision(precision):
        run = jax.jit(epoch)
        for count in counts:
            networks = jax.vmap(fresh)(jax.random.split(key, count))
            lams = jnp.logspace(-5, -1, count)
            order = jax.random.permutation(key, 45000).reshape(450, 100)[: min(min_steps, 450)]
            jax.block_until_ready(run(networks, lams, order))
            epochs = -(-min_steps // len(order))
            while True:
                began = time.perf_counter()
                for _ in range(epochs):
                    networks = run(networks, lams, order)
                jax.block_until_ready(networks)
                took = (time.perf_counter() - began) * 1e3
                if took >= min_ms:
                    break
                epochs *= 2
            steps = epochs * len(order)
            mode = f"{jax.devices()[0].platform}, scan, {precision or 'default'} precision"
            together = "" if count == 1 else f", {count} networks"
            print(json.dumps({
                "peer": "JAX", "version": jax.__version__, "mode": mode + together, "ms_per_step": took / steps, "steps": steps,
            }), flush=True)
