import { assertEquals, assertRejects } from "@std/assert";
import { DeviceLostError, GpuError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu.ts";
import { Pacer } from "../src/pacer.ts";

/** A device that takes a set time for every unit of work, by a clock that stands still in between. */
class FakeGpu {
  /** Units in each submit. */
  readonly submits: number[] = [];
  /** Submits that were not done yet when another came. */
  readonly inFlight: number[] = [];
  /** What waiting for a submit throws, by its number. */
  readonly failures = new Map<number, Error>();
  readonly device = {
    createCommandEncoder: () => ({
      beginComputePass: () => ({ end: () => {} }),
      finish: () => ({}),
    }),
    queue: { submit: () => this.#submit() },
  };
  /** Milliseconds. */
  clock = 1000;
  #cost: number;
  #units = 0;
  #free = 0;
  #pending = 0;

  /** @param cost Milliseconds that a unit takes. */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** Encodes a unit of work. */
  encode(): void {
    this.#units++;
  }

  done(): Promise<void> {
    const failure = this.failures.get(this.submits.length - 1);
    const finished = this.#free;
    return new Promise((resolve, reject) =>
      setTimeout(() => {
        this.#pending--;
        this.clock = Math.max(this.clock, finished);
        if (failure) reject(failure);
        else resolve();
      })
    );
  }

  #submit(): void {
    this.inFlight.push(this.#pending++);
    this.submits.push(this.#units);
    this.#free = Math.max(this.#free, this.clock) + this.#cost * this.#units;
    this.#units = 0;
  }
}

/** Runs something by the clock of a fake device. */
async function withPacer(
  cost: number,
  story: (pacer: Pacer, gpu: FakeGpu) => Promise<void>,
): Promise<void> {
  const gpu = new FakeGpu(cost);
  const { now } = performance;
  performance.now = () => gpu.clock;
  try {
    await story(new Pacer(gpu as unknown as Gpu), gpu);
  } finally {
    performance.now = now;
  }
}

function workOf(gpu: FakeGpu, count: number) {
  return { kind: "step", count, encode: () => gpu.encode() };
}

Deno.test("run() grows submits to what fits their time", async () => {
  await withPacer(10, async (pacer, gpu) => {
    await pacer.run(workOf(gpu, 70));

    // Nothing is known before the first is done, then four times as many at most, then 120 ms.
    assertEquals(gpu.submits, [1, 1, 4, 4, 12, 12, 12, 12, 12]);
  });
});

Deno.test("run() submits slow units one by one", async () => {
  await withPacer(500, async (pacer, gpu) => {
    await pacer.run(workOf(gpu, 4));

    assertEquals(gpu.submits, [1, 1, 1, 1]);
  });
});

Deno.test("run() shrinks submits when units become slower", async () => {
  await withPacer(10, async (pacer, gpu) => {
    await pacer.run(workOf(gpu, 34));
    await pacer.drain();
    const slow = { ...workOf(gpu, 3), encode: () => Array(12).fill(0).forEach(() => gpu.encode()) };
    gpu.submits.length = 0;
    await pacer.run({ ...slow, count: 28 });

    assertEquals(gpu.submits.map((units) => units / 12), [12, 12, 1, 1, 1, 1]);
  });
});

Deno.test("run() keeps the pace of each kind apart", async () => {
  await withPacer(10, async (pacer, gpu) => {
    await pacer.run(workOf(gpu, 34));
    await pacer.drain();
    await pacer.run({ ...workOf(gpu, 2), kind: "evaluation" });
    await pacer.run(workOf(gpu, 12));

    assertEquals(gpu.submits.slice(-3), [1, 1, 12]);
  });
});

Deno.test("run() puts no more units into a submit than allowed", async () => {
  await withPacer(0.01, async (pacer, gpu) => {
    await pacer.run({ ...workOf(gpu, 20), most: 7 });

    assertEquals(gpu.submits, [1, 1, 4, 4, 7, 3]);
  });
});

Deno.test("run() has two submits in flight, and more where they are short", async () => {
  await withPacer(10, async (pacer, gpu) => {
    await pacer.run(workOf(gpu, 70));

    assertEquals(Math.max(...gpu.inFlight), 1);
  });
  await withPacer(10, async (pacer, gpu) => {
    await pacer.run({ ...workOf(gpu, 40), most: 2 });

    // Two units take 20 ms: twelve such submits are the 240 ms that may wait.
    assertEquals(Math.max(...gpu.inFlight), 11);
  });
});

Deno.test("run() prepares each submit before it encodes its units", async () => {
  await withPacer(10, async (pacer, gpu) => {
    const log: string[] = [];
    await pacer.run({
      kind: "step",
      count: 5,
      most: 2,
      prepare: (first, count) => log.push(`prepare ${first} + ${count}`),
      encode: (_pass, first, index) => {
        gpu.encode();
        log.push(`encode ${first} + ${index}`);
      },
    });

    assertEquals(log, [
      "prepare 0 + 1",
      "encode 0 + 0",
      "prepare 1 + 1",
      "encode 1 + 0",
      "prepare 2 + 2",
      "encode 2 + 0",
      "encode 2 + 1",
      "prepare 4 + 1",
      "encode 4 + 0",
    ]);
  });
});

Deno.test("run() submits nothing more when it is told to stop", async () => {
  await withPacer(500, async (pacer, gpu) => {
    const controller = new AbortController();
    const reason = new Error("told to stop");
    const work = {
      ...workOf(gpu, 10),
      prepare: (first: number) => {
        if (first === 2) controller.abort(reason);
      },
    };
    const error = await assertRejects(() => pacer.run(work, controller.signal));

    assertEquals(error, reason);
    assertEquals(gpu.submits, [1, 1, 1]); // The one that was prepared still goes.
    await pacer.drain();
    assertEquals(gpu.clock, 1000 + 3 * 500);
  });
});

Deno.test("run() passes on what went wrong in an earlier submit", async () => {
  await withPacer(500, async (pacer, gpu) => {
    gpu.failures.set(0, new GpuError("refused"));

    await assertRejects(() => pacer.run(workOf(gpu, 10)), GpuError, "refused");
    assertEquals(gpu.submits.length, 2);
  });
});

Deno.test("drain() passes on what went wrong in the last submit", async () => {
  await withPacer(500, async (pacer, gpu) => {
    gpu.failures.set(1, new DeviceLostError("gone"));
    await pacer.run(workOf(gpu, 2));

    await assertRejects(() => pacer.drain(), DeviceLostError, "gone");
  });
});

Deno.test("run() leaves no rejection unhandled when all submits fail", async () => {
  await withPacer(500, async (pacer, gpu) => {
    for (const submit of [0, 1]) gpu.failures.set(submit, new DeviceLostError("gone"));

    // Only the first is waited for. Were the second not looked after, it would end the process.
    await assertRejects(() => pacer.run(workOf(gpu, 10)), DeviceLostError, "gone");
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
