/** Properties of all architectures and populations, on some drawn from fixed seeds. */
import { assert, assertEquals, AssertionError } from "@std/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { initialise } from "../../src/model/initialisation.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { Random } from "../../src/model/random.ts";
import { architectureOf, shapeOf } from "../../src/model/shape.ts";
import { variantFits, VARIANTS } from "../../src/programs/variants.ts";
import { checkKernels, compareKernels, passes } from "../../src/train/kernel_check.ts";
import { Training, type TrainingNetwork, type TrainingState } from "../../src/train/training.ts";
import { sharedGpu } from "../_gpu.ts";
import { steadyOrder } from "../_steady.ts";
import { sameWords } from "../kernels/_kernel.ts";
import { describe, draw, type Drawn } from "./_drawn.ts";
import { recordPlain } from "./_plain.ts";

/** Populations that are compared with the reference; each is drawn from its number. */
const CASES = 20;

/** Steps that are compared. After an odd number, weights that alternate between two places are in the second. */
const STEPS = 3;

/** Draws for a case: nearly half of them will do. */
const DRAWS = 20;

/** A drawn population, the weights it starts from, and the order of its images. */
interface Case {
  readonly drawn: Drawn;
  readonly start: readonly Float32Array[];
  readonly order: Uint32Array;
}

/**
 * Draws until no ReLU decides by rounding and plain float32 code is far within the bars. Elsewhere a quantity is nearly 0
 * beside the terms that cancel in it, as behind batch norm of 2 images, or a change beside what is changed.
 */
async function drawCase(seed: number): Promise<Case> {
  for (let attempt = 0; attempt < DRAWS; attempt++) {
    const drawn = await draw(seed, attempt);
    const architecture = architectureOf(drawn, drawn.source);
    const start = drawn.networks.map((network) => initialise(architecture, { seed, ...network }));
    const order = findOrder(drawn, start);
    if (!order) continue;
    const plain = compareKernels(recordPlain(drawn, { start, order, steps: STEPS }));
    if (plain.every(passes)) return { drawn, start, order };
  }
  throw new AssertionError(`Cannot draw case ${seed}: none of ${DRAWS} draws can be compared`);
}

function findOrder(drawn: Drawn, parameters: readonly Float32Array[]): Uint32Array | undefined {
  try {
    return steadyOrder(drawn.source, { ...drawn, steps: STEPS, start: { parameters } });
  } catch {
    return undefined;
  }
}

/** Variants whose kernels a software driver compiles in a tenth of a second; others take seconds for each shape. */
const QUICK = ["tiled", "per-operation"];

/** The quick variants, and for each number another of the others, if any can run the population. */
function someVariants(gpu: Gpu, drawn: Drawn, number: number): string[] {
  const shape = shapeOf({ ...drawn, networks: drawn.networks.length }, drawn.source);
  const fitting = VARIANTS.filter((name) => variantFits(name, gpu, shape));
  const others = fitting.filter((name) => !QUICK.includes(name));
  const other = others.length > 0 ? [others[number % others.length]] : [];
  return [...fitting.filter((name) => QUICK.includes(name)), ...other];
}

for (let number = 1; number <= CASES; number++) {
  Deno.test(`checkKernels() finds everything within its bars for drawn population ${number}.`, async () => {
    const gpu = await sharedGpu();
    const { drawn, start, order } = await drawCase(number);
    const data = new DeviceDataSet(gpu, drawn.source);
    const short: string[] = [];
    for (const variant of someVariants(gpu, drawn, number)) {
      const options = {
        ...drawn,
        data,
        start: { parameters: start },
        order,
        steps: STEPS,
        variant,
      };
      const rows = await checkKernels(gpu, options);
      assert(rows.some(({ kind }) => kind === "change"));
      short.push(
        ...rows.filter((row) => !passes(row)).map(({ kind, name, error, bar }) =>
          `${kind} of ${name} ${error}, at most ${bar}: ${variant}, ${describe(drawn)}`
        ),
      );
    }
    data.destroy();
    assertEquals(short, []);
  });
}

/** What a training gives for each network. */
interface Trained {
  readonly rows: readonly MetricRow[][]; // [networks][rows]
  readonly state: TrainingState;
  readonly classes: readonly Uint16Array[]; // [networks][images]
}

/** Trains networks of a drawn population, in a given order, for a cycle that ends within the second epoch. */
async function train(
  drawn: Drawn,
  networks: readonly TrainingNetwork[],
  variant: string,
): Promise<Trained> {
  const { source, ...shape } = drawn;
  const options = { ...shape, networks, variant, halfCycle: 3, cycles: 1, evaluateEvery: 4 };
  const training = await Training.create(await sharedGpu(), source, options);
  const found: MetricRow[][] = [];
  for await (const rows of training.run()) found.push(rows);
  const [state, classes] = [await training.state(), await training.predict("validation")];
  training.destroy();
  return { rows: networks.map((_, n) => found.map((rows) => rows[n])), state, classes };
}

/** Asserts that each network has the same bytes as the one of another population that it is. */
function assertSame(
  found: Trained,
  expected: Trained,
  from: readonly number[],
  message: string,
): void {
  for (const [n, other] of from.entries()) {
    const own = `network ${other} among ${message}`;
    assertEquals(found.rows[n], expected.rows[other], own);
    assertEquals(found.state.diverged[n], expected.state.diverged[other], own);
    assertEquals(found.classes[n], expected.classes[other], own);
    for (const name of ["parameters", "statistics"] as const) {
      const same = sameWords(found.state[name][n], expected.state[name][other]);
      assert(same, `${name} of ${own} differ`);
    }
  }
}

/** Networks of the populations that are permuted: the most that are drawn. */
const NETWORKS = 8;

/** The network that diverges, which must not change the others. */
const WILD = 2;

/** Draws until every variant can run the population, so that it is the same for all. */
async function drawForAll(gpu: Gpu): Promise<Drawn> {
  for (let attempt = 0; attempt < DRAWS; attempt++) {
    const drawn = await draw(0, attempt, NETWORKS);
    const shape = shapeOf({ ...drawn, networks: NETWORKS }, drawn.source);
    const fits = VARIANTS.every((variant) => variantFits(variant, gpu, shape));
    if (drawn.batchNorm && fits) return drawn;
  }
  throw new AssertionError(`Cannot draw a population for all variants in ${DRAWS} draws`);
}

for (const [i, variant] of VARIANTS.entries()) {
  Deno.test(`Training gives each network the same bytes in any order and subset with the variant ${variant}`, async () => {
    const drawn = await drawForAll(await sharedGpu());
    const networks = drawn.networks.with(WILD, { ...drawn.networks[WILD], etaMax: 1e30 });
    const expected = await train(drawn, networks, variant);
    const message = `${variant}, ${describe(drawn)}`;
    const { diverged, parameters } = expected.state;
    const sound = networks.flatMap((_, n) => diverged[n] === null ? [n] : []);
    assert(diverged[WILD] !== null && sound.length > 2, `diverged at ${diverged}: ${message}`);
    assertEquals(new Set(parameters.map(String)).size, NETWORKS, message);

    const random = new Random(i, "order");
    const all = [...random.permutation(NETWORKS)];
    const [a, b] = random.permutation(sound.length);
    // Without a network that goes on, a training ends early.
    for (const from of [all, [sound[a], WILD, sound[b]], [sound[a]]]) {
      const found = await train(drawn, from.map((n) => networks[n]), variant);
      assertSame(found, expected, from, `networks ${from} of ${message}`);
    }
  });
}
