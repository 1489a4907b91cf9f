/**
 * Draws docs/figures/architecture.svg, the folders and which of them imports which, from the import lines.
 *
 * @module
 */
import { folderOf, FOLDERS, readImports } from "./_check/imports.ts";
import type { TaskContext } from "./_kit/context.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS } from "./_kit/options.ts";

const FIGURE = new URL("../docs/figures/architecture.svg", import.meta.url);

/** What to say when the figure shows other imports than there are. */
export const DIAGRAM_DRIFT =
  "docs/figures/architecture.svg differs from the imports: run `deno task diagram`";

/** The rows of the figure: the parts in the order of imports, and what each holds. */
const ROWS: readonly (readonly [name: string, holds: string])[] = [
  ["errors", "the errors that callers see"],
  ["lists", "helpers for lists"],
  ["options", "checks of options"],
  ["model", "networks in float64, model files"],
  ["data", "CIFAR-10, IDX, CSV, synthetic, own"],
  ["gpu", "device, memory, kernels, submits"],
  ["programs", "the ways to run a step"],
  ["train", "training, experiments, kernel checks"],
  ["measure", "times: variants, profile, scaling"],
  ["records", "rows as CSV and JSON"],
  ["figures", "rows as SVG"],
  ["report", "everything as one page"],
  ["mod.ts", "what the package exports"],
  ["tasks", "the command line"],
];

// Pixels: the side of a cell, where the cells begin, and the margin.
const CELL = 30;
const LEFT = 400;
const TOP = 104;
const MARGIN = 16;

const WIDTH = LEFT + CELL * FOLDERS.length + MARGIN;
const HEIGHT = TOP + CELL * ROWS.length + MARGIN;

/**
 * Draws a row for each part and a dot for each folder that it imports.
 *
 * @returns The figure as SVG text.
 */
export async function drawDiagram(): Promise<string> {
  const imports = await readImports("src", "mod.ts", "tasks");
  const pairs = new Set<string>();
  for (const [path, imported] of imports) {
    const importer = folderOf(path) ?? path.split("/")[0];
    for (const other of imported) pairs.add(`${importer} ${folderOf(other)}`);
  }
  const columns = FOLDERS.map((folder, i) => {
    const [x, y] = [LEFT + CELL * (i + 0.5) + 5, TOP - 12];
    return `<text x="${x}" y="${y}" transform="rotate(-90 ${x} ${y})">${folder}</text>`;
  });
  const rows = ROWS.map(([name, holds], i) => {
    const y = TOP + CELL * i;
    const dots = FOLDERS.flatMap((folder, j) => {
      const [x, middle] = [LEFT + CELL * (j + 0.5), y + CELL / 2];
      if (folder === name) {
        return [`<rect x="${x - 8}" y="${middle - 8}" width="16" height="16" fill="#d9dee3"/>`];
      }
      return pairs.has(`${name} ${folder}`)
        ? [`<circle cx="${x}" cy="${middle}" r="7" fill="#0072B2"/>`]
        : [];
    });
    return [
      `<rect x="${MARGIN}" y="${y}" width="${WIDTH - 2 * MARGIN}" height="${CELL}" ` +
      `fill="${i % 2 === 0 ? "#f3f5f7" : "#ffffff"}"/>`,
      `<text x="${MARGIN + 8}" y="${y + 20}" font-weight="bold">${name}</text>`,
      `<text x="${MARGIN + 92}" y="${y + 20}" fill="#444444">${holds}</text>`,
      ...dots,
    ].join("\n");
  });
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="sans-serif" font-size="14">
<title>Imports between the folders of src/, mod.ts and tasks/</title>
<desc>A dot where the part named by the row imports the folder named by the column: only folders above it.</desc>
<rect width="100%" height="100%" fill="#ffffff"/>
<g fill="#222222">
<text x="${MARGIN + 8}" y="${TOP - 36}" font-size="16" font-weight="bold">What imports what</text>
<text x="${MARGIN + 8}" y="${
    TOP - 14
  }" fill="#444444"><tspan fill="#0072B2">●</tspan> imports the folder of the column</text>
${[...columns, ...rows].join("\n")}
</g>
</svg>
`;
}

/** Whether the figure shows the imports as they are now. */
export async function diagramIsCurrent(): Promise<boolean> {
  return await Deno.readTextFile(FIGURE).catch(() => "") === await drawDiagram();
}

const TASK = {
  name: "diagram",
  summary: "Draws docs/figures/architecture.svg from the imports.",
  options: { help: COMMON_OPTIONS.help },
  examples: [{ command: "deno task diagram", purpose: "after a folder imports another one" }],
} as const;

async function write(context: TaskContext): Promise<number> {
  if (await diagramIsCurrent()) return EXIT.done;
  await Deno.writeTextFile(FIGURE, await drawDiagram());
  context.stderr("Wrote docs/figures/architecture.svg");
  return EXIT.done;
}

async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withOptions(TASK, args, context, () => write(context));
}

if (import.meta.main) await runTask(main);
