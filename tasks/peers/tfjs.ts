/**
 * TensorFlow.js on WebGPU: steps of 3072-50-50-10 with batch norm, batch 100, SGD with L2, always on the same batch, which is
 * on the GPU. Prints a line of JSON for each way to make them: with the loss read back after each, as `trainOnBatch` does,
 * and with nothing read before the end.
 *
 * The package is named by a variable, so that only running this fetches it: it is not a dependency of the project.
 */
import { printTime } from "./_timing.ts";

const VERSION = "4.22.0";
const LAMBDA = 0.005;
const ETA = 0.01;

const tf = await import(`npm:@tensorflow/tfjs@${VERSION}`);
await import(`npm:@tensorflow/tfjs-backend-webgpu@${VERSION}`);
await tf.setBackend("webgpu");
await tf.ready();

const weights = {
  kernelInitializer: "heNormal",
  kernelRegularizer: tf.regularizers.l2({ l2: LAMBDA }),
};
const model = tf.sequential();
for (const [i, units] of [50, 50].entries()) {
  model.add(tf.layers.dense({ units, inputShape: i === 0 ? [3072] : undefined, ...weights }));
  model.add(tf.layers.batchNormalization({}));
  model.add(tf.layers.reLU());
}
model.add(tf.layers.dense({ units: 10, activation: "softmax", ...weights }));
const optimizer = tf.train.sgd(ETA);
model.compile({ optimizer, loss: "sparseCategoricalCrossentropy" });

const labels = Array.from({ length: 100 }, (_, i) => i % 10);
const x = tf.randomNormal([100, 3072]);
const y = tf.tensor1d(labels, "float32");
const onehot = tf.oneHot(tf.tensor1d(labels, "int32"), 10);

async function readingLoss(steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) await model.trainOnBatch(x, y);
}

async function readingNothing(steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) optimizer.minimize(cost);
  await model.trainableWeights[0].read().data(); // Waits for all of it.
}

/** The same as `trainOnBatch` goes by. */
function cost() {
  const found = model.apply(x, { training: true });
  const loss = tf.neg(tf.mean(tf.sum(tf.mul(onehot, tf.log(tf.add(found, 1e-7))), 1)));
  const squares = [0, 3, 6].map((layer) => tf.sum(tf.square(model.layers[layer].kernel.read())));
  return tf.add(loss, tf.mul(LAMBDA, tf.addN(squares)));
}

const measured = { peer: "TensorFlow.js", version: tf.version.tfjs };
await printTime({ ...measured, mode: `${tf.getBackend()}, loss read each step` }, readingLoss);
await printTime({ ...measured, mode: `${tf.getBackend()}, nothing read` }, readingNothing);
Deno.exit(0); // The device would keep it waiting.
