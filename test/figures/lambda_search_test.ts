import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { searchFigure } from "../../src/figures/lambda_search.ts";
import type { TrialRow } from "../../src/train/lambda_search.ts";
import { checkTexts, type Tag, tagsOf, textsOf } from "../_svg.ts";
import { trialRow } from "../_trial_row.ts";

const FIGURE = { title: "Coarse search", dataSet: "CIFAR-10" };
const TRIAL = "#0072B2";
const BEST = "#D55E00";

/** Five λ from 1e-5 to 1e-1; 1e-3 is the best. */
function coarse(): TrialRow[] {
  return [1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map((lambda, i) =>
    trialRow({
      lambda,
      trial: i + 1,
      accuracy: 0.54 - 0.02 * Math.abs(i - 2),
      cost: 1.6 + 0.1 * Math.abs(i - 1),
    })
  );
}

/** Points of one colour, key first, then those of the panels; not the ends of bars, which are rectangles. */
function pointsOf(tags: Tag[], colour: string): Tag[] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("fill") === colour && !attributes.get("d")!.includes("h")
  );
}

Deno.test("searchFigure() draws accuracy and cost against λ, and names the best", async () => {
  const tags = tagsOf(await searchFigure(coarse(), { ...FIGURE, subtitle: "batch 100" }));
  const texts = textsOf(tags);
  const expected = [
    "Coarse search",
    "Data: CIFAR-10 · batch 100",
    "Validation accuracy (%)",
    "Validation cost (loss + λ ∑ ‖W‖²)",
    "One network for each λ",
    "Best: λ = 1.00e-3, accuracy 54.00 %, cost 1.7",
  ];
  for (const text of expected) {
    assertEquals(texts.filter((other) => other === text).length, 1, text);
  }
  for (const text of ["L2 weight λ (log scale)", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]) {
    assertEquals(texts.filter((other) => other === text).length, 2, text);
  }
  assertEquals(pointsOf(tags, TRIAL).length, 1 + 2 * 4);
  assertEquals(pointsOf(tags, BEST).length, 1 + 2);
  checkTexts(tags);
});

Deno.test("searchFigure() puts λ at equal distances for equal ratios, and greater accuracy higher", async () => {
  const tags = tagsOf(await searchFigure(coarse(), FIGURE));
  const points = pointsOf(tags, TRIAL).slice(1, 5);
  assertAlmostEquals(points[1].x - points[0].x, (points[3].x - points[0].x) / 4, 0.01);
  assertEquals(points[1].y < points[0].y, true);
  // In the panel of cost the second λ is the lowest of all.
  const costs = [...pointsOf(tags, TRIAL).slice(5), pointsOf(tags, BEST)[2]];
  assertEquals(Math.max(...costs.map(({ y }) => y)), costs[1].y);
});

Deno.test("searchFigure() tells the best apart by its shape as well", async () => {
  const tags = tagsOf(await searchFigure(coarse(), FIGURE));
  const [usual, best] = [TRIAL, BEST].map((colour) =>
    new Set(pointsOf(tags, colour).map(({ attributes }) => attributes.get("d")))
  );
  assertEquals([usual.size, best.size], [1, 1]);
  assertEquals([...usual][0] === [...best][0], false);
});

Deno.test("searchFigure() draws the mean of repeated trials and a bar from min to max", async () => {
  const rows = coarse().flatMap((row) =>
    [-0.01, 0, 0.04].map((more) => {
      const accuracy = row.validation.accuracy + more;
      return { ...row, validation: { ...row.validation, accuracy } };
    })
  );
  const tags = tagsOf(await searchFigure(rows, FIGURE));
  assertEquals(
    textsOf(tags).includes("Mean of 3 networks for each λ, bar from min to max"),
    true,
  );
  assertEquals(textsOf(tags).includes("Best: λ = 1.00e-3, accuracy 55.00 %, cost 1.7"), true);
  const bars = tags.filter(({ name, attributes }) =>
    name === "line" && attributes.get("stroke") === TRIAL
  );
  assertEquals(bars.length, 5, "the costs of a λ are all the same");
  const [point] = pointsOf(tags, TRIAL).slice(1);
  const [bar] = bars;
  assertAlmostEquals(bar.x, point.x, 0.01);
  // The bar begins at one end and reaches the other relative to it.
  const length = Number(bar.attributes.get("y2"));
  const ends = [bar.y, bar.y + length].sort((a, b) => a - b);
  assertAlmostEquals((point.y - ends[0]) / (ends[1] - ends[0]), 0.6, 0.01);
});

