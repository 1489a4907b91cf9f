import { assertEquals } from "@std/assert";
import {
  affineBackward,
  affineBackwardInput,
  affineForward,
  batchNormApply,
  batchNormBackward,
  batchNormForward,
  reluBackward,
  reluForward,
  softmaxCrossEntropy,
} from "../../../src/model/reference/layers.ts";
import { assertNear, f64 } from "./_near.ts";

Deno.test("affineForward() is x W + b", () => {
  const s = affineForward(f64(1, 2, 3, 4), {
    weight: f64(1, 0, -1, 2, 1, 0),
    bias: f64(0.5, 0, 1),
  });

  assertEquals(s, f64(5.5, 2, 0, 11.5, 4, -2));
});

Deno.test("affineBackward() and affineBackwardInput() are the transposed products", () => {
  const ds = f64(1, 10, 2, 20, 3, 30); // [3, 2]
  const x = f64(1, 0, 2); // [3, 1]

  const { dWeight, dBias } = affineBackward(ds, { x, n: 3 });
  assertEquals(dWeight, f64(7, 70));
  assertEquals(dBias, f64(6, 60));
  const dx = affineBackwardInput(ds, { weight: f64(2, -1), n: 3 });
  assertEquals(dx, f64(-8, -16, -24));
});

Deno.test("batchNormForward() subtracts the mean and divides by the biased deviation", () => {
  // Feature 0 is 1 and 3: mean 2, variance 1. Feature 1 is constant, which leaves beta.
  const { y, normalised, mean, variance } = batchNormForward(f64(1, 5, 3, 5), {
    gamma: f64(2, 3),
    beta: f64(10, 20),
  });

  const unit = 1 / Math.sqrt(1 + 1e-5);
  assertEquals(mean, f64(2, 5));
  assertEquals(variance, f64(1, 0));
  assertNear(normalised, [-unit, 0, unit, 0]);
  assertNear(y, [10 - 2 * unit, 20, 10 + 2 * unit, 20]);
});

Deno.test("batchNormApply() uses the given mean and variance", () => {
  const { y } = batchNormApply(f64(7), {
    gamma: f64(2),
    beta: f64(1),
    mean: f64(3),
    variance: f64(4 - 1e-5),
  });

  assertNear(y, [5]);
});

Deno.test("batchNormBackward() subtracts the gradient through mean and variance", () => {
  const cache = { normalised: f64(-1, 0, 1), variance: f64(0.25 - 1e-5), gamma: f64(3) };

  const { ds, dGamma, dBeta } = batchNormBackward(f64(1, 2, 6), cache);

  // dy - 3 - ŝ 5 / 3 is (-1/3, -1, 4/3), times 3 / 0.5.
  assertEquals(dGamma, f64(5));
  assertEquals(dBeta, f64(9));
  assertNear(ds, [-2, -6, 8]);
});

Deno.test("reluForward() and reluBackward() pass on positive values and NaN", () => {
  assertEquals(reluForward(f64(-1, 0, 2, NaN)), f64(0, 0, 2, NaN));
  assertEquals(reluBackward(f64(5, 6, 7, 8), f64(-1, 0, 2, NaN)), f64(0, 0, 7, 8));
});

Deno.test("softmaxCrossEntropy() is the mean over the images", () => {
  const ln3 = Math.log(3);
  const { loss, dLogits } = softmaxCrossEntropy(f64(0, ln3, ln3, 0), [0, 0]);

  // Class 0 has p = 1/4 and 3/4.
  assertNear([loss], [(Math.log(4) + Math.log(4 / 3)) / 2]);
  assertNear(dLogits, [-3 / 8, 3 / 8, -1 / 8, 1 / 8]);
});

Deno.test("softmaxCrossEntropy() does not overflow when logits are large", () => {
  const { loss, dLogits } = softmaxCrossEntropy(f64(1000, -1000), [1]);

  assertEquals(loss, 2000);
  assertEquals(dLogits, f64(1, -1));
});
