/** Batches on which no ReLU decides by rounding, so that float32 and float64 agree on every adapter. */
import { type DataSet, standardise } from "../src/data/dataset.ts";
import { initialise } from "../src/model/initialisation.ts";
import type { NetworkSettings } from "../src/train/population.ts";
import { Random } from "../src/model/random.ts";
import { gradients, sgdStep } from "../src/model/reference/network.ts";

/**
 * How close to 0 the input of a ReLU may come, in units of the root mean square of its layer's. A sum over 3072 inputs in
 * float32 is off by some 1e-6 of that, the worst of many by 5e-6. Where an input changes sides, the gradient is off by one
 * image's share, a hundred times what rounding leaves.
 */
const MARGIN = 1e-5;

/** Orders that are tried, and batches in place of one that does not clear the margin: one of a few does. */
const TRIES = 20;

/** Steps as `checkKernels()` makes them. */
export interface SteadyOptions {
  readonly hidden: readonly number[];
  readonly batchNorm: boolean;
  readonly networks: readonly NetworkSettings[];
  readonly batch: number;
  readonly steps: number;
  /** Where the networks start; at their initial weights of seed 1 unless given. */
  readonly start?: { readonly parameters: readonly Float32Array[] };
}

/** Finds an order of the training images in which no ReLU of any network comes close to 0 in any of the steps. */
export function steadyOrder(source: DataSet, options: SteadyOptions): Uint32Array {
  const random = new Random(1, "steady order");
  for (let i = 0; i < TRIES; i++) {
    const order = random.permutation(source.training.count);
    if (arrange(order, { ...options, source, random })) return order;
  }
  throw new Error(`Cannot find a steady order: each of ${TRIES} comes within ${MARGIN} of 0`);
}

/** Goes through the steps, and where a batch does not clear the margin draws another of the images not seen yet. */
function arrange(
  order: Uint32Array,
  options: SteadyOptions & { source: DataSet; random: Random },
): boolean {
  const { hidden, batchNorm, batch, steps, start, source, random } = options;
  const { inputs, classes, training } = source;
  const architecture = { inputs, hidden, classes, batchNorm };
  const networks = options.networks.map((settings, n) => ({
    ...settings,
    parameters: Float64Array.from(
      start?.parameters[n] ?? initialise(architecture, { seed: 1, identity: n }),
    ),
  }));
  const perEpoch = Math.floor(training.count / batch);
  for (let step = 0; step < steps; step++) {
    const first = step % perEpoch * batch;
    for (let tries = 1;; tries++) {
      const indices = order.subarray(first, first + batch);
      const images = {
        x: standardise(training.images, source, indices),
        labels: Array.from(indices, (i) => training.labels[i]),
      };
      const found = networks.map(({ parameters, lambda }) =>
        gradients({ architecture, parameters }, images, { lambda })
      );
      if (!found.some(({ reluInputs }) => reluInputs.some(comesClose))) {
        networks.forEach(({ parameters, etaMax }, n) =>
          sgdStep(parameters, found[n].gradients, etaMax)
        );
        break;
      }
      if (step >= perEpoch || tries === TRIES) return false;
      const rest = order.slice(first);
      order.set(random.permutation(rest.length).map((i) => rest[i]), first);
    }
  }
  return true;
}

/** An exact 0 is one on the GPU, too: it is the sum of nothing but zeros. */
function comesClose(reluInputs: Float64Array): boolean {
  let squares = 0;
  for (const value of reluInputs) squares += value * value;
  const limit = MARGIN * Math.sqrt(squares / reluInputs.length);
  return reluInputs.some((value) => value !== 0 && Math.abs(value) < limit);
}
