import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { contest, type Contestant, type ContestResult } from "../src/contest.ts";
import { ArgumentError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import type { TimedWork } from "../src/timing.ts";

/** By how much a time of the GPU's clock varies: the standard deviation, as a share. */
const NOISE = 0.005;

/** An adapter that does nothing but let time pass, by a clock of its own. */
class SimulatedAdapter {
  /** Milliseconds. */
  clock = 0;
  /** How often each contestant was prepared. */
  readonly entered: string[] = [];
  readonly #random: Random;
  readonly #stamped: boolean;
  readonly #compile: number;

  /** @param options The seed of its waits, whether it has time stamps, and milliseconds that compiling takes. */
  constructor(options: { seed: number; stamped: boolean; compile: number }) {
    this.#random = new Random(options.seed, "waits");
    this.#stamped = options.stamped;
    this.#compile = options.compile;
  }

  /** A way to do a step that takes so many microseconds. */
  contestant(microseconds: number): Contestant {
    const name = String(microseconds);
    return {
      name,
      enter: () => {
        this.entered.push(name);
        this.clock += this.#compile;
        return Promise.resolve(this.#work(microseconds / 1000));
      },
    };
  }

  /** As in Deno: 11 ± 1 ms until a program hears that work is done; two such waits to read time stamps. */
  #work(each: number): TimedWork {
    return {
      stamped: this.#stamped,
      fewest: 1,
      time: (units) => {
        const began = this.clock;
        const worked = units * each * (this.#stamped ? 1 + NOISE * this.#random.normal() : 1);
        this.clock += worked + this.#wait() + (this.#stamped ? this.#wait() : 0);
        return Promise.resolve(this.#stamped ? worked : this.clock - began);
      },
    };
  }

  #wait(): number {
    return 10 + 2 * this.#random.uniform();
  }
}

/** The results of a contest on an adapter, and what it took. */
async function run(
  microseconds: readonly number[],
  options: { seed: number; stamped: boolean; compile: number; budget?: number },
): Promise<{ results: ContestResult[]; took: number; entered: string[] }> {
  const adapter = new SimulatedAdapter(options);
  const contestants = microseconds.map((each) => adapter.contestant(each));
  const now = () => adapter.clock;
  const results = await contest(contestants, { budget: options.budget ?? 2000, now });
  return { results, took: adapter.clock, entered: adapter.entered };
}

const STEPS = [30, 34, 45, 150, 500];

for (const stamped of [false, true]) {
  const clock = stamped ? "time stamps" : "waits of 11 ± 1 ms";

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
      [300, 3, "30"],
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

Deno.test("contest() passes over a contestant that cannot do the work, and fails where none can", async () => {
  const adapter = new SimulatedAdapter({ seed: 1, stamped: true, compile: 100 });
  const now = () => adapter.clock;
  const small: Contestant = {
    name: "small",
    enter: () => Promise.reject(new ArgumentError("no room")),
  };
  const results = await contest([small, adapter.contestant(30)], { budget: 2000, now });
  assertEquals(results.map(({ name }) => name), ["30"]);
  await assertRejects(() => contest([small], { budget: 2000, now }), ArgumentError, "no room");
  await assertRejects(() => contest([], { budget: 2000, now }), ArgumentError, "0 contestants");
});

Deno.test("contest() ends when it is told to", async () => {
  const adapter = new SimulatedAdapter({ seed: 1, stamped: true, compile: 100 });
  const stop = new AbortController();
  const now = () => {
    if (adapter.clock > 500) stop.abort(new Error("told to"));
    return adapter.clock;
  };
  const contestants = STEPS.map((each) => adapter.contestant(each));
  const options = { budget: 2000, now, signal: stop.signal };
  await assertRejects(() => contest(contestants, options), Error, "told to");
  assert(adapter.clock < 800, `${adapter.clock} ms`);
});
