"""PyTorch: steps of 3072-50-50-10 with batch norm, batch 100, SGD with weight decay, batches gathered from 45,000 images.

Its arguments are the minimum number of steps and of milliseconds: steps are doubled until they take as long. Prints a
line of JSON for each way: eager, and on a CUDA device as a CUDA graph and compiled, too (TF32 off).
"""
import json
import sys
import time

import torch

min_steps, min_ms = int(sys.argv[1]), float(sys.argv[2])
cuda = torch.cuda.is_available()
device = "cuda" if cuda else "cpu"
torch.manual_seed(0)
torch.backends.cuda.matmul.allow_tf32 = False
images = torch.randn(45000, 3072, device=device)
labels = torch.randint(0, 10, (45000,), device=device)
order = torch.randperm(45000, device=device)


def fresh():
    layers, widths = [], (3072, 50, 50)
    for i, o in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(i, o), torch.nn.BatchNorm1d(o), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(50, 10)).to(device)
    return model, torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=0.01)


def rows(i):
    return order[i * 100 % 45000 : i * 100 % 45000 + 100]


def learn(model, optimizer, x, y, to_none=True):
    optimizer.zero_grad(set_to_none=to_none)
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def timed(mode, step):
    def wait():
        if cuda:
            torch.cuda.synchronize()

    for i in range(20):
        step(i)
    wait()
    steps = min_steps
    while True:
        began = time.perf_counter()
        for i in range(steps):
            step(i)
        wait()
        took = (time.perf_counter() - began) * 1e3
        if took >= min_ms:
            break
        steps *= 2
    line = {
        "peer": "PyTorch", "version": torch.__version__, "mode": f"{device}, {mode}",
        "ms_per_step": took / steps, "steps": steps,
    }
    print(json.dumps(line), flush=True)


model, optimizer = fresh()
timed("eager", lambda i: learn(model, optimizer, images[rows(i)], labels[rows(i)]))
if cuda:
    x, y = images[:100].clone(), labels[:100].clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(5):
            learn(model, optimizer, x, y, to_none=False)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        learn(model, optimizer, x, y, to_none=False)

    def replay(i):
        torch.index_select(images, 0, rows(i), out=x)
        torch.index_select(labels, 0, rows(i), out=y)
        graph.replay()

    timed("CUDA graph", replay)
    other, its_optimizer = fresh()
    compiled = torch.compile(other, mode="reduce-overhead")
    timed("compiled", lambda i: learn(compiled, its_optimizer, images[rows(i)], labels[rows(i)]))
