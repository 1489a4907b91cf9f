import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { eta } from "../../src/model/schedule.ts";
import { baselineFigure } from "../../src/figures/training.ts";
import { checkTexts, curvesOf, tagsOf, textsOf } from "../_svg.ts";

const CYCLE = { etaMin: 1e-5, etaMax: 1e-1, halfCycle: 2250 };
const NOT_A_NUMBER = { loss: NaN, cost: NaN, accuracy: NaN };

function training(): MetricRow[] {
  return Array.from({ length: 21 }, (_, epoch) => {
    const step = 450 * epoch;
    const left = Math.exp(-epoch / 6);
    return {
      step,
      epoch,
      eta: step === 0 ? null : eta(step - 1, CYCLE),
      training: { loss: 1.2 + 1.2 * left, cost: 1.5 + 2 * left, accuracy: 0.58 - 0.48 * left },
      validation: {
        loss: 1.35 + 1.06 * left,
        cost: 1.7 + 1.8 * left,
        accuracy: 0.53 - 0.43 * left,
      },
    };
  });
}

Deno.test("baselineFigure() names the run, its data, and every axis with its unit", async () => {
  const svg = await baselineFigure(training(), {
    title: "9 layers",
    dataSet: "CIFAR-10",
    subtitle: "λ = 0.005",
    cycle: CYCLE,
  });
  const tags = tagsOf(svg);
  const texts = textsOf(tags);
  const expected = [
    "9 layers",
    "Data: CIFAR-10 · λ = 0.005",
    "Training",
    "Validation",
    "Learning rate η",
    "Loss (mean cross-entropy, nats)",
    "Cost (loss + λ ∑ ‖W‖²)",
    "Accuracy (% of images)",
  ];
  for (const text of expected) {
    assertEquals(texts.filter((other) => other === text).length, 1, text);
  }
  assertEquals(texts.filter((text) => text === "Steps (1 epoch = 450)").length, 4);
  checkTexts(tags);
});

Deno.test("baselineFigure() has no curve of validation images where there are none", async () => {
  const rows = training().map((row) => ({ ...row, validation: NOT_A_NUMBER }));
  const svg = await baselineFigure(rows, { title: "3 layers", dataSet: "flowers" });
  const texts = textsOf(tagsOf(svg));
  assertEquals(texts.includes("Training"), true);
  assertEquals(texts.some((text) => /Validation|Diverged|NaN/i.test(text)), false, texts.join());
  assertStringIncludes(svg, "training accuracy 56.29 %.");
  assertEquals(svg.includes("validation"), false);
  // A network that diverged is another matter.
  const diverged = await baselineFigure(
    rows.with(5, { ...rows[5], training: NOT_A_NUMBER }),
    { title: "3 layers", dataSet: "flowers" },
  );
  assertStringIncludes(diverged, "Diverged: the first NaN or infinity is at step 2250");
});

Deno.test("baselineFigure() is as wide as a README and has a white ground", async () => {
  const svg = await baselineFigure(training(), { title: "3 layers", dataSet: "synthetic" });
  const [, width, height] = svg.match(/ width="(\d+)" height="(\d+)" viewBox="0 0 \1 \2"/)!;
  assertEquals(Number(width) >= 800 && Number(width) <= 840, true, width);
  assertStringIncludes(svg, `<rect width="${width}" height="${height}" fill="white"/>`);
});

Deno.test("baselineFigure() tells training and validation apart by colour, dashes and shape", async () => {
  const tags = tagsOf(
    await baselineFigure(training(), { title: "3 layers", dataSet: "synthetic" }),
  );
  const looks = ["#0072B2", "#D55E00"].map((colour) => {
    const lines = tags.filter(({ attributes }) => attributes.get("stroke") === colour);
    const points = tags.filter(({ attributes }) => attributes.get("fill") === colour);
    assertEquals(lines.length, 4, "one in the key, three in panels");
    assertEquals(points.length, 1 + 3 * 21);
    return {
      dashes: new Set(lines.map(({ attributes }) => attributes.get("stroke-dasharray"))),
      shapes: new Set(points.map(({ attributes }) => attributes.get("d"))),
    };
  });
  const [training_, validation] = looks;
  assertEquals([...training_.dashes, ...validation.dashes], ["1,0", "7,4"]);
  assertEquals([training_.shapes.size, validation.shapes.size], [1, 1]);
  assertEquals([...training_.shapes][0] === [...validation.shapes][0], false);
});

