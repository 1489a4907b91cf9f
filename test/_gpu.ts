/** What tests on the GPU share: one device for a test file, data sets of random bytes, and how errors are measured. */
import { createDataSet, type DataSet, type LabelledImages } from "../src/data/dataset.ts";
import { Gpu } from "../src/gpu/device.ts";
import { Random } from "../src/model/random.ts";

let shared: Promise<Gpu> | undefined;

/** The device that all tests of a file use, since compiling the kernels takes a second. */
export function sharedGpu(): Promise<Gpu> {
  shared ??= Gpu.request();
  return shared;
}

/**
 * A device with the limits that WebGPU promises and no more, so that tests of limits are the same on every adapter, and
 * without timestamps.
 */
export async function modestGpu(): Promise<Gpu> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const gpu = new Gpu(device);
  // It leaves a device of the caller's alone; this one is for nobody else.
  const destroy = () => {
    Gpu.prototype.destroy.call(gpu);
    device.destroy();
  };
  return Object.assign(gpu, { destroy });
}

/** Sizes of a data set of random bytes. */
export interface RandomDataOptions {
  /** Values per image. */
  readonly inputs: number;
  /** Training images; 60 unless given. */
  readonly training?: number;
  /** Validation images; 20 unless given. */
  readonly validation?: number;
  /** Test images; 20 unless given. */
  readonly test?: number;
  /** 10 unless given. */
  readonly classes?: number;
  /** 1 unless given. */
  readonly seed?: number;
}

/** A data set of the same images as float32 numbers: byte / 255 × `scale` + `offset`, which is 1 and 0 unless given. */
export function asFloats(
  { name, classNames, ...splits }: DataSet,
  { scale = 1, offset = 0 }: { readonly scale?: number; readonly offset?: number } = {},
): Promise<DataSet> {
  const [training, validation, test] = (["training", "validation", "test"] as const).map(
    (split) => {
      const { images, ...others } = splits[split];
      return {
        ...others,
        images: Float32Array.from(images, (byte) => byte / 255 * scale + offset),
      };
    },
  );
  return createDataSet(training, test, { name, classNames, validation });
}

/** Makes a data set of random bytes. With several values per image, the second never changes: its deviation is 0. */
export function createRandomData(options: RandomDataOptions): Promise<DataSet> {
  const { inputs, training = 60, validation = 20, test = 20, classes = 10, seed = 1 } = options;
  const random = new Random(seed, "random data", inputs);
  function draw(count: number): LabelledImages {
    const images = Uint8Array.from({ length: count * inputs }, () => random.below(256));
    for (let i = 1; i < images.length && inputs > 1; i += inputs) images[i] = 77;
    return {
      images,
      labels: Uint8Array.from({ length: count }, () => random.below(classes)),
      count,
    };
  }
  return createDataSet(draw(training + validation), draw(test), {
    name: "random",
    classNames: Array.from({ length: classes }, (_, i) => `class ${i}`),
    validation,
  });
}

/** ‖found − expected‖ / ‖expected‖; NaN where anything is NaN. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) {
    throw new RangeError(`Cannot compare ${found.length} values with ${expected.length}`);
  }
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
