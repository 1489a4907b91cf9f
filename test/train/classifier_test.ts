import { assert, assertEquals, assertRejects } from "@std/assert";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { decodeNetwork, encodeNetwork } from "../../src/model/checkpoint.ts";
import { classify, logits, probabilities } from "../../src/model/reference/trained.ts";
import type { TrainedNetwork } from "../../src/model/trained_network.ts";
import { Classifier } from "../../src/train/classifier.ts";
import { Training } from "../../src/train/training.ts";
import { relativeError, sharedGpu } from "../_gpu.ts";
import { runProgram } from "../_tasks.ts";
import { drawNetwork, drawRecords } from "../_trained.ts";

const DEPTHS = { 3: [50, 50], 9: [50, 30, 20, 20, 10, 10, 10, 10] };

/** Chunks of such a classifier have 2600 records at most on a software adapter. */
const MORE_THAN_A_CHUNK = 4500;

const SMALL = drawNetwork({ inputs: 6, hidden: [4], batchNorm: true, input: "floats" });

async function using<Result>(
  network: TrainedNetwork,
  test: (classifier: Classifier) => Promise<Result>,
  variant?: string,
): Promise<Result> {
  const classifier = await Classifier.create(await sharedGpu(), network, { variant });
  try {
    return await test(classifier);
  } finally {
    classifier.destroy();
  }
}

for (const [depth, hidden] of Object.entries(DEPTHS)) {
  for (const batchNorm of [false, true]) {
    for (const input of ["bytes", "floats"] as const) {
      const name = `${depth} layers ${batchNorm ? "with" : "without"} batch norm on ${input}`;
      Deno.test(`Classifier computes the logits of the float64 reference for ${name}`, async () => {
        // 74 inputs leave two values of the last texel unused.
        const network = drawNetwork({ inputs: 74, hidden, batchNorm, input });
        const x = drawRecords(network, 300);
        const expected = logits(network, x);
        for (const variant of ["per-operation", "tiled"]) {
          await using(network, async (classifier) => {
            const found = await classifier.logits(x);
            const error = relativeError(found, expected);
            assert(error < 1e-5, `${variant}: ${error}`);
            assertEquals(classifier.variant, variant);
            const p = await classifier.probabilities(x);
            for (let i = 0; i < 300; i++) {
              const sum = p.subarray(10 * i, 10 * (i + 1)).reduce((a, b) => a + b);
              assert(Math.abs(sum - 1) < 1e-15 * 10, `${sum}`);
            }
            assert(relativeError(p, probabilities(network, x)) < 1e-5);
            assertEquals(await classifier.predict(x), classify(network, x));
          }, variant);
        }
      });
    }
  }
}

Deno.test("Classifier gives a record the same bytes alone, in any chunk, and in calls at the same time", async () => {
  const x = drawRecords(SMALL, MORE_THAN_A_CHUNK);
  const record = (i: number) => x.subarray(6 * i, 6 * (i + 1));
  await using(SMALL, async (classifier) => {
    const all = await classifier.logits(x);
    for (const i of [0, 1, 2599, 2600, 2601, MORE_THAN_A_CHUNK - 1]) {
      assertEquals(await classifier.logits(record(i)), all.subarray(10 * i, 10 * (i + 1)));
    }
    const calls = [[0, 3000], [7, 8], [2000, MORE_THAN_A_CHUNK], [100, 400]];
    const found = await Promise.all(
      calls.map(([from, to]) => classifier.logits(x.subarray(6 * from, 6 * to))),
    );
    found.forEach((own, i) => {
      const [from, to] = calls[i];
      assertEquals(own, all.subarray(10 * from, 10 * to));
    });
    const again = await using(SMALL, (other) => other.logits(x));
    assertEquals(again, all);
  });
});

