import { assert, assertEquals } from "@std/assert";
import { cutInputs, type DataSet, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import {
  checkKernels,
  compareKernels,
  type KernelCheckOptions,
  type KernelCheckRow,
  passes,
  recordKernels,
  worstOf,
} from "../../src/train/kernel_check.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import type { PopulationState } from "../../src/train/population.ts";
import { PUBLISHED_HIDDEN } from "../../src/model/published.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { Training } from "../../src/train/training.ts";
import { defaultVariant, variantFits, VARIANTS } from "../../src/programs/variants.ts";
import { steadyOrder } from "../_steady.ts";

const [THREE_LAYERS, NINE_LAYERS] = PUBLISHED_HIDDEN;

const whole = await createSynthetic({ training: 1400, test: 20 });
const dataset: DataSet = subset(whole, { training: 1000, validation: 130 });

/** The errors beyond their bars, with the setting. */
async function failures(
  gpu: Gpu,
  options: KernelCheckOptions,
  kinds: readonly KernelCheckRow["kind"][],
): Promise<string[]> {
  const rows = await checkKernels(gpu, options);
  for (const kind of kinds) {
    const expected = kind !== "cancelled" || options.batchNorm;
    assertEquals(rows.some((row) => row.kind === kind), expected, `rows of kind ${kind}`);
  }
  const { hidden, batchNorm, batch, networks, start, data, variant } = options;
  return rows.filter((row) => !passes(row)).map(({ kind, name, error, bar }) =>
    `${kind} of ${name} ${error}, at most ${bar}: ${variant}, ${
      hidden.length + 1
    } layers, batch norm ${batchNorm}, ` +
    `${data.source.inputs} inputs, batch ${batch}, λ ${
      networks[0].lambda
    }, P ${networks.length}, ` +
    `${start ? "trained" : "initial"}`
  );
}

const ETA = { etaMin: 1e-5, etaMax: 1e-1 };

const BATCHES = [100, 20];

/**
 * The settings of each architecture: λ, batch, networks, and whether they are trained before the check. Half of all
 * combinations, chosen so that each three of the four take all values together.
 */
const SETTINGS = [false, true].flatMap((ofTrained) =>
  [0, 0.5].flatMap((lambda) =>
    BATCHES.map((batch) => {
      const odd = (Number(ofTrained) + Number(lambda > 0) + Number(batch < 100)) % 2 === 1;
      return { ofTrained, lambda, batch, size: odd ? 3 : 1 };
    })
  )
);

/** Few inputs, not a whole number of texels, and those of an image. */
const [FEW, MANY] = [70, 3072];

for (const inputs of [FEW, MANY]) {
  for (const hidden of [THREE_LAYERS, NINE_LAYERS]) {
    for (const batchNorm of [true, false]) {
      const name = `${hidden.length + 1} layers ${
        batchNorm ? "with" : "without"
      } batch norm, ${inputs} inputs`;
      Deno.test(`checkKernels() finds gradients within their bars with ${name}`, async () => {
        const gpu = await Gpu.request();
        const data = new DeviceDataSet(gpu, cutInputs(dataset, inputs));
        const trained = await trainedState(gpu, { data, hidden, batchNorm });
        const architecture = { inputs, hidden, classes: data.source.classes, batchNorm };
        const orders = new Map<string, Uint32Array>();
        for (const ofTrained of [false, true]) {
          for (const batch of BATCHES) {
            const networks = Array.from({ length: 3 }, () => ({ lambda: 0, ...ETA }));
            const options = { hidden, batchNorm, networks, batch, steps: 1 };
            const start = ofTrained ? trained : undefined;
            orders.set(`${ofTrained} ${batch}`, steadyOrder(data.source, { ...options, start }));
          }
        }
        const short: string[] = [];
        for (const variant of fittingVariants(gpu, architecture)) {
          const settings = isWhole(variant, gpu, architecture) ? SETTINGS : SETTINGS.slice(-1);
          for (const { lambda, batch, size, ofTrained } of settings) {
            const networks = Array.from({ length: size }, () => ({ lambda, ...ETA }));
            const start = ofTrained
              ? {
                parameters: trained.parameters.slice(0, size),
                statistics: trained.statistics.slice(0, size),
              }
              : undefined;
            const options = {
              data,
              hidden,
              batchNorm,
              networks,
              batch,
              order: orders.get(`${ofTrained} ${batch}`),
              start,
              steps: 1,
              evaluation: false,
              variant,
            };
            short.push(...await failures(gpu, options, ["gradient", "cancelled"]));
          }
        }
        data.destroy();
        gpu.destroy();
        assertEquals(short, []);
      });
    }
  }
}

/** All variants that can run an architecture; those with large tiles, which take long to compile, with batch norm and many inputs. */
function fittingVariants(gpu: Gpu, architecture: Architecture): string[] {
  return VARIANTS.filter((name) =>
    (architecture.inputs === MANY && architecture.batchNorm || !/^fused.*x8$/.test(name)) &&
    variantFits(name, gpu, { architecture, networks: 3, batch: 100 })
  );
}

/** Whether a variant is checked at every setting; the others are checked at the last one. */
function isWhole(variant: string, gpu: Gpu, architecture: Architecture): boolean {
  const usual = defaultVariant(gpu, { architecture, networks: 1, batch: 100 });
  return variant === usual || variant === "per-operation";
}

Deno.test("checkKernels() finds cancelled biases within their bars however small the initial weights are", async () => {
  const gpu = await Gpu.request();
  const source = cutInputs(dataset, FEW);
  const data = new DeviceDataSet(gpu, source);
  const [hidden, batchNorm] = [THREE_LAYERS, true];
  const architecture = { inputs: FEW, hidden, classes: source.classes, batchNorm };
  const parameters = [0.1, 1e-3, 1e-4].map((initialisation, identity) =>
    initialise(architecture, { seed: 1, identity, initialisation })
  );
  const networks = parameters.map(() => ({ lambda: 0.005, ...ETA }));
  const setting = { hidden, batchNorm, networks, batch: 100, steps: 1, start: { parameters } };
  const order = steadyOrder(source, setting);
  const options = { ...setting, data, order, evaluation: false, variant: "per-operation" };
  const short = await failures(gpu, options, ["gradient", "cancelled"]);
  data.destroy();
  gpu.destroy();
  assertEquals(short, []);
});

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
  for await (const [row] of training.run()) loss = Math.min(loss, row.training.loss);
  assert(Number.isFinite(loss));
  const state = await training.state();
  assertEquals(state.step, 500);
  training.destroy();
  return state;
}

