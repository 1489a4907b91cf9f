/**
 * The parameters and running averages of a network before training.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";
import { FLOAT32_RANGE, isPositiveFloat32 } from "./float32.ts";
import { type Architecture, layout } from "./network.ts";
import { Random } from "./random.ts";

/**
 * The distribution of the initial weights: `"he"` is N(0, 2 / in) (He et al. 2015, equation 10), `"xavier"` is
 * N(0, 1 / in) (Glorot & Bengio 2010, equation 10), and a number is the standard deviation for all layers.
 */
export type Initialisation = "he" | "xavier" | number;

/** What the initial parameters are drawn from. */
export interface InitialisationOptions {
  /** The seed of the run: an integer in [0, 2^32). */
  readonly seed: number;
  /** Names the network among those of the same seed, so that it starts the same alone and in a population. */
  readonly identity: string | number;
  /**
   * The distribution of the weights.
   *
   * @default {"he"}
   */
  readonly initialisation?: Initialisation;
}

/**
 * Makes the initial parameters of a network: random weights, biases and betas 0, gammas 1. The same architecture, seed,
 * identity and initialisation give the same bytes on every machine.
 *
 * @param architecture The network's architecture.
 * @param options What the weights are drawn from.
 * @returns The flat vector, [layout.count].
 * @throws {ArgumentError} If the architecture, the seed or the initialisation is not allowed.
 *
 * @example A fixed standard deviation
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { initialise } from "@headless/mlp/reference";
 *
 * const architecture = { inputs: 2, hidden: [], classes: 2, batchNorm: false };
 * const parameters = initialise(architecture, { seed: 1, identity: 0, initialisation: 1e-3 });
 *
 * assertEquals(parameters.length, 6);
 * assertEquals([...parameters.subarray(4)], [0, 0]);
 * ```
 */
export function initialise(
  architecture: Architecture,
  options: InitialisationOptions,
): Float32Array {
  const { seed, identity, initialisation = "he" } = options;
  const { parameters, count } = layout(architecture);
  const vector = new Float32Array(count);
  const random = new Random(seed, "weights", identity);
  for (const { kind, shape, offset, size } of parameters) {
    if (kind === "weight") {
      const sigma = standardDeviation(initialisation, shape[0]);
      for (let i = 0; i < size; i++) vector[offset + i] = sigma * random.normal();
    } else if (kind === "gamma") {
      vector.fill(1, offset, offset + size);
    }
  }
  return vector;
}

/**
 * Makes the running averages of a network before its first batch: means 0, variances 1.
 *
 * @param architecture The network's architecture.
 * @returns The flat vector, [layout.statisticCount]; empty without batch norm.
 * @throws {ArgumentError} If the architecture is not allowed.
 *
 * @example A hidden layer of two
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { initialStatistics } from "@headless/mlp/reference";
 *
 * const architecture = { inputs: 3, hidden: [2], classes: 2, batchNorm: true };
 *
 * assertEquals(initialStatistics(architecture), Float32Array.of(0, 0, 1, 1));
 * ```
 */
export function initialStatistics(architecture: Architecture): Float32Array {
  const { statistics, statisticCount } = layout(architecture);
  const vector = new Float32Array(statisticCount);
  for (const { kind, offset, size } of statistics) {
    if (kind === "variance") vector.fill(1, offset, offset + size);
  }
  return vector;
}

function standardDeviation(initialisation: Initialisation, inputs: number): number {
  if (initialisation === "he") return Math.sqrt(2 / inputs);
  if (initialisation === "xavier") return Math.sqrt(1 / inputs);
  if (typeof initialisation === "number" && isPositiveFloat32(initialisation)) {
    return initialisation;
  }
  throw new ArgumentError(
    `Cannot initialise the network: initialisation is ${
      shown(initialisation)
    }, expected "he", "xavier" ` +
      `or a standard deviation ${FLOAT32_RANGE}`,
  );
}
