/**
 * The task `reproduce`: every experiment of the report for several seeds, then the page that compares them with it.
 *
 * @module
 */
import { join } from "@std/path";
import { ArgumentError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/device.ts";
import { distinct } from "../src/lists.ts";
import { checkVariant } from "../src/programs/variants.ts";
import { announceAdapter } from "./_kit/adapter.ts";
import type { TaskContext, TaskMain } from "./_kit/context.ts";
import { shareDataSets } from "./_kit/data.ts";
import { writeEvent } from "./_kit/events.ts";
import { helpText } from "./_kit/help.ts";
import { integer } from "./_kit/kinds.ts";
import { EXIT, FigureError, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, parseOptions, type Task, type Values } from "./_kit/options.ts";
import { PROFILE_OPTION } from "./_run/profile.ts";
import { DEFAULT_SEEDS } from "./_run/seeds.ts";
import { main as baseline } from "./baseline.ts";
import { main as gradientCheck } from "./gradient_check.ts";
import { main as initSensitivity } from "./init_sensitivity.ts";
import { main as lambdaSearch } from "./lambda_search.ts";
import { main as report } from "./report.ts";

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  seed: integer({
    min: 0,
    max: 2 ** 32 - 1,
    default: 1,
    help: "first seed of initial weights and batch order",
  }),
  seeds: integer({ min: 1, default: DEFAULT_SEEDS.usual, help: "how many seeds, from --seed on" }),
};

/** The values of the task's options. */
type Options = Values<typeof OPTIONS>;

const TASK: Task<typeof OPTIONS> = {
  name: "reproduce",
  summary:
    "Makes every experiment of the report again: gradient-check, baseline, lambda-search and " +
    "init-sensitivity for each seed, each into a folder of its own within --out " +
    "(baseline/seed-1, ...), then report.html, which compares them with the report. What is " +
    "finished is kept when the same command is given again. A part that falls short of its check " +
    "does not keep the rest from running; the task then ends with status 3.",
  options: OPTIONS,
  quick: { seeds: DEFAULT_SEEDS.quick },
  check: checkSeeds,
  examples: [
    { command: "deno task reproduce", purpose: "the whole report, over three seeds" },
    { command: "deno task reproduce --quick", purpose: "the whole path in a minute" },
    { command: "deno task reproduce --seeds 1", purpose: "the whole report, once" },
  ],
};

/** One of the tasks that are run for each seed. */
export interface Experiment {
  /** Its name, which is that of its folder too. */
  readonly name: string;
  /** How many networks it trains, and how many with `--quick`. */
  readonly trainings: { readonly usual: number; readonly quick: number };
  /** Runs it. */
  readonly main: TaskMain;
}

/** The experiments, in the order of the report. */
export const EXPERIMENTS: readonly Experiment[] = [
  { name: "gradient-check", trainings: { usual: 0, quick: 0 }, main: gradientCheck },
  { name: "baseline", trainings: { usual: 4, quick: 4 }, main: baseline },
  { name: "lambda-search", trainings: { usual: 21, quick: 7 }, main: lambdaSearch },
  { name: "init-sensitivity", trainings: { usual: 6, quick: 6 }, main: initSensitivity },
];

/** An experiment with a seed. */
interface Part {
  readonly experiment: Experiment;
  readonly seed: number;
  /** As in "baseline, seed 1". */
  readonly name: string;
  readonly args: readonly string[];
}

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write, and how to hear of being told to stop.
 * @param testing Other experiments, and another way to make the page, for tests.
 * @returns The exit status.
 */
