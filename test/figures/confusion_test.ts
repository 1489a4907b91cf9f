import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CIFAR10_CLASSES } from "../../src/data/cifar10.ts";
import { confusionFigure } from "../../src/figures/confusion.ts";
import { ArgumentError } from "../../src/errors.ts";
import type { Confusion } from "../../src/model/metrics.ts";
import { checkTexts, type Tag, tagsOf, textsOf } from "../_svg.ts";

const FIGURE = { title: "Final network", dataSet: "CIFAR-10" };

/** 1000 images a class; 300 + 50 i of class i are correct, the rest are taken for the next class. */
function confusion(classNames: readonly string[] = CIFAR10_CLASSES): Confusion {
  const { length } = classNames;
  const counts = classNames.map((_, i) =>
    classNames.map((_, j) => j === i ? 300 + 50 * i : j === (i + 1) % length ? 700 - 50 * i : 0)
  );
  return { classNames, counts };
}

function cellsOf(tags: Tag[]): Tag[] {
  return tags.filter(({ attributes }) => attributes.get("fill")?.startsWith("rgb"));
}

/** Contrast by the Web Content Accessibility Guidelines 2. */
function contrast(one: number[], other: number[]): number {
  const [light, dark] = [one, other].map((colour) => {
    const [red, green, blue] = colour.map((value) =>
      value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  }).sort((a, b) => b - a);
  return light / dark;
}

Deno.test("confusionFigure() names axes and classes, and writes count and share into each cell", async () => {
  const tags = tagsOf(await confusionFigure(confusion(), { ...FIGURE, subtitle: "λ = 3.51e-3" }));
  const texts = textsOf(tags);
  const times = (text: string) => texts.filter((other) => other === text).length;
  assertEquals([times("True class"), times("Predicted class")], [1, 1]);
  for (const name of CIFAR10_CLASSES) assertEquals(times(name), 2, name);
  assertEquals(times("Data: CIFAR-10 · λ = 3.51e-3"), 1);
  assertEquals(times("Overall accuracy: 52.5 % (5250 of 10000 images)"), 1);
  // 700 are found of the ninth class and missed of the first.
  assertEquals([times("700"), times("70.0 %"), times("0"), times("0.0 %")], [2, 2, 80, 80]);
  assertEquals(cellsOf(tags).length, 100);
  checkTexts(tags);
});

Deno.test("confusionFigure() puts true classes in rows and predicted ones in columns", async () => {
  const tags = tagsOf(
    await confusionFigure({ classNames: ["cat", "dog"], counts: [[60, 40], [11, 89]] }, FIGURE),
  );
  const placeOf = (text: string) => tags.find((tag) => tag.text === text)!;
  const wrong = placeOf("40");
  assertEquals(wrong.x > placeOf("60").x, true);
  assertEquals(wrong.y, placeOf("60").y);
  assertEquals(placeOf("11").y > wrong.y, true);
  assertEquals(placeOf("11").x, placeOf("60").x);
});

Deno.test("confusionFigure() darkens a cell with its share, and keeps its text readable", async () => {
  const counts = Array.from({ length: 11 }, (_, i) => [100 - 10 * i, 10 * i]);
  const grounds: number[][] = [];
  for (const row of counts) {
    const two = { classNames: ["cat", "dog"], counts: [row, [0, 1]] };
    const tags = tagsOf(await confusionFigure(two, FIGURE));
    const ground = cellsOf(tags)[0].attributes.get("fill")!.match(/\d+/g)!.map(Number);
    const text = tags.find(({ text }) => text === `${row[0]}`)!;
    const ink = text.attributes.get("fill") === "white" ? [255, 255, 255] : [0, 0, 0];
    assertEquals(contrast(ink, ground) >= 4.5, true, `${row[0]} %`);
    grounds.push(ground);
  }
  const lightness = grounds.map(([red, green, blue]) => red + green + blue);
  assertEquals(lightness, lightness.toSorted((a, b) => a - b));
  assertEquals(new Set(lightness).size, 11);
  assertEquals(grounds[10], [255, 255, 255]);
});

Deno.test("confusionFigure() describes accuracy, the classes and the most frequent mistake", async () => {
  const { text } = tagsOf(await confusionFigure(confusion(), FIGURE))[2];
  assertStringIncludes(text, "Overall accuracy: 52.5 %");
  assertStringIncludes(text, "airplane 30.0 %, automobile 35.0 %");
  assertStringIncludes(text, "Most often confused: airplane taken for automobile, 700 images.");
  const perfect = { classNames: ["cat", "dog"], counts: [[3, 0], [0, 4]] };
  assertStringIncludes(
    tagsOf(await confusionFigure(perfect, FIGURE))[2].text,
    "No image is taken for another class.",
  );
});

Deno.test("confusionFigure() accepts a class without images", async () => {
  const tags = tagsOf(
    await confusionFigure({ classNames: ["cat", "dog"], counts: [[0, 0], [1, 3]] }, FIGURE),
  );
  const texts = textsOf(tags);
  assertEquals(texts.filter((text) => text === "–").length, 2);
  assertEquals(texts.join("\n").includes("NaN"), false);
});

Deno.test("confusionFigure() keeps its width for many classes and for long names", async () => {
  for (const count of [2, 3, 10, 25, 60]) {
    const names = Array.from({ length: count }, (_, i) => `${"class ".repeat(i % 5)}number ${i}`);
    const counts = names.map((_, i) => names.map((_, j) => i === j ? 9 : 1));
    const svg = await confusionFigure({ classNames: names, counts }, FIGURE);
    const tags = tagsOf(svg);
    const [, width] = svg.match(/ width="(\d+)"/)!;
    assertEquals(Number(width) >= 740 && Number(width) <= 840, true, `${count}: ${width}`);
    assertEquals(textsOf(tags).includes("9"), count <= 3, `texts of ${count} classes`);
    checkTexts(tags);
  }
});

Deno.test("confusionFigure() refuses a matrix without images", () => {
  assertThrows(
    () => confusionFigure({ classNames: ["cat", "dog"], counts: [[0, 0], [0, 0]] }, FIGURE),
    ArgumentError,
    "it counts no images",
  );
});

Deno.test("confusionFigure() draws classes named like what every object has, and names with odd signs", async () => {
  const names = [
    "constructor",
    "toString",
    "__proto__",
    "hasOwnProperty",
    'a "b" \\',
    "a\u2028b\u0000",
  ];
  const counts = names.map((_, i) => names.map((_, j) => i === j ? 9 : 1));
  const svg = await confusionFigure({ classNames: names, counts }, { title: "t", dataSet: "d" });
  // Twice as labels, and in the description.
  for (const name of names.slice(0, 4)) assertEquals(svg.split(name).length - 1 >= 3, true, name);
  assertEquals([svg.includes("\u0000"), svg.includes("\u2028")], [false, false]);
});
