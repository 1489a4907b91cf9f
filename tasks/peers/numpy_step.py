"""NumPy: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, batches gathered from 45,000 images.

Its arguments are the minimum number of steps and of milliseconds: steps are doubled until they take as long. Prints a
line of JSON.
"""
import json
import sys
import time

import numpy as np

steps, min_ms = int(sys.argv[1]), float(sys.argv[2])
batch, eta, lam = 100, np.float32(0.01), np.float32(0.005)
rng = np.random.default_rng(0)
images = rng.random((45000, 3072), dtype=np.float32)
labels = rng.integers(0, 10, 45000)
widths = (3072, 50, 50, 10)
W = [rng.normal(0, (2 / i) ** 0.5, (i, o)).astype(np.float32) for i, o in zip(widths, widths[1:])]
b = [np.zeros(o, np.float32) for o in widths[1:]]
gamma = [np.ones(50, np.float32) for _ in range(2)]
beta = [np.zeros(50, np.float32) for _ in range(2)]


def step(t):
    at = np.arange(t * batch, (t + 1) * batch) % 45000
    h, kept = images[at], []
    for l in range(2):
        s = h @ W[l] + b[l]
        inverse = 1 / np.sqrt(s.var(0) + np.float32(1e-5))
        n = (s - s.mean(0)) * inverse
        after = np.maximum(gamma[l] * n + beta[l], 0)
        kept.append((h, n, inverse, after))
        h = after
    s = h @ W[2] + b[2]
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(batch), labels[at]] -= 1
    ds = p / batch
    for l in (2, 1, 0):
        x = kept[l][0] if l < 2 else h
        dh = ds @ W[l].T if l else None
        W[l] -= eta * (x.T @ ds + 2 * lam * W[l])
        b[l] -= eta * ds.sum(0)
        if l:
            _, n, inverse, after = kept[l - 1]
            g = dh * (after > 0)
            dgamma, dbeta = (g * n).sum(0), g.sum(0)
            ds = gamma[l - 1] * inverse / batch * (batch * g - dbeta - n * dgamma)
            gamma[l - 1] -= eta * dgamma
            beta[l - 1] -= eta * dbeta


for t in range(50):
    step(t)
while True:
    began = time.perf_counter()
    for t in range(steps):
        step(t)
    took = (time.perf_counter() - began) * 1e3
    if took >= min_ms:
        break
    steps *= 2
print(json.dumps({
    "peer": "NumPy", "version": np.__version__, "mode": "cpu", "ms_per_step": took / steps, "steps": steps,
}))
