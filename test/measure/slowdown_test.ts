import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { BenchRow } from "../../src/measure/bench.ts";
import { compareWithEarlier, type Comparison } from "../../src/measure/slowdown.ts";
import { benchRow } from "../_bench_row.ts";

/** A run whose measurements of a step are these; evaluation was not measured. */
function run(milliseconds: number, changes: Partial<BenchRow> = {}): BenchRow {
  return benchRow(20, {
    msPerStep: milliseconds,
    msPerStepMin: 0.98 * milliseconds,
    evaluationMs: null,
    evaluationMsMin: null,
    evaluationMsMax: null,
    ...changes,
  });
}

/** Compares a run with others whose steps took so long. */
function judge(now: BenchRow, earlier: readonly number[]): Comparison {
  const [comparison, ...more] = compareWithEarlier([now], earlier.map((time) => run(time)), {
    worseBy: 0.1,
  });
  assertEquals(more, []);
  return comparison;
}

const STEADY = [10, 10.1, 9.9, 10, 10.2, 9.8, 10, 10.1, 9.9, 10];

Deno.test("compareWithEarlier() lets a steady run pass, and a faster one", () => {
  for (const now of [10, 10.9, 5]) {
    const { worse, usual, runs, allowed } = judge(run(now), STEADY);
    assertEquals([worse, usual, runs], [false, 10, 10], String(now));
    // d is 0.1: 3 · 1.4826 · 0.1 / 10 is less than the share.
    assertEquals(allowed, 0.1);
  }
});

Deno.test("compareWithEarlier() finds a run worse by more than the share", () => {
  assertEquals(judge(run(13), STEADY).worse, true);
  assertEquals(judge(run(11.2), STEADY).worse, true);
});

Deno.test("compareWithEarlier() is not misled by one bad night in the past", () => {
  const earlier = [...STEADY.slice(0, 5), 40, ...STEADY.slice(5, 9)];
  assertEquals(judge(run(10.2), earlier).worse, false);
  assertEquals(judge(run(13), earlier).worse, true);
});

Deno.test("compareWithEarlier() allows for as much as runs on a noisy machine usually differ", () => {
  const earlier = [9, 11, 10, 8, 12, 10, 9, 11, 8, 12];
  const { allowed, worse } = judge(run(13), earlier);
  // m is 10; distances are 0 twice, 1 four times, 2 four times: d is 1.
  assertAlmostEquals(allowed!, 0.44478, 1e-9);
  assertEquals(worse, false);
  assertEquals(judge(run(14.5), earlier).worse, true);
});

Deno.test("compareWithEarlier() does not take a busy machine for a slow program", () => {
  assertEquals(judge(run(13, { msPerStepMin: 9.9 }), STEADY).worse, false);
  assertEquals(
    judge(run(13, { msPerStepMin: 10.5, msPerStepMax: 90 }), STEADY).worse,
    true,
  );
});

Deno.test("compareWithEarlier() uses the median where the fastest is unknown", () => {
  assertEquals(judge(run(13, { msPerStepMin: null }), STEADY).worse, true);
});

Deno.test("compareWithEarlier() does not judge by fewer than three earlier runs", () => {
  for (const earlier of [[], [10], [10, 10]]) {
    const { worse, usual, allowed, runs } = judge(run(90), earlier);
    assertEquals([worse, usual, allowed, runs], [null, null, null, earlier.length]);
  }
  assertEquals(judge(run(90), [10, 10, 10]).worse, true);
});

Deno.test("compareWithEarlier() looks at the last ten runs", () => {
  // However many were fast before, slow has been usual for ten runs.
  const { usual, runs } = judge(run(20), [...STEADY, ...STEADY, ...STEADY.map((time) => 2 * time)]);
  assertEquals([usual, runs], [20, 10]);
});

Deno.test("compareWithEarlier() compares with runs of the same settings on the same adapter", () => {
  const others: Partial<BenchRow>[] = [
    { adapter: "another" },
    { data: "CIFAR-10" },
    { networks: 10 },
    { hidden: "50,30" },
    { batchNorm: false },
    { batch: 50 },
  ];
  for (const other of others) {
    const earlier = STEADY.map((time) => run(time, other));
    assertEquals(compareWithEarlier([run(90)], earlier, { worseBy: 0.1 })[0].runs, 0);
  }
  const alike = STEADY.map((time) => run(time, { variant: "other", commit: "other", steps: 900 }));
  assertEquals(compareWithEarlier([run(90)], alike, { worseBy: 0.1 })[0].worse, true);
});

Deno.test("compareWithEarlier() compares evaluations too, with the runs that have them", () => {
  const measured = { evaluationMs: 1000, evaluationMsMin: 950 };
  const earlier = [
    ...STEADY.map((time) => run(time)),
    ...[1, 2, 3].map(() => run(10, measured)),
  ];
  const slow = { evaluationMs: 1300, evaluationMsMin: 1200 };
  const compared = compareWithEarlier([run(10, slow), run(13, measured)], earlier, {
    worseBy: 0.1,
  });
  assertEquals(
    compared.map(({ figure, runs, worse }) => [figure, runs, worse]),
    [
      ["msPerStep", 10, false],
      ["evaluationMs", 3, true],
      ["msPerStep", 10, true],
      ["evaluationMs", 3, false],
    ],
  );
});

Deno.test("compareWithEarlier() takes the share that it is given", () => {
  const earlier = STEADY.map((time) => run(time));
  const worse = [0.05, 0.2].map((worseBy) =>
    compareWithEarlier([run(11)], earlier, { worseBy })[0].worse
  );
  assertEquals(worse, [true, false]);
});
