/** In another process: loads what `train.ts` saved, and goes on where it broke off. Prints a JSON object a set. */
import { Classifier, createDataSet, Gpu, splitRecords, Training } from "@headless/mlp";
import { digits, flowers, images } from "./_sets.ts";

const [folder] = Deno.args;
using gpu = await Gpu.request();
for (const { name, classNames, records } of [flowers(), digits(), images()]) {
  const parts = splitRecords(records, { validation: 0.15, test: 0.3, seed: 5 });
  const { validation } = parts;
  const data = await createDataSet(parts.training, parts.test, { name, classNames, validation });

  using classifier = await Classifier.load(gpu, await read(name, "safetensors"));
  const logits = await classifier.logits(parts.test.images);
  const [first] = await classifier.predict(parts.test.images.slice(0, data.inputs));

  const options = {
    hidden: [16],
    batchNorm: true,
    lambda: 1e-3,
    learningRate: 0.2,
    batch: 50,
    seed: 4,
    epochs: 40,
    stopAfter: { patience: 3, metric: "loss", restoreBest: true },
  } as const;
  using training = await Training.resume(gpu, data, options, await read(name, "state"));
  const losses: number[] = [];
  for await (const [row] of training.run({ ahead: true })) losses.push(row?.validation.loss ?? NaN);
  const { parameters: [parameters = new Float32Array()] } = await training.state();

  console.log(JSON.stringify({
    name,
    sameLogits: same(logits, await read(name, "logits")),
    sameParameters: same(parameters, await read(name, "parameters")),
    losses,
    first: classifier.classNames[first ?? -1],
  }));
}

async function read(name: string, kind: string): Promise<Uint8Array> {
  return await Deno.readFile(`${folder}/${name}.${kind}`);
}

function same(values: Float32Array, bytes: Uint8Array): boolean {
  const own = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return own.length === bytes.length && own.every((byte, i) => byte === bytes[i]);
}
