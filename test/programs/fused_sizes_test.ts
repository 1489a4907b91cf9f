/** The sizes of the fused kernels are what the kernels rely on, on every device. */
import { assert, assertEquals } from "@std/assert";
import { Gpu } from "../../src/gpu/device.ts";
import { tiles } from "../../src/gpu/kernel_table.ts";
import {
  columnSizes,
  inputSizes,
  laterGroups,
  lossSizes,
  normSizes,
  pairSizes,
  productSizes,
  type Sizes,
  sizesFit,
  tailSizes,
} from "../../src/programs/fused_sizes.ts";
import { sharedGpu } from "../_gpu.ts";

const ROWS = [1, 2, 3, 5, 20, 37, 100, 101, 130, 500];
const WIDTHS = [1, 3, 4, 17, 50, 52, 67, 130, 300];
const KIB = 1024;

/** A device with so much workgroup memory, and so many threads in a workgroup. */
async function gpuOf(kib: number, threads: number): Promise<Gpu> {
  const { adapter } = await sharedGpu();
  const limits = {
    maxComputeWorkgroupStorageSize: kib * KIB,
    maxComputeInvocationsPerWorkgroup: threads,
    maxComputeWorkgroupSizeX: threads,
  };
  const device = Object.assign(new EventTarget(), { limits, lost: new Promise(() => {}) });
  return new Gpu(device as unknown as GPUDevice, adapter);
}

/** What WebGPU promises, what software and other drivers have, and what an H100 has. */
const DEVICES = [[16, 256], [32, 256], [32, 1024], [48, 1024], [16, 1024], [16, 128]] as const;

Deno.test("inputSizes() fit every device and keep what fused_input relies on", async () => {
  for (const [kib, threads] of DEVICES) {
    const gpu = await gpuOf(kib, threads);
    for (const rows of ROWS) {
      for (const outputs of WIDTHS) {
        const sizes = inputSizes(gpu, { rows, texels: 768, outputs });
        const { SLICE, COLUMNS, STAGED_ROWS, STAGED, SLICES, WORKGROUP } = sizes.constants;
        const what = `${kib} KiB, ${threads} threads, ${rows} rows, ${outputs} outputs`;

        assert(sizesFit(gpu, sizes), what);
        assertEquals(WORKGROUP, 4 * SLICE * COLUMNS, what);
        assertEquals(STAGED_ROWS % 20, 0, what);
        assert(STAGED_ROWS >= 20 && STAGED_ROWS <= 8 * COLUMNS && STAGED_ROWS <= 16 * SLICE, what);
        // Rows and their dS, then the sums of three parts; beside them the weights.
        assert(STAGED >= STAGED_ROWS * (SLICE + 1 + COLUMNS) && STAGED >= 3 * WORKGROUP, what);
        assertEquals(sizes.bytes, 16 * (STAGED + WORKGROUP), what);
        assertEquals(SLICES, 96, what);
        assertEquals(sizes.slices, SLICES, what);
        // No more rows than there are, in whole twenties, and no group of columns without one.
        assert(STAGED_ROWS - 20 < rows, what);
        const width = tiles(outputs, 4);
        assert((tiles(width, COLUMNS) - 1) * COLUMNS < width, what);
      }
    }
  }
});

Deno.test("inputSizes() stage all rows of a usual batch where there are 48 KiB, and part of them where there are 16", async () => {
  const usual = { rows: 100, texels: 768, outputs: 50 };
  const staged = await Promise.all(
    ([[16, 256], [32, 1024], [48, 1024]] as const).map(async ([kib, threads]) =>
      inputSizes(await gpuOf(kib, threads), usual).constants.STAGED_ROWS
    ),
  );
  assertEquals(staged, [40, 60, 100]);
});

Deno.test("columnSizes() fit where they say so and keep what the column kernels rely on", async () => {
  for (const [kib, threads] of DEVICES) {
    const gpu = await gpuOf(kib, threads);
    for (const rows of ROWS) {
      for (const turns of [1, 2, 3, 8, 9, 100]) {
        const { constants, bytes } = columnSizes(gpu, rows, { turns, tile: 7 });
        const { PARTS, WORKGROUP } = constants;
        const what = `${kib} KiB, ${threads} threads, ${rows} rows, ${turns} turns`;

        assert(WORKGROUP <= threads, what);
        assertEquals(WORKGROUP % PARTS, 0, what);
        assert(PARTS >= 1 && PARTS <= Math.min(8, turns), what);
        assert(WORKGROUP <= PARTS * rows, what);
        // parts, two columns of rows, two sums of every ten rows, the tile
        assertEquals(bytes, 16 * (WORKGROUP + 2 * rows + 2 * tiles(rows, 10) + 7), what);
      }
    }
  }
});

