import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { Random, xoshiro128StarStar } from "../../src/model/random.ts";

Deno.test("xoshiro128StarStar() gives the published sequence", () => {
  // Version 1.1 of the authors' xoshiro128starstar.c from the state 1, 2, 3, 4,
  // as listed in the tests of the Rust crate rand_xoshiro.
  const expected = [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ];
  const state = Uint32Array.of(1, 2, 3, 4);
  assertEquals(expected.map(() => xoshiro128StarStar(state)), expected);
});

// Golden values of this module, so that the streams of finished experiments never change by accident.
Deno.test("Random keeps its streams", () => {
  const numbers = (random: Random) => Array.from({ length: 4 }, () => random.uint32());
  assertEquals(numbers(new Random(1)), [826358068, 1373969762, 3651745607, 3422763361]);
  assertEquals(numbers(new Random(1, "batches", 0)), [
    2711296896,
    2544230410,
    658831989,
    2014895311,
  ]);
  assertEquals(numbers(new Random(2 ** 32 - 1, "λ", 0.005)), [
    765901229,
    751079098,
    451454226,
    3050514819,
  ]);
  const random = new Random(1, "golden");
  assertEquals([...random.permutation(8)], [4, 7, 1, 5, 6, 3, 2, 0]);
  assertEquals(random.below(1000), 420);
  assertEquals(random.uniform(), 0.06596906259020652);
  assertAlmostEquals(random.normal(), 0.5228799685259967, 1e-14);
});

Deno.test("Random gives the same stream for the same seed and labels", () => {
  const [a, b] = [new Random(7, "x", 3), new Random(7, "x", 3)];
  for (let i = 0; i < 100; i++) assertEquals(a.uint32(), b.uint32());
  assertEquals(new Random(7, -0).uint32(), new Random(7, 0).uint32());
});

Deno.test("Random gives different streams for different seeds and labels", () => {
  const streams = [
    new Random(1),
    new Random(2),
    new Random(1, ""),
    new Random(1, "", ""),
    new Random(1, 1),
    new Random(1, "1"),
    new Random(1, "ab"),
    new Random(1, "a", "b"),
    new Random(1, "b", "a"),
    new Random(1, "a\0"),
    new Random(1, "a"),
    new Random(1, 0.1),
    new Random(1, 0.1 + 2 ** -56),
  ];
  const firsts = streams.map((random) => `${random.uint32()} ${random.uint32()}`);
  assertEquals(new Set(firsts).size, streams.length);
});

Deno.test("Random makes uncorrelated streams for neighbouring labels", () => {
  // The correlation of 10,000 independent pairs has deviation 0.01.
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const [a, b] = [new Random(1, "epoch", i).uniform(), new Random(1, "epoch", i + 1).uniform()];
    sum += (a - 0.5) * (b - 0.5) * 12;
  }
  assert(Math.abs(sum / 10_000) < 0.04, `correlation ${sum / 10_000}`);
});

Deno.test("Random refuses a seed or label out of range", () => {
  for (const seed of [-1, 0.5, 2 ** 32, NaN, Infinity]) {
    assertThrows(() => new Random(seed), ArgumentError, `with ${seed}`);
  }
  assertThrows(() => new Random(1, "x", NaN), ArgumentError, "label NaN");
  assertThrows(() => new Random(1, Infinity), ArgumentError, "label Infinity");
});

Deno.test("Random.below() gives every value equally often", () => {
  const random = new Random(1, "below");
  for (const n of [2, 3, 10, 100]) {
    const counts = new Array(n).fill(0);
    const draws = 1000 * n;
    for (let i = 0; i < draws; i++) counts[random.below(n)]++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // Mean n − 1, deviation √(2 (n − 1)).
    assert(
      chiSquare < n - 1 + 5 * Math.sqrt(2 * (n - 1)),
      `χ² ${chiSquare} with ${n - 1} degrees of freedom`,
    );
  }
});

Deno.test("Random.below() has no bias where the bound does not divide 2³²", () => {
  // A plain remainder of 3 · 2³⁰ would fall below 2³⁰ half of the time instead of a third.
  const random = new Random(1, "bias");
  let low = 0;
  for (let i = 0; i < 10_000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) low++;
  assertAlmostEquals(low / 10_000, 1 / 3, 0.02);
});

Deno.test("Random.below() takes the bounds 1 and 2³² and none beyond", () => {
  const random = new Random(1);
  assertEquals(random.below(1), 0);
  assertEquals(new Random(3).below(2 ** 32), new Random(3).uint32());
  for (const n of [0, -1, 1.5, 2 ** 32 + 1, NaN]) {
    assertThrows(() => random.below(n), ArgumentError, `below ${n}`);
  }
});

Deno.test("Random.uniform() fills [0, 1) evenly, down to the last bit", () => {
  const random = new Random(1, "uniform");
  let sum = 0;
  let squares = 0;
  let odd = 0;
  const n = 100_000;
  for (let i = 0; i < n; i++) {
    const value = random.uniform();
    assert(value >= 0 && value < 1);
    sum += value;
    squares += value * value;
    odd += value * 2 ** 53 % 2;
  }
  assertAlmostEquals(sum / n, 1 / 2, 0.005);
  assertAlmostEquals(squares / n, 1 / 3, 0.005);
  assertAlmostEquals(odd / n, 1 / 2, 0.01);
});

Deno.test("Random.normal() has the moments and the tails of the normal distribution", () => {
  const random = new Random(1, "normal");
  const n = 200_000;
  const moments = [0, 0, 0, 0];
  let beyondTwo = 0;
  let product = 0;
  let last = 0;
  for (let i = 0; i < n; i++) {
    const value = random.normal();
    for (let k = 0; k < 4; k++) moments[k] += value ** (k + 1) / n;
    if (Math.abs(value) > 2) beyondTwo++;
    product += value * last / n;
    last = value;
  }
  assertAlmostEquals(moments[0], 0, 0.012);
  assertAlmostEquals(moments[1], 1, 0.02);
  assertAlmostEquals(moments[2], 0, 0.05);
  assertAlmostEquals(moments[3], 3, 0.15);
  assertAlmostEquals(beyondTwo / n, 0.0455, 0.003);
  // The two values of a pair are uncorrelated.
  assertAlmostEquals(product, 0, 0.012);
});

Deno.test("Random.permutation() contains each integer once", () => {
  const order = new Random(1, "batches", 0).permutation(45_000);
  assertEquals(order.length, 45_000);
  assertEquals(order.toSorted(), Uint32Array.from({ length: 45_000 }, (_, i) => i));
  assertNotEquals(order, order.toSorted());
  assertEquals(new Random(1).permutation(0).length, 0);
  assertEquals([...new Random(1).permutation(1)], [0]);
  assertThrows(() => new Random(1).permutation(-1), ArgumentError, "permute -1");
  assertThrows(() => new Random(1).permutation(1.5), ArgumentError, "permute 1.5");
});

Deno.test("Random.permutation() gives every order equally often", () => {
  const random = new Random(1, "permutation");
  const counts = new Map<string, number>();
  for (let i = 0; i < 24_000; i++) {
    const order = random.permutation(4).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 24);
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert(chiSquare < 23 + 5 * Math.sqrt(46), `χ² ${chiSquare} with 23 degrees of freedom`);
});
