import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type TimedWork,
  timedWork,
  timeUnit,
  unitsFor,
  WAIT_SPREAD,
} from "../../src/measure/timing.ts";
import { SimulatedGpu } from "../_simulated.ts";

/** Milliseconds of true steps on fast GPUs, and of one on a software driver. */
const STEPS = [0.03, 0.133, 0.5, 4];

Deno.test("unitsFor() and timeUnit() find the time of a step within 2 %, whatever the waits", async () => {
  for (const stamped of [false, true]) {
    for (const each of STEPS) {
      for (let seed = 1; seed <= 100; seed++) {
        const work = new SimulatedGpu({ seed, stamped }).work(each);
        const found = await unitsFor(work, { min: 450, milliseconds: 100 });
        assert(found.units >= 450 && 1.02 * found.units * each >= 100, JSON.stringify(found));
        // 20 % more than enough, for 450 steps of 30 µs that seem to take 4 ms less than they do.
        const most = Math.max(1.02 * 450 * each, 1.2 * 100 * 13.5 / 9.5);
        assert(found.units * each <= most, JSON.stringify(found));
        assertAlmostEquals(await timeUnit(work, found.units), each, 0.02 * each);
      }
    }
  }
});

Deno.test("timeUnit() subtracts a wait that was measured alone where the work allows that", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const work = new SimulatedGpu({ seed, stamped: false }).work(1.5, 0);
    const { units } = await unitsFor(work, { min: 1, milliseconds: 100 });
    assertAlmostEquals(await timeUnit(work, units), 1.5, 0.02 * 1.5);
  }
});

Deno.test("timeUnit() gives an upper bound for a time that cannot be told from the wait", async () => {
  for (const fewest of [0, 1] as const) {
    const gpu = new SimulatedGpu({ seed: 1, stamped: false });
    const each = await timeUnit(gpu.work(0.03, fewest), 20);
    assert(each >= 0.03 && each < 14 / 20, String(each));
  }
});

Deno.test("unitsFor() takes the fewest units if no time is asked for, and never more than allowed", async () => {
  const work = new SimulatedGpu({ seed: 1, stamped: false }).work(0.03);
  assertEquals((await unitsFor(work, { min: 2, milliseconds: 0 })).units, 2);
  assertEquals((await unitsFor(work, { min: 1, max: 20, milliseconds: 250 })).units, 20);
});

/** Steps of 0.1 ms whose clock on the GPU says what it is told to, by a clock of this program's with a wait of 11 ms. */
function workWithClock(say: (milliseconds: number) => number | undefined): TimedWork {
  let clock = 0;
  return timedWork(
    (units) => {
      clock += 0.1 * units + 11;
      return Promise.resolve(say(0.1 * units));
    },
    { stamped: true },
    () => clock,
  );
}

Deno.test("timedWork() believes the GPU's clock while it can be right", async () => {
  const right = workWithClock((milliseconds) => milliseconds);
  assertAlmostEquals(await timeUnit(right, 450), 0.1, 1e-9);
  assertEquals(right.stamped, true);

  const wrong: ((milliseconds: number) => number | undefined)[] = [
    () => 0,
    (milliseconds) => -milliseconds,
    (milliseconds) => 1000 * milliseconds,
    () => undefined,
  ];
  for (const say of wrong) {
    const work = workWithClock(say);
    // The first time is lost, and still the wait does not count.
    assertAlmostEquals(await timeUnit(work, 450), 0.1, 1e-9);
    assertEquals(work.stamped, false);
    assertAlmostEquals(await timeUnit(work, 450), 0.1, 1e-9);
    assertEquals((await unitsFor(work, { min: 1, milliseconds: 100 })).units >= 1000, true);
  }
});

Deno.test("WAIT_SPREAD is how far waits of 11 ± 1 ms lie apart", async () => {
  const work = new SimulatedGpu({ seed: 1, stamped: false }).work(0, 0);
  const waits = await Promise.all(Array.from({ length: 1000 }, () => work.time(0)));
  const spread = Math.max(...waits) - Math.min(...waits);
  assert(spread <= WAIT_SPREAD && spread > 0.9 * WAIT_SPREAD, String(spread));
});
