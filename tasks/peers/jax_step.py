"""JAX: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, in one jitted scan over a shuffled epoch.

Its argument is the number of steps. Prints a line of JSON for 1, 10 and 20 networks together (vmap), with the precision of
products that JAX takes by itself and with float32.
"""
import json
import sys
import time

import jax
import jax.numpy as jnp

steps = int(sys.argv[1])
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
        for count in (1, 10, 20):
            networks = jax.vmap(fresh)(jax.random.split(key, count))
            lams = jnp.logspace(-5, -1, count)
            order = jax.random.permutation(key, 45000).reshape(450, 100)[: min(steps, 450)]
            jax.block_until_ready(run(networks, lams, order))
            began = time.perf_counter()
            jax.block_until_ready(run(networks, lams, order))
            ms = (time.perf_counter() - began) / len(order) * 1e3
            mode = f"{jax.devices()[0].platform}, scan, {precision or 'default'} precision, {count} networks"
            print(json.dumps({
                "peer": "JAX", "version": jax.__version__, "mode": mode, "ms_per_step": ms, "steps": len(order),
            }), flush=True)
