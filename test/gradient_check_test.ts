import { assert, assertEquals } from "@std/assert";
import { cutInputs, type DataSet, standardise, subset } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { compareWithDifferences } from "../src/differences.ts";
import { Gpu } from "../src/gpu.ts";
import {
  checkOnGpu,
  type GpuCheckOptions,
  type GpuCheckRow,
  passes,
} from "../src/gradient_check.ts";
import { initialise } from "../src/network.ts";
import type { PopulationState } from "../src/population.ts";
import { PUBLISHED_GRADIENT_ERRORS, PUBLISHED_HIDDEN } from "../src/published.ts";
import { createSynthetic } from "../src/synthetic.ts";
import { Training } from "../src/train.ts";

const [THREE_LAYERS, NINE_LAYERS] = PUBLISHED_HIDDEN;

const whole = await createSynthetic({ training: 1400, test: 20 });
const dataset: DataSet = subset(whole, { training: 1000, validation: 130 });

Deno.test("compareWithDifferences() meets the report's figures at its setting for seeds 1 to 10", async () => {
  const small = cutInputs(dataset, 10);
  const architecture = { inputs: 10, hidden: THREE_LAYERS, classes: 10, batchNorm: true };
  const batch = {
    x: standardise(small.training.images.subarray(0, 20 * 10), small),
    labels: small.training.labels.subarray(0, 20),
  };
  const short: string[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    const parameters = initialise(architecture, { seed, identity: 0 });
    const rows = await compareWithDifferences({ architecture, parameters }, batch, { lambda: 0.5 });
    let judged = 0;
    for (const { parameter, fivePoint, norm } of rows) {
      const bar = PUBLISHED_GRADIENT_ERRORS[parameter];
      if (bar === undefined) continue;
      judged++;
      if (!(fivePoint <= bar)) {
        short.push(`seed ${seed}: ${parameter} ${fivePoint}, at most ${bar}`);
      }
      if (!(norm! <= 1e-7)) short.push(`seed ${seed}: ${parameter} in norm ${norm}`);
    }
    assertEquals(judged, 7);
    const leftOut = rows.reduce((sum, row) => sum + row.leftOut, 0);
    const entries = rows.reduce((sum, row) => sum + row.entries, 0);
    if (!(leftOut <= 0.05 * entries)) short.push(`seed ${seed}: ${leftOut} of ${entries} left out`);
  }
  assertEquals(short, []);
});

/** What falls short, each with the setting it does so at. */
async function failures(
  gpu: Gpu,
  options: GpuCheckOptions & { data: DeviceDataSet },
  kinds: readonly GpuCheckRow["kind"][],
): Promise<string[]> {
  const rows = await checkOnGpu(gpu, options);
  for (const kind of kinds) {
    const expected = kind !== "cancelled" || options.batchNorm;
    assertEquals(rows.some((row) => row.kind === kind), expected, `rows of kind ${kind}`);
  }
  const { hidden, batchNorm, batch, networks, start, data } = options;
  return rows.filter((row) => !passes(row)).map(({ kind, name, error, bar }) =>
    `${kind} of ${name} ${error}, at most ${bar}: ${
      hidden.length + 1
    } layers, batch norm ${batchNorm}, ` +
    `${data.source.inputs} inputs, batch ${batch}, λ ${
      networks[0].lambda
    }, P ${networks.length}, ` +
    `${start ? "trained" : "initial"}`
  );
}

const ETA = { etaMin: 1e-5, etaMax: 1e-1 };

for (const inputs of [10, 3072]) {
  for (const hidden of [THREE_LAYERS, NINE_LAYERS]) {
    for (const batchNorm of [true, false]) {
      const name = `${hidden.length + 1} layers ${
        batchNorm ? "with" : "without"
      } batch norm, ${inputs} inputs`;
      Deno.test(`checkOnGpu() finds gradients within their bars when there are ${name}`, async () => {
        const gpu = await Gpu.request();
        const data = new DeviceDataSet(gpu, cutInputs(dataset, inputs));
        const trained = await trainedState(gpu, { data, hidden, batchNorm });
        const short: string[] = [];
        for (const state of [undefined, trained]) {
          for (const lambda of [0.5, 0]) {
            for (const batch of [20, 100]) {
              for (const size of [1, 3]) {
                const networks = Array.from({ length: size }, () => ({ lambda, ...ETA }));
                const start = state && {
                  parameters: state.parameters.slice(0, size),
                  statistics: state.statistics.slice(0, size),
                };
                short.push(
                  ...await failures(
                    gpu,
                    {
                      data,
                      hidden,
                      batchNorm,
                      networks,
                      batch,
                      start,
                      steps: 1,
                      evaluation: false,
                    },
                    ["gradient", "cancelled"],
                  ),
                );
              }
            }
          }
        }
        data.destroy();
        gpu.destroy();
        assertEquals(short, []);
      });
    }
  }
}

/** Three networks after 500 steps: one cycle of the learning rate. */
async function trainedState(
  gpu: Gpu,
  options: { data: DeviceDataSet; hidden: readonly number[]; batchNorm: boolean },
): Promise<Required<PopulationState>> {
  const { data, ...architecture } = options;
  const training = await Training.create(gpu, data, {
    ...architecture,
    networks: [0, 1, 2].map((identity) => ({ identity, lambda: 0.005, ...ETA })),
    batch: 20,
    halfCycle: 250,
    cycles: 1,
    evaluateEvery: 500,
  });
  let loss = Infinity;
  for await (const [row] of training.run()) loss = Math.min(loss, row.train.loss);
  assert(Number.isFinite(loss));
  const state = await training.state();
  assertEquals(state.step, 500);
  training.destroy();
  return state;
}

for (const hidden of [THREE_LAYERS, NINE_LAYERS]) {
  for (const batchNorm of [true, false]) {
    const name = `${hidden.length + 1} layers ${batchNorm ? "with" : "without"} batch norm`;
    Deno.test(`checkOnGpu() finds ten steps within their bars when there are ${name}`, async () => {
      const gpu = await Gpu.request();
      const data = new DeviceDataSet(gpu, dataset);
      const networks = [{ lambda: 0.005, etaMin: 0.1, etaMax: 0.1 }];
      const short = await failures(
        gpu,
        { data, hidden, batchNorm, networks, batch: 100, steps: 10 },
        ["loss", "change", "evaluation"],
      );
      data.destroy();
      gpu.destroy();
      assertEquals(short, []);
    });
  }
}

Deno.test("passes() refuses NaN", () => {
  assert(passes({ error: 1, bar: 1 }));
  assert(!passes({ error: 1.1, bar: 1 }));
  assert(!passes({ error: NaN, bar: 1 }));
});
