import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../src/errors.ts";
import { trendFigure } from "../src/trend_figure.ts";
import { benchRow } from "./_bench_row.ts";
import { checkTexts, curvesOf, tagsOf, textsOf } from "./_svg.ts";

Deno.test("trendFigure() draws a curve for each adapter and number of networks", async () => {
  const rows = [1, 2, 3].flatMap((day) => [
    benchRow(day),
    benchRow(day, { networks: 10, ms_per_step: 40 }),
    benchRow(day, { adapter: "Other", ms_per_step: 4 }),
  ]);
  const tags = tagsOf(await trendFigure(rows));
  const texts = textsOf(tags);
  const expected = [
    "llvmpipe (LLVM 15.0.6, 256 bits), 1 network",
    "llvmpipe (LLVM 15.0.6, 256 bits), 10 networks",
    "Other, 1 network",
    "Data: synthetic",
    "Milliseconds per step",
    "Date (UTC)",
  ];
  for (const text of expected) assertEquals(texts.includes(text), true, text);
  for (const colour of ["#0072B2", "#D55E00", "#009E73"]) {
    assertEquals(curvesOf(tags, colour).map((curve) => curve.length), [3, 3]);
  }
  checkTexts(tags);
});

Deno.test("trendFigure() keeps apart what differs otherwise, and takes a logarithmic axis for a wide range", async () => {
  const rows = [
    benchRow(1),
    benchRow(1, { hidden: "50,30,20,20,10,10,10,10", ms_per_step: 0.01 }),
  ];
  const texts = textsOf(tagsOf(await trendFigure(rows, { title: "Nightly" })));
  assertEquals(texts.includes("llvmpipe (LLVM 15.0.6, 256 bits), 1 network, hidden 50,50"), true);
  assertEquals(texts.includes("Milliseconds per step (log scale)"), true);
  assertEquals(texts.includes("Nightly"), true);
});

Deno.test("trendFigure() draws a single measurement without an empty space", async () => {
  const svg = await trendFigure([benchRow(1)]);
  const [, height] = svg.match(/ height="(\d+)"/)!;
  assertEquals(Number(height) < 520, true, height);
});

Deno.test("trendFigure() refuses to draw nothing", () => {
  assertThrows(() => trendFigure([]), ArgumentError, "there are no rows");
});

Deno.test("trendFigure() gives every tick a label of its own, however close the measurements", async () => {
  const start = Date.parse("2026-08-01T03:00:00Z");
  for (const apart of [1, 7, 40, 100, 1000, 20_000, 90_000, 900_000]) {
    const rows = [0, 1, 2].map((i) =>
      benchRow(1, { date: new Date(start + 1000 * apart * i).toISOString() })
    );
    const tags = tagsOf(await trendFigure(rows));
    const labels = textsOf(tags).filter((text) => /^(\d{4}-)?\d\d-\d\d/.test(text));
    assertEquals(labels.length > 1, true, `${apart} s apart`);
    assertEquals(new Set(labels).size, labels.length, labels.join(", "));
    checkTexts(tags);
  }
});
