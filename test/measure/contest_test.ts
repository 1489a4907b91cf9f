import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { contest, type Contestant, type ContestResult } from "../../src/measure/contest.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";
import { SimulatedGpu } from "../_simulated.ts";

/** A GPU on which contestants compete. */
class Arena {
  readonly gpu: SimulatedGpu;
  /** The contestants that were prepared. */
  readonly entered: string[] = [];
  readonly #compile: number;

  /** @param options The seed of the GPU, whether it has timestamps, and the milliseconds that compiling takes. */
  constructor(options: { seed: number; stamped: boolean; compile: number }) {
    this.gpu = new SimulatedGpu(options);
    this.#compile = options.compile;
  }

  /** A way to do a step that takes this many microseconds. */
  contestant(microseconds: number): Contestant {
    const name = String(microseconds);
    return {
      name,
      enter: () => {
        this.entered.push(name);
        this.gpu.clock += this.#compile;
        return Promise.resolve(this.gpu.work(microseconds / 1000));
      },
    };
  }
}

/** The results of a contest, and the milliseconds that it took. */
async function run(
  microseconds: readonly number[],
  options: { seed: number; stamped: boolean; compile: number; budget?: number },
): Promise<{ results: ContestResult[]; took: number; entered: string[] }> {
  const arena = new Arena(options);
  const contestants = microseconds.map((each) => arena.contestant(each));
  const now = () => arena.gpu.clock;
  const results = await contest(contestants, { budget: options.budget ?? 2000, now });
  return { results, took: arena.gpu.clock, entered: arena.entered };
}

const STEPS = [30, 34, 45, 150, 500];

for (const stamped of [false, true]) {
  const clock = stamped ? "timestamps" : "waits of 11 ± 1 ms";

  Deno.test(`contest() finds the fastest of five in 200 of 200 orders within 2 s, with ${clock}`, async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const order = new Random(seed, "order").permutation(STEPS.length);
      const steps = Array.from(order, (i) => STEPS[i]);
      const { results, took } = await run(steps, { seed, stamped, compile: 100 });
      assertEquals(results[0].name, "30", `seed ${seed}: ${JSON.stringify(results)}`);
      assertEquals(results.length, STEPS.length);
      assert(took <= 2000, `${took} ms`);
    }
  });

  Deno.test(`contest() takes the first of two that cannot be told apart, with ${clock}`, async () => {
    for (const steps of [[30, 30.3], [30.3, 30], [150, 30.3, 30, 500], [34, 30.3, 30]]) {
      const first = String(steps.find((each) => each < 31));
      for (let seed = 1; seed <= 200; seed++) {
        const { results } = await run(steps, { seed, stamped, compile: 100 });
        assertEquals(results[0].name, first, `seed ${seed}: ${JSON.stringify(results)}`);
      }
    }
  });

  Deno.test(`contest() chooses among as many as can be prepared in time, with ${clock}`, async () => {
    const cases: [compile: number, entered: number, fastest: string][] = [
      [1500, 1, "150"],
      [500, 2, "45"],
      [350, 3, "30"],
    ];
    for (const [compile, count, fastest] of cases) {
      for (let seed = 1; seed <= 50; seed++) {
        const { results, took, entered } = await run([150, 45, 30, 34, 500], {
          ...{ seed, stamped, compile },
        });
        assertEquals([entered.length, results.length], [count, count]);
        assertEquals(results[0].name, fastest, JSON.stringify(results));
        assert(took <= 2000, `${took} ms`);
      }
    }
  });

  // Without timestamps a first estimate takes longer.
  const compile = stamped ? 300 : 280;

  Deno.test(`contest() compares two within 1 s where compiling takes ${compile} ms, with ${clock}`, async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const options = { seed, stamped, compile, budget: 1000 };
      const { results, took } = await run([45, 30, 34], options);
      assertEquals(results.map(({ name }) => name), ["30", "45"]);
      assert(took <= 1000, `${took} ms`);
    }
  });

  Deno.test(`contest() keeps a budget of 1 s, and is right within 5 %, with ${clock}`, async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const order = new Random(seed, "order").permutation(4);
      const steps = Array.from(order, (i) => [133, 140, 153, 730][i]);
      const { results, took } = await run(steps, { seed, stamped, compile: 40, budget: 1000 });
      assert(Number(results[0].name) <= 1.06 * 133, JSON.stringify(results));
      assert(took <= 1000, `${took} ms`);
    }
  });
}

Deno.test("contest() gives times without the wait", async () => {
  for (const stamped of [false, true]) {
    const { results } = await run([45, 30], { seed: 1, stamped, compile: 100 });
    assertAlmostEquals(results[0].milliseconds, 0.03, 0.0006);
    assertAlmostEquals(results[1].milliseconds, 0.045, 0.0009);
  }
});

Deno.test("contest() skips a contestant that cannot do the work, and fails if none can", async () => {
  const arena = new Arena({ seed: 1, stamped: true, compile: 100 });
  const now = () => arena.gpu.clock;
  const small: Contestant = {
    name: "small",
    enter: () => Promise.reject(new ArgumentError("no room")),
  };
  const results = await contest([small, arena.contestant(30)], { budget: 2000, now });
  assertEquals(results.map(({ name }) => name), ["30"]);
  await assertRejects(() => contest([small], { budget: 2000, now }), ArgumentError, "no room");
  await assertRejects(() => contest([], { budget: 2000, now }), ArgumentError, "0 contestants");
});

Deno.test("contest() ends when it is told to", async () => {
  const arena = new Arena({ seed: 1, stamped: true, compile: 100 });
  const stop = new AbortController();
  const now = () => {
    if (arena.gpu.clock > 500) stop.abort(new Error("told to"));
    return arena.gpu.clock;
  };
  const contestants = STEPS.map((each) => arena.contestant(each));
  const options = { budget: 2000, now, signal: stop.signal };
  await assertRejects(() => contest(contestants, options), Error, "told to");
  assert(arena.gpu.clock < 800, `${arena.gpu.clock} ms`);
});
