import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { sensitivityFigure } from "../../src/figures/sensitivity.ts";
import type { CurveRow } from "../../src/train/sensitivity.ts";
import { checkTexts, curvesOf, type Tag, tagsOf, textsOf } from "../_svg.ts";

const FIGURE = { title: "Initial weights", dataSet: "CIFAR-10" };
const OFF = "#D55E00";
const ON = "#0072B2";

/** A loss every 100 steps. */
function curve(sigma: string, batchNorm: boolean, losses: readonly number[]): CurveRow[] {
  return losses.map((trainingLoss, i) => ({ sigma, batchNorm, step: 100 * i, trainingLoss }));
}

function study(sigmas: readonly string[] = ["0.1", "0.001", "he"]): CurveRow[] {
  return [false, true].flatMap((batchNorm) =>
    sigmas.flatMap((sigma) => curve(sigma, batchNorm, [2.3, 1.9, batchNorm ? 1.4 : 1.6]))
  );
}

function dotsOf(tags: Tag[], colour: string): Tag[] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("fill") === colour
  );
}

function placesOf(tags: Tag[], text: string): [x: number, y: number][] {
  return tags.filter((tag) => tag.text === text).map(({ x, y }) => [x, y]);
}

Deno.test("sensitivityFigure() draws a column for each σ in their order, off above on", async () => {
  const tags = tagsOf(await sensitivityFigure(study(), FIGURE));
  const places = ["σ = 0.1", "σ = 0.001", "He"].map((text) => placesOf(tags, text));
  assertEquals(places.map((both) => both.length), [2, 2, 2]);
  for (const [above, below] of places) {
    assertEquals(above[0], below[0]);
    assertEquals(above[1] < below[1], true);
  }
  const lefts = places.map(([[x]]) => x);
  assertEquals(lefts, lefts.toSorted((a, b) => a - b));
  assertEquals(places.map(([[, y]]) => y), Array(3).fill(places[0][0][1]));
  const [[, off]] = placesOf(tags, "Training loss (nats), batch norm off");
  const [[, on]] = placesOf(tags, "Training loss (nats), batch norm on");
  assertEquals(off < places[0][0][1] && places[0][0][1] < on && on < places[0][1][1], true);
  assertEquals([curvesOf(tags, OFF).length, curvesOf(tags, ON).length], [3, 3]);
  checkTexts(tags);
});

Deno.test("sensitivityFigure() gives all panels the same axes", async () => {
  const rows = [...curve("0.1", false, [3, 2, 1]), ...curve("0.1", true, [2, 2])];
  const tags = tagsOf(await sensitivityFigure(rows, FIGURE));
  const [[off], [on]] = [curvesOf(tags, OFF), curvesOf(tags, ON)];
  // The same loss at the same step is at the same place of its panel.
  assertEquals(off[1], on[1]);
  assertEquals(on[0], [off[0][0], off[1][1]]);
  assertEquals(textsOf(tags).filter((text) => text === "2.0").length, 2, "named left of each line");
});

Deno.test("sensitivityFigure() writes the outcome of each run above its panel", async () => {
  const outcomes = [
    { sigma: "0.1", batchNorm: false, outcome: "diverged at step 12345" },
    { sigma: "0.001", batchNorm: false, outcome: "stalled" },
    { sigma: "he", batchNorm: true, outcome: "trained" },
    { sigma: "0.1", batchNorm: true, outcome: "worse than guessing" },
  ];
  const tags = tagsOf(await sensitivityFigure(study(), { ...FIGURE, outcomes }));
  const [[left, first]] = placesOf(tags, "diverged at step");
  const [[, second]] = placesOf(tags, "12345");
  assertEquals(left, placesOf(tags, "σ = 0.1")[0][0]);
  assertEquals(first < second, true);
  const [[stalled, height]] = placesOf(tags, "stalled");
  assertEquals([stalled, height], [placesOf(tags, "σ = 0.001")[0][0], first]);
  assertEquals(placesOf(tags, "trained")[0][0], placesOf(tags, "He")[1][0]);
  assertEquals(placesOf(tags, "worse than guessing")[0][0], left);
  checkTexts(tags);
});