Deno.test("searchFigure() names networks that diverged, and does not draw them", async () => {
  const lost = { validation: { loss: NaN, cost: NaN, accuracy: 0.99 }, divergedAt: 7 };
  const rows = coarse();
  rows[3] = { ...rows[3], ...lost };
  const tags = tagsOf(await searchFigure(rows, FIGURE));
  assertEquals(
    textsOf(tags).includes("Diverged and not drawn: λ\u00a0=\u00a01.00e-2"),
    true,
  );
  assertEquals(pointsOf(tags, TRIAL).length, 1 + 2 * 3);
  assertStringIncludes(textsOf(tags).join("\n"), "Best: λ = 1.00e-3");

  const repeated = [...coarse(), { ...coarse()[4], ...lost }];
  const text = textsOf(tagsOf(await searchFigure(repeated, FIGURE))).join("\n");
  assertStringIncludes(text, "λ\u00a0=\u00a01.00e-1 (1\u00a0of\u00a02)");

  const all = tagsOf(await searchFigure(rows.map((row) => ({ ...row, ...lost })), FIGURE));
  assertEquals(textsOf(all).includes("No best λ: all networks diverged"), true);
  assertEquals(pointsOf(all, BEST), []);
  checkTexts(all);
});

Deno.test("searchFigure() finds readable ticks for wide and narrow ranges", async () => {
  const cases: [lambdas: number[], ticks: string[]][] = [
    [[1.3e-5, 0.08], ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]],
    [[1e-12, 1], ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]],
    [[1.2e-3, 9.5e-3], ["0.001", "0.002", "0.005", "0.01"]],
    [[3.2e-3, 6.1e-3], ["0.004", "0.005", "0.006"]],
    [[3.31e-3, 3.94e-3], ["0.0034", "0.0036", "0.0038", "0.004"]],
    [[3.5e-3], ["0.003", "0.004", "0.005"]],
  ];
  for (const [lambdas, ticks] of cases) {
    const rows = lambdas.map((lambda, i) => trialRow({ lambda, trial: i + 1 }));
    const tags = tagsOf(await searchFigure(rows, FIGURE));
    const texts = textsOf(tags);
    // The ticks of the first panel stand before the name of its axis.
    const end = texts.indexOf("L2 weight λ (log scale)");
    assertEquals(texts.slice(end - ticks.length, end), ticks);
    checkTexts(tags);
  }
});

Deno.test("searchFigure() gives few digits to values that are almost equal", async () => {
  const rows = [0.541234567, 0.541234568].map((accuracy, i) =>
    trialRow({ lambda: 1e-3 * (i + 1), trial: i + 1, accuracy })
  );
  const tags = tagsOf(await searchFigure(rows, FIGURE));
  const numbers = textsOf(tags).filter((text) => /^5\d\.\d+$/.test(text));
  assertEquals(numbers.length > 1 && numbers.every((text) => text.length <= 5), true);
  checkTexts(tags);
});

Deno.test("searchFigure() describes every λ, and says when the search was quick", async () => {
  const [, title, description] = tagsOf(await searchFigure(coarse(), { ...FIGURE, quick: true }));
  assertEquals(title.text, "Coarse search (quick run): search for λ");
  assertStringIncludes(description.text, "Best: λ = 1.00e-3, accuracy 54.00 %, cost 1.7.");
  assertStringIncludes(description.text, "λ = 1.00e-5, accuracy 50.00 %, cost 1.7;");
});

Deno.test("searchFigure() refuses to draw nothing, and a λ that has no place on the axis", () => {
  assertThrows(() => searchFigure([], FIGURE), ArgumentError, "there are no rows");
  for (const lambda of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => searchFigure([trialRow({ lambda })], FIGURE),
      ArgumentError,
      `lambda is ${lambda}, expected a positive number`,
    );
  }
});
