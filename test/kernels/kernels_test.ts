/**
 * Every kernel by itself against the float64 reference, on sizes that leave tiles and texels partly filled.
 *
 * How far float32 may be off. Errors are counted in units of u = 2^-24 times a magnitude: what the value would be if every
 * term were taken without its sign. A sum in sequence rounds each partial sum by at most u of it. For n terms of size σ
 * and random sign partial sums grow like √k, so the error's deviation is at most u σ √(Σ k) = 0.7 u σ n, and about half of
 * that as roundings are spread evenly below their bound: half a unit, whatever n is. The largest of 10^5 values lies 4 or
 * 5 deviations out, and twice as far where partial sums wandered off: 2 to 5 units. For terms of one sign partial sums
 * grow like k, and it is √n units. To that comes what WGSL allows a function to be off by. On a software adapter a test
 * also fails when the largest error of all its cases is below a thirtieth of its bound, which would then pass a kernel that
 * lost digits. Other adapters may be that exact: they fuse multiply and add, and round functions better than they must.
 */
import {
  assert,
  assertEquals,
  AssertionError,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { NEVER } from "../../src/programs/buffers.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { GpuError } from "../../src/errors.ts";
import { type KernelName, KERNELS, TILES } from "../../src/gpu/kernel_table.ts";
import { type BindOptions, Kernels, withShaders } from "../../src/gpu/kernels.ts";
import { Random } from "../../src/model/random.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { createRandomData, modestGpu, sharedGpu } from "../_gpu.ts";
import { measureCases, runKernel, words, type Written } from "./_kernel.ts";
import { AFFINE_TESTS, inputBackwardCase, inputForwardCase } from "./_affine.ts";
import type { FusedSizes } from "./_fused.ts";
import { divergedAfter } from "./_fused_hidden.ts";
import { FUSED_TESTS, FUSED_TRAINING_TESTS } from "./_fused_tests.ts";
import { INPUTS, type KernelTest, NETWORKS, ROWS, type Sizes, WIDTHS } from "./_cases.ts";
import { FUSED_EVALUATION_TESTS } from "./_fused_evaluation.ts";
import { LOSS_TESTS } from "./_loss.ts";
import { NORM_TESTS } from "./_norm.ts";
import {
  TEXEL_AFFINE_TESTS,
  texelInputBackwardCase,
  texelInputForwardCase,
  tileOf,
} from "./_texel_affine.ts";
import { TEXEL_LOSS_TESTS } from "./_texel_loss.ts";
import { TEXEL_NORM_TESTS } from "./_texel_norm.ts";
import { newRowTexels, rowTexels } from "./_texels.ts";

const SEED = 2026;

/**
 * The kernels that do one operation each, and those of a fused evaluation. tiled_test.ts has those of `tiled`; those of
 * `fused` pass values on in forms of their own and have sizes of their own (FUSED_TESTS).
 */
type TestedKernel =
  | Exclude<KernelName, `${"fused" | "tiled"}_${string}`>
  | keyof typeof FUSED_EVALUATION_TESTS;

const TESTS: Record<TestedKernel, KernelTest> = {
  ...AFFINE_TESTS,
  ...NORM_TESTS,
  ...LOSS_TESTS,
  ...TEXEL_AFFINE_TESTS,
  ...TEXEL_NORM_TESTS,
  ...TEXEL_LOSS_TESTS,
  ...FUSED_EVALUATION_TESTS,
};

/** All that are tested here. */
const ALL_TESTS = { ...TESTS, ...FUSED_TESTS };

for (const [name, { cases, bound, draw }] of Object.entries(ALL_TESTS)) {
  Deno.test(`${name} equals the reference on awkward sizes`, async () => {
    const gpu = await sharedGpu();
    const errors = await measureCases(
      gpu,
      cases.map((sizes) => () => draw(sizes, new Random(SEED, name, sizes.index))),
    );

    assertEquals(errors.length, cases.length);
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

Deno.test("KERNELS are those of the shaders, and all but tiled ones are tested here", () => {
  const texts = Object.entries(SHADERS).filter(([file]) => !file.startsWith("measure/")).map((
    [, text],
  ) => text);
  const entryPoints = texts.flatMap((text) =>
    Array.from(text.matchAll(/@compute[^{]*?fn (\w+)/g), ([, name]) => name)
  );

  const tested = entryPoints.filter((name) => !/^tiled_/.test(name));
  assertEquals(Object.keys(ALL_TESTS).sort(), tested.sort());
  assertEquals(Object.keys(KERNELS).sort(), entryPoints.sort());
});

Deno.test("TESTS hold every size with every number of networks", () => {
  function assertCovers(kernels: string[], key: keyof Sizes, sizes: readonly number[]): void {
    for (const kernel of kernels) {
      for (const size of sizes) {
        const cases = TESTS[kernel as TestedKernel].cases.filter((sizes) => sizes[key] === size);
        const networks = [...new Set(cases.map(({ networks }) => networks))].sort();
        assertEquals(networks, NETWORKS, `${kernel}, ${key} ${size}`);
      }
    }
  }
  const all = Object.keys(TESTS);
  const norms = all.filter((name) => /batch_norm_(forward|backward)/.test(name));
  assertCovers(all.filter((name) => !norms.includes(name)), "rows", ROWS);
  assertCovers(norms, "rows", ROWS.filter((rows) => rows > 1));
  const softmax = all.filter((name) => /softmax|evaluate_rest/.test(name));
  const wide = all.filter((name) => !softmax.includes(name) && name !== "sum_outcomes");
  assertCovers(wide, "outputs", WIDTHS);
  assertCovers(softmax, "outputs", [2, 10, ...WIDTHS.filter((width) => width > 1)]);
  const products = all.filter((name) =>
    /affine_(forward|backward_input|backward_weight)|input_(forward|backward)|evaluate_input/.test(
      name,
    )
  );
  const others = ["input_affine_backward", "texel_weights", "sum_squares"];
  assertCovers([...products, ...others], "inputs", INPUTS);
});

Deno.test("FUSED_TRAINING_TESTS hold few and many rows, 1 to 3 networks, batch norm and none for each kernel", () => {
  for (const [name, { cases }] of Object.entries(FUSED_TRAINING_TESTS)) {
    const networks = new Set(cases.map((sizes) => sizes.networks));
    assertEquals([...networks].sort(), [1, 2, 3], name);
    const norms = new Set(cases.map((sizes) => (sizes as FusedSizes).batchNorm));
    assertEquals([...norms].sort(), [false, true], name);
    const partly = cases.some(({ outputs }) => outputs % 4 !== 0);
    const fully = cases.some(({ outputs }) => outputs % 4 === 0);
    assert(partly && fully, name);
    if (name === "fused_unpack") continue; // It reads no rows.
    const rows = new Set(cases.map((sizes) => sizes.rows));
    for (const own of [1, 2, 3, 5, 37, 100, 101, 130]) {
      assert(rows.has(own), `${name}, ${own} rows`);
    }
  }
  for (const name of ["fused_loss", "fused_pair", "fused_tail"] as const) {
    const classes = FUSED_TESTS[name].cases.map((sizes) => (sizes as FusedSizes).widths.at(-1)!);
    for (const own of [2, 10, 13]) assert(classes.includes(own), `${name}, ${own} classes`);
  }
  const depths = new Set(
    FUSED_TESTS.fused_tail.cases.map((sizes) => (sizes as FusedSizes).widths.length - 1),
  );
  assertEquals([...depths].sort((a, b) => a - b), [2, 3, 4, 5, 9]);
});

Deno.test("TEXEL_AFFINE_TESTS hold every size with every tile", () => {
  const { cases } = TEXEL_AFFINE_TESTS.texel_affine_forward;
  for (const key of ["rows", "inputs", "outputs", "networks"] as const) {
    for (const [size, own] of Map.groupBy(cases, (sizes) => sizes[key])) {
      assertEquals(
        [...new Set(own.map(tileOf))].sort(),
        Object.keys(TILES).sort(),
        `${key} ${size}`,
      );
    }
  }
});

Deno.test("kernels of the first layer find images in every layer of the texture", async () => {
  const gpu = await modestGpu(); // Its textures are 8192 high, whatever the adapter.
  const source = await createRandomData({ inputs: 3, training: 20_000 });
  const data = new DeviceDataSet(gpu, source);
  assertEquals(Math.ceil(source.training.count / data.imagesPerLayer), 3);

  const sizes = { rows: 101, inputs: 3, outputs: 7, networks: 3, index: 1 };
  const draws = [
    inputForwardCase,
    inputBackwardCase,
    texelInputForwardCase,
    texelInputBackwardCase,
  ];
  const errors = await measureCases(
    gpu,
    draws.map((draw) => () => draw(sizes, new Random(SEED, "texture layers"), data)),
  );
  for (const [i, error] of errors.entries()) {
    assert(error <= TESTS.input_affine_forward.bound, `${draws[i].name}: error ${error} units`);
  }
  data.destroy();
  gpu.destroy();
});

Deno.test("relu_forward goes on along y when there are too many workgroups for x", async () => {
  const gpu = await sharedGpu();
  const outputs = 100;
  const rows = Math.ceil(64 * gpu.device.limits.maxComputeWorkgroupsPerDimension / outputs) + 1;
  const shape = { rows, inputs: outputs, outputs, slices: 1 };
  const s = Float32Array.from({ length: rows * outputs }, (_, i) => i % 3 - 1);
  const { y } = await runKernel(gpu, "relu_forward", {
    shape,
    networks: 1,
    layer: { outputs },
    inputs: { x: s },
    outputs: { y: s.length },
  });

  assertEquals(y.findIndex((value, i) => value !== Math.max(0, s[i])), -1);
});

Deno.test("softmax_cross_entropy_forward predicts the first of equal logits", async () => {
  const classes = 10;
  const { outcomes } = await runKernel(await sharedGpu(), "softmax_cross_entropy_forward", {
    shape: { rows: classes, inputs: classes, outputs: classes, slices: 1 },
    networks: 1,
    layer: { outputs: classes },
    inputs: {
      order: Uint32Array.from({ length: classes }, (_, i) => i),
      labels: Uint32Array.from({ length: classes }, (_, i) => i),
      x: new Float32Array(classes * classes).fill(80),
    },
    outputs: { outcomes: 2 * classes, predictions: classes },
  });

  const correct = outcomes.filter((_, i) => i % 2 === 1);
  assertEquals([...correct], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

for (
  const [what, logits, expected] of [
    ["a logit is NaN", [0, NaN, 1], 7],
    ["the first logit is NaN", [NaN, 0, 1], 7],
    ["a logit is infinite", [0, Infinity, 1], 7],
    ["the label has no chance", [-Infinity, 0, 1], 7],
    ["all logits are -infinite", [-Infinity, -Infinity, -Infinity], 7],
    ["the difference of two logits overflows", [-3e38, 3e38, 0], 7],
    ["logits are large", [-3e38, -3e38, -3e38], null],
    ["another class has no chance", [0, -Infinity, 1], null],
  ] as const
) {
  const noted = expected === null ? "notes nothing" : "notes the step";
  Deno.test(`softmax_cross_entropy_backward ${noted} when ${what}`, async () => {
    // Of each network only the last of 70 rows is so. Network 0 never diverged before, the others sooner and later.
    const rows = 70;
    const before = [NEVER, 3, 9];
    const x = Float32Array.from({ length: before.length * rows * 3 }, (_, i) => {
      const row = Math.floor(i / 3) % rows;
      return row === rows - 1 ? logits[i % 3] : 0;
    });
    const { diverged } = await runKernel(await sharedGpu(), "softmax_cross_entropy_backward", {
      shape: { rows, inputs: 3, outputs: 3, slices: 1 },
      networks: before.length,
      layer: { outputs: 3 },
      step: { number: 7 },
      inputs: { order: new Uint32Array(rows), labels: Uint32Array.of(0), x },
      outputs: { dx: x.length, diverged: Uint32Array.from(before) },
    });

    assertEquals(words(diverged), expected === null ? before : [7, 3, 7]);
  });

  Deno.test(`texel_softmax_backward ${noted} when ${what}`, async () => {
    // As above; 70 rows are no whole number of texels.
    const sizes = { rows: 70, width: 3, networks: 3 };
    const before = [NEVER, 3, 9];
    const x = Float32Array.from({ length: 3 * 70 * 3 }, (_, i) => {
      return Math.floor(i / 3) % 70 === 69 ? logits[i % 3] : 0;
    });
    const { diverged } = await runKernel(await sharedGpu(), "texel_softmax_backward", {
      shape: { rows: 70, inputs: 3, outputs: 3, slices: 1 },
      networks: 3,
      layer: { parameters: 3, bias: 0 },
      constants: { FEATURES: 3 },
      step: { number: 7 },
      inputs: {
        order: new Uint32Array(70),
        labels: Uint32Array.of(0),
        weights: new Float32Array(9),
      },
      texels: { x_texels: rowTexels(x, sizes) },
      newTexels: { new_dx_texels: newRowTexels(sizes) },
      outputs: { diverged: Uint32Array.from(before) },
    });

    assertEquals(words(diverged), expected === null ? before : [7, 3, 7]);
  });

  for (const kernel of ["fused_loss", "fused_pair", "fused_tail"] as const) {
    Deno.test(`${kernel} ${noted} when ${what}`, async () => {
      const before = [NEVER, 3, 9];
      const found = await divergedAfter(kernel, { logits, number: 7, before });

      assertEquals(found, expected === null ? before : [7, 3, 7]);
    });
  }
}

/** A run of relu_forward on two values, of which the second is written right behind the first. */
const TWO = {
  shape: { rows: 2, inputs: 1, outputs: 1, slices: 1 },
  networks: 1,
  layer: { outputs: 1 },
};

Deno.test("measureCases() gives the errors in order, whether cases are read back one by one or together", async () => {
  const gpu = await sharedGpu();
  const draws = Array.from({ length: 5 }, (_, i) => () => ({
    kernel: "relu_forward" as const,
    run: { ...TWO, inputs: { x: Float32Array.of(i, -1) }, outputs: { y: 2 } },
    measure: ({ y }: Written) => 10 * y[0] + y[1],
  }));

  assertEquals(await measureCases(gpu, draws, 1), [0, 10, 20, 30, 40]);
  assertEquals(await measureCases(gpu, draws), [0, 10, 20, 30, 40]);
  const some = [...draws.slice(0, 2), () => Promise.reject(new Error("no case")), ...draws];
  await assertRejects(() => measureCases(gpu, some), Error, "no case");
  await gpu.done(); // Nothing was asked of the device that it had to refuse.
});

Deno.test("runKernel() fails when a kernel writes past the end or changes what it reads", async () => {
  const gpu = await sharedGpu();
  const x = Float32Array.of(1, 2);

  await assertRejects(
    () => runKernel(gpu, "relu_forward", { ...TWO, inputs: { x }, outputs: { y: 1 } }),
    AssertionError,
    "relu_forward, y: Failed assertion: the kernel wrote past the end",
  );
  const y = Float32Array.of(1, 3);
  await assertRejects(
    () => runKernel(gpu, "relu_forward", { ...TWO, inputs: { x, y }, outputs: {} }),
    AssertionError,
    "relu_forward, y: Failed assertion: the kernel changed its input",
  );
});

Deno.test("runKernel() fails when a kernel writes texels past the end", async () => {
  const gpu = await sharedGpu();
  const sizes = { rows: 3, width: 2, networks: 1 };
  const x_texels = rowTexels(new Float32Array(6), sizes);
  await assertRejects(
    () =>
      runKernel(gpu, "texel_relu_forward", {
        shape: { rows: 3, inputs: 2, outputs: 2, slices: 1 },
        networks: 1,
        layer: { parameters: 2, bias: 0 },
        constants: { FEATURES: 2, SLICES: 1 },
        inputs: { weights: new Float32Array(2) },
        texels: { x_texels },
        newTexels: { new_y_texels: { ...newRowTexels(sizes), width: 1 } },
        outputs: {},
      }),
    AssertionError,
    "texel_relu_forward, new_y_texels: Failed assertion: a texel past the end was written: 1, 0, 0",
  );
});

const RELU_FILE = "per_operation/relu";

const RELU = {
  shape: { rows: 1, inputs: 1, outputs: 1, slices: 1 },
  networks: 1,
  resources: {},
};

/** Compiles `relu_backward` with one file replaced; gives the error, and the line of the replacement in its file. */
async function bindSpoilt(
  file: string,
  { from, to, variant = RELU }: { from: string; to: string; variant?: BindOptions },
): Promise<{ message: string; line: number }> {
  const gpu = await sharedGpu();
  const text = SHADERS[file].replace(from, to);
  const line = SHADERS[file].split(from)[0].split("\n").length;
  const shaders = { ...SHADERS, [file]: text };
  const bind = () => withShaders(shaders, () => Kernels.of(gpu).bind("relu_backward", variant));
  return { message: (await assertRejects(bind, GpuError)).message, line };
}

Deno.test("Kernels.bind() names the file and the line in it when a shader does not compile", async () => {
  const { message, line } = await bindSpoilt(RELU_FILE, {
    from: "relu_gradient(dy[at], y[at])",
    to: "relu_gradient(dy[at], z[at])",
  });
  assert(
    message.startsWith(`Cannot compile shaders/per_operation/relu.wgsl, line ${line}: `),
    message,
  );
  assertMatch(message, /z.* in "dx\[at\] = relu_gradient\(dy\[at\], z\[at\]\);"$/);
});

Deno.test("Kernels.bind() names the included file in which the line stands that does not compile", async () => {
  for (const [file, from] of [["shared/common", "fn thread_index"], ["shared/bits", "fn relu("]]) {
    const { message, line } = await bindSpoilt(file, { from, to: `const ODD: u32 = 1.5; ${from}` });
    assert(message.startsWith(`Cannot compile shaders/${file}.wgsl, line ${line}: `), message);
    assert(message.includes(` in "const ODD: u32 = 1.5; ${from}`), message);
    assert(!message.includes("\n"), message);
  }
});

Deno.test("Kernels.bind() names the line at fault within a function that is invalid", async () => {
  const from = "fn relu_gradient(dh: f32, h: f32) -> f32 {";
  const { message, line } = await bindSpoilt("shared/bits", {
    from,
    to: `${from}\n  return 1u;\n`,
  });
  assert(
    message.startsWith(`Cannot compile shaders/shared/bits.wgsl, line ${line + 1}: `),
    message,
  );
  assertMatch(message, / in "return 1u;"$/);
});

Deno.test("Kernels.bind() names the file and the constants with which a kernel cannot be made", async () => {
  const constants = { WORKGROUP: 0 };
  const { message } = await bindSpoilt(RELU_FILE, {
    from: "",
    to: "",
    variant: { ...RELU, constants },
  });
  assertMatch(
    message,
    /^Cannot make the kernel relu_backward of shaders\/per_operation\/relu\.wgsl with WORKGROUP = 0: .+$/,
  );
});

Deno.test("Kernels.bind() names the kernel when its entry point is missing", async () => {
  const gpu = await sharedGpu();
  const shaders = {
    ...SHADERS,
    [RELU_FILE]: SHADERS[RELU_FILE].replace("fn relu_backward", "fn backward"),
  };

  await assertRejects(
    () => withShaders(shaders, () => Kernels.of(gpu).bind("relu_backward", RELU)),
    GpuError,
    "Cannot make the kernel relu_backward of shaders/per_operation/relu.wgsl with ",
  );
});

Deno.test("Kernels.of() gives the same object for a device, so that nothing is compiled twice", async () => {
  const gpu = await sharedGpu();

  assertStrictEquals(Kernels.of(gpu), Kernels.of(gpu));
});

Deno.test("Kernels.bind() names the kernel and the binding when a resource is missing", async () => {
  const kernels = Kernels.of(await sharedGpu());

  await assertRejects(
    () => kernels.bind("relu_forward", RELU),
    TypeError,
    "Cannot bind relu_forward: there is no resource for layer",
  );
});
