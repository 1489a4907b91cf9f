/**
 * The task `reproduce`: every experiment of the report for several seeds, then the page that compares them with it.
 */
import { join } from "@std/path";
import { ArgumentError } from "../src/errors.ts";
import { distinct } from "../src/lists.ts";
import type { TaskContext, TaskMain } from "./_kit/context.ts";
import { writeEvent } from "./_kit/events.ts";
import { EXIT, FigureError, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, integer, PROFILE_OPTION, type Task, type Values } from "./_kit/options.ts";
import { count } from "./_kit/table.ts";
import {
  type DataOptions,
  type PlannedRun,
  type PlannedTask,
  planOn,
  SharedData,
  withGpu,
} from "./_kit/with_data.ts";
import { DEFAULT_SEEDS } from "./_report/commands.ts";
import * as baseline from "./baseline.ts";
import * as gradientCheck from "./gradient_check.ts";
import * as initSensitivity from "./init_sensitivity.ts";
import * as lambdaSearch from "./lambda_search.ts";
import { main as report } from "./report.ts";

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  seed: { ...COMMON_OPTIONS.seed, help: "first seed of initial weights and batch order" },
  seeds: integer({ min: 1, default: DEFAULT_SEEDS.usual, help: "number of seeds, from --seed on" }),
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "reproduce",
  summary: "Repeats every experiment of the report: gradient-check, baseline, lambda-search and " +
    "init-sensitivity for each seed, each in a folder of its own within --out (baseline/seed-1, " +
    "...), then writes report.html, which compares them with the report. Finished parts are kept " +
    "when the same command is run again. If a part fails its check, the others run all the same, " +
    "and the task ends with status 3.",
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
  /** Checks everything that can be refused, writes nothing, and returns what is left to do. */
  plan(args: readonly string[], shared: SharedData): Promise<PlannedRun>;
}

/** The experiments, in the order of the report. */
export const EXPERIMENTS: readonly Experiment[] = [
  experiment(gradientCheck, { usual: 0, quick: 0 }),
  experiment(baseline, { usual: 4, quick: 4 }),
  experiment(lambdaSearch, { usual: 21, quick: 7 }),
  experiment(initSensitivity, { usual: 6, quick: 6 }),
];

function experiment<V extends DataOptions, Plan>(
  task: PlannedTask<V, Plan>,
  trainings: Experiment["trainings"],
): Experiment {
  const { name } = task.TASK;
  return { name, trainings, plan: (args, shared) => planOn(task, args, shared) };
}

/** An experiment with a seed. */
interface Part {
  readonly experiment: Experiment;
  readonly seed: number;
  /** As in "baseline, seed 1". */
  readonly name: string;
}

/** A part, not begun. */
interface PlannedPart extends Part {
  readonly run: PlannedRun;
}

export async function main(
  args: readonly string[],
  context: TaskContext,
  testing: { experiments?: readonly Experiment[]; report?: TaskMain } = {},
): Promise<number> {
  const { experiments = EXPERIMENTS, report: makePage = report } = testing;
  return await withGpu(TASK, args, context, async ({ options, gpu }) => {
    const parts = partsOf(options, experiments);
    announceParts(context, options, parts);
    const shared = new SharedData(gpu);
    try {
      const planned: PlannedPart[] = [];
      for (const part of parts) {
        context.signal.throwIfAborted();
        context.progress(`Looking at ${part.name}`);
        const run = await part.experiment.plan(partArgs(options, part), shared);
        planned.push({ ...part, run });
      }
      context.progress("");
      return await runParts(planned, options, { context, makePage });
    } finally {
      shared.destroy();
    }
  });
}

/** Everything for the first seed, then everything for the next. */
function partsOf({ seed: first, seeds }: Options, experiments: readonly Experiment[]): Part[] {
  return Array.from({ length: seeds }, (_, i) => first + i).flatMap((seed) =>
    experiments.map((experiment) => ({
      experiment,
      seed,
      name: `${experiment.name}, seed ${seed}`,
    }))
  );
}

function announceParts(context: TaskContext, options: Options, parts: readonly Part[]): void {
  const { quick, seeds } = options;
  const kind = quick ? "quick" : "usual";
  const trainings = parts.reduce((sum, { experiment }) => sum + experiment.trainings[kind], 0);
  context.stderr(
    `${count(seeds, "seed")}, ${count(parts.length, "part")}, ${count(trainings, "training")}${
      quick ? " (quick)" : ""
    }; finished parts are kept`,
  );
}

/** Runs the parts, and makes the page after each seed; returns the exit status. */
async function runParts(
  parts: readonly PlannedPart[],
  options: Options,
  on: { context: TaskContext; makePage: TaskMain },
): Promise<number> {
  const { context, makePage } = on;
  const { json, quick } = options;
  const undrawn: string[] = [];
  /** Runs something to its end even if a figure cannot be drawn, which loses no results. */
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
  const failed: string[] = [];
  for (const [i, { experiment, seed, name, run }] of parts.entries()) {
    context.signal.throwIfAborted();
    const place = { number: i + 1, parts: parts.length };
    context.stderr(`Part ${place.number} of ${place.parts}: ${name}`);
    const event = { part: experiment.name, seed, ...place, ...quick && { quick } };
    if (json) writeEvent(context, "part", event);
    const status = await drawing(() => run(context));
    if (status === EXIT.checkFailed) failed.push(name);
    else if (status !== EXIT.done) return status;
    // After each seed, so that there is a page while the others train.
    if (parts[i + 1]?.seed === seed) continue;
    const pageStatus = await drawing(() => makePage(pageArgs(options), context));
    if (pageStatus !== EXIT.done) return pageStatus;
  }

  for (const name of failed) context.stderr(`Check failed: ${name}`);
  const done = { parts: parts.length, fell_short: failed, ...quick && { quick } };
  if (json) writeEvent(context, "done", done);
  if (undrawn.length > 0) throw new FigureError(distinct(undrawn).join(". "));
  return failed.length === 0 ? EXIT.done : EXIT.checkFailed;
}

function checkSeeds({ seed, seeds }: Options): void {
  const last = 2 ** 32 - 1;
  if (seed + seeds - 1 > last) {
    throw new ArgumentError(
      `--seeds expects at most ${last - seed + 1} from --seed ${seed} on, since the last seed ` +
        `is ${last}, not ${seeds}`,
    );
  }
}

/** The command line of a part: its own seed and folder, and everything else as given. */
function partArgs(options: Options, { experiment, seed }: Part): string[] {
  const { out, data, quick, force, json, requireGpu, variant, profile } = options;
  const { name, trainings } = experiment;
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

function pageArgs({ out, json }: Options): string[] {
  return ["--out", out, ...json ? ["--json"] : []];
}

if (import.meta.main) await runTask(main);
