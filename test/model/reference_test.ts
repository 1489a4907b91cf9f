import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import {
  type Architecture,
  initialise,
  initialStatistics,
  isCancelledBias,
  layout,
} from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";
import {
  affineBackward,
  affineBackwardInput,
  affineForward,
  type Batch,
  batchNormApply,
  batchNormBackward,
  batchNormForward,
  cost,
  evaluate,
  gradients,
  reluBackward,
  reluForward,
  sgdStep,
  softmaxCrossEntropy,
  updateStatistics,
} from "../../src/model/reference.ts";

/** What data/fixtures/reference.py writes. */
interface Case {
  architecture: Architecture;
  lambda: number;
  eta: number;
  parameters: Record<string, number[]>;
  batches: { x: number[]; labels: number[] }[];
  training: { logits: number[]; loss: number; cost: number; gradients: Record<string, number[]> };
  statistics: Record<string, number[]>[]; // after the first batch, and after both
  evaluation: { logits: number[]; loss: number; cost: number; accuracy: number };
  costs: number[];
}

const fixture = new URL("../../data/fixtures/reference.json", import.meta.url);
const { cases }: { cases: Record<string, Case> } = JSON.parse(Deno.readTextFileSync(fixture));

const architecture: Architecture = { inputs: 3, hidden: [4, 2], classes: 3, batchNorm: true };
const network = { architecture, parameters: initialise(architecture, { seed: 1, identity: 0 }) };

function f64(...values: number[]): Float64Array {
  return new Float64Array(values);
}

function randomBatch(n: number, seed: number): Batch {
  const random = new Random(seed, "batch");
  return {
    x: Float64Array.from({ length: n * architecture.inputs }, () => random.normal()),
    labels: Array.from({ length: n }, () => random.below(architecture.classes)),
  };
}

function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, message = ""): void {
  assertEquals(actual.length, expected.length, message);
  for (let i = 0; i < expected.length; i++) {
    assertAlmostEquals(actual[i], expected[i], 1e-10 * Math.abs(expected[i]), `${message}[${i}]`);
  }
}

// -------------------------------------------------------------------------------------------------------------------
// Against PyTorch

for (const [name, fixed] of Object.entries(cases)) {
  const { architecture, lambda, eta, training, evaluation } = fixed;
  const { parameters: tensors, statistics: averages } = layout(architecture);
  const parameters = f64(...tensors.flatMap(({ name }) => fixed.parameters[name]));
  const [first, second] = fixed.batches.map(({ x, labels }) => ({ x: f64(...x), labels }));

  Deno.test(`gradients() equals PyTorch's autograd when the network is ${name}`, () => {
    const result = gradients({ architecture, parameters }, first, { lambda });

    assertNear(result.logits, training.logits, "logits");
    assertNear([result.loss, result.cost], [training.loss, training.cost], "loss, cost");
    for (const tensor of tensors) {
      const actual = result.gradients.subarray(tensor.offset, tensor.offset + tensor.size);
      if (isCancelledBias(architecture, tensor)) {
        assert(actual.every((value) => Math.abs(value) < 1e-15), tensor.name);
      } else {
        assertNear(actual, training.gradients[tensor.name], tensor.name);
      }
    }
  });

  Deno.test(`evaluate() equals PyTorch after two batches when the network is ${name}`, () => {
    const statistics = new Float64Array(initialStatistics(architecture));
    [first, second].forEach((batch, i) => {
      const { batchStatistics } = gradients({ architecture, parameters }, batch);
      updateStatistics(statistics, batchStatistics, i === 0);
      assertNear(statistics, averages.flatMap(({ name }) => fixed.statistics[i][name]), `${i}`);
    });

    const result = evaluate({ architecture, parameters, statistics }, second, { lambda });

    assertNear(result.logits, evaluation.logits, "logits");
    assertNear([result.loss, result.cost], [evaluation.loss, evaluation.cost], "loss, cost");
    assertEquals(result.accuracy, evaluation.accuracy);
  });

  Deno.test(`sgdStep() descends as PyTorch's SGD when the network is ${name}`, () => {
    const moving = parameters.slice();
    const costs = fixed.costs.map((_, step) => {
      const batch = [first, second][step % 2];
      const result = gradients({ architecture, parameters: moving }, batch, { lambda });
      sgdStep(moving, result.gradients, eta);
      return result.cost;
    });

    assertNear(costs, fixed.costs);
  });
}

// -------------------------------------------------------------------------------------------------------------------
// By hand

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