Deno.test("baselineFigure() draws the corners of the cycle between evaluations", async () => {
  const rows = training().filter(({ epoch }) => epoch % 4 === 0);
  const figure = { title: "3 layers", dataSet: "synthetic" };
  const [exact] = curvesOf(
    tagsOf(await baselineFigure(rows, { ...figure, cycle: CYCLE })),
    "#222222",
  );
  assertEquals(exact.map(([x]) => x), [0, 79, 158, 237, 316]);
  assertEquals(exact.map(([, y]) => Math.round(y)), [190, 0, 190, 0, 190]);
  // Without the cycle only the rows are known, and none of them is at a peak.
  const [rough] = curvesOf(tagsOf(await baselineFigure(rows, figure)), "#222222");
  assertEquals(rough.length, 5);
  assertEquals(rough.some(([x]) => x === 79), false);
});

Deno.test("baselineFigure() puts values where the axes say", async () => {
  const tags = tagsOf(
    await baselineFigure(training(), { title: "3 layers", dataSet: "synthetic" }),
  );
  const accuracy = curvesOf(tags, "#0072B2")[3];
  // 0 to 60 % over 190 pixels from the bottom, 0 to 9000 steps over 316; the first row is 10 % at step 0.
  assertEquals(accuracy.length, 21);
  assertEquals(accuracy[0].map(Math.round), [0, Math.round(190 * (1 - 10 / 60))]);
  assertEquals(accuracy[10][0], 158);
  const heights = (curves: number[][][]) => curves.slice(1).map((curve) => curve[20][1]);
  const train = heights(curvesOf(tags, "#0072B2"));
  const val = heights(curvesOf(tags, "#D55E00"));
  // The training curve ends below in loss and cost (its y is greater), above in accuracy.
  assertEquals(train.map((y, i) => y > val[i]), [true, true, false]);
});

Deno.test("baselineFigure() leaves gaps where a run diverged, and says so", async () => {
  const printed: unknown[] = [];
  const { warn, error } = console;
  console.warn = console.error = (...items: unknown[]) => printed.push(items);
  try {
    const rows = training().map((row) =>
      row.epoch < 6
        ? row
        : { ...row, training: { ...NOT_A_NUMBER, cost: Infinity }, validation: NOT_A_NUMBER }
    );
    const figure = { title: "9 layers", dataSet: "synthetic" };
    const tags = tagsOf(await baselineFigure(rows, figure));
    assertStringIncludes(
      textsOf(tags).join("\n"),
      "Diverged: the first NaN or infinity is at step 2700",
    );
    const [, loss, cost, accuracy] = curvesOf(tags, "#0072B2");
    assertEquals([loss.length, cost.length, accuracy.length], [6, 6, 6]);
    assertEquals(textsOf(tags).includes("Cost (log scale)"), false, "infinity has no place on it");

    const none = training().map((row) => ({
      ...row,
      training: NOT_A_NUMBER,
      validation: NOT_A_NUMBER,
    }));
    const svg = await baselineFigure(none, figure);
    assertStringIncludes(svg, "infinity is at step 0");
    assertStringIncludes(svg, "training accuracy none, validation accuracy none.");
    // A loss that was infinite in one batch, and is finite again.
    const again = training().map((row) =>
      row.epoch < 6 ? row : {
        ...row,
        training: { ...row.training, accuracy: NaN },
        validation: { ...row.validation, accuracy: NaN },
      }
    );
    assertStringIncludes(await baselineFigure(again, figure), "infinity is at step 2700");
    const fine = await baselineFigure(training(), figure);
    assertEquals(fine.includes("Diverged"), false);
  } finally {
    Object.assign(console, { warn, error });
  }
  assertEquals(printed, []);
});

