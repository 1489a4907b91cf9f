/**
 * jax-js on WebGPU: jitted steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, always on the same batch, which is
 * on the GPU. Prints a line of JSON.
 *
 * The package is named by a variable, so that only running this fetches it: it is not a dependency of the project. An
 * operation of jax-js consumes its arrays unless it is given their `ref`.
 */
import { printTime } from "./_timing.ts";

const VERSION = "0.1.25";
const LAMBDA = 0.005;
const ETA = 0.01;
const BATCH = 100;

const jax = await import(`npm:@jax-js/jax@${VERSION}`);
const np = jax.numpy;
type Tensor = typeof np;
type Network = Record<string, Tensor>;

await jax.init();
jax.defaultDevice("webgpu");

function uniform(shape: number[], scale: number): Tensor {
  const length = shape.reduce((product, size) => product * size);
  const values = Float32Array.from({ length }, () => scale * (Math.random() - 0.5));
  return np.array(values).reshape(shape);
}

function batchNorm(s: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const difference = s.ref.sub(np.mean(s, 0, { keepdims: true }));
  const variance = np.mean(difference.ref.mul(difference.ref), 0, { keepdims: true });
  return difference.div(np.sqrt(variance.add(1e-5))).mul(gamma).add(beta);
}

function cost(p: Network, x: Tensor, y: Tensor): Tensor {
  const squares = [p.w1, p.w2, p.w3].map((w) => np.sum(w.ref.mul(w.ref)));
  const h1 = np.maximum(batchNorm(np.matmul(x, p.w1).add(p.b1), p.gamma1, p.beta1), 0);
  const h2 = np.maximum(batchNorm(np.matmul(h1, p.w2).add(p.b2), p.gamma2, p.beta2), 0);
  const s = np.matmul(h2, p.w3).add(p.b3);
  const shifted = s.ref.sub(np.max(s, 1, { keepdims: true }));
  const sums = np.sum(np.exp(shifted.ref), 1, { keepdims: true });
  const loss = np.sum(shifted.sub(np.log(sums)).mul(y)).mul(-1 / BATCH);
  return squares.reduce((sum, square) => sum.add(square.mul(LAMBDA)), loss);
}

const step = jax.jit((p: Network, x: Tensor, y: Tensor): [Network, Tensor] => {
  const kept = Object.fromEntries(Object.entries(p).map(([name, value]) => [name, value.ref]));
  const [loss, gradients] = jax.valueAndGrad(cost)(kept, x, y);
  const moved = Object.entries(p).map(([name, value]) => [
    name,
    value.sub(gradients[name].mul(ETA)),
  ]);
  return [Object.fromEntries(moved), loss];
});

const x = uniform([BATCH, 3072], 2);
const labels = Float32Array.from({ length: BATCH * 10 }, (_, i) => {
  const row = Math.floor(i / 10);
  return row % 10 === i % 10 ? 1 : 0;
});
const y = np.array(labels).reshape([BATCH, 10]);
let network: Network = {
  w1: uniform([3072, 50], 0.05),
  w2: uniform([50, 50], 0.2),
  w3: uniform([50, 10], 0.2),
  b1: uniform([50], 0.01),
  b2: uniform([50], 0.01),
  b3: uniform([10], 0.01),
  gamma1: uniform([50], 0.01).add(1),
  gamma2: uniform([50], 0.01).add(1),
  beta1: uniform([50], 0.01),
  beta2: uniform([50], 0.01),
};

await printTime({ peer: "jax-js", version: VERSION, mode: "webgpu, jitted" }, async (steps) => {
  for (let i = 1; i <= steps; i++) {
    const [next, loss] = step(network, x.ref, y.ref);
    network = next;
    if (i < steps) loss.dispose();
    else await loss.data(); // Waits for all of it.
  }
});
Deno.exit(0); // The device would keep it waiting.
