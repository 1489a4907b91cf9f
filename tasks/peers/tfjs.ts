/**
 * TensorFlow.js, WebGPU backend: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2. Its argument is the number
 * of steps. Prints a line of JSON for each way to make them: with the loss read back after each, as `trainOnBatch` does, and
 * with nothing read before the end.
 */
import * as tf from "npm:@tensorflow/tfjs@4.22.0";
import "npm:@tensorflow/tfjs-backend-webgpu@4.22.0";

const steps = Number(Deno.args[0]);
const WARM_UP = 3;

await tf.setBackend("webgpu");
await tf.ready();
const l2 = tf.regularizers.l2({ l2: 0.005 });
const model = tf.sequential();
for (const [i, units] of [50, 50].entries()) {
  const inputShape = i === 0 ? [3072] : undefined;
  model.add(
    tf.layers.dense({ units, inputShape, kernelInitializer: "heNormal", kernelRegularizer: l2 }),
  );
  model.add(tf.layers.batchNormalization({}));
  model.add(tf.layers.reLU());
}
model.add(tf.layers.dense({
  units: 10,
  kernelInitializer: "heNormal",
  kernelRegularizer: l2,
  activation: "softmax",
}));
const optimizer = tf.train.sgd(0.01);
model.compile({ optimizer, loss: "sparseCategoricalCrossentropy" });

const x = tf.randomNormal([100, 3072]);
const labels = Array.from({ length: 100 }, (_, i) => i % 10);
const y = tf.tensor1d(labels, "float32");
const onehot = tf.oneHot(tf.tensor1d(labels, "int32"), 10);

async function withLoss(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await model.trainOnBatch(x, y);
}

async function withoutLoss(count: number): Promise<void> {
  const kernels = model.trainableWeights.filter(({ name }) => name.includes("kernel"))
    .map((weight) => weight.read() as tf.Tensor);
  for (let i = 0; i < count; i++) {
    optimizer.minimize(() => {
      const found = model.apply(x, { training: true }) as tf.Tensor;
      const loss = tf.neg(tf.mean(tf.sum(tf.mul(onehot, tf.log(tf.add(found, 1e-7))), 1)));
      const squares = kernels.map((kernel) => tf.sum(tf.square(kernel)));
      return tf.add(loss, tf.mul(0.005, tf.addN(squares))) as tf.Scalar;
    });
  }
  await (model.trainableWeights[0].read() as tf.Tensor).data(); // Waits for all of it.
}

for (const [mode, run] of [["loss read each step", withLoss], ["nothing read", withoutLoss]] as const) {
  await run(WARM_UP);
  const began = performance.now();
  await run(steps);
  const ms = (performance.now() - began) / steps;
  console.log(JSON.stringify({
    peer: "TensorFlow.js",
    version: tf.version.tfjs,
    mode: `${tf.getBackend()}, ${mode}`,
    ms_per_step: ms,
    steps,
  }));
}
Deno.exit(0);
