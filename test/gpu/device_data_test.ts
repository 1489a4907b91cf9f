import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  createDataSet,
  type DataSet,
  type Split,
  standardise,
  subset,
} from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError, GpuError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { asFloats, createRandomData, sharedGpu } from "../_gpu.ts";
import { runKernel } from "../kernels/_kernel.ts";
import { weightTexels } from "../kernels/_texels.ts";

const SPLITS = ["training", "validation", "test"] as const;

/** Images of a part, all unless given, as the first layer sees them: its product with the unit matrix, [count, inputs]. */
async function readImages(
  data: DeviceDataSet,
  split: Split,
  indices?: readonly number[],
): Promise<Float32Array> {
  const { inputs } = data.source;
  const { count: whole, images } = await data.part(split);
  const count = indices?.length ?? whole;
  const unit = new Float32Array(inputs * inputs).map((_, i) => Number(i % (inputs + 1) === 0));
  const sizes = { inputs, outputs: inputs, networks: 1 };
  const { slices } = await runKernel(await sharedGpu(), "input_affine_forward", {
    shape: { rows: count, inputs, outputs: inputs, slices: 1 },
    networks: 1,
    layer: {
      inputs,
      outputs: inputs,
      slices: 1,
      texels: data.texels,
      imagesPerLayer: data.imagesPerLayer,
    },
    inputs: { order: Uint32Array.from({ length: count }, (_, i) => indices?.[i] ?? i) },
    resources: { images, standard: data.standard },
    texels: { weight_texels: weightTexels(sizes, () => unit) },
    outputs: { slices: count * inputs },
  });
  return slices;
}

/** The first image of a part that is not what standardise() makes of it, or -1. */
async function firstWrong(data: DeviceDataSet, split: Split): Promise<number> {
  const { source } = data;
  const expected = standardise(source[split].images, source);
  const found = await readImages(data, split);
  assertEquals(found.length, expected.length);
  // Bytes next to each other are 1/255/std apart; std is at most 1/2 or 1.
  const wrong = found.findIndex((value, i) => !(Math.abs(value - expected[i]) < 1e-5));
  return Math.floor(wrong / source.inputs);
}

for (const inputs of [1, 2, 3, 4, 5, 8]) {
  Deno.test(`part() holds every image when images have ${inputs} values`, async () => {
    const data = new DeviceDataSet(await sharedGpu(), await createRandomData({ inputs }));

    assertEquals(data.texels, Math.ceil(inputs / 4));
    for (const split of SPLITS) assertEquals(await firstWrong(data, split), -1, split);
    data.destroy();
  });
}

Deno.test("part() holds every image when there are more than the height of a texture", async () => {
  const gpu = await sharedGpu();
  const height = gpu.device.limits.maxTextureDimension2D;
  // The last layers are not full, and only the training images need more than one.
  const source = await createRandomData({ inputs: 3, training: 2 * height + 5, validation: 40 });
  const data = new DeviceDataSet(gpu, source);

  assertEquals(data.imagesPerLayer, Math.ceil((2 * height + 5) / 3));
  for (const split of SPLITS) assertEquals(await firstWrong(data, split), -1, split);
  data.destroy();
});

for (const inputs of [1, 3, 4, 5]) {
  Deno.test(`part() holds every number as standardise() gives it when images have ${inputs} values`, async () => {
    const floats = await asFloats(await createRandomData({ inputs }), { scale: 7, offset: 1e6 });
    const data = new DeviceDataSet(await sharedGpu(), floats);

    for (const split of SPLITS) {
      const expected = standardise(floats[split].images, floats);
      // Products with 1 and sums with 0 round nothing.
      assertEquals(await readImages(data, split), Float32Array.from(expected), split);
    }
    data.destroy();
  });
}

Deno.test("part() holds every number when there are more than are written at a time, or fit a layer", async () => {
  const gpu = await sharedGpu();
  const height = gpu.device.limits.maxTextureDimension2D;
  // Of 1000 values an image, 1048 are written at a time.
  const bytes = await createRandomData({ inputs: 2, training: height + 5, validation: 40 });
  const wide = await createRandomData({ inputs: 1000, training: 1100 });
  for (const source of [await asFloats(bytes), await asFloats(wide)]) {
    const data = new DeviceDataSet(gpu, source);
    const { count, images } = source.training;
    const last = [0, 1047, 1048, 1049, count - 6, count - 1];
    const expected = Float32Array.from(standardise(images, source, last));
    const found = await readImages(data, "training", last);
    assertEquals(found.length, expected.length);
    assertEquals(found, expected);
    data.destroy();
  }
});

Deno.test("part() copes with an empty part, and refuses a number that is infinite when standardised", async () => {
  const gpu = await sharedGpu();
  const bytes = await createRandomData({ inputs: 3 });
  for (const source of [bytes, await asFloats(bytes)]) {
    const data = new DeviceDataSet(gpu, subset(source, { validation: 0, test: 0 }));
    assertEquals((await data.part("validation")).count, 0);
    assertEquals((await data.part("test")).count, 0);
    assertEquals((await data.part("training")).count, 60);
    data.destroy();
  }
  const near = { images: Float32Array.of(0, 1e-30), labels: [0, 1] };
  const far = { images: Float32Array.of(1, 1e10), labels: [0, 1] };
  const source = await createDataSet(near, far, { name: "far", classNames: ["a", "b"] });
  const data = new DeviceDataSet(gpu, source);
  assertEquals((await data.part("training")).count, 2);
  await assertRejects(
    () => data.part("test"),
    ArgumentError,
    "Cannot use test image 1 (from 0): its value 0 is 1.99",
  );
  data.destroy();
});

Deno.test("part() holds the labels of each part", async () => {
  const gpu = await sharedGpu();
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 3 }));

  for (const split of SPLITS) {
    const { labels, count } = await data.part(split);
    assertEquals(count, data.source[split].count);
    assertEquals(
      [...new Uint32Array(await gpu.read(labels))],
      [...data.source[split].labels],
    );
  }
  data.destroy();
});

Deno.test("part() copies a part only once", async () => {
  const data = new DeviceDataSet(await sharedGpu(), await createRandomData({ inputs: 3 }));

  assertStrictEquals(await data.part("test"), await data.part("test"));
  data.destroy();
});

Deno.test("DeviceDataSet refuses what the adapter cannot hold", async () => {
  const gpu = await sharedGpu();
  const { maxTextureDimension2D, maxTextureArrayLayers } = gpu.device.limits;
  const small = await createRandomData({ inputs: 3 });
  const most = maxTextureDimension2D * maxTextureArrayLayers;
  const many: DataSet = { ...small, training: { ...small.training, count: most + 1 } };
  const wide: DataSet = { ...small, inputs: 4 * maxTextureDimension2D + 1 };

  assertThrows(
    () => new DeviceDataSet(gpu, many),
    ArgumentError,
    `Cannot hold ${most + 1} images of 3 values: this adapter holds at most ${most} of at most`,
  );
  assertThrows(
    () => new DeviceDataSet(gpu, wide),
    ArgumentError,
    `of ${4 * maxTextureDimension2D + 1} values`,
  );
});

Deno.test("destroy() frees the memory", async () => {
  const gpu = await Gpu.request();
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 3 }));
  const { labels } = await data.part("training");
  await gpu.read(labels);
  data.destroy();

  const error = await assertRejects(() => gpu.read(labels), GpuError);
  assert(error.message.includes("training labels"), error.message);
  gpu.destroy();
});
