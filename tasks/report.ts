/** The task `report`: the figures and the page of a reproduction, made again from its files. */
import { join } from "@std/path";
import { renderReport } from "../src/report/mod.ts";
import type { TaskContext } from "./_kit/context.ts";
import { warn, writeEvent } from "./_kit/events.ts";
import { readTextIfThere, writeFileDurably } from "./_kit/files.ts";
import { noteFigure } from "./_kit/finished.ts";
import { withOptions } from "./_kit/help.ts";
import { type Held, holdFolder } from "./_kit/lock.ts";
import { BusyError, EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, type Task, type Values } from "./_kit/options.ts";
import { type DrawnFigure, readReproduction } from "./_report/read.ts";

const { help, out, quick, json } = COMMON_OPTIONS;

const OPTIONS = {
  out: {
    ...out,
    // What `reproduce` writes into.
    default: (_task: string, quick: boolean) => `out/reproduce${quick ? "-quick" : ""}`,
    help: "directory that reproduce has written, and that the page is written into",
  },
  quick: { ...quick, help: "use the results of reproduce --quick" },
  json,
  help,
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "report",
  summary:
    "Draws the figures of a reproduction and writes its page from its CSV and JSON files, without a " +
    "GPU. Reads a directory that reproduce has written, redraws each figure that is missing or " +
    "would differ, and writes report.html, a single page without scripts. Missing parts are named, " +
    "and the page shows the others.",
  options: OPTIONS,
  examples: [
    { command: "deno task report", purpose: "after files were copied from another machine" },
    { command: "deno task report --out seed-2", purpose: "a reproduction in another directory" },
  ],
};

const PAGE = "report.html";

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withOptions(TASK, args, context, ({ options }) => makePage(options, context));
}

async function makePage(options: Options, context: TaskContext): Promise<number> {
  const { out, json } = options;
  // Everything is read and drawn before anything is written, so that an error in a file leaves all files as they were.
  const { data, figures } = await readReproduction(out, context.workers);
  const page = renderReport(data);
  for (const part of data.missing) warn(context, `${join(out, part)} is missing`, options);
  for (const file of data.edited) {
    warn(context, `${join(out, file)} was changed after it was finished`, options);
  }

  const drawn: string[] = [];
  for (const figure of figures) {
    context.signal.throwIfAborted();
    if (await readTextIfThere(figure.path) === figure.svg) continue;
    if (await write(figure, context, options)) drawn.push(figure.path);
  }
  const path = join(out, PAGE);
  await writeFileDurably(path, page);
  const { missing, edited } = data;
  if (json) writeEvent(context, "result", { page: path, drawn, missing, edited });
  else {
    context.stderr(`Figures: ${figures.length}, ${drawn.length} redrawn`);
    context.stdout(`Page: ${path}`);
  }
  return EXIT.done;
}

/**
 * Writes a figure into the folder of its task; returns whether it was. The task may be running there by itself, or have
 * written other results since they were read.
 */
async function write(
  { path, folder, from, svg }: DrawnFigure,
  context: TaskContext,
  options: Pick<Options, "json">,
): Promise<boolean> {
  let held: Held;
  try {
    held = await holdFolder(folder, context, options);
  } catch (error) {
    if (!(error instanceof BusyError)) throw error;
    warn(context, `Cannot redraw ${path}: ${error.holder} writes there`, options);
    return false;
  }
  try {
    for (const [name, text] of from) {
      if (await readTextIfThere(name) === text) continue;
      warn(context, `Cannot redraw ${path}: ${name} was written since it was read`, options);
      return false;
    }
    await writeFileDurably(path, svg);
    await noteFigure(path, svg);
    return true;
  } finally {
    await held.release();
  }
}

if (import.meta.main) await runTask(main);
