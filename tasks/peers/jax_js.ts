/**
 * jax-js, WebGPU: a jitted step of 3072-50-50-10 with batch norm, batch 100, SGD with L2. Its argument is the number of
 * steps. Prints a line of JSON.
 */
import {
  defaultDevice,
  init,
  jit,
  numpy as np,
  valueAndGrad,
} from "npm:@jax-js/jax@0.1.25";

// deno-lint-ignore no-explicit-any -- its types do not go through here, and what counts is the time
type Any = any;

const steps = Number(Deno.args[0]);
const WARM_UP = 3;

await init();
defaultDevice("webgpu");

function random(shape: number[], scale: number): Any {
  const length = shape.reduce((product, size) => product * size);
  return np.array(Float32Array.from({ length }, () => (Math.random() - 0.5) * scale)).reshape(shape);
}

const x = random([100, 3072], 2);
const onehot = np.array(Float32Array.from({ length: 1000 }, (_, i) => Number(i % 10 === Math.floor(i / 10) % 10)))
  .reshape([100, 10]);
let parameters: Any = {
  w1: random([3072, 50], 0.05),
  w2: random([50, 50], 0.2),
  w3: random([50, 10], 0.2),
  b1: random([50], 0.01),
  b2: random([50], 0.01),
  b3: random([10], 0.01),
  gamma1: random([50], 0.01).add(1),
  gamma2: random([50], 0.01).add(1),
  beta1: random([50], 0.01),
  beta2: random([50], 0.01),
};

// An array is used up by what reads it; `.ref` keeps it.
function batchNorm(s: Any, gamma: Any, beta: Any): Any {
  const mean = np.mean(s.ref, 0, { keepdims: true } as Any);
  const difference = s.sub(mean);
  const variance = np.mean(difference.ref.mul(difference.ref), 0, { keepdims: true } as Any);
  return difference.div(np.sqrt(variance.add(1e-5))).mul(gamma).add(beta);
}

function cost(p: Any, x: Any, y: Any): Any {
  const squares = np.sum(p.w1.ref.mul(p.w1.ref)).add(np.sum(p.w2.ref.mul(p.w2.ref)))
    .add(np.sum(p.w3.ref.mul(p.w3.ref)));
  const h1 = np.maximum(batchNorm(np.matmul(x, p.w1).add(p.b1), p.gamma1, p.beta1), 0);
  const h2 = np.maximum(batchNorm(np.matmul(h1, p.w2).add(p.b2), p.gamma2, p.beta2), 0);
  const s = np.matmul(h2, p.w3).add(p.b3);
  const shifted = s.ref.sub(np.max(s, 1, { keepdims: true } as Any));
  const sums = np.sum(np.exp(shifted.ref), 1, { keepdims: true } as Any);
  return np.sum(shifted.sub(np.log(sums)).mul(y)).mul(-0.01).add(squares.mul(0.005));
}

const step = jit((p: Any, x: Any, y: Any) => {
  const kept = Object.fromEntries(Object.entries(p).map(([name, value]: Any) => [name, value.ref]));
  const [loss, gradients] = valueAndGrad(cost)(kept, x, y) as Any;
  const next: Any = {};
  for (const name of Object.keys(p)) next[name] = p[name].sub(gradients[name].mul(0.01));
  return [next, loss];
});

async function run(count: number): Promise<void> {
  let loss: Any;
  for (let i = 0; i < count; i++) {
    [parameters, loss] = step(parameters, x.ref, onehot.ref) as Any;
    if (i < count - 1) loss.dispose();
  }
  await loss.data(); // Waits for all of it.
}

await run(WARM_UP);
const began = performance.now();
await run(steps);
console.log(JSON.stringify({
  peer: "jax-js",
  version: "0.1.25",
  mode: "webgpu, jitted",
  ms_per_step: (performance.now() - began) / steps,
  steps,
}));
Deno.exit(0);
