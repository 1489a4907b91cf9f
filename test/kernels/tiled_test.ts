/**
 * Every kernel of `tiled` by itself against the float64 reference, on whole tiles and on awkward sizes, its depth in one part
 * and in several. kernels_test.ts says what a unit of error is.
 */
import { assert, assertEquals } from "@std/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { type KernelName, KERNELS } from "../../src/gpu/kernel_table.ts";
import { withShaders } from "../../src/gpu/kernels.ts";
import { Random } from "../../src/model/random.ts";
import { createRandomData, modestGpu, sharedGpu } from "../_gpu.ts";
import { casesFail, type KernelCase, measureCases } from "./_kernel.ts";
import { plant } from "./_mutants.ts";
import { TILED_MUTANTS } from "./_mutants_tiled.ts";
import {
  inputBackwardCase,
  inputForwardCase,
  PARTS,
  SIZES,
  TILED_CASES,
  TILED_TESTS,
  type TiledSizes,
  type TiledTest,
} from "./_tiled.ts";

const SEED = 2026;

type TiledKernel = Extract<KernelName, `tiled_${string}`>;

const TESTS: Record<TiledKernel, TiledTest> = TILED_TESTS;

for (const [name, { cases, bound, draw }] of Object.entries(TESTS)) {
  Deno.test(`${name} equals the reference on whole tiles and awkward sizes`, async () => {
    const gpu = await sharedGpu();
    const errors = await measureCases(
      gpu,
      cases.map((sizes) => () => draw(sizes, new Random(SEED, name, sizes.index))),
    );

    const beyond = cases.flatMap((sizes, i) =>
      errors[i] <= bound ? [] : [`${errors[i]} units: ${JSON.stringify(sizes)}, seed ${SEED}`]
    );
    assertEquals(beyond, [], `errors beyond ${bound} units`);
    const worst = Math.max(...errors);
    if (gpu.adapter.software) {
      assert(worst >= bound / 30, `largest error ${worst} units, so ${bound} is too wide a bound`);
    }
  });
}

Deno.test("TILED_TESTS hold every kernel of the variant, and TILED_CASES every size in each number of parts", () => {
  assertEquals(
    Object.keys(TILED_TESTS).sort(),
    Object.keys(KERNELS).filter((name) => name.startsWith("tiled_")).sort(),
  );
  for (const key of ["rows", "inputs", "outputs"] as const) {
    for (const size of SIZES) {
      const own = TILED_CASES.filter((sizes) => sizes[key] === size);
      assertEquals([...new Set(own.map(({ parts }) => parts))].sort(), PARTS, `${key} ${size}`);
      assertEquals(new Set(own.map(({ networks }) => networks)).size, 2, `${key} ${size}`);
    }
  }
});

Deno.test("kernels of tiled's first layer find images in every layer of the texture", async () => {
  const gpu = await modestGpu(); // Its textures are 8192 high, whatever the adapter.
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 3, training: 20_000 }));
  const sizes = { rows: 101, inputs: 3, outputs: 7, networks: 3, parts: 1, index: 1 };
  const errors = await measureCases(
    gpu,
    [inputForwardCase, inputBackwardCase].map((draw) => () =>
      draw(sizes, new Random(SEED, "texture layers"), data)
    ),
  );
  assert(Math.max(...errors) <= TESTS.tiled_input_forward.bound, `errors of ${errors} units`);
  data.destroy();
  gpu.destroy();
});

for (const [kernel, mutants] of Map.groupBy(TILED_MUTANTS, ({ kernel }) => kernel)) {
  Deno.test(`the test of ${kernel} finds every mistake planted in it`, async () => {
    const gpu = await sharedGpu();
    const { bound, draw } = TESTS[kernel];
    // Most mistakes show in the largest cases of the first number of parts, for which a kernel is compiled once.
    const cases = TESTS[kernel].cases.toSorted((a, b) =>
      b.parts - a.parts || valuesOf(b) - valuesOf(a)
    )
      .map((sizes) => draw(sizes, new Random(SEED, kernel, sizes.index)));
    const missed: string[] = [];
    for (const mutant of mutants) {
      const found = await withShaders(plant(mutant), () => finds(gpu, { cases, bound }));
      if (!found) missed.push(`${mutant.file}: ${mutant.mistake}`);
    }
    assertEquals(missed, []);
  });
}

function valuesOf({ rows, inputs, outputs }: TiledSizes): number {
  return rows * inputs * outputs;
}

/** Whether one of the cases fails, eight of which run at a time. */
async function finds(
  gpu: Gpu,
  { cases, bound }: { cases: readonly (KernelCase | Promise<KernelCase>)[]; bound: number },
): Promise<boolean> {
  for (let i = 0; i < cases.length; i += 8) {
    const some = cases.slice(i, i + 8).map((drawn) => () => drawn);
    if (await casesFail(gpu, some, bound)) return true;
  }
  return false;
}
