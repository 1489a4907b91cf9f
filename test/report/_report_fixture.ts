/** A whole directory as `reproduce` leaves it, with made-up numbers near the report's: nothing is trained. */
import { basename, dirname } from "@std/path";
import { CIFAR10_CLASSES } from "../../src/data/cifar10.ts";
import type { Evaluation, MetricRow } from "../../src/model/metrics.ts";
import {
  PUBLISHED_BEST,
  PUBLISHED_GRADIENT_ERRORS,
  PUBLISHED_HIDDEN,
} from "../../src/model/published.ts";
import { Random } from "../../src/model/random.ts";
import { PACKAGE_NAME } from "../../src/records/config.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { GRADIENT_CHECK_CSV } from "../../src/records/gradient_check.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";
import { eta } from "../../src/model/schedule.ts";
import { bestResults, type TrialRow } from "../../src/train/lambda_search.ts";
import type { CurveRow } from "../../src/train/sensitivity.ts";
import { type Digests, writeFinished } from "../../tasks/_kit/finished.ts";
import { sha256 } from "../../tasks/_kit/sha256.ts";

/** What {@linkcode writeReproduceDirectory} writes. */
export interface ReproduceOptions {
  /** Name of the data set; the real one unless given, so that the page has published numbers. */
  readonly data?: string;
  /** How many seeds, from 1; 3 unless given, and 1 with `quick`. */
  readonly seeds?: number;
  /** Paths within the directory that are left out, with everything below them. */
  readonly without?: readonly string[];
  /** Whether the runs say that they are quick. */
  readonly quick?: boolean;
}

const HALF_CYCLE = 2250;
const ETAS = { etaMin: 1e-5, etaMax: 1e-1 };

const ADAPTER = "llvmpipe (LLVM 15.0.6, 256 bits)";

/** Validation and test accuracy of the baseline runs of seed 1; other seeds lie half a point around them. */
const BASELINES = [
  { name: "3-layer", hidden: PUBLISHED_HIDDEN[0], norm: false, val: 0.5225, test: 0.5247 },
  {
    name: "3-layer-batch-norm",
    hidden: PUBLISHED_HIDDEN[0],
    norm: true,
    val: 0.5332,
    test: 0.5317,
  },
  { name: "9-layer", hidden: PUBLISHED_HIDDEN[1], norm: false, val: 0.4718, test: 0.4725 },
  { name: "9-layer-batch-norm", hidden: PUBLISHED_HIDDEN[1], norm: true, val: 0.5132, test: 0.517 },
] as const;

/** Test accuracy of the sensitivity runs; those without batch norm and with small weights stall. */
const SENSITIVITIES = [
  { sigma: "0.1", norm: false, test: 0.5216 },
  { sigma: "0.001", norm: false, test: 0.1 },
  { sigma: "0.0001", norm: false, test: 0.1 },
  { sigma: "0.1", norm: true, test: 0.5251 },
  { sigma: "0.001", norm: true, test: 0.5174 },
  { sigma: "0.0001", norm: true, test: 0.5152 },
] as const;

/**
 * Writes the directory without figures and page, which are made from it.
 *
 * @param directory The directory; made where it is missing.
 * @param options What to write.
 */
export async function writeReproduceDirectory(
  directory: string,
  options: ReproduceOptions = {},
): Promise<void> {
  const { quick = false, without = [] } = options;
  const { seeds = quick ? 1 : 3, data = "CIFAR-10" } = options;
  const made = { data, quick };
  const files = Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) => [
    ...gradientCheckFiles(`gradient-check/seed-${seed}`, { ...made, seed }),
    ...baselineFiles(`baseline/seed-${seed}`, { ...made, seed }),
    ...searchFiles(`lambda-search/seed-${seed}`, { ...made, seed }),
    ...sensitivityFiles(`init-sensitivity/seed-${seed}`, { ...made, seed }),
  ]);
  const finished = new Map<string, Digests>();
  for (const [path, content] of files) {
    if (without.some((left) => path === left || path.startsWith(`${left}/`))) continue;
    await Deno.mkdir(dirname(`${directory}/${path}`), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content, null, 2) + "\n";
    await Deno.writeTextFile(`${directory}/${path}`, text);
    const folder = dirname(path);
    finished.set(folder, { ...finished.get(folder), [basename(path)]: await sha256(text) });
  }
  for (const [folder, digests] of finished) await writeFinished(`${directory}/${folder}`, digests);
}

