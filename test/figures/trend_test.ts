import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { trendFigure } from "../../src/figures/trend.ts";
import { benchRow } from "../_bench_row.ts";
import { checkTexts, curvesOf, tagsOf, textsOf } from "../_svg.ts";

Deno.test("trendFigure() draws a panel for each adapter, and in it a curve for each number of networks", async () => {
  const rows = [1, 2, 3].flatMap((day) => [
    benchRow(day),
    benchRow(day, { networks: 10, msPerStep: 20 }),
    benchRow(day, { adapter: "Other", msPerStep: 4 }),
  ]);
  const tags = tagsOf(await trendFigure(rows));
  const texts = textsOf(tags);
  const expected = [
    "1 network",
    "10 networks",
    "Data: synthetic",
    "llvmpipe (LLVM 15.0.6, 256 bits): milliseconds per step",
    "Other: milliseconds per step",
    "Date (UTC)",
  ];
  for (const text of expected) assertEquals(texts.includes(text), true, text);
  // The first curve of each is in the key.
  const lengths = ["#0072B2", "#D55E00"].map((colour) =>
    curvesOf(tags, colour).map((curve) => curve.length)
  );
  assertEquals(lengths, [[3, 3, 3], [3, 3]]);
  checkTexts(tags);
});

Deno.test("trendFigure() separates rows that differ otherwise, and uses a logarithmic axis for a wide range", async () => {
  const rows = [
    benchRow(1),
    benchRow(1, { hidden: "50,30,20,20,10,10,10,10", msPerStep: 0.01 }),
  ];
  const texts = textsOf(tagsOf(await trendFigure(rows, { title: "Nightly" })));
  const expected = [
    "1 network, 3 layers",
    "1 network, 9 layers",
    "llvmpipe (LLVM 15.0.6, 256 bits): milliseconds per step (log scale)",
    "Nightly",
  ];
  for (const text of expected) assertEquals(texts.includes(text), true, text);
});

Deno.test("trendFigure() names widths where networks of one depth differ in them", async () => {
  const rows = [benchRow(1), benchRow(1, { hidden: "60,40" }), benchRow(1, { hidden: "9" })];
  const texts = textsOf(tagsOf(await trendFigure(rows)));
  for (const text of ["hidden 50,50", "hidden 60,40", "2 layers"]) {
    assertEquals(texts.includes(`1 network, ${text}`), true, text);
  }
});

Deno.test("trendFigure() continues a curve when other kernels are chosen", async () => {
  const rows = [1, 2, 3].map((day) => benchRow(day, { variant: `variant ${day}` }));
  const tags = tagsOf(await trendFigure(rows));
  assertEquals(curvesOf(tags, "#0072B2").map((curve) => curve.length), [3, 3]);
});

Deno.test("trendFigure() gives each of many series its own look", async () => {
  const rows = Array.from(
    { length: 12 },
    (_, i) => [1, 2].map((day) => benchRow(day, { networks: i + 1, msPerStep: 10 + i })),
  ).flat();
  const looks = tagsOf(await trendFigure(rows))
    .filter(({ attributes }) => attributes.get("stroke-width") === "2" && attributes.has("stroke"))
    .map(({ attributes }) => `${attributes.get("stroke")} ${attributes.get("stroke-dasharray")}`);
  assertEquals(looks.length, 24); // In the key, and in the panel.
  assertEquals(new Set(looks).size, 12);
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

Deno.test("trendFigure() draws a heading with a line that is named like what every object has", async () => {
  for (const data of ["constructor", "__proto__", "a\u2028b"]) {
    const rows = [benchRow(1, { data: "x".repeat(60) }), benchRow(2, { data })];
    await trendFigure(rows);
  }
});
