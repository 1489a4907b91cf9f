/**
 * What a project outside the package does with its own data: splits it, trains with early stopping, asks for
 * probabilities, and saves networks and a state into the folder that is its argument. Prints a JSON object a set.
 */
import {
  Classifier,
  createDataSet,
  encodeNetwork,
  encodeState,
  Gpu,
  splitRecords,
  standardise,
  Training,
} from "@headless/mlp";
import { probabilities } from "@headless/mlp/reference";
import { trainInFloat64 } from "./_float64.ts";
import { digits, flowers, images } from "./_sets.ts";

const PLAN = {
  hidden: [16],
  batchNorm: true,
  lambda: 1e-3,
  learningRate: 0.05,
  batch: 50,
  seed: 4,
} as const;
const EPOCHS = 6;

const [folder] = Deno.args;
using gpu = await Gpu.request();
for (const { name, classNames, records } of [flowers(), digits(), images()]) {
  const parts = splitRecords(records, { validation: 0.15, test: 0.3, seed: 5 });
  const data = await createDataSet(parts.training, parts.test, {
    name,
    classNames,
    validation: parts.validation,
  });

  using plain = await Training.create(gpu, data, { ...PLAN, epochs: EPOCHS });
  for await (const _ of plain.run()) { /* only the end is of interest */ }
  const [trained] = await plain.evaluate("test");

  const stopping = {
    ...PLAN,
    learningRate: 0.2,
    epochs: 40,
    stopAfter: { patience: 3, metric: "loss", restoreBest: true },
  } as const;
  using stopped = await Training.create(gpu, data, stopping);
  const losses: number[] = [];
  for await (const [row] of stopped.run({ ahead: true })) {
    losses.push(row?.validation.loss ?? NaN);
  }
  const [kept] = await stopped.evaluate("validation");

  const network = await stopped.network(0);
  using classifier = await Classifier.create(gpu, network);
  const own = await classifier.probabilities(parts.test.images);
  const expected = probabilities(network, parts.test.images);
  const logits = await classifier.logits(parts.test.images);
  await Deno.writeFile(`${folder}/${name}.safetensors`, encodeNetwork(network));
  await Deno.writeFile(`${folder}/${name}.logits`, bytesOf(logits));

  // Broken off in the middle, and once to the end for comparison.
  using broken = await Training.create(gpu, data, stopping);
  for await (const [row] of broken.run({ ahead: true })) {
    if (row !== undefined && row.epoch >= 2) break;
  }
  await Deno.writeFile(`${folder}/${name}.state`, encodeState(await broken.state()));
  const { parameters: [parameters = new Float32Array()] } = await stopped.state();
  await Deno.writeFile(`${folder}/${name}.parameters`, bytesOf(parameters));

  console.log(JSON.stringify({
    name,
    standardised: Math.abs(mean(standardise(data.training.images, data))),
    counts: [data.training, data.validation, data.test].map(({ labels }) =>
      classNames.map((_, k) => labels.filter((label) => label === k).length)
    ),
    accuracy: trained?.accuracy,
    inFloat64: trainInFloat64(data, { ...PLAN, epochs: EPOCHS }),
    losses,
    kept: kept?.loss,
    sums: extremes(rows(own, classNames.length).map((row) => row.reduce((a, b) => a + b))),
    apart: Math.max(...Array.from(own, (p, i) => Math.abs(p - (expected[i] ?? NaN)))),
  }));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function rows(values: ArrayLike<number>, width: number): number[][] {
  const all = Array.from(values);
  return Array.from(
    { length: all.length / width },
    (_, i) => all.slice(i * width, (i + 1) * width),
  );
}

function extremes(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