Deno.test("baselineFigure() uses a logarithmic axis for a loss that explodes", async () => {
  const rows = training();
  rows[20] = { ...rows[20], training: { loss: 1e21, cost: 1e22, accuracy: 0.1 } };
  const tags = tagsOf(await baselineFigure(rows, { title: "9 layers", dataSet: "synthetic" }));
  const texts = textsOf(tags);
  assertEquals(texts.includes("Loss (nats, log scale)"), true);
  assertEquals(texts.includes("Cost (log scale)"), true);
  for (const power of ["1", "1e+5", "1e+10", "1e+15", "1e+20"]) {
    assertEquals(texts.filter((text) => text === power).length, 2, power);
  }
  checkTexts(tags);
});

Deno.test("baselineFigure() accepts a single row, and names longer than a line", async () => {
  const tags = tagsOf(
    await baselineFigure(training().slice(0, 1), {
      title: "a long name of a network ".repeat(6),
      dataSet: "synthetic",
      subtitle: "many settings, one after another, ".repeat(6),
    }),
  );
  assertEquals(textsOf(tags).includes("Steps"), true);
  checkTexts(tags);
});

Deno.test("baselineFigure() says when the run was quick", async () => {
  const figure = { title: "3 layers", dataSet: "synthetic" };
  assertEquals((await baselineFigure(training(), figure)).includes("quick"), false);
  const quick = tagsOf(await baselineFigure(training(), { ...figure, quick: true }));
  assertEquals(textsOf(quick).includes("3 layers (quick run)"), true);
  const [title] = quick.filter(({ name }) => name === "title");
  assertStringIncludes(title.text, "quick");
});

Deno.test("baselineFigure() describes itself to a screen reader, with ids of its own", async () => {
  const figure = { title: 'a < b & "c"', dataSet: "CIFAR-10" };
  const ids = new Set<string>();
  for (const etaMax of [0.1, 0.2]) {
    const cycle = { ...CYCLE, etaMax };
    const tags = tagsOf(await baselineFigure(training(), { ...figure, cycle }));
    const [svg, heading, description] = tags;
    assertEquals(svg.attributes.get("role"), "img");
    assertEquals([heading.name, description.name], ["title", "desc"]);
    const labels = [heading, description].map(({ attributes }) => attributes.get("id")!);
    assertEquals(svg.attributes.get("aria-labelledby"), labels.join(" "));
    assertStringIncludes(
      description.text,
      "Data: CIFAR-10. After 9000 steps (20 epochs): training loss 1.243",
    );
    for (const { attributes } of tags) {
      if (attributes.has("id")) ids.add(attributes.get("id")!);
    }
  }
  assertEquals(ids.size, 4);
});

Deno.test("baselineFigure() gives the same text for the same rows", async () => {
  const figure = { title: "3 layers", dataSet: "synthetic", cycle: CYCLE };
  const [one, two] = [
    await baselineFigure(training(), figure),
    await baselineFigure(training(), figure),
  ];
  assertEquals(one === two, true);
  // Drawn at the same time, neither may see the other.
  const both = await Promise.all([
    baselineFigure(training(), figure),
    baselineFigure(training().slice(0, 5), figure),
  ]);
  assertEquals(both[0] === one, true);
});

Deno.test("baselineFigure() refuses to draw nothing", () => {
  assertThrows(
    () => baselineFigure([], { title: "3 layers", dataSet: "synthetic" }),
    ArgumentError,
    "there are no rows",
  );
});

Deno.test("baselineFigure() refuses a cycle that does not advance", () => {
  const figure = { title: "3 layers", dataSet: "synthetic", cycle: { ...CYCLE, halfCycle: 0 } };
  assertThrows(() => baselineFigure(training(), figure), ArgumentError, "halfCycle is 0");
});