for (const hidden of [THREE_LAYERS, NINE_LAYERS]) {
  for (const batchNorm of [true, false]) {
    const name = `${hidden.length + 1} layers ${batchNorm ? "with" : "without"} batch norm`;
    Deno.test(`checkKernels() finds ten steps within their bars with ${name}`, async () => {
      const gpu = await Gpu.request();
      const networks = [{ lambda: 0.005, etaMin: 0.1, etaMax: 0.1 }];
      const short: string[] = [];
      // Other variants take sizes of the gradients' tests, whose kernels the driver keeps.
      for (const [source, batch] of [[dataset, 100], [cutInputs(dataset, FEW), 20]] as const) {
        const { inputs, classes } = source;
        const architecture = { inputs, hidden, classes, batchNorm };
        const data = new DeviceDataSet(gpu, source);
        const setting = { hidden, batchNorm, networks, batch, steps: 10 };
        const order = steadyOrder(source, setting);
        for (const variant of fittingVariants(gpu, architecture)) {
          if (isWhole(variant, gpu, architecture) !== (source === dataset)) continue;
          const options = { ...setting, data, order, variant };
          short.push(...await failures(gpu, options, ["loss", "change", "evaluation"]));
        }
        data.destroy();
      }
      gpu.destroy();
      assertEquals(short, []);
    });
  }
}

Deno.test("compareKernels() takes an exact 0 for a gradient of 0, and nothing else", async () => {
  const gpu = await Gpu.request();
  const source = cutInputs(dataset, 3);
  const architecture = { inputs: 3, hidden: [2], classes: source.classes, batchNorm: false };
  const { count, parameters: tensors } = layout(architecture);
  const parameters = new Float32Array(count).fill(0.1);
  const { offset } = tensors.find(({ name }) => name === "b1")!;
  parameters.fill(-100, offset, offset + 2); // Both ReLUs are closed for every image.
  const data = new DeviceDataSet(gpu, source);
  const { hidden, batchNorm } = architecture;
  const record = await recordKernels(gpu, {
    ...{ data, hidden, batchNorm, batch: 5, steps: 1, variant: "per-operation" },
    networks: [{ lambda: 0, ...ETA }],
    start: { parameters: [parameters], statistics: [new Float32Array()] },
  });
  data.destroy();
  gpu.destroy();

  const errorOf = () => compareKernels(record).find(({ name }) => name === "b1")!.error;
  assertEquals(errorOf(), 0);
  const [step] = record.steps;
  for (const wrong of [1e-9, NaN, Infinity]) {
    step.gradients[0][offset] = wrong;
    assert(!passes({ error: errorOf(), bar: 1e-5 }), `${wrong}`);
  }
});

Deno.test("passes() refuses NaN", () => {
  assert(passes({ error: 1, bar: 1 }));
  assert(!passes({ error: 1.1, bar: 1 }));
  assert(!passes({ error: NaN, bar: 1 }));
});

Deno.test("worstOf() finds the largest error relative to its bar, and NaN anywhere", () => {
  const rows = [0.5, 0.9, 0.2].map((error, i) => (
    { name: `W${i + 1}`, kind: "gradient", error, bar: 2 } as const
  ));
  assertEquals(worstOf(rows).name, "W2");
  for (const at of [0, 1, 2]) {
    const broken = rows.with(at, { ...rows[at], error: NaN });
    assertEquals(worstOf(broken).name, `W${at + 1}`);
  }
});