/** A path and the content of the file: a text, or an object to write as JSON. */
type File = readonly [path: string, content: string | object];

interface Made {
  readonly data: string;
  readonly quick: boolean;
  readonly seed: number;
}

function gradientCheckFiles(folder: string, made: Made): File[] {
  const random = new Random(made.seed, "gradient check");
  const names = ["W1", "W2", "W3", "b1", "b2", "b3", "gamma1", "gamma2", "beta1", "beta2"];
  const rows = names.map((parameter, i) => {
    const published = PUBLISHED_GRADIENT_ERRORS[parameter] ?? 1e-6;
    const known = made.data === "CIFAR-10" && parameter in PUBLISHED_GRADIENT_ERRORS;
    return {
      parameter,
      published: known ? published : null,
      fivePoint: (1 + random.uniform()) * 1e-8,
      forward: published * (0.2 + 2 * random.uniform()),
      gpuNorm: (1 + random.uniform()) * 1e-7,
      leftOut: i % 3,
      entries: parameter === "W2" ? 2500 : parameter.startsWith("W") ? 500 : 50,
    };
  });
  const worst = { name: "W1", kind: "change", error: 1.8e-5, bar: 1e-4 };
  const trials = PUBLISHED_HIDDEN.map((hidden) => (
    { hidden, batch_norm: true, inputs: 3072, batch: 100, worst, failures: [] }
  ));
  const settings = { hidden: [50, 50], batch_norm: "on", lambda: 0.5, batch: 20, inputs: 10 };
  return [
    [`${folder}/config.json`, config("gradient-check", { made, settings })],
    [`${folder}/gradient_check.csv`, GRADIENT_CHECK_CSV.encode(rows)],
    [
      `${folder}/summary.json`,
      { data: made.data, passed: true, trials, adapter: ADAPTER, software: true },
    ],
  ];
}

function baselineFiles(folder: string, made: Made): File[] {
  return BASELINES.flatMap(({ name, hidden, norm, val, test }) =>
    runFiles(`${folder}/${name}`, {
      made,
      task: "baseline",
      settings: trainingSettings({ hidden, batch_norm: norm ? "on" : "off" }),
      cycles: 2,
      val,
      test,
    })
  );
}

/** The files of one training, but for its model, which nothing here reads. */
function runFiles(
  folder: string,
  run: {
    made: Made;
    task: string;
    settings: object;
    cycles: number;
    val: number;
    test: number;
  },
): File[] {
  const { made, task, settings, cycles } = run;
  const random = new Random(made.seed, folder.replace(/seed-\d+/, ""));
  const shift = (random.uniform() - 0.5) / 100;
  const val = run.val + shift;
  const steps = 2 * HALF_CYCLE * cycles;
  const rows: MetricRow[] = [];
  for (let step = 0; step <= steps; step += 450) {
    const left = Math.exp(-step / 2000);
    const at = (accuracy: number, loss: number): Evaluation => ({
      loss: 2.4 * left + loss * (1 - left),
      cost: 4.2 * left + (loss + 0.15) * (1 - left),
      accuracy: 0.1 * left + accuracy * (1 - left),
    });
    rows.push({
      step,
      epoch: step / 450,
      eta: step === 0 ? null : eta(step - 1, { ...ETAS, halfCycle: HALF_CYCLE }),
      training: at(val + 0.09, 1.09),
      validation: at(val, 1.31),
    });
  }
  const last = rows[rows.length - 1];
  return [
    [`${folder}/config.json`, config(task, { made, settings })],
    [`${folder}/metrics.csv`, METRICS_CSV.encode(rows)],
    [`${folder}/summary.json`, {
      data: made.data,
      train: last.training,
      val: last.validation,
      test: { loss: 1.32, cost: 1.47, accuracy: round(run.test + shift) },
      steps,
      epochs: steps / 450,
      diverged_at: null,
      adapter: ADAPTER,
      software: true,
      ...made.quick && { quick: true },
    }],
  ];
}