Deno.test("batchNormForward() takes the mean away and divides by the biased deviation", () => {
  // Feature 0 is 1 and 3: mean 2, variance 1. Feature 1 never changes: what is left of it is beta.
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

Deno.test("batchNormApply() uses the mean and the variance that it is given", () => {
  const { y } = batchNormApply(f64(7), {
    gamma: f64(2),
    beta: f64(1),
    mean: f64(3),
    variance: f64(4 - 1e-5),
  });

  assertNear(y, [5]);
});

Deno.test("batchNormBackward() takes out what the mean and the variance would undo", () => {
  const cache = { normalised: f64(-1, 0, 1), variance: f64(0.25 - 1e-5), gamma: f64(3) };

  const { ds, dGamma, dBeta } = batchNormBackward(f64(1, 2, 6), cache);

  // dy - 3 - ŝ 5 / 3 is (-1/3, -1, 4/3), times 3 / 0.5.
  assertEquals(dGamma, f64(5));
  assertEquals(dBeta, f64(9));
  assertNear(ds, [-2, -6, 8]);
});

Deno.test("reluForward() and reluBackward() let through what is above 0, and at NaN", () => {
  assertEquals(reluForward(f64(-1, 0, 2, NaN)), f64(0, 0, 2, NaN));
  assertEquals(reluBackward(f64(5, 6, 7, 8), f64(-1, 0, 2, NaN)), f64(0, 0, 7, 8));
});

Deno.test("softmaxCrossEntropy() is the mean over the images", () => {
  const ln3 = Math.log(3);
  const { loss, dLogits } = softmaxCrossEntropy(f64(0, ln3, ln3, 0), [0, 0]);

  // The shares of class 0 are 1/4 and 3/4.
  assertNear([loss], [(Math.log(4) + Math.log(4 / 3)) / 2]);
  assertNear(dLogits, [-3 / 8, 3 / 8, -1 / 8, 1 / 8]);
});

Deno.test("softmaxCrossEntropy() does not overflow when logits are large", () => {
  const { loss, dLogits } = softmaxCrossEntropy(f64(1000, -1000), [1]);

  assertEquals(loss, 2000);
  assertEquals(dLogits, f64(1, -1));
});

Deno.test("updateStatistics() takes the first batch whole and a tenth of the next", () => {
  const statistics = new Float32Array([0, 1]);

  updateStatistics(statistics, f64(5, 20), true);
  assertEquals([...statistics], [5, 20]);
  updateStatistics(statistics, f64(15, 10), false);
  assertEquals([...statistics], [6, 19]);
});

Deno.test("sgdStep() goes against the gradient", () => {
  const parameters = f64(1, 2);
  sgdStep(parameters, f64(4, -8), 0.25);

  assertEquals(parameters, f64(0, 4));
});

// -------------------------------------------------------------------------------------------------------------------
// The network

Deno.test("gradients() adds 2 lambda W to weights alone", () => {
  const batch = randomBatch(5, 1);
  const { weights } = layout(architecture);
  const bare = gradients(network, batch);
  const whole = gradients(network, batch, { lambda: 0.25 });

  const squares = network.parameters.subarray(0, weights).reduce((sum, w) => sum + w * w, 0);
  assertEquals(bare.cost, bare.loss);
  assertEquals(whole.loss, bare.loss);
  assertAlmostEquals(whole.cost, bare.loss + 0.25 * squares, 1e-12);
  whole.gradients.forEach((value, i) => {
    const penalty = i < weights ? 0.5 * network.parameters[i] : 0;
    assertAlmostEquals(value, bare.gradients[i] + penalty, 1e-15);
  });
});

Deno.test("gradients() are 0 for a bias when batch norm follows it", () => {
  const { gradients: result } = gradients(network, randomBatch(5, 1), { lambda: 0.5 });
  for (const parameter of layout(architecture).parameters) {
    const { name, offset, size } = parameter;
    const largest = result.subarray(offset, offset + size)
      .reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assertEquals(largest < 1e-15, isCancelledBias(architecture, parameter), `${name} ${largest}`);
  }
});

Deno.test("cost() is that of gradients()", () => {
  const batch = randomBatch(5, 1);
  const { loss, penalty, cost: total, reluInputs } = gradients(network, batch, { lambda: 0.5 });

  assertEquals(cost(network, batch, { lambda: 0.5 }), { loss, penalty, cost: total, reluInputs });
  assertEquals(total, loss + penalty);
  assertEquals(reluInputs.map(({ length }) => length), [20, 10]);
});

Deno.test("evaluate() gives an image the same logits whatever else is in the batch", () => {
  const random = new Random(1, "statistics");
  const statistics = initialStatistics(architecture).map(() => 0.1 + random.uniform());
  const { x, labels } = randomBatch(5, 1);
  const all = evaluate({ ...network, statistics }, { x, labels });
  const alone = evaluate({ ...network, statistics }, {
    x: x.slice(3, 6),
    labels: [labels[1]],
  });

  assertEquals(alone.logits, all.logits.slice(3, 6));
});

Deno.test("evaluate() equals training mode when the averages are those of the batch", () => {
  const batch = randomBatch(5, 1);
  const { logits, cost, batchStatistics } = gradients(network, batch, { lambda: 0.5 });

  const result = evaluate({ ...network, statistics: batchStatistics }, batch, { lambda: 0.5 });

  assertEquals(result.logits, logits);
  assertEquals(result.cost, cost);
});

Deno.test("evaluate() counts the images whose greatest logit is that of their label", () => {
  const classifier = {
    architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
    parameters: f64(-1, 1, 0, 0), // class 1 above 0
    statistics: f64(),
  };

  const { accuracy } = evaluate(classifier, { x: f64(-2, 3, 4, -5), labels: [0, 1, 0, 0] });

  assertEquals(accuracy, 0.75);
});

Deno.test("gradients() and evaluate() refuse what does not fit together", () => {
  const { x, labels } = randomBatch(5, 1);
  const statistics = initialStatistics(architecture);
  const one = { x: x.slice(0, 3), labels: [0] };

  function refuses(call: () => unknown, message: string): void {
    assertThrows(call, ArgumentError, message);
  }
  refuses(() => gradients(network, one), "at least 2 with batch norm");
  refuses(() => gradients({ ...network, statistics } as typeof network, one), "at least 2");
  refuses(() => cost(network, one), "at least 2 with batch norm");
  refuses(() => gradients(network, { x: f64(), labels: [] }), "no labels");
  refuses(() => gradients(network, { x: x.slice(1), labels }), "14 values");
  refuses(() => gradients(network, { x, labels: [0, 1, 2, 3, 0] }), "label 3 is 3");
  refuses(() => gradients({ architecture, parameters: f64(1) }, { x, labels }), "1 parameters");
  refuses(() => evaluate({ ...network, statistics: f64(1) }, one), "1 statistics");
});
