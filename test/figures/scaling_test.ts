import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import type { ScalingAxis } from "../../src/measure/scaling.ts";
import { scalingFigure } from "../../src/figures/scaling.ts";
import type { ScalingRow } from "../../src/measure/scaling.ts";
import { checkTexts, type Tag, tagsOf, textsOf } from "../_svg.ts";

const FIGURE = { title: "How a step grows", dataSet: "CIFAR-10" };
const MEASURED = "#0072B2";
const CLIFF = "#D55E00";
const ARITHMETIC = "#222222";

function row(axis: ScalingAxis, value: number, changes: Partial<ScalingRow> = {}): ScalingRow {
  const { msPerStep = 5 * value } = changes;
  return {
    axis,
    value,
    msPerStep,
    min: 0.9 * msPerStep,
    max: 1.2 * msPerStep,
    steps: 20,
    mflop: 60 * value,
    gflopPerS: 12,
    adapter: "llvmpipe",
    variant: "plain",
    data: "CIFAR-10",
    hidden: "50,50",
    batch: 100,
    networks: 1,
    cliff: null,
    ...changes,
  };
}

/** Four axes; only the networks cost less than in proportion. */
function all(): ScalingRow[] {
  return [
    ...[50, 100, 200, 400].map((value) => row("batch", value)),
    ...[50, 64, 100, 1024].map((value) => row("width", value)),
    ...[2, 3, 16].map((value) => row("depth", value)),
    ...[1, 2, 4].map((value) => row("networks", value, { msPerStep: 5 * Math.sqrt(value) })),
  ];
}

/** Lines of one colour that are not just ticks of an axis, in the order of the panels. */
function linesOf(tags: Tag[], colour: string): number[][][] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("stroke") === colour && attributes.get("stroke-width") === "2"
  ).map(({ attributes }) =>
    attributes.get("d")!.split(/[ML]/).slice(1).map((point) => point.split(",").map(Number))
  );
}

/** Points of one colour; bars and lines have no fill. */
function pointsOf(tags: Tag[], colour: string): Tag[] {
  return tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("fill") === colour
  );
}

Deno.test("scalingFigure() draws a panel for each axis, and names them, the data and the key", async () => {
  const tags = tagsOf(await scalingFigure(all(), { ...FIGURE, subtitle: "llvmpipe" }));
  const texts = textsOf(tags);
  const expected = [
    "How a step grows",
    "Data: CIFAR-10 · llvmpipe",
    "All axes are logarithmic",
    "Measured: the median, with a bar from min to max",
    "In proportion to the arithmetic, from the first size on",
    "No cliff: no size costs more than twice the trend of its neighbours",
    "Images in a batch",
    "Width of the hidden layers",
    "Affine layers",
    "Networks trained together",
  ];
  for (const text of expected) {
    assertEquals(texts.filter((other) => other === text).length, 1, text);
  }
  assertEquals(texts.filter((text) => text === "Milliseconds per step").length, 4);
  assertEquals(linesOf(tags, MEASURED).map((line) => line.length), [4, 4, 3, 3]);
  assertEquals(linesOf(tags, ARITHMETIC).map((line) => line.length), [4, 4, 3, 3]);
  // One in the key.
  assertEquals(pointsOf(tags, MEASURED).length, 1 + 14);
  assertEquals(pointsOf(tags, CLIFF).length, 0);
  checkTexts(tags);
});

Deno.test("scalingFigure() begins the arithmetic at the first size, and lets it grow in proportion", async () => {
  const tags = tagsOf(await scalingFigure(all(), FIGURE));
  const [measured, expected] = [MEASURED, ARITHMETIC].map((colour) => linesOf(tags, colour));
  // In the first three panels time is in proportion.
  for (const i of [0, 1, 2]) assertEquals(measured[i], expected[i]);
  const [first, second, last] = measured[3];
  assertEquals(expected[3][0], first);
  // Time grows by the square root: half as steeply on logarithmic axes.
  assertAlmostEquals(first[1] - last[1], (expected[3][0][1] - expected[3][2][1]) / 2, 0.01);
  assertAlmostEquals(second[0] - first[0], (last[0] - first[0]) / 2, 0.01);
});