Deno.test("the usual shapes fit 16 KiB and 256 threads, all but fused_tail", async () => {
  const gpu = await gpuOf(16, 256);
  const usual: Sizes[] = [
    normSizes(gpu, 100, 96),
    productSizes(gpu, 100, 50),
    lossSizes(gpu, 100, 10),
    inputSizes(gpu, { rows: 100, texels: 768, outputs: 50 }),
  ];
  assertEquals(usual.map((sizes) => sizesFit(gpu, sizes)), [true, true, true, true]);

  const tail = tailSizes(100, [3072, 50, 50, 10]);
  for (
    const [kib, threads, fits] of [[16, 256, false], [32, 256, false], [48, 1024, true]] as const
  ) {
    assertEquals(sizesFit(await gpuOf(kib, threads), tail), fits, `${kib} KiB`);
  }
});

Deno.test("lossSizes() have room for the logits, and threads for rows alone", async () => {
  const gpu = await gpuOf(48, 1024);
  const { constants } = lossSizes(gpu, 37, 10);
  assertEquals(constants.TILE, 3 * 37);
  assertEquals(constants.PARTS, 1);
});

Deno.test("normSizes() give each thread at most twelve slices where there are threads enough", async () => {
  const gpu = await gpuOf(48, 1024);
  for (const slices of [1, 11, 12, 13, 24, 96]) {
    const { PARTS, WORKGROUP } = normSizes(gpu, 100, slices).constants;
    assert(tiles(slices, PARTS) <= 12, `${slices} slices`);
    assertEquals(WORKGROUP, 100 * PARTS);
  }
});

Deno.test("tailSizes() have a thread for four rows of each column, and four reads for each weight", () => {
  for (const rows of ROWS) {
    for (const behind of [[50, 10], [1, 2], [50, 30, 20, 10], [3, 67, 5, 13]]) {
      const { constants, bytes } = tailSizes(rows, [9, ...behind]);
      const { COLUMNS, STAGED, WORKGROUP, TILE } = constants;
      const what = `${rows} rows, ${behind}`;
      const lanes = tiles(rows, 4);
      const columns = behind.map((width) => tiles(width, 4));

      assertEquals(COLUMNS, Math.max(...columns), what);
      assertEquals(STAGED, Math.max(...columns.slice(1).map((c, i) => 4 * columns[i] * c)), what);
      assert(WORKGROUP % 32 === 0 && WORKGROUP >= lanes * COLUMNS && WORKGROUP >= rows, what);
      assert(STAGED <= 4 * WORKGROUP, what);
      // A layer's rows, or two sums of every lane and group.
      assert(TILE >= COLUMNS * rows && TILE >= 2 * COLUMNS * (lanes + tiles(lanes, 5)), what);
      assertEquals(bytes, 16 * (TILE + STAGED + COLUMNS * (behind.length - 1)), what);
    }
  }
});

Deno.test("pairSizes() hold the last hidden layer and the output layer, and weights of four inputs", () => {
  for (const rows of ROWS) {
    for (const widths of [[9, 300, 50, 10], [9, 1, 2, 3], [9, 8, 67, 13]]) {
      const { constants, bytes } = pairSizes(rows, widths);
      const [later, classes] = widths.slice(-2).map((width) => tiles(width, 4));
      const { COLUMNS, STAGED, WORKGROUP, TILE } = constants;

      assertEquals(COLUMNS, Math.max(later, classes));
      assertEquals(STAGED, 4 * later * classes);
      assert(WORKGROUP >= tiles(rows, 4) * COLUMNS && WORKGROUP >= rows && STAGED <= 4 * WORKGROUP);
      assert(TILE >= COLUMNS * rows);
      assertEquals(bytes, 16 * (TILE + STAGED + 4 * COLUMNS));
    }
  }
});

Deno.test("laterGroups() count the workgroups that move_later_layers() shares its blocks among", () => {
  // Vectors of the first layer, 2 columns; 2 + 1 blocks of 1 column; 1 + 1 blocks of 3.
  assertEquals(laterGroups([70, 8, 4, 10], 2), 1 + 2 + 3);
  assertEquals(laterGroups([70, 8, 4, 10], 64), 3);
  assertEquals(laterGroups([3072, 50, 50, 10], 416), 1 + 1 + 1);
});
