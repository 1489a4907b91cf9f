import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeviceLostError, GpuError } from "../../src/errors.ts";
import { Submits, type Work } from "../../src/gpu/submits.ts";
import { FakeDevice, type Manner } from "../_fake_device.ts";

/** A kernel of work whose units take a set time. */
function unit(milliseconds: number) {
  return {
    label: String(milliseconds),
  } as unknown as GPUComputePipeline;
}

/** Units of work that take a set time each. */
function workOf(milliseconds: number, count: number, more: Partial<Work> = {}): Work {
  return {
    kind: "step",
    count,
    encode: (pass) => {
      pass.setPipeline(unit(milliseconds));
      pass.dispatchWorkgroups(1);
    },
    ...more,
  };
}

/** Runs a story on a simulated device that has shown by earlier work whether its calls block. */
async function withSubmits(
  manner: Manner,
  story: (submits: Submits, device: FakeDevice) => Promise<void>,
): Promise<void> {
  const device = new FakeDevice({ manner, cost: (kernel) => Number(kernel) });
  await device.run(async () => {
    for (let i = 0; i < 2; i++) {
      await new Submits(device.gpu).run(workOf(5, 1));
      await device.gpu.done();
    }
    device.submits.length = 0;
    device.waits.length = 0;
    await story(new Submits(device.gpu), device);
  });
}

/** Units in each submit. */
function sizes({ submits }: FakeDevice): number[] {
  return submits.map(({ dispatches }) => dispatches);
}