function searchFiles(folder: string, made: Made): File[] {
  const coarse = trials("coarse", { made, from: 1e-5, to: 1e-1 });
  const fine = trials("fine", { made, from: 1e-3, to: 1e-2 });
  const comparable = made.data === "CIFAR-10" && !made.quick;
  const best = bestResults([...coarse, ...fine], 3).map(({ lambda, validationAccuracy }, i) => ({
    rank: i + 1,
    lambda,
    validationAccuracy: validationAccuracy.mean,
    publishedLambda: comparable ? PUBLISHED_BEST[i].lambda : null,
    publishedValidationAccuracy: comparable ? PUBLISHED_BEST[i].accuracy : null,
  }));
  const settings = trainingSettings({ batch_norm: "on" });
  const final = runFiles(`${folder}/final`, {
    made,
    task: "lambda-search",
    settings: { ...settings, cycles: 3, lambda: best[0].lambda },
    cycles: 3,
    val: 0.541,
    test: 0.5372,
  });
  const finalSummary = final[2][1] as { test: Evaluation };
  return [
    [`${folder}/config.json`, config("lambda-search", { made, settings: searchSettings() })],
    [`${folder}/trials.csv`, TRIALS_CSV.encode([...coarse, ...fine])],
    [`${folder}/best.csv`, BEST_CSV.encode(best)],
    [
      `${folder}/confusion.csv`,
      CONFUSION_CSV.encode(confusion(made, finalSummary.test.accuracy)),
    ],
    ...final,
    [`${folder}/summary.json`, {
      data: made.data,
      classes: 10,
      best_lambda: best[0].lambda,
      coarse_best_lambda: coarse.reduce((a, b) =>
        b.validation.accuracy > a.validation.accuracy ? b : a
      ).lambda,
      val_accuracy: best[0].validationAccuracy,
      final: finalSummary,
      adapter: ADAPTER,
      software: true,
      ...made.quick && { quick: true },
    }],
  ];
}

/** Ten λ whose validation accuracy is best near 4e-3. */
function trials(stage: string, range: { made: Made; from: number; to: number }): TrialRow[] {
  const { made, from, to } = range;
  const random = new Random(made.seed, stage);
  return Array.from({ length: 10 }, (_, i) => {
    const lambda = Number(
      (from * (to / from) ** ((i + random.uniform()) / 10)).toPrecision(6),
    );
    const off = Math.log10(lambda / 4e-3);
    const accuracy = round(0.535 - 0.02 * off * off + 0.004 * random.uniform());
    return {
      stage,
      trial: i + 1,
      lambda,
      seed: made.seed,
      validation: { loss: 1.32 + 0.05 * off * off, cost: 1.5 + 0.2 * off * off, accuracy },
      training: { loss: 1.1, cost: 1.3, accuracy: round(accuracy + 0.09) },
      divergedAt: null,
    };
  });
}

/** 1000 test images of each class; the share `accuracy` of all is correct. */
function confusion(made: Made, accuracy: number) {
  const random = new Random(made.seed, "confusion");
  const found = Math.round(10_000 * accuracy);
  const counts = CIFAR10_CLASSES.map((_, i) => {
    const right = Math.floor((found + i) / 10);
    const row = CIFAR10_CLASSES.map(() => Math.floor(90 * random.uniform()));
    row[i] = 0;
    const others = row.reduce((sum, count) => sum + count, 0);
    const scaled = row.map((count) => Math.floor(count * (1000 - right) / others));
    scaled[i] = right;
    // The remainder from rounding.
    scaled[(i + 1) % 10] += 1000 - scaled.reduce((sum, count) => sum + count, 0);
    return scaled;
  });
  const synthetic = CIFAR10_CLASSES.map((_, i) => `pattern ${i}`);
  return { classNames: made.data === "CIFAR-10" ? CIFAR10_CLASSES : synthetic, counts };
}