export async function main(
  args: readonly string[],
  context: TaskContext,
  testing: { experiments?: readonly Experiment[]; report?: TaskMain } = {},
): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const { experiments = EXPERIMENTS, report: makePage = report } = testing;
  checkVariant(options.variant);
  await showAdapter(context, options);
  const parts = planParts(options, experiments);
  const { quick } = options;
  const kind = quick ? "quick" : "usual";
  const trainings = parts.reduce((sum, { experiment }) => sum + experiment.trainings[kind], 0);
  context.stderr(
    `${count(options.seeds, "seed")}, ${count(parts.length, "part")}, ${
      count(trainings, "training")
    }${quick ? " (quick)" : ""}; what is finished already is kept`,
  );

  const rehearsal = rehearsalContext(context);
  shareDataSets([context, rehearsal]);
  for (const part of parts) {
    context.signal.throwIfAborted();
    context.progress(`Looking at ${part.name}`);
    await rehearse(part, rehearsal);
  }
  context.progress("");

  const undrawn: string[] = [];
  /** A figure that cannot be drawn loses no results, and keeps nothing else from being done. */
  async function drawing(run: () => Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof FigureError)) throw error;
      context.stderr(error.message);
      undrawn.push(error.message);
      return EXIT.done;
    }
  }
  const fellShort: string[] = [];
  for (const [i, part] of parts.entries()) {
    context.signal.throwIfAborted();
    const { experiment: { name: experiment, main }, seed } = part;
    context.stderr(`Part ${i + 1} of ${parts.length}: ${part.name}`);
    if (options.json) {
      writeEvent(context, "part", {
        part: experiment,
        seed,
        number: i + 1,
        parts: parts.length,
        ...quick && { quick },
      });
    }
    const status = await drawing(() => main(part.args, context));
    if (status === EXIT.checkFailed) fellShort.push(part.name);
    else if (status !== EXIT.done) return status;
    // After each seed, so that there is something to look at while the others are trained.
    if (parts[i + 1]?.seed === seed) continue;
    const pageStatus = await drawing(() => makePage(pageArgs(options), context));
    if (pageStatus !== EXIT.done) return pageStatus;
  }

  for (const name of fellShort) context.stderr(`Fell short: ${name}`);
  if (options.json) {
    const { length } = parts;
    writeEvent(context, "done", { parts: length, fell_short: fellShort, ...quick && { quick } });
  }
  if (undrawn.length > 0) throw new FigureError(distinct(undrawn).join(". "));
  return fellShort.length === 0 ? EXIT.done : EXIT.checkFailed;
}

/** Seeds are counted on from the first. */
function checkSeeds({ seed, seeds }: Options): void {
  const last = 2 ** 32 - 1;
  if (seed + seeds - 1 > last) {
    throw new ArgumentError(
      `--seeds expects at most ${last - seed + 1} from --seed ${seed} on, since the last seed ` +
        `there is is ${last}, not ${seeds}`,
    );
  }
}

/** The first line of every task; the parts say it again, each in its own log. */
async function showAdapter(context: TaskContext, options: Options): Promise<void> {
  const gpu = await Gpu.request();
  try {
    announceAdapter(context, gpu.adapter, options);
  } finally {
    gpu.destroy();
  }
}

/** Everything for the first seed, then everything for the next. */
function planParts(options: Options, experiments: readonly Experiment[]): Part[] {
  const seeds = Array.from({ length: options.seeds }, (_, i) => options.seed + i);
  return seeds.flatMap((seed) =>
    experiments.map((experiment) => ({
      experiment,
      seed,
      name: `${experiment.name}, seed ${seed}`,
      args: partArgs(options, { experiment, seed }),
    }))
  );
}

/** The command line of a part: its own seed and folder, and all else as it was given. */
function partArgs(options: Options, part: { experiment: Experiment; seed: number }): string[] {
  const { out, data, quick, force, json, requireGpu, variant, profile } = options;
  const { experiment: { name, trainings }, seed } = part;
  return [
    ...["--seed", String(seed), "--out", join(out, name, `seed-${seed}`)],
    ...data === undefined ? [] : ["--data", data],
    ...variant === undefined ? [] : ["--variant", variant],
    ...quick ? ["--quick"] : [],
    ...force ? ["--force"] : [],
    ...json ? ["--json"] : [],
    ...profile && trainings.usual > 0 ? ["--profile"] : [],
    ...requireGpu ? ["--require-gpu"] : [],
  ];
}

/** The command line of the page. */
function pageArgs({ out, json }: Options): string[] {
  return ["--out", out, ...json ? ["--json"] : []];
}

/** The reason for which a rehearsal is told to stop. */
const REHEARSED = new Error("rehearsed: expected the part to stop before it begins");

/** A context that shows nothing and has been told to stop already. */
function rehearsalContext({ columns }: TaskContext): TaskContext {
  const silent = () => {};
  return {
    stdout: silent,
    stderr: silent,
    progress: silent,
    isTerminal: false,
    columns,
    signal: AbortSignal.abort(REHEARSED),
  };
}

/**
 * Lets a part refuse what it has to, before another has been trained for hours.
 *
 * Each refuses before it begins to compute, and does not begin when it has been told to stop.
 */
async function rehearse({ experiment, args }: Part, context: TaskContext): Promise<void> {
  try {
    await experiment.main(args, context);
  } catch (error) {
    if (error !== REHEARSED) throw error;
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

if (import.meta.main) await runTask(main);
