/** The same training in float64 on the CPU: what the GPU is to agree with. */
import { type DataSet, standardise } from "@headless/mlp";
import {
  type Architecture,
  evaluate,
  gradients,
  initialise,
  initialStatistics,
  Random,
  sgdStep,
  updateStatistics,
} from "@headless/mlp/reference";

/** What to train, in the words of the training on the GPU. */
export interface Plan {
  readonly hidden: readonly number[];
  readonly batchNorm: boolean;
  readonly lambda: number;
  readonly learningRate: number;
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
}

/** Trains a network of identity 0 and returns its accuracy on the test records. */
export function trainInFloat64(data: DataSet, plan: Plan): number {
  const { hidden, batchNorm, lambda, learningRate, epochs, batch, seed } = plan;
  const { inputs, classes, training, test } = data;
  const architecture: Architecture = { inputs, hidden, classes, batchNorm };
  const parameters = Float64Array.from(initialise(architecture, { seed, identity: 0 }));
  const statistics = Float64Array.from(initialStatistics(architecture));
  const all = standardise(training.images, data);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = new Random(seed, "batches", epoch).permutation(training.count);
    for (let first = 0; first + batch <= training.count; first += batch) {
      const own = order.subarray(first, first + batch);
      const x = new Float64Array(batch * inputs);
      own.forEach((index, row) =>
        x.set(all.subarray(index * inputs, (index + 1) * inputs), row * inputs)
      );
      const labels = Array.from(own, (index) => training.labels[index] ?? NaN);
      const found = gradients({ architecture, parameters }, { x, labels }, { lambda });
      sgdStep(parameters, found.gradients, learningRate);
      updateStatistics(statistics, found.batchStatistics, epoch === 0 && first === 0);
    }
  }
  const x = standardise(test.images, data);
  return evaluate({ architecture, parameters, statistics }, { x, labels: test.labels }).accuracy;
}
