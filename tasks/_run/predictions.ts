/** The records of a data set, classified by a trained network, and how well. */
import type { DataSet, LabelledImages, Split } from "../../src/data/dataset.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { countConfusion, largest, type PredictionRow, softmax } from "../../src/model/answers.ts";
import { decodeNetwork } from "../../src/model/checkpoint.ts";
import type { Confusion } from "../../src/model/metrics.ts";
import type { RecordValues } from "../../src/model/record_values.ts";
import { softmaxCrossEntropy } from "../../src/model/reference/layers.ts";
import { checkUsable, type TrainedNetwork } from "../../src/model/trained_network.ts";
import { readIfThere } from "../_kit/files.ts";
import { sha256 } from "../_kit/sha256.ts";

/** Computes the logits of records, [n, inputs], in whole or in parts. */
export type ComputeLogits = (x: RecordValues) => Promise<Float32Array | Float64Array>;

/** A model file. */
export interface Model {
  readonly network: TrainedNetwork;
  readonly sha256: string;
}

/** What was found out about some records. */
export interface Predictions {
  readonly rows: readonly PredictionRow[];
  readonly confusion: Confusion;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  readonly accuracy: number;
}

/**
 * Reads a trained network.
 *
 * @throws {DataError} When the file is missing or not such a network.
 * @throws {ArgumentError} When the network has diverged.
 */
export async function readModel(path: string): Promise<Model> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) {
    throw new DataError(
      `Cannot read ${path}: it is missing, expected the model.safetensors of a trained network`,
    );
  }
  const network = decodeNetwork(bytes, { name: path });
  checkUsable(network);
  return { network, sha256: await sha256(bytes) };
}

/**
 * Checks that a network can classify the records of a data set.
 *
 * @throws {ArgumentError} When it cannot; the sentence names both.
 */
export function checkFit(network: TrainedNetwork, dataset: DataSet, path: string): void {
  const { architecture: { inputs, classes }, input } = network;
  const compared = [
    ["values in a record", dataset.inputs, inputs],
    ["classes", dataset.classes, classes],
    ["", `records of ${dataset.input}`, `records of ${input}`],
  ] as const;
  for (const [noun, found, expected] of compared) {
    if (found === expected) continue;
    const what = noun === "" ? found : `${found} ${noun}`;
    throw new ArgumentError(
      `Cannot classify ${dataset.name} with ${path}: the data has ${what}, expected ${expected}`,
    );
  }
}

/** Which splits are classified, in order; the sentence of an empty one is an `ArgumentError`. */
export function splitsOf(dataset: DataSet, split: Split | "all"): Split[] {
  const all: Split[] = split === "all" ? ["training", "validation", "test"] : [split];
  const full = all.filter((name) => dataset[name].count > 0);
  if (full.length > 0) return full;
  throw new ArgumentError(
    `Cannot classify the ${split} records of ${dataset.name}: there are 0, expected at least 1`,
  );
}

/** Classifies splits of a data set. */
export async function predictSplits(
  dataset: DataSet,
  splits: readonly Split[],
  options: {
    readonly logits: ComputeLogits;
    readonly classNames: readonly string[];
    /** What the splits are called in the rows; by their own names unless given. */
    readonly called?: string;
  },
): Promise<Predictions> {
  const { logits: compute, classNames, called } = options;
  const rows: PredictionRow[] = [];
  const labels: number[] = [];
  const predicted: number[] = [];
  let lossSum = 0;
  for (const split of splits) {
    const part: LabelledImages = dataset[split];
    const logits = await compute(part.images);
    const found = largest(logits, classNames.length);
    const p = softmax(logits, classNames.length);
    lossSum += part.count * softmaxCrossEntropy(Float64Array.from(logits), part.labels).loss;
    found.forEach((answer, record) => {
      const label = part.labels[record];
      labels.push(label);
      predicted.push(answer);
      rows.push({
        ...{
          split: called ?? split,
          record,
          label: classNames[label],
          predicted: classNames[answer],
        },
        probability: p[record * classNames.length + answer],
        correct: answer === label,
      });
    });
  }
  const right = rows.filter(({ correct }) => correct).length;
  const confusion = countConfusion(labels, { predicted, classNames });
  return { rows, confusion, loss: lossSum / rows.length, accuracy: right / rows.length };
}
