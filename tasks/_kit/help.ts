/** How tasks start: their arguments, or their help, generated from the declarations that arguments are parsed with. */
import type { TaskContext } from "./context.ts";
import { holdFolder } from "./lock.ts";
import { EXIT } from "./main.ts";
import {
  type AnyValues,
  COMMON_OPTIONS,
  defaultOf,
  optionName,
  type Parsed,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
} from "./options.ts";

const WIDTH = 92;

/** Where explanations begin; a longer option pushes its explanation onto the next line. */
const COLUMN = 28;

/** What each status of `EXIT` tells a script. */
const EXIT_STATUSES = [
  ["0", "done"],
  ["1", "failed"],
  ["2", "bad arguments or bad data: retrying does not help"],
  ["3", "a check failed"],
  ["75", "try again: the device was lost, the task was interrupted, or --out is in use"],
] as const;

/**
 * Parses the arguments and runs the task, or prints its help where that was asked for. While it runs, no other process
 * writes into its `--out`, which was tried before anything else.
 */
export async function withOptions<V extends AnyValues>(
  task: Task<V>,
  args: readonly string[],
  context: TaskContext,
  run: (parsed: Parsed<V>) => Promise<number>,
): Promise<number> {
  const parsed = parseOptions(task, args);
  const { help, out, json } = parsed.options;
  if (help === true) {
    context.stdout(helpText(task));
    return EXIT.done;
  }
  if (typeof out !== "string") return await run(parsed);
  const held = await holdFolder(out, context, { json: json === true });
  try {
    return await run(parsed);
  } finally {
    await held.release();
  }
}

/** The help text of a task: lines of at most 92 characters, without a final line break. */
export function helpText(task: Task<AnyValues>): string {
  const names = Object.keys(task.options);
  const training = names.filter((name) => name in TRAINING_OPTIONS);
  const common = names.filter((name) => name in COMMON_OPTIONS);
  const own = names.filter((name) => !training.includes(name) && !common.includes(name));
  return [
    `deno task ${task.name} [options]`,
    wrap(task.summary, 0).join("\n"),
    ...section("Options of this task", own.map((name) => explainOption(task, name))),
    ...section("Options of training", training.map((name) => explainOption(task, name))),
    ...section("Options of every task", common.map((name) => explainOption(task, name))),
    ...section("Exit status", EXIT_STATUSES),
    ...section(
      "Examples",
      task.examples.map(({ command, purpose }) => [command, purpose] as const),
    ),
  ].join("\n\n");
}

function section(title: string, entries: readonly (readonly [string, string])[]): string[] {
  if (entries.length === 0) return [];
  return [`${title}:\n${entries.map(layOut).join("\n")}`];
}

/** The name, then its explanation in the right column. */
function layOut([name, explanation]: readonly [string, string]): string {
  const lines = wrap(explanation, COLUMN);
  const head = `  ${name}`;
  if (head.length > COLUMN - 2) return [head, ...lines].join("\n");
  return [head + lines[0].slice(head.length), ...lines.slice(1)].join("\n");
}

/** An option as it is typed, and what it does, with its default. */
function explainOption(task: Task<AnyValues>, name: string): [string, string] {
  const option = task.options[name];
  const typed = optionName(name);
  if (option.placeholder === undefined) return [typed, option.help];
  return [`${typed} ${option.placeholder}`, option.help + explainDefault(task, name)];
}

/** The default in brackets, with that of `--quick` where it differs. */
function explainDefault(task: Task<AnyValues>, name: string): string {
  const usual = task.defaultTexts?.[name] ?? showValue(defaultOf(task, { name, quick: false }));
  const hasQuick = "quick" in task.options;
  const quick = showValue(defaultOf(task, { name, quick: hasQuick }));
  const differs = hasQuick && quick !== showValue(defaultOf(task, { name, quick: false }));
  if (usual === "") return "";
  return differs ? ` (default ${usual}, with --quick ${quick})` : ` (default ${usual})`;
}

/** A value as it would be typed; "" for none. */
function showValue(value: unknown): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential();
  }
  return value === undefined ? "" : String(value);
}

/** Breaks a text into lines of at most 92 characters, each indented by so many blanks. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => " ".repeat(indent) + each);
}