for (const manner of ["waits", "returns"] as const) {
  Deno.test(`run() grows submits to what fits their time where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(9, 45));

      // One to learn from, then as many as fit into 100 ms.
      const [first, ...others] = sizes(device);
      assertEquals(first, 1);
      for (const size of others.slice(0, -1)) assert(size >= 10 && size <= 11, `${sizes(device)}`);
    });
  });

  Deno.test(`run() grows to submits of thousands in four where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(0.01, 10_000));

      assertEquals(sizes(device).slice(0, 3), [1, 16, 256]);
      assert(sizes(device)[3] >= 4096, `${sizes(device)}`);
    });
  });

  Deno.test(`run() submits slow units one by one where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(500, 4));

      assertEquals(sizes(device), [1, 1, 1, 1]);
    });
  });

  Deno.test(`run() shrinks submits when units become slower where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(9, 50));
      await submits.drain();
      const before = sizes(device).length;
      await submits.run(workOf(100, 30));

      const [first, second, ...others] = sizes(device).slice(before);
      assert(first >= 10 && second <= 11, `${sizes(device)}`); // Submitted before the first was over.
      assertEquals(new Set(others), new Set([1]));
    });
  });

  Deno.test(`run() keeps the pace of each kind apart where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(9, 30));
      await submits.run(workOf(9, 2, { kind: "evaluation" }));
      await submits.run(workOf(9, 9));

      assertEquals(sizes(device).slice(-3), [1, 1, 9]);
    });
  });

  Deno.test(`run() puts at most max units into a submit where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(0.01, 20, { max: 7 }));

      assertEquals(sizes(device), [1, 7, 7, 5]);
    });
  });

  Deno.test(`run() never has more than 200 ms of work under way where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      let longest = 0;
      const submitted = () => {
        const { end } = device.submits[device.submits.length - 1];
        longest = Math.max(longest, end - device.now);
      };
      for (const milliseconds of [0.03, 0.5, 7, 60, 2]) {
        const kind = `${milliseconds}`;
        await submits.run(
          workOf(milliseconds, Math.ceil(1000 / milliseconds), { kind, submitted }),
        );
      }

      assert(longest <= 200, `${longest}`);
    });
  });

  Deno.test(`run() reads what was copied while more is under way where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(0.1, 1000));
      const buffer = device.gpu.buffer("numbers", 8);
      const reads = [{ buffer, size: 8 }];
      const [reading] = await submits.run(workOf(1, 1, { kind: "evaluation", reads }));
      await submits.run(workOf(0.1, 900));
      const bytes = await reading.bytes();

      assertEquals(bytes.byteLength, 8);
      // The copy is heard of 11 ms late, but before the rest of the work is done.
      assert(device.submits[device.submits.length - 1].end > device.now);
    });
  });

  Deno.test(`bytes() waits for a copy when nothing was submitted after it, where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      const buffer = device.gpu.buffer("numbers", 8);
      const [reading] = await submits.run(workOf(7, 1, { reads: [{ buffer, size: 8 }] }));

      assertEquals((await reading.bytes()).byteLength, 8);
      assert(device.now >= device.submits[0].end);
    });
  });

  Deno.test(`drain() returns when everything is done where a call ${manner}`, async () => {
    await withSubmits(manner, async (submits, device) => {
      await submits.run(workOf(7, 100));
      await submits.drain();

      assert(device.now >= device.submits[device.submits.length - 1].end);
    });
  });
}

Deno.test("run() needs few slow rounds before it knows whether calls block", async () => {
  const device = new FakeDevice({ manner: "waits", cost: (kernel) => Number(kernel) });
  await device.run(async () => {
    const began = device.now;
    await new Submits(device.gpu).run(workOf(0.03, 4000, { max: 2048 }));

    // Each slow round costs 11 ms; the work takes 120.
    const rounds = (device.submits[device.submits.length - 1].end - began - 120) / 11;
    assert(rounds < 5, `${rounds}`);
  });
});

Deno.test("run() lets signals be handled when there is nothing to await", async () => {
  await withSubmits("waits", async (submits, device) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("told to stop")), 100);
    const began = device.now;
    await assertRejects(
      () => submits.run(workOf(0.1, 1e5), controller.signal),
      Error,
      "told to stop",
    );

    assert(device.now - began <= 300, `${device.now - began}`);
  });
});

Deno.test("run() prepares each submit before it encodes its units", async () => {
  await withSubmits("waits", async (submits) => {
    const log: string[] = [];
    await submits.run(workOf(10, 5, {
      max: 2,
      prepare: (first, count) => log.push(`prepare ${first} + ${count}`),
      encode: (pass, first, index) => {
        pass.setPipeline(unit(10));
        pass.dispatchWorkgroups(1);
        log.push(`encode ${first} + ${index}`);
      },
    }));

    assertEquals(log, [
      "prepare 0 + 1",
      "encode 0 + 0",
      "prepare 1 + 2",
      "encode 1 + 0",
      "encode 1 + 1",
      "prepare 3 + 2",
      "encode 3 + 0",
      "encode 3 + 1",
    ]);
  });
});

for (const software of [false, true]) {
  const when = software
    ? "after it has waited on a software driver"
    : "before it waits on hardware";
  Deno.test(`run() encodes the next submit ${when}`, async () => {
    const device = new FakeDevice({ manner: "waits", cost: () => 60, software });
    await device.run(async () => {
      const submits = new Submits(device.gpu);
      const ends: boolean[] = [];
      const prepare = (first: number) => {
        if (first > 2) ends.push(device.now >= device.submits[device.submits.length - 1].end);
      };
      await submits.run(workOf(60, 8, { prepare }));

      assertEquals(new Set(ends), new Set([software]));
    });
  });
}

Deno.test("run() submits what was encoded, and nothing more, when it is told to stop", async () => {
  await withSubmits("waits", async (submits, device) => {
    const controller = new AbortController();
    const reason = new Error("told to stop");
    const prepare = (first: number) => {
      if (first === 2) controller.abort(reason);
    };
    const work = workOf(500, 10, { prepare });
    const error = await assertRejects(() => submits.run(work, controller.signal));

    assertEquals(error, reason);
    assertEquals(sizes(device), [1, 1, 1]); // The one that was prepared still goes.
  });
});

Deno.test("run() and drain() reject with what went wrong", async () => {
  await withSubmits("returns", async (submits, device) => {
    device.failures.set(0, new GpuError("refused"));
    await assertRejects(() => submits.run(workOf(500, 10)), GpuError, "refused");
  });
  await withSubmits("waits", async (submits, device) => {
    device.failures.set(0, new DeviceLostError("gone"));
    await submits.run(workOf(500, 1));
    await assertRejects(() => submits.drain(), DeviceLostError, "gone");
  });
});

Deno.test("run() leaves no rejection unhandled when all waits fail", async () => {
  await withSubmits("waits", async (submits, device) => {
    for (let i = 0; i < 20; i++) device.failures.set(i, new DeviceLostError("gone"));
    const buffer = device.gpu.buffer("numbers", 8);

    // A single unhandled rejection would end the process.
    await submits.run(workOf(50, 4, { reads: [{ buffer, size: 8 }] }));
    await assertRejects(() => submits.drain(), DeviceLostError, "gone");
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
});
