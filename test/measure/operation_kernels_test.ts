import { assertEquals, assertNotEquals } from "@std/assert";
import {
  type Launch,
  MAX_LINKS,
  MAX_TURNS,
  OperationKernels,
  strideOf,
  SUMS,
  TURN_OPERATIONS,
  WORKGROUP_LINKS,
} from "../../src/measure/operation_kernels.ts";
import { sharedGpu } from "../_gpu.ts";

interface Run extends Launch {
  readonly links: number;
  readonly turns?: number;
  readonly dispatches?: number;
  /** How often it is dispatched, one pass after another. */
  readonly passes?: number;
}

/** Runs a kernel, and gives x and what is in y for each of its threads and for one more. */
async function run({ links, turns = 0, dispatches = 1, passes = 1, ...launch }: Run) {
  const gpu = await sharedGpu();
  const kernels = new OperationKernels(gpu);
  kernels.link(links);
  kernels.setTurns(turns);
  const pipeline = await kernels.prepare(launch);
  const encoder = gpu.device.createCommandEncoder();
  for (let i = 0; i < passes; i++) {
    const pass = encoder.beginComputePass();
    kernels.encode(pass, pipeline, { ...launch, dispatches });
    pass.end();
  }
  gpu.device.queue.submit([encoder.finish()]);
  const threads = launch.threads * launch.workgroups;
  const y = new Uint32Array(await gpu.read(kernels.y, 16 * (threads + 1)));
  const x = new Uint32Array(await gpu.read(kernels.x, 16 * links));
  kernels.destroy();
  return { x, y };
}

/** The first of each four numbers, of the first threads. */
function firsts(y: Uint32Array, threads: number): number[] {
  return Array.from({ length: threads }, (_, t) => y[4 * t]);
}

Deno.test("link() makes one cycle of all indices, whose other numbers are below 4", async () => {
  const links = 1024;
  const { x } = await run({ kernel: "touch", threads: 32, workgroups: 1, links });
  const seen = new Set<number>();
  for (let at = 0; !seen.has(at); at = x[4 * at]) seen.add(at);
  assertEquals(seen.size, links);
  assertEquals(x.filter((value, i) => i % 4 !== 0 && value > 3).length, 0);
});

Deno.test("touch adds 1 in each dispatch, whose results the next one finds", async () => {
  const launch = { kernel: "touch", threads: 32, workgroups: 3 } as const;
  const { y } = await run({ ...launch, links: 256, dispatches: 5, passes: 2 });
  assertEquals(y, Uint32Array.from({ length: 4 * 97 }, (_, i) => i < 4 * 96 ? 10 : 0));
});

for (const kernel of ["exchange_workgroup", "exchange_both"] as const) {
  Deno.test(`${kernel} moves each value on by a thread, and adds 1, in each exchange`, async () => {
    const sizes = [[64, MAX_TURNS], [256, 7], [512, 7], [1024, 300]];
    for (const [threads, turns] of sizes) {
      const { x, y } = await run({ kernel, threads, workgroups: 1, links: 1024, turns });
      const exchanges = turns * TURN_OPERATIONS.exchanges;
      const expected = Array.from(
        { length: threads },
        (_, t) => x[4 * ((t + exchanges) % threads)] + exchanges,
      );
      assertEquals(firsts(y, threads), expected, `${threads} threads`);
    }
  });
}

Deno.test("chase_storage ends at the index so many reads away, also in the maximum number of turns", async () => {
  for (const links of [2 ** 10, 2 ** 16, MAX_LINKS]) {
    for (const turns of [3, links === MAX_LINKS ? 5000 : MAX_TURNS]) {
      const launch = { kernel: "chase_storage", threads: 1, workgroups: 1 } as const;
      const { y } = await run({ ...launch, links, turns, passes: 2 });
      const reads = BigInt(2 * turns * TURN_OPERATIONS.reads);
      const end = reads * BigInt(strideOf(links)) % BigInt(links);
      assertEquals(y[0], Number(end), `${links} links, ${turns} turns`);
      assertNotEquals(y[0], 0);
    }
  }
});

Deno.test("chase_workgroup ends at the index so many reads away, in each thread", async () => {
  const links = WORKGROUP_LINKS;
  for (const turns of [5, MAX_TURNS]) {
    const launch = { kernel: "chase_workgroup", threads: 64, workgroups: 1 } as const;
    const { y } = await run({ ...launch, links, turns });
    const moved = turns * TURN_OPERATIONS.reads * strideOf(links);
    const expected = Array.from({ length: 64 }, (_, t) => (t + moved) % links);
    assertEquals(firsts(y, 64), expected, `${turns} turns`);
  }
});

for (const kernel of ["sum_by_one", "sum_by_four", "sum_by_eight"] as const) {
  Deno.test(`${kernel} adds up all slices, on top of the last dispatch`, async () => {
    const [threads, workgroups, dispatches] = [128, 11, 2];
    const { x, y } = await run({ kernel, threads, workgroups, dispatches, links: 2 ** 17 });
    const { SLICES, SLICE } = SUMS;
    const expected = new Uint32Array(4 * (threads * workgroups + 1));
    for (let i = 0; i < 4 * threads * workgroups; i++) {
      for (let s = 0; s < SLICES; s++) expected[i] += dispatches * x[4 * s * SLICE + i];
    }
    assertEquals(y, expected);
  });
}

/** The sums over each thread's tile: rows and columns of the tile are in the given number of vec4s, 16 apart. */
function tileSums(x: Uint32Array, { vec4s, turns }: { vec4s: number; turns: number }): number[] {
  const operand = (at: number) => Array.from(x.subarray(4 * at, 4 * at + 4), (v) => v & 3);
  return Array.from({ length: 4 * 256 }, (_, i) => {
    const [thread, column] = [i >> 2, i % 4];
    let sum = 0;
    for (let depth = 0; depth < 4 * turns; depth++) {
      const first = depth * vec4s * 16 % 256;
      for (let p = 0; p < vec4s; p++) {
        const a = operand(first + 16 * p + (thread >> 4));
        const rows = a.reduce((sum, value) => sum + value, 0);
        for (let q = 0; q < vec4s; q++) {
          sum += rows * operand(256 + first + 16 * q + thread % 16)[column];
        }
      }
    }
    return sum;
  });
}

for (const [kernel, vec4s] of [["product_4x4", 1], ["product_8x8", 2]] as const) {
  Deno.test(`${kernel} adds up the products of four depths in each turn`, async () => {
    const turns = 5;
    const { x, y } = await run({ kernel, threads: 256, workgroups: 2, links: 512, turns });
    const sums = tileSums(x, { vec4s, turns });
    assertEquals(Array.from(y), [...sums, ...sums, 0, 0, 0, 0]);
    // As many multiply-adds as are counted.
    assertEquals(TURN_OPERATIONS[kernel], 4 * (4 * vec4s) ** 2);
  });
}