Deno.test("Classifier gives the same bytes in another process, from a file", async () => {
  const x = drawRecords(SMALL, 5);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/model.safetensors`, encodeNetwork(SMALL));
    const { status, output, errors } = await runProgram(
      `import { Classifier } from "${import.meta.resolve("../../src/train/classifier.ts")}";
       import { Gpu } from "${import.meta.resolve("../../src/gpu/device.ts")}";
       const gpu = await Gpu.request();
       const bytes = await Deno.readFile(Deno.args[0]);
       const classifier = await Classifier.load(gpu, bytes, { name: Deno.args[0] });
       console.log([...await classifier.logits(new Float32Array(JSON.parse(Deno.args[1])))].join());`,
      [`${folder}/model.safetensors`, JSON.stringify([...x])],
    );
    assertEquals([status, errors], [0, ""]);
    const found = await using(SMALL, (classifier) => classifier.logits(x));
    assertEquals(output.trim(), [...found].join());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Classifier takes numbers from 0 to 1 in place of bytes", async () => {
  const network = drawNetwork({ inputs: 7, hidden: [5], batchNorm: false, input: "bytes" });
  const bytes = drawRecords(network, 40);
  const floats = Float32Array.from(bytes, (byte) => byte / 255);
  await using(network, async (classifier) => {
    const found = await classifier.logits(floats);
    assert(relativeError(found, logits(network, bytes)) < 1e-5);
    assert(relativeError(await classifier.logits(bytes), found) < 1e-6);
  });
});

Deno.test("Classifier classifies with Training.network() what the training predicts", async () => {
  const gpu = await sharedGpu();
  const data = await createSynthetic({ training: 400, test: 100 });
  const network = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };
  const training = await Training.create(gpu, data, {
    ...{ hidden: [12], batchNorm: true, halfCycle: 10, cycles: 1 },
    networks: [{ ...network, identity: "a" }, { ...network, identity: "b" }],
  });
  try {
    for await (const _ of training.run());
    const predicted = await training.predict("test");
    for (const i of [0, 1]) {
      const trained = await training.network(i);
      assertEquals([trained.step, trained.input], [20, "bytes"]);
      assertEquals(trained.classNames, data.classNames);
      assertEquals(decodeNetwork(encodeNetwork(trained)), trained);
      await using(trained, async (classifier) => {
        assertEquals(await classifier.predict(data.test.images), predicted[i]);
      });
    }
    for (const index of [-1, 2, 0.5, NaN]) {
      await assertRejects(
        () => training.network(index),
        ArgumentError,
        `Cannot copy network ${index}: expected an integer from 0 to 1`,
      );
    }
  } finally {
    training.destroy();
  }
});

Deno.test("Classifier refuses records that do not fit, each in one sentence", async () => {
  const bytes = drawNetwork({ inputs: 2, hidden: [], batchNorm: false, input: "bytes" });
  const floats = drawNetwork({ inputs: 2, hidden: [], batchNorm: false, input: "floats" });
  const whole = "expected at least one record of 2 values, all of them whole";
  const cases: [TrainedNetwork, unknown, string][] = [
    [floats, new Float32Array(), `Cannot classify 0 values, ${whole}`],
    [floats, new Float32Array(3), `Cannot classify 3 values, ${whole}`],
    [floats, new Uint8Array(2), "it was trained on numbers, expected a Float32Array"],
    [floats, Float32Array.of(1, 2, NaN, 4), "record 1: value 0 is NaN, expected a finite number"],
    [bytes, Float32Array.of(0.5, 1.5), "record 0: value 1 is 1.5, expected a number from 0 to 1"],
    [bytes, Float32Array.of(0.5, NaN), "record 0: value 1 is NaN, expected a number from 0 to 1"],
    [bytes, [1, 2], "Cannot classify an Array, expected a Uint8Array or a Float32Array"],
  ];
  for (const [network, x, message] of cases) {
    await using(network, async (classifier) => {
      for (const method of ["logits", "probabilities", "predict"] as const) {
        await assertRejects(() => classifier[method](x as Uint8Array), ArgumentError, message);
      }
    });
  }
});

Deno.test("Classifier refuses a record whose logits overflow, and names it", async () => {
  const x = drawRecords(SMALL, 3) as Float32Array;
  x[8] = 1e37; // As many standard deviations are finite, but not what the first layer makes of them.
  const ones = SMALL.std.map(() => 1);
  const steep = { ...SMALL, std: ones, parameters: SMALL.parameters.map((own) => 1000 * own) };
  for (const variant of ["per-operation", "tiled"]) {
    await using(steep, async (classifier) => {
      await assertRejects(
        () => classifier.predict(x),
        ArgumentError,
        "Cannot classify record 1: its logit of class",
      );
      assertEquals((await classifier.predict(x.subarray(0, 6))).length, 1);
    }, variant);
  }
});

Deno.test("Classifier refuses networks that cannot classify, and variants that do not", async () => {
  const gpu = await sharedGpu();
  const cases: [Partial<TrainedNetwork>, string][] = [
    [{ parameters: SMALL.parameters.with(1, NaN) }, "W1[1] is NaN, expected a finite number"],
    [{ statistics: SMALL.statistics.with(0, Infinity) }, "mean1[0] is Infinity, expected a finite"],
    [{ statistics: SMALL.statistics.with(5, -1) }, "var1[1] is -1, expected at least 0"],
    [{ std: SMALL.std.with(2, 0) }, "std[2] is 0, expected a number above 0"],
    [{ mean: new Float32Array(5) }, "mean has 5 entries, expected 6"],
    [{ classNames: ["a"] }, "it has 1 class names, expected 10 texts"],
  ];
  for (const [change, message] of cases) {
    const network = { ...SMALL, ...change };
    await assertRejects(() => Classifier.create(gpu, network), ArgumentError, message);
  }
  await assertRejects(
    () => Classifier.create(gpu, SMALL, { variant: "texel" }),
    ArgumentError,
    'the kernel variant "texel", expected per-operation or tiled for this network',
  );
  await assertRejects(
    () => Classifier.create(gpu, SMALL, { varient: "tiled" } as object),
    ArgumentError,
    "Cannot make a classifier: there is no option varient, did you mean variant?",
  );
  await using(SMALL, async (classifier) => {
    await assertRejects(
      () => classifier.predict(drawRecords(SMALL, 1), { signal: 5 } as object),
      ArgumentError,
      "Cannot classify with signal 5, expected an AbortSignal",
    );
  });
  await assertRejects(
    () => Classifier.load(gpu, new Uint8Array(3), { name: "a.safetensors" }),
    DataError,
    "Cannot read a.safetensors: it has 3 bytes",
  );
});

Deno.test("Classifier refuses to be used after destroy() or its block, and ends calls at the signal", async () => {
  const gpu = await sharedGpu();
  const x = drawRecords(SMALL, 3);
  let left: Classifier;
  {
    using classifier = await Classifier.create(gpu, SMALL);
    left = classifier;
    await classifier.logits(x);
    const { signal } = AbortSignalOf(new Error("enough"));
    const error = await assertRejects(() => classifier.logits(x, { signal }), Error);
    assertEquals(error.message, "enough");
    assertEquals((await classifier.logits(x)).length, 30);
  }
  const used = "Cannot use the classifier: it was destroyed";
  await assertRejects(() => left.logits(x), ArgumentError, used);
  const other = await Classifier.create(gpu, SMALL);
  const pending = other.logits(drawRecords(SMALL, MORE_THAN_A_CHUNK));
  other.destroy();
  await assertRejects(() => pending, ArgumentError, "destroyed");
  gpu.check();
});

Deno.test("Classifier says that it was destroyed where that happens before the first records of a kind", async () => {
  const gpu = await sharedGpu();
  const network = drawNetwork({ inputs: 7, hidden: [5], batchNorm: false, input: "bytes" });
  const classifier = await Classifier.create(gpu, network);
  // Of numbers in place of bytes, for which textures and kernels are made now.
  const pending = classifier.logits(new Float32Array(7));
  classifier.destroy();
  await assertRejects(() => pending, ArgumentError, "Cannot use the classifier: it was destroyed");
  gpu.check();
});

Deno.test("Classifier refuses numbers that no float32 holds once they are standardised", async () => {
  const network = drawNetwork({ inputs: 2, hidden: [], batchNorm: false, input: "floats" });
  const narrow = { ...network, std: Float32Array.of(1, 1e-3) };
  await using(narrow, async (classifier) => {
    const x = Float32Array.of(0, 0, 0, 3e38);
    await assertRejects(
      () => classifier.predict(x),
      ArgumentError,
      "record 1 (from 0): its value 1",
    );
    assertEquals((await classifier.predict(x.subarray(0, 2))).length, 1);
  });
});

Deno.test("Classifier keeps the network that it was made from, whatever becomes of its vectors", async () => {
  const x = drawRecords(SMALL, 3);
  const expected = await using(SMALL, (classifier) => classifier.logits(x));
  const [parameters, statistics, mean, std] = [
    SMALL.parameters.slice(),
    SMALL.statistics.slice(),
    SMALL.mean.slice(),
    SMALL.std.slice(),
  ];
  const network = { ...SMALL, parameters, statistics, mean, std };
  const made = Classifier.create(await sharedGpu(), network);
  for (const vector of [parameters, statistics, mean, std]) vector.fill(7);
  using classifier = await made;
  assertEquals(await classifier.logits(x), expected);
});

function AbortSignalOf(reason: Error): AbortController {
  const controller = new AbortController();
  controller.abort(reason);
  return controller;
}
