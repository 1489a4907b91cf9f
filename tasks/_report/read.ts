/** Reads the directory of a reproduction as far as it is there, and redraws its figures. */
import { join } from "@std/path";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { distinct } from "../../src/lists.ts";
import { CONFIG_JSON, type RunConfig } from "../../src/records/config.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { GRADIENT_CHECK_CSV } from "../../src/records/gradient_check.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { TextFormat } from "../../src/records/names.ts";
import {
  GRADIENT_CHECK_SUMMARY_JSON,
  RUN_SUMMARY_JSON,
  STUDY_SUMMARY_JSON,
} from "../../src/records/summary.ts";
import type { CsvTable } from "../../src/records/table.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";
import type {
  GradientCheckPart,
  ReportData,
  RunPart,
  SearchPart,
  SensitivityPart,
} from "../../src/report/data.ts";
import { allParts } from "../../src/report/data.ts";
import type { BestRow, TrialRow } from "../../src/train/lambda_search.ts";
import { describeFailure } from "../_kit/figures.ts";
import { inOut, isThere, readText, readTextIfThere, statIfThere } from "../_kit/files.ts";
import { changedFiles, FINISHED, readFinished } from "../_kit/finished.ts";
import { FigureError } from "../_kit/main.ts";
import type { Workers } from "../_kit/workers.ts";
import {
  checkBest,
  checkConfusion,
  checkCurves,
  checkLambda,
  checkMetrics,
  checkParameters,
  checkTrials,
} from "./agree.ts";
import { commandsFor } from "./commands.ts";
import { checkConfig } from "./settings.ts";

/** The folders of a reproduction, in the order of the report. */
const TASKS = ["gradient-check", "baseline", "lambda-search", "init-sensitivity"] as const;

type TaskName = typeof TASKS[number];

/** The runs of a complete baseline. */
const RUNS = ["3-layer", "3-layer-batch-norm", "9-layer", "9-layer-batch-norm"];

const SEED_FOLDER = /^seed-(0|[1-9]\d{0,9})$/;

/** A figure of a part. */
export interface DrawnFigure {
  readonly path: string;
  /** The `--out` of the task that it belongs to. */
  readonly folder: string;
  /** What was read of that before it was drawn: the texts of files by their paths. */
  readonly from: ReadonlyMap<string, string>;
  readonly svg: string;
}

interface Reproduction {
  /** What the page shows. */
  readonly data: ReportData;
  /** All figures, not written yet. */
  readonly figures: readonly DrawnFigure[];
}

/**
 * Reads a reproduction and draws its figures; writes nothing.
 *
 * @throws {ArgumentError} When the directory holds no part, or is or goes through a file.
 * @throws {DataError} When a file is not what this program writes, or two contradict each other; the message names the
 * file, and the line and column of a CSV file.
 * @throws {FigureError} When a figure cannot be drawn; the message names it and the reason.
 */
export async function readReproduction(
  directory: string,
  workers: Workers,
): Promise<Reproduction> {
  await inOut(directory, () => isThere(join(directory, TASKS[0])));
  const found = new Map<TaskName, number[]>();
  for (const task of TASKS) found.set(task, await seedsIn(join(directory, task)));
  const seeds = distinct([...found.values()].flat()).sort((a, b) => a - b);
  if (seeds.length === 0) {
    throw new ArgumentError(
      `--out ${directory} holds no part of a reproduction: expected what "deno task reproduce" writes, ` +
        "such as baseline/seed-1",
    );
  }
  const reader = new Reader(directory, workers);
  for (const [task, own] of found) {
    if (own.length === 0) reader.miss(task);
    else for (const seed of seeds) await reader.read(task, seed);
  }
  return reader.reproduction();
}

/** Reads part after part, and collects what it finds. */
class Reader {
  readonly #directory: string;
  readonly #workers: Workers;
  readonly #gradientChecks: GradientCheckPart[] = [];
  readonly #baselines: RunPart[] = [];
  readonly #searches: SearchPart[] = [];
  readonly #sensitivities: SensitivityPart[] = [];
  readonly #missing: string[] = [];
  /** What was read, by its path. */
  readonly #texts = new Map<string, string>();
  /** Files of finished parts that are missing. */
  readonly #gone: string[] = [];
  /** The parts without a marker that says that they are finished. */
  readonly #unfinished: string[] = [];
  readonly #edited: string[] = [];
  readonly #figures: DrawnFigure[] = [];

  constructor(directory: string, workers: Workers) {
    this.#directory = directory;
    this.#workers = workers;
  }

