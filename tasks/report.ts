/**
 * The task `report`: the figures and the page of a reproduction, made again from its files.
 *
 * @module
 */
import { join } from "@std/path";
import { readTextIfThere, writeFileDurably } from "./_kit/files.ts";
import { renderReport } from "../src/report/mod.ts";
import type { TaskContext } from "./_kit/context.ts";
import { writeEvent } from "./_kit/events.ts";
import { helpText } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, parseOptions, type Task } from "./_kit/options.ts";
import { Progress } from "./_kit/progress.ts";
import { type DrawnFigure, readReproduction } from "./_report/read.ts";

const { help, out, quick, json } = COMMON_OPTIONS;

const OPTIONS = {
  out: {
    ...out,
    // What `reproduce` writes into.
    default: (_task: string, quick: boolean) => `out/reproduce${quick ? "-quick" : ""}`,
    help: "directory that reproduce has written into, and that the page is written into",
  },
  quick: { ...quick, help: "the results of reproduce --quick" },
  json,
  help,
};

const TASK: Task<typeof OPTIONS> = {
  name: "report",
  summary:
    "Makes the figures and the page of a reproduction again, from its CSV and JSON files; no GPU " +
    "is needed. Reads a directory as reproduce leaves it, draws each figure again where it is " +
    "missing or would differ, and writes report.html: one page without scripts that needs nothing " +
    "beside it. Parts that are missing are named, and the page shows the others.",
  options: OPTIONS,
  examples: [
    { command: "deno task report", purpose: "after files were copied from another machine" },
    { command: "deno task report --out seed-2", purpose: "a reproduction in another directory" },
  ],
};

/** The page. */
const PAGE = "report.html";

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write.
 * @returns The exit status.
 */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const { out, json } = options;
  // Everything is read and drawn before anything is written, so that a mistake in a file leaves all as it was.
  const { data, figures } = await readReproduction(out);
  const page = renderReport(data);
  const progress = new Progress(context, { json });
  for (const part of data.missing) progress.warning(`${join(out, part)} is missing`);

  const drawn: string[] = [];
  for (const { path, svg } of figures) {
    context.signal.throwIfAborted();
    if (await writeIfOther({ path, svg })) drawn.push(path);
  }
  const path = join(out, PAGE);
  await writeFileDurably(path, page);
  if (json) writeEvent(context, "result", { page: path, drawn, missing: data.missing });
  else {
    context.stderr(`Figures: ${figures.length}, of which ${drawn.length} were drawn anew`);
    context.stdout(`Page: ${path}`);
  }
  return EXIT.done;
}

/** Writes a figure unless it is there already; tells whether it did. */
async function writeIfOther({ path, svg }: DrawnFigure): Promise<boolean> {
  if (await readTextIfThere(path) === svg) return false;
  await writeFileDurably(path, svg);
  return true;
}

if (import.meta.main) await runTask(main);