function sensitivityFiles(folder: string, made: Made): File[] {
  const curves: CurveRow[] = [];
  const runs = SENSITIVITIES.map(({ sigma, norm, test }) => {
    const random = new Random(made.seed, sigma, norm ? 1 : 0);
    const stalled = test < 0.2;
    const least = stalled ? 2.3026 : 1.2;
    for (let step = 0; step <= 3600; step += 100) {
      const left = Math.exp(-step / 1000);
      curves.push({
        sigma,
        batchNorm: norm,
        step,
        trainingLoss: 2.31 * left + least * (1 - left) + 0.002 * random.uniform(),
      });
    }
    const last = curves[curves.length - 1].trainingLoss;
    const accuracy = stalled ? test : round(test + (random.uniform() - 0.5) / 200);
    return {
      sigma,
      batch_norm: norm,
      test: { loss: least + 0.15, cost: least + 0.3, accuracy },
      val: { loss: least + 0.15, cost: least + 0.3, accuracy },
      train: { loss: last, cost: last + 0.15, accuracy: stalled ? accuracy : accuracy + 0.05 },
      steps: 3600,
      diverged_at: null,
      outcome: stalled ? "stalled" : "trained",
    };
  });
  return [
    [
      `${folder}/config.json`,
      config("init-sensitivity", { made, settings: sensitivitySettings() }),
    ],
    [`${folder}/curves.csv`, CURVES_CSV.encode(curves)],
    [`${folder}/summary.json`, {
      data: made.data,
      classes: 10,
      runs,
      adapter: ADAPTER,
      software: true,
      ...made.quick && { quick: true },
    }],
  ];
}

/** The settings of a training, under the names of `config.json`. */
function trainingSettings(own: { hidden?: readonly number[]; batch_norm: string }) {
  return {
    hidden: [50, 50],
    lambda: 0.005,
    batch: 100,
    eta_min: ETAS.etaMin,
    eta_max: ETAS.etaMax,
    half_cycle: HALF_CYCLE,
    cycles: 2,
    init: "he",
    ...own,
  };
}

function searchSettings() {
  const { lambda: _lambda, ...settings } = trainingSettings({ batch_norm: "on" });
  return {
    ...settings,
    coarse: [1e-5, 1e-1],
    coarse_count: 10,
    fine: [1e-3, 1e-2],
    fine_count: 10,
    refine: 0,
    repeat: 1,
    final_cycles: 3,
  };
}

function sensitivitySettings() {
  const { init: _init, ...settings } = trainingSettings({ batch_norm: "both" });
  return { ...settings, half_cycle: 900, inits: [1e-1, 1e-3, 1e-4], every: 100 };
}

/** A `config.json`. */
function config(task: string, options: { made: Made; settings: object }) {
  const { made: { seed, quick, data }, settings } = options;
  return {
    package: PACKAGE_NAME,
    task,
    settings: {
      seed,
      quick,
      variant: null,
      ...settings,
      data,
      data_sha256: "b377d64fc9048dcf1bafe354deae4e92dd518a42f16777b3b7ddcfd177a9a36f",
    },
    made_with: {
      package_version: "0.1.0",
      deno_version: "2.9.6",
      adapter: ADAPTER,
      vendor: "Mesa",
      software: true,
      variant: "per-operation",
      data_option: data === "CIFAR-10" ? null : "synthetic",
    },
  };
}

/** Accuracies are shares of a whole number of images. */
function round(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}