Deno.test("sensitivityFigure() leaves a gap after divergence, and a dot before it", async () => {
  const rows = [
    ...curve("0.1", false, [2.3, 2.5, NaN, NaN]),
    ...curve("0.001", false, [2.3, Infinity, NaN, NaN]),
    ...curve("0.1", true, [2.3, 2, 1.8, 1.7]),
  ];
  const tags = tagsOf(await sensitivityFigure(rows, FIGURE));
  assertEquals(curvesOf(tags, OFF).map((points) => points.length), [2, 1]);
  assertEquals([dotsOf(tags, OFF).length, dotsOf(tags, ON).length], [2, 0]);
  const texts = textsOf(tags);
  assertEquals(texts.includes("A dot ends a curve whose next value is NaN or infinite"), true);
  assertEquals(texts.includes("no run"), true, "0.001 with batch norm");
  assertEquals(texts.some((text) => text.includes("cut off")), false);
  checkTexts(tags);
});

Deno.test("sensitivityFigure() cuts off losses that would flatten the others, and says so", async () => {
  const rows = [...curve("10", false, [2.3, 4600, 2.3]), ...curve("0.1", true, [2.3, 1.8, 1.5])];
  for (const classes of [10, undefined]) {
    const tags = tagsOf(await sensitivityFigure(rows, { ...FIGURE, classes }));
    const text = textsOf(tags).join("\n");
    assertStringIncludes(text, "are cut off; the highest is 4600");
    const [points] = curvesOf(tags, OFF);
    const heights = points.map(([, y]) => y);
    // Down from the first value to the top edge, and back from it to the last.
    assertEquals(points.length, 4);
    assertEquals(heights[0] > 50, true, "2.3 is well below the top");
    assertEquals(heights.slice(1, 3), [0, 0]);
    assertAlmostEquals(heights[3], heights[0], 1e-6);
    checkTexts(tags);
  }
});

Deno.test("sensitivityFigure() marks the loss of guessing when the number of classes is known", async () => {
  const dashed = (tags: Tag[]) =>
    tags.filter(({ attributes }) => attributes.get("stroke-dasharray") === "5,4");
  const known = tagsOf(await sensitivityFigure(study(), { ...FIGURE, classes: 10 }));
  assertEquals(dashed(known).length, 6);
  assertEquals(
    textsOf(known).includes("Dashed: the loss of guessing, ln(10) = 2.303"),
    true,
  );
  // All curves start at 2.3, next to it.
  const [[[, start]]] = curvesOf(known, ON);
  const panel = placesOf(known, "σ = 0.1")[1][1];
  const [line] = dashed(known).slice(3);
  assertEquals(Math.abs(line.y - (panel + start)) < 40, true, `${line.y}, ${panel + start}`);

  const unknown = tagsOf(await sensitivityFigure(study(), FIGURE));
  assertEquals([dashed(unknown).length, textsOf(unknown).join().includes("Dashed")], [0, false]);
});

Deno.test("sensitivityFigure() accepts one σ or many, one setting of batch norm, and no finite loss", async () => {
  const cases: [rows: CurveRow[], panels: number][] = [
    [curve("he", true, [2.3, 1.5]), 1],
    [study(["1", "0.1", "0.01", "0.001", "he"]), 10],
    [study(["1", "0.1", "0.01", "0.001", "0.0001", "xavier"]), 12],
    [curve("0.1", false, [2.3]), 1],
    [curve("0.1", false, [NaN, NaN]), 1],
  ];
  for (const [rows, panels] of cases) {
    const svg = await sensitivityFigure(rows, FIGURE);
    const tags = tagsOf(svg);
    const headers = textsOf(tags).filter((text) => /^(σ = [\d.]+|He|Xavier)$/.test(text));
    assertEquals(headers.length, panels);
    const width = Number(svg.match(/ width="(\d+)"/)![1]);
    assertEquals(width >= 800 && width <= 840, true, `${width}`);
    checkTexts(tags);
  }
});

Deno.test("sensitivityFigure() describes each run and the best, and says when they were quick", async () => {
  const rows = [...study(["0.1"]), ...curve("0.001", false, [2.3, NaN])];
  const outcomes = [{ sigma: "0.001", batchNorm: false, outcome: "diverged at step 7" }];
  const [, title, description] = tagsOf(
    await sensitivityFigure(rows, { ...FIGURE, quick: true, outcomes }),
  );
  assertEquals(title.text, "Initial weights (quick run): training loss");
  const expected = [
    "σ = 0.1, batch norm off: 2.3 at first, 1.6 after 200 steps.",
    "σ = 0.001, batch norm off: 2.3 at first, not a finite number after 100 steps, " +
    "diverged at step 7.",
    "The lowest at the end is 1.4: σ = 0.1, batch norm on.",
  ];
  for (const text of expected) assertStringIncludes(description.text, text);
});

Deno.test("sensitivityFigure() refuses to draw nothing", () => {
  assertThrows(() => sensitivityFigure([], FIGURE), ArgumentError, "there are no rows");
});
