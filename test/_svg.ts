/**
 * What the tests of figures read from an SVG file.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** A start tag with its attributes, the text after it, and where the translations around it put its origin. */
export interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** Reads the tags of an SVG file; throws if they do not fit together. */
export function tagsOf(svg: string): Tag[] {
  const tags: Tag[] = [];
  const open: Tag[] = [];
  const pattern = /<(\/?)([a-z]+)((?: [\w:-]+="[^"<]*")*)(\/?)>([^<>]*)/gy;
  let end = 0;
  for (let match = pattern.exec(svg); match !== null; match = pattern.exec(svg)) {
    end = pattern.lastIndex;
    const [, closing, name, list, empty, text] = match;
    if (closing !== "") {
      assertEquals(open.pop()?.name, name);
      continue;
    }
    const pairs = [...list.matchAll(/([\w:-]+)="([^"]*)"/g)];
    // The lines of a text look as the text does.
    const inherited = name === "tspan" ? open.at(-1)!.attributes : [];
    const attributes = new Map([
      ...inherited,
      ...pairs.map(([, key, value]) => [key, value] as const),
    ]);
    const [, x = "0", y = "0"] = name === "tspan"
      ? []
      : attributes.get("transform")?.match(/translate\(([-\d.]+),([-\d.]+)\)/) ?? [];
    const parent = open.at(-1);
    const tag = {
      name,
      attributes,
      text,
      x: (parent?.x ?? 0) + Number(x),
      y: (parent?.y ?? 0) + Number(y),
    };
    tags.push(tag);
    if (empty === "") open.push(tag);
  }
  assertEquals(svg.slice(end), "", "tags that do not fit together");
  assertEquals(open, []);
  return tags;
}

/** Fails if a text reaches over the edge of the picture. */
export function checkTexts(tags: Tag[]): void {
  const [, , width, height] = tags[0].attributes.get("viewBox")!.split(" ").map(Number);
  for (const { name, text, attributes, x, y } of tags) {
    if (!isShown(name, attributes)) continue;
    // DejaVu Sans, the widest of the usual fonts, takes 0.62 of its size per character on average.
    const size = parseFloat(attributes.get("font-size")!);
    const length = 0.62 * size * text.length;
    const anchor = attributes.get("text-anchor") ?? "start";
    const before = anchor === "start" ? 0 : anchor === "middle" ? length / 2 : length;
    const turn = Number(attributes.get("transform")?.match(/rotate\(([-\d.]+)/)?.[1] ?? 0);
    const [cos, sin] = [Math.cos(turn * Math.PI / 180), Math.sin(turn * Math.PI / 180)];
    const xs = [x - before * cos, x + (length - before) * cos];
    const ys = [y - before * sin, y + (length - before) * sin];
    const fits = Math.min(...xs) >= 0 && Math.max(...xs) <= width &&
      Math.min(...ys) - size * cos >= 0 && Math.max(...ys) + size / 3 * cos <= height;
    assertEquals(fits, true, `${JSON.stringify(text)} at ${x}, ${y} in ${width} × ${height}`);
    assertEquals(size >= 15, true, `${JSON.stringify(text)} is small`);
  }
}

/** Whether a tag is a text that is seen: Vega hides labels that would overlap. */
function isShown(name: string, attributes: ReadonlyMap<string, string>): boolean {
  return (name === "text" || name === "tspan") && attributes.get("opacity") !== "0";
}

/** The texts that are seen, in the order of the file. */
export function textsOf(tags: Tag[]): string[] {
  const lines = tags.filter(({ name, attributes }) => isShown(name, attributes));
  return lines.map(({ text }) => text).filter((text) => text !== "");
}

/** The paths of the curves of one look, in the order of the panels; the first is in the key. */
export function curvesOf(tags: Tag[], stroke: string): number[][][] {
  const lines = tags.filter(({ name, attributes }) =>
    name === "path" && attributes.get("stroke") === stroke && attributes.get("stroke-width") === "2"
  );
  return lines.map(({ attributes }) =>
    (attributes.get("d") ?? "").split(/(?=[ML])/).filter((part) => part !== "").map((part) =>
      part.slice(1).split(",").map(Number)
    )
  );
}