Deno.test("scalingFigure() draws all panels with the same vertical axis, with round numbers on it", async () => {
  const tags = tagsOf(
    await scalingFigure([
      row("batch", 50, { msPerStep: 10 }),
      row("batch", 100, { msPerStep: 300 }),
      row("depth", 2, { msPerStep: 300 }),
      row("depth", 3, { msPerStep: 10 }),
    ], FIGURE),
  );
  // In either panel; 50 and 100 are sizes, too.
  for (const label of ["10", "20", "200", "500"]) {
    assertEquals(textsOf(tags).filter((text) => text === label).length, 2, label);
  }
  const [batch, depth] = linesOf(tags, MEASURED);
  assertEquals([batch[0][1], batch[1][1]], [depth[1][1], depth[0][1]]);
});

Deno.test("scalingFigure() marks a cliff, and says how many times its trend it costs", async () => {
  const rows = all();
  rows[1] = { ...rows[1], msPerStep: 2000, cliff: 4.02 };
  const svg = await scalingFigure(rows, FIGURE);
  const tags = tagsOf(svg);
  const texts = textsOf(tags);
  assertEquals(texts.filter((text) => text === "×4.0").length, 1);
  assertEquals(texts.includes("Cliff: costs that many times the trend of its neighbours"), true);
  assertEquals(texts.some((text) => text.startsWith("No cliff")), false);
  assertEquals(pointsOf(tags, CLIFF).length, 1 + 1);
  assertEquals(pointsOf(tags, MEASURED).length, 1 + 13);
  assertStringIncludes(svg, "100: 2000 ms, a cliff, 4.0 times the trend of its neighbours;");
  checkTexts(tags);
});

Deno.test("scalingFigure() keeps the mark of a cliff at either end off the axis and the edge", async () => {
  const rows = all().map((one, i) => i === 0 || i === 7 ? { ...one, cliff: 3 } : one);
  checkTexts(tagsOf(await scalingFigure(rows, FIGURE)));
  const [first, last] = tagsOf(await scalingFigure(rows, FIGURE))
    .filter(({ text }) => text === "×3.0").map(({ attributes }) => attributes.get("text-anchor"));
  assertEquals([first ?? "start", last], ["start", "end"]);
});

Deno.test("scalingFigure() labels the first and the last size, and those between that have room", async () => {
  const sizes = [50, 64, 100, 128, 200, 256, 400, 512, 800, 1024];
  const tags = tagsOf(await scalingFigure(sizes.map((value) => row("width", value)), FIGURE));
  const texts = textsOf(tags);
  const end = texts.indexOf("Width of the hidden layers");
  assertEquals(texts.slice(end - 5, end), ["50", "100", "200", "400", "1024"]);
  checkTexts(tags);
});

Deno.test("scalingFigure() draws a single size", async () => {
  const tags = tagsOf(await scalingFigure([row("depth", 3)], FIGURE));
  assertEquals(pointsOf(tags, MEASURED).length, 1 + 1);
  checkTexts(tags);
});

Deno.test("scalingFigure() describes every size, and says when the measurements were quick", async () => {
  const [, title, description] = tagsOf(await scalingFigure(all(), { ...FIGURE, quick: true }));
  assertEquals(
    title.text,
    "How a step grows (quick run): time of a step against its size",
  );
  assertStringIncludes(description.text, "depth: 2: 10 ms; 3: 15 ms; 16: 80 ms.");
  assertStringIncludes(
    description.text,
    "networks: 1: 5 ms; 2: 7.071 ms; 4: 10 ms. In proportion to the arithmetic 4 would take 20 ms",
  );
  assertStringIncludes(description.text, "No cliff");
});

Deno.test("scalingFigure() refuses to draw nothing, and a number that has no place on the axes", () => {
  assertThrows(() => scalingFigure([], FIGURE), ArgumentError, "there are no rows");
  for (const name of ["value", "msPerStep", "min", "max", "mflop"] as const) {
    for (const value of [0, -1, NaN, Infinity]) {
      assertThrows(
        () => scalingFigure([row("depth", 3, { [name]: value })], FIGURE),
        ArgumentError,
        `${name} is ${value}, expected a positive number`,
      );
    }
  }
});
