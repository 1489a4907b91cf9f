import { assertEquals, assertStringIncludes } from "@std/assert";
import { benchRow } from "../_bench_row.ts";
import { trialRow } from "../_trial_row.ts";
import {
  baselineFigure,
  confusionFigure,
  learningRatesFigure,
  scalingFigure,
  searchFigure,
  sensitivityFigure,
  trendFigure,
} from "../../src/figures/mod.ts";
import { tagsOf, textsOf } from "../_svg.ts";

const BEFORE = { loss: 2.3, cost: 3.5, accuracy: 0.1 };
const AFTER = { loss: 1.5, cost: 2.5, accuracy: 0.47 };
const METRICS = [
  { step: 0, epoch: 0, eta: null, training: BEFORE, validation: BEFORE },
  { step: 450, epoch: 1, eta: 0.02, training: AFTER, validation: AFTER },
];
const MEASUREMENT = benchRow(1, { data: "a < b" });
const CONFUSION = { classNames: ["cat", "dog"], counts: [[7, 3], [2, 8]] };
const SIZE = {
  axis: "depth" as const,
  value: 3,
  msPerStep: 6,
  min: 5,
  max: 7,
  steps: 20,
  mflop: 63.24,
  gflopPerS: 10.54,
  adapter: "llvmpipe",
  variant: "plain",
  data: "a < b",
  hidden: "50,50",
  batch: 100,
  networks: 1,
  cliff: null,
};
const CURVE = [2.3, 1e6, 2.2].map((trainingLoss, step) => ({
  sigma: "0.1",
  batchNorm: true,
  step,
  trainingLoss,
}));

const RATES = [2.2, 1.7, 3].map((trainingLoss, i) => ({
  eta: 10 ** (i - 3),
  trainingLoss,
  trainingAccuracy: 0.4,
  divergedAt: null,
}));

/** All figures of one heading and data set. */
function drawAll(title: string): Promise<string>[] {
  const options = { title, dataSet: "a < b" };
  return [
    baselineFigure(METRICS, options),
    trendFigure([MEASUREMENT], { title }),
    searchFigure([trialRow()], options),
    confusionFigure(CONFUSION, options),
    learningRatesFigure(RATES, { ...options, classes: 10, initialLoss: 2.3 }),
    sensitivityFigure(CURVE, options),
    scalingFigure([SIZE], options),
  ];
}

Deno.test("every figure has a role, a title and a description, with ids of its own", async () => {
  const ids = new Set<string>();
  const figures = await Promise.all([...drawAll("one & only"), ...drawAll("other")]);
  for (const figure of figures) {
    const [svg, title, description] = tagsOf(figure);
    assertEquals(svg.attributes.get("role"), "img");
    assertEquals([title.name, description.name], ["title", "desc"]);
    const labels = [title, description].map(({ attributes }) => attributes.get("id")!);
    assertEquals(svg.attributes.get("aria-labelledby"), labels.join(" "));
    assertStringIncludes(description.text, "Data: a &lt; b");
    labels.forEach((label) => ids.add(label));
  }
  assertEquals(ids.size, 2 * figures.length);
});

Deno.test("every figure is as wide as a README, on a white ground, and names its heading and data", async () => {
  for (const figure of await Promise.all(drawAll("one & only"))) {
    const [, width, height] = figure.match(/ width="(\d+)" height="(\d+)" viewBox="0 0 \1 \2"/)!;
    assertEquals(Number(width) >= 780 && Number(width) <= 840, true, width);
    assertStringIncludes(figure, `<rect width="${width}" height="${height}" fill="white"/>`);
    const texts = textsOf(tagsOf(figure));
    assertEquals(texts.includes("one &amp; only"), true);
    assertEquals(texts.includes("Data: a &lt; b"), true);
  }
});

Deno.test("every figure is the same for the same rows, also when drawn beside others", async () => {
  const together = await Promise.all(drawAll("one"));
  for (const [i, figure] of drawAll("one").entries()) {
    assertEquals(await figure === together[i], true);
  }
});

Deno.test("no name or text of a file becomes a tag or an attribute of a figure", async () => {
  const hostile = `" onload="alert(1)" '$& <script>`;
  const options = {
    title: hostile,
    dataSet: hostile,
    subtitle: hostile,
    outcomes: [{ sigma: hostile, batchNorm: true, outcome: hostile }],
  };
  const { counts } = CONFUSION;
  const figures = await Promise.all([
    baselineFigure(METRICS, options),
    trendFigure([
      { ...MEASUREMENT, adapter: hostile, data: hostile },
      { ...MEASUREMENT, adapter: `${hostile} 2`, hidden: hostile },
    ], options),
    searchFigure([{ ...trialRow(), stage: hostile }], options),
    confusionFigure({ counts, classNames: [hostile, "dog"] }, options),
    sensitivityFigure(CURVE.map((row) => ({ ...row, sigma: hostile })), options),
    scalingFigure([{ ...SIZE, adapter: hostile, variant: hostile, data: hostile }], options),
  ]);
  for (const figure of figures) {
    for (const { name, attributes } of tagsOf(figure)) {
      assertEquals(name === "script" || attributes.has("onload"), false);
    }
  }
});
