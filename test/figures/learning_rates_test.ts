import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { learningRatesFigure } from "../../src/figures/learning_rates.ts";
import type { RateRow } from "../../src/train/learning_rates.ts";
import { checkTexts, type Tag, tagsOf, textsOf } from "../_svg.ts";

const FIGURE = { title: "Learning rates", dataSet: "CIFAR-10", classes: 10, initialLoss: 2.3 };
const TRAINED = "#0072B2";
const BEST = "#D55E00";
const DIVERGED = "#222222";

/** Rates a factor of ten apart from 1e-4 on; null is one that diverged. */
function rowsOf(losses: readonly (number | null)[]): RateRow[] {
  return losses.map((loss, i) => ({
    eta: Number(`1e${i - 4}`),
    trainingLoss: loss ?? NaN,
    trainingAccuracy: loss === null ? NaN : 0.3,
    divergedAt: loss === null ? 5 : null,
  }));
}

/** From 1e-4 to 100: the range is 0.001 to 0.1, one is far above and one diverged. */
const ROWS = rowsOf([2.29, 2.1, 1.5, 1.55, 2.2, 1e6, null]);

/** Points of one colour, the key's first; lines and shades have no fill of that opacity. */
function pointsOf(tags: Tag[], colour: string): Tag[] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("fill") === colour && attributes.get("opacity") === "1"
  );
}

/** Fails if a text widens the figure. */
function checkWidth(tags: Tag[]): void {
  const width = Number(tags[0].attributes.get("width"));
  assert(width >= 780 && width <= 840, `${width}`);
}

/** What is shaded: the sample in the key, then the range. */
function shadesOf(tags: Tag[]): Tag[] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("opacity") === "0.15"
  );
}

Deno.test("learningRatesFigure() draws the loss against the rate, and names the range", async () => {
  const svg = await learningRatesFigure(ROWS, { ...FIGURE, subtitle: "450 steps" });
  const tags = tagsOf(svg);
  const expected = [
    "Learning rates",
    "Data: CIFAR-10 · 450 steps",
    "Training loss (mean cross-entropy)",
    "Learning rate η (log scale)",
    "One network for each constant learning rate",
    "Smallest loss: η = 0.01, loss 1.5",
    "Suggested range: η from 0.001 to 0.1",
    "With the initial weights: loss 2.3",
    "Above the panel: far worse than the initial weights",
    "Diverged: 1 of 7",
  ];
  const texts = textsOf(tags);
  for (const text of expected) {
    assertEquals(texts.filter((other) => other === text).length, 1, text);
  }
  // In the key a circle, a diamond, a triangle and a cross; in the panel the rest.
  assertEquals(pointsOf(tags, TRAINED).length, 2 + 4 + 1);
  assertEquals(pointsOf(tags, BEST).length, 1 + 1);
  assertEquals(pointsOf(tags, DIVERGED).length, 1 + 1);
  checkWidth(tags);
  checkTexts(tags);
});

Deno.test("learningRatesFigure() shades the range from rate to rate, and puts what is too high at the edge", async () => {
  const tags = tagsOf(await learningRatesFigure(ROWS, FIGURE));
  const [, best] = pointsOf(tags, BEST);
  const trained = pointsOf(tags, TRAINED).slice(2);
  const [, range] = shadesOf(tags);
  // M x,y h width v height …
  const [x, , width] = range.attributes.get("d")!.match(/-?[\d.]+/g)!.map(Number);
  const [first, second, third] = trained;
  assertAlmostEquals(range.x + x, second.x, 0.01);
  assertAlmostEquals(range.x + x + width, third.x, 0.01);
  assert(first.y < second.y && second.y < best.y, "greater losses are higher");
  const high = trained.at(-1)!;
  const [, diverged] = pointsOf(tags, DIVERGED);
  assertEquals(high.y, diverged.y);
  assert(high.y < Math.min(first.y, second.y, third.y) && high.x < diverged.x);
});

Deno.test("learningRatesFigure() says why there is no range", async () => {
  const cases: [RateRow[], string, number][] = [
    [rowsOf([2.29, 2, 1.5]), "rate, 0.01: expected larger rates", 0],
    [rowsOf([null, null]), "All networks diverged: expected smaller rates", 0],
    [rowsOf([2.3]), "at every rate: expected more steps or other rates", 0],
    // A range of one rate is ruled.
    [rowsOf([2.29, 1, 2.29]), "Suggested range: η from 0.001 to 0.001", 2],
  ];
  for (const [rows, text, shades] of cases) {
    const tags = tagsOf(await learningRatesFigure(rows, FIGURE));
    assertStringIncludes(textsOf(tags).join(" "), text);
    checkWidth(tags);
    const ruled = tags.filter(({ name, attributes }) =>
      name === "line" && attributes.get("opacity") === "0.15"
    );
    assertEquals(shadesOf(tags).length + ruled.length, shades);
    checkTexts(tags);
  }
  const lost = { ...FIGURE, initialLoss: NaN };
  for (const rows of [rowsOf([2, 1]), rowsOf([null])]) {
    const tags = tagsOf(await learningRatesFigure(rows, lost));
    assertStringIncludes(textsOf(tags).join(" "), "not finite before training");
    checkTexts(tags);
  }
});

Deno.test("learningRatesFigure() describes every rate, and draws the same from any order", async () => {
  const svg = await learningRatesFigure(ROWS, { ...FIGURE, quick: true });
  const [, title, description] = tagsOf(svg);
  assertEquals(title.text, "Learning rates (quick run): test of learning rates");
  assertStringIncludes(description.text, "Suggested range: η from 0.001 to 0.1.");
  assertStringIncludes(
    description.text,
    "η = 0.1, loss 1.55; η = 1, loss 2.2; η = 10, loss 1000000;",
  );
  assertStringIncludes(description.text, "η = 100, diverged.");
  assertEquals(await learningRatesFigure(ROWS.toReversed(), { ...FIGURE, quick: true }), svg);
});

Deno.test("learningRatesFigure() refuses to draw nothing, and a rate that has no place on the axis", () => {
  assertThrows(() => learningRatesFigure([], FIGURE), ArgumentError, "there are no rows");
  for (const eta of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => learningRatesFigure([{ ...ROWS[0], eta }], FIGURE),
      ArgumentError,
      `eta is ${eta}, expected a positive number`,
    );
  }
});
