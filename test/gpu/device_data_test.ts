import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type DataSet, type Split, standardise } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError, GpuError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";
import { runKernel } from "../kernels/_kernel.ts";
import { weightTexels } from "../kernels/_texels.ts";

const SPLITS = ["training", "validation", "test"] as const;

/** All images of a part as the first layer sees them: its product with the unit matrix, [count, inputs]. */
async function readImages(data: DeviceDataSet, split: Split): Promise<Float32Array> {
  const { inputs } = data.source;
  const { count, images } = await data.part(split);
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
    inputs: { order: Uint32Array.from({ length: count }, (_, i) => i) },
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