  reproduction(): Reproduction {
    const missing = distinct([...this.#missing, ...this.#gone]);
    for (const part of this.#unfinished) {
      if (missing.some((file) => file.startsWith(`${part}/`))) continue; // Which says as much.
      missing.push(`${part}/${FINISHED} (interrupted before its end)`);
    }
    const found = {
      gradientChecks: this.#gradientChecks,
      baselines: this.#baselines,
      searches: this.#searches,
      sensitivities: this.#sensitivities,
      missing,
      edited: this.#edited,
    };
    const parts = allParts(found);
    const commands = parts.length === 0 ? null : commandsFor(parts);
    return { data: { ...found, commands }, figures: this.#figures };
  }

  miss(part: string): void {
    this.#missing.push(part);
  }

  async read(task: TaskName, seed: number): Promise<void> {
    const part = `${task}/seed-${seed}`;
    if (task === "gradient-check") await this.#readGradientCheck(part, seed);
    else if (task === "baseline") await this.#readBaseline(part, seed);
    else if (task === "lambda-search") await this.#readSearch(part, seed);
    else await this.#readStudy(part, seed);
  }

  async #readGradientCheck(part: string, seed: number): Promise<void> {
    if (!await this.#has(part, ["config.json", "gradient_check.csv"])) return;
    const config = await this.#config(part, "gradient-check", { seed });
    const rows = await this.#rows(`${part}/gradient_check.csv`, GRADIENT_CHECK_CSV);
    checkParameters(rows, { name: this.#path(`${part}/gradient_check.csv`), config });
    // Written only if the check has passed.
    const passed = await readTextIfThere(this.#path(`${part}/summary.json`)) !== undefined;
    if (!passed && !this.#gone.includes(`${part}/summary.json`)) {
      this.miss(`${part}/summary.json (the check failed or was interrupted)`);
    }
    const trials = passed
      ? (await this.#read(`${part}/summary.json`, GRADIENT_CHECK_SUMMARY_JSON)).trials
      : [];
    this.#gradientChecks.push({ seed, config, folder: part, rows, passed, trials });
  }

  async #readBaseline(part: string, seed: number): Promise<void> {
    const folders = await foldersIn(this.#path(part));
    if (folders.length === 0) return this.miss(part);
    // Runs with other widths may lie beside those of the report.
    for (const name of distinct([...RUNS, ...folders])) {
      const own = { name, seed, folder: part };
      const run = await this.#readRun(`${part}/${name}`, "baseline", own);
      if (run !== null) this.#baselines.push(run);
    }
  }

  async #readRun(
    part: string,
    task: TaskName,
    run: Pick<RunPart, "name" | "seed" | "folder">,
  ): Promise<RunPart | null> {
    if (!await this.#has(part, ["config.json", "metrics.csv", "summary.json"])) return null;
    // The page compares these by their names; others may be called as one likes.
    const named = task === "baseline" && RUNS.includes(run.name) ? run.name : undefined;
    const config = await this.#config(part, task, { seed: run.seed, run: named });
    const rows = await this.#rows(`${part}/metrics.csv`, METRICS_CSV);
    const ending = await this.#read(`${part}/summary.json`, RUN_SUMMARY_JSON);
    checkMetrics(rows, { name: this.#path(`${part}/metrics.csv`), ending });
    const figure = await this.#draw(part, {
      file: "metrics.svg",
      from: "metrics.csv",
      draw: () => this.#workers.draw("drawRun", { rows, config }),
    });
    // As in the summary, which cannot tell infinity from NaN.
    const { training, validation } = rows[rows.length - 1];
    return { ...run, config, ending: { ...ending, training, validation }, figure };
  }

  async #readSearch(part: string, seed: number): Promise<void> {
    if (!await this.#has(part, ["config.json", "trials.csv"])) return;
    const config = await this.#config(part, "lambda-search", { seed });
    const trials = await this.#rows(`${part}/trials.csv`, TRIALS_CSV);
    checkTrials(trials, { name: this.#path(`${part}/trials.csv`), config });
    const figures: { stage: string; svg: string }[] = [];
    for (const stage of distinct(trials.map(({ stage }) => stage))) {
      const first = trials.findIndex((trial) => trial.stage === stage);
      const rows = trials.filter((trial) => trial.stage === stage);
      const before = trials.slice(0, first);
      const svg = await this.#draw(part, {
        file: `${stage}.svg`,
        from: "trials.csv",
        draw: () => this.#workers.draw("drawStage", { rows, config, before }),
      });
      figures.push({ stage, svg });
    }
    const best = await this.#readBest(part, trials);
    const own = { name: "final", seed, folder: part };
    const final = await this.#readRun(`${part}/final`, "lambda-search", own);
    if (final !== null && best !== null) {
      checkLambda(final.config, { name: this.#path(`${part}/final/config.json`), best });
    }
    const confusion = await this.#readConfusion(part, { config, final });
    this.#searches.push({ seed, config, folder: part, trials, figures, best, final, confusion });
  }

  async #readBest(part: string, trials: readonly TrialRow[]): Promise<BestRow[] | null> {
    if (!await this.#has(part, ["best.csv"])) return null;
    const best = await this.#rows(`${part}/best.csv`, BEST_CSV);
    checkBest(best, { name: this.#path(`${part}/best.csv`), trials });
    return best;
  }

  async #readConfusion(
    part: string,
    { config, final }: Pick<SearchPart, "config" | "final">,
  ): Promise<SearchPart["confusion"]> {
    if (!await this.#has(part, ["confusion.csv"])) return null;
    const file = `${part}/confusion.csv`;
    const matrix = await this.#read(file, CONFUSION_CSV);
    if (final !== null) checkConfusion(matrix, { name: this.#path(file), ending: final.ending });
    const of = final === null ? { config } : { config: final.config, steps: final.ending.steps };
    const svg = await this.#draw(part, {
      file: "confusion.svg",
      from: "confusion.csv",
      draw: () => this.#workers.draw("drawConfusion", { confusion: matrix, ...of }),
    });
    return { matrix, svg };
  }

  async #readStudy(part: string, seed: number): Promise<void> {
    if (!await this.#has(part, ["config.json", "curves.csv", "summary.json"])) return;
    const config = await this.#config(part, "init-sensitivity", { seed });
    const rows = await this.#rows(`${part}/curves.csv`, CURVES_CSV);
    const study = await this.#read(`${part}/summary.json`, STUDY_SUMMARY_JSON);
    checkCurves(rows, { name: this.#path(`${part}/curves.csv`), runs: study.runs, config });
    const figure = await this.#draw(part, {
      file: "sensitivity.svg",
      from: "curves.csv",
      draw: () => this.#workers.draw("drawStudy", { rows, config, ...study }),
    });
    this.#sensitivities.push({ seed, config, folder: part, ...study, figure });
  }

  /** Whether all files of a part exist; collects those that are missing, or the part where all are. */
  async #has(part: string, files: readonly string[]): Promise<boolean> {
    const missing: string[] = [];
    for (const file of files) {
      if (await readTextIfThere(this.#path(`${part}/${file}`)) === undefined) missing.push(file);
    }
    const whole = files.length > 1 && missing.length === files.length;
    if (whole) this.miss(part);
    else for (const file of missing) this.miss(`${part}/${file}`);
    return missing.length === 0;
  }

  async #config(
    part: string,
    task: TaskName,
    named: { readonly seed: number; readonly run?: string },
  ): Promise<RunConfig> {
    const config = await this.#read(`${part}/config.json`, CONFIG_JSON);
    await this.#compare(part);
    checkConfig(config, { name: this.#path(`${part}/config.json`), task, ...named });
    return config;
  }

  /** Collects the files of a part that were changed since it was finished; figures are drawn again. */
  async #compare(part: string): Promise<void> {
    const directory = this.#path(part);
    try {
      const digests = await readFinished(directory);
      if (digests === undefined) this.#unfinished.push(part);
      const changed = await changedFiles(directory, digests ?? {});
      for (const { name, missing } of changed) {
        if (name.endsWith(".svg")) continue;
        (missing ? this.#gone : this.#edited).push(`${part}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#edited.push(`${part}/${FINISHED}`);
    }
  }

  async #read<Content>(
    file: string,
    format: Pick<TextFormat<Content>, "decode">,
  ): Promise<Content> {
    const name = this.#path(file);
    const text = await readText(name);
    this.#texts.set(name, text);
    return format.decode(text, { name });
  }

  async #rows<Row extends object>(file: string, table: CsvTable<Row>): Promise<Row[]> {
    const rows = await this.#read(file, table);
    if (rows.length === 0) {
      throw new DataError(`Cannot read ${this.#path(file)}: it has no rows, expected at least 1`);
    }
    return rows;
  }

  /** Draws a figure of a part; if that is refused, its files have an error. */
  async #draw(
    part: string,
    { file, from, draw }: { file: string; from: string; draw: () => Promise<string> },
  ): Promise<string> {
    const path = this.#path(`${part}/${file}`);
    try {
      const svg = await draw();
      const folder = this.#path(part.split("/").slice(0, 2).join("/"));
      const from = [...this.#texts].filter(([name]) => name.startsWith(`${folder}/`));
      this.#figures.push({ path, folder, from: new Map(from), svg });
      return svg;
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw new FigureError(describeFailure(path, error));
      throw new DataError(`Cannot draw ${path} from ${from} and config.json: ${error.message}`);
    }
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }
}

/** The seeds that have a folder in a task's folder. */
async function seedsIn(directory: string): Promise<number[]> {
  return (await foldersIn(directory)).flatMap((name) => {
    const seed = name.match(SEED_FOLDER)?.[1];
    return seed === undefined ? [] : [Number(seed)];
  });
}

/** The names of the folders in a directory, sorted; none where it is missing. */
async function foldersIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) {
      const found = entry.isSymlink ? await statIfThere(join(directory, entry.name)) : entry;
      if (found?.isDirectory) names.push(entry.name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
  return names.sort();
}
