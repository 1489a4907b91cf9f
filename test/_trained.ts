/** What tests of trained networks share: networks and records that are drawn from a seed. */
import { initialise } from "../src/model/initialisation.ts";
import { layout } from "../src/model/network.ts";
import { Random } from "../src/model/random.ts";
import type { RecordValues } from "../src/model/record_values.ts";
import type { RecordKind, TrainedNetwork } from "../src/model/trained_network.ts";

/** What a network is drawn by. */
export interface DrawnOptions {
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly batchNorm: boolean;
  readonly input: RecordKind;
  /** 10 unless given. */
  readonly classes?: number;
}

/** Draws a network in which every tensor has values of its own, as after training. */
export function drawNetwork(options: DrawnOptions): TrainedNetwork {
  const { inputs, hidden, batchNorm, input, classes = 10 } = options;
  const architecture = { inputs, hidden, classes, batchNorm };
  const random = new Random(3, "trained network", `${hidden}`);
  const places = layout(architecture);
  const parameters = initialise(architecture, { seed: 3, identity: "drawn" });
  for (let i = places.weights; i < parameters.length; i++) parameters[i] += 0.2 * random.normal();
  const statistics = new Float32Array(places.statisticCount);
  for (const { kind, offset, size } of places.statistics) {
    for (let i = offset; i < offset + size; i++) {
      statistics[i] = kind === "mean" ? 0.3 * random.normal() : 0.5 + random.below(100) / 100;
    }
  }
  const floats = input === "floats";
  return {
    ...{ architecture, parameters, statistics, input },
    mean: Float32Array.from({ length: inputs }, (_, i) => floats ? 1000 * i : 0.5 + i / inputs / 9),
    std: Float32Array.from({ length: inputs }, (_, i) => (floats ? 3 : 0.2) + i / inputs),
    classNames: Array.from({ length: classes }, (_, i) => `class ${i}`),
  };
}

/** Draws records for a network, [n, inputs], of its own kind. */
export function drawRecords({ mean, std, input }: TrainedNetwork, n: number): RecordValues {
  const random = new Random(4, "records");
  const length = n * mean.length;
  if (input === "bytes") return Uint8Array.from({ length }, () => random.below(256));
  return Float32Array.from({ length }, (_, i) => {
    const j = i % mean.length;
    return mean[j] + std[j] * random.normal();
  });
}
