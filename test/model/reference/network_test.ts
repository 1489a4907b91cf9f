import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../../src/errors.ts";
import { initialise, initialStatistics } from "../../../src/model/initialisation.ts";
import { type Architecture, isCancelledBias, layout } from "../../../src/model/network.ts";
import { Random } from "../../../src/model/random.ts";
import {
  type Batch,
  cost,
  evaluate,
  gradients,
  sgdStep,
  updateStatistics,
} from "../../../src/model/reference/network.ts";
import { assertNear, f64 } from "./_near.ts";

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

const fixture = new URL("../../../data/fixtures/reference.json", import.meta.url);
const { cases }: { cases: Record<string, Case> } = JSON.parse(Deno.readTextFileSync(fixture));

const architecture: Architecture = { inputs: 3, hidden: [4, 2], classes: 3, batchNorm: true };
const network = { architecture, parameters: initialise(architecture, { seed: 1, identity: 0 }) };

function randomBatch(n: number, seed: number): Batch {
  const random = new Random(seed, "batch");
  return {
    x: Float64Array.from({ length: n * architecture.inputs }, () => random.normal()),
    labels: Array.from({ length: n }, () => random.below(architecture.classes)),
  };
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
