/**
 * The task `reproduce`: every experiment of the report for several seeds, then the page that compares them with it.
 */
import { join } from "@std/path";
import { ArgumentError } from "../src/errors.ts";
import { distinct } from "../src/lists.ts";
import type { TaskContext, TaskMain } from "./_kit/context.ts";
import { DivergedError } from "./_kit/diverged.ts";
import { writeEvent } from "./_kit/events.ts";
import { EXIT, FigureError, runTask, TaskError } from "./_kit/main.ts";
import {
  CHECKPOINT_INTERVAL,
  COMMON_OPTIONS,
  integer,
  PROFILE_OPTION,
  RESUME_OPTIONS,
  type Task,
  type Values,
} from "./_kit/options.ts";
import { count } from "./_kit/table.ts";
import {
  type DataOptions,
  type PlannedRun,
  type PlannedTask,
  planOn,
  type Rest,
  restOf,
  SharedData,
  withGpu,
} from "./_kit/with_data.ts";
import { DEFAULT_SEEDS } from "./_report/commands.ts";
import * as baseline from "./baseline.ts";
import * as gradientCheck from "./gradient_check.ts";
import * as initSensitivity from "./init_sensitivity.ts";
import * as lambdaSearch from "./lambda_search.ts";
import { main as report } from "./report.ts";

/** More than anyone can wait for; all parts are planned before the first begins. */
const MAX_SEEDS = 10_000;

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  ...RESUME_OPTIONS,
  seed: { ...COMMON_OPTIONS.seed, help: "first seed of initial weights and batch order" },
  seeds: integer({
    min: 1,
    max: MAX_SEEDS,
    default: DEFAULT_SEEDS.usual,
    help: "number of seeds, from --seed on",
  }),
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "reproduce",
  summary: "Repeats every experiment of the report: gradient-check, baseline, lambda-search and " +
    "init-sensitivity for each seed, each in a folder of its own within --out (baseline/seed-1, " +
    "...), then writes report.html, which compares them with the report. What needs no GPU is done " +
    "beside the trainings: gradient-check is reported after them. Finished parts are kept " +
    "when the same command is run again. If a part fails its check, the others run all the same, " +
    "and the task ends with status 3; if networks diverged that should not, with status 1.",
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

/** A part that no longer needs the GPU. */
interface BegunPart extends Part {
  /** As in "Part 1 of 4". */
  readonly number: number;
  readonly rest: Rest;
}

/** Runs the parts, and makes the page after each seed; returns the exit status. */
async function runParts(
  parts: readonly PlannedPart[],
  options: Options,
  on: { context: TaskContext; makePage: TaskMain },
): Promise<number> {
  const { context, makePage } = on;
  const ending = new Ending(context, { ...options, parts: parts.length });
  let begun: BegunPart[] = [];
  try {
    for (const [i, part] of parts.entries()) {
      context.signal.throwIfAborted();
      const number = i + 1;
      ending.announce(part, number);
      const rest = await part.run(context).catch(restOfDiverged);
      begun.push({ ...part, number, rest });
      if (parts[number]?.seed === part.seed) {
        if (rest.doing) context.stderr(`${part.name}: ${rest.doing} while the others train`);
        continue;
      }
      // After each seed, so that there is a page while the others train.
      for (const own of begun) {
        const status = await ending.report(own);
        if (status !== EXIT.done) return status;
      }
      begun = [];
      const status = await ending.drawing(() => makePage(pageArgs(options), context));
      if (status !== EXIT.done) return status;
    }
    return ending.end();
  } finally {
    // If a part fails, what does not need the GPU is still finished, and kept; an interruption has ended it.
    await Promise.allSettled(begun.map(({ rest }) => rest.over));
  }
}

/** What is left to do of a part whose networks all diverged: to say so in its turn. */
function restOfDiverged(error: unknown): Rest {
  if (!(error instanceof DivergedError)) throw error;
  return restOf(Promise.reject(error), () => EXIT.failed);
}

/** How the parts ended. */
class Ending {
  readonly #context: TaskContext;
  readonly #options: Pick<Options, "json" | "quick"> & { readonly parts: number };
  readonly #failed: string[] = [];
  readonly #diverged: string[] = [];
  readonly #undrawn: string[] = [];

  constructor(
    context: TaskContext,
    options: Pick<Options, "json" | "quick"> & { readonly parts: number },
  ) {
    this.#context = context;
    this.#options = options;
  }

  /** Event: `part`. */
  announce(part: Part, number: number): void {
    this.#context.stderr(`Part ${number} of ${this.#options.parts}: ${part.name}`);
    this.#event("part", part, number);
  }

  /**
   * Reports the results of a part; returns the exit status, which is `done` also where a check failed or networks
   * diverged.
   */
  async report({ rest, number, ...part }: BegunPart): Promise<number> {
    if (rest.doing) {
      this.#context.stderr(`Results of part ${number}: ${part.name}`);
      this.#event("part_results", part, number);
    }
    try {
      const status = await this.drawing(() => rest.report());
      if (status !== EXIT.checkFailed) return status;
      this.#failed.push(part.name);
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      const message = `${part.name}: ${error.message}`;
      this.#context.stderr(message);
      this.#diverged.push(message);
    }
    return EXIT.done;
  }

  /** Runs something to its end even if a figure cannot be drawn, which loses no results. */
  async drawing(run: () => Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof FigureError)) throw error;
      this.#context.stderr(error.message);
      this.#undrawn.push(error.message);
      return EXIT.done;
    }
  }

  /** Says what failed, and returns the exit status of all parts. Event: `done`. */
  end(): number {
    const { json, quick, parts } = this.#options;
    for (const name of this.#failed) this.#context.stderr(`Check failed: ${name}`);
    const done = { parts, fell_short: this.#failed, ...quick && { quick } };
    if (json) writeEvent(this.#context, "done", done);
    const failures = distinct([...this.#diverged, ...this.#undrawn]);
    if (failures.length > 0) throw new TaskError(failures.join(". "));
    return this.#failed.length === 0 ? EXIT.done : EXIT.checkFailed;
  }

  #event(name: "part" | "part_results", { experiment, seed }: Part, number: number): void {
    const { json, quick, parts } = this.#options;
    const place = { number, parts, ...quick && { quick } };
    if (json) writeEvent(this.#context, name, { part: experiment.name, seed, ...place });
  }
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
  const { out, data, label, quick, force, json, requireGpu, variant, profile, checkpointEvery } =
    options;
  const { name, trainings } = experiment;
  return [
    ...["--seed", String(seed), "--out", join(out, name, `seed-${seed}`)],
    ...data === undefined ? [] : ["--data", data],
    ...label === undefined ? [] : ["--label", label],
    ...variant === undefined ? [] : ["--variant", variant],
    ...quick ? ["--quick"] : [],
    ...force ? ["--force"] : [],
    ...json ? ["--json"] : [],
    ...profile && trainings.usual > 0 ? ["--profile"] : [],
    ...checkpointEvery !== CHECKPOINT_INTERVAL && trainings.usual > 0
      ? ["--checkpoint-every", String(checkpointEvery)]
      : [],
    ...requireGpu ? ["--require-gpu"] : [],
  ];
}

function pageArgs({ out, json }: Options): string[] {
  return ["--out", out, ...json ? ["--json"] : []];
}

if (import.meta.main) await runTask(main);
