/** Made-up troubles in a reproduction, which a page must show as plainly as good results. */
import type { Evaluation } from "../../src/model/metrics.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";
import { bestResults } from "../../src/train/lambda_search.ts";

/** How a network ends that diverged. */
const LOST: Evaluation = { loss: NaN, cost: NaN, accuracy: NaN };

/** How a network ends that learnt nothing about ten classes. */
const STALLED: Evaluation = { loss: 2.3026, cost: 2.3031, accuracy: 0.1 };

/**
 * Puts troubles into what `writeReproduceDirectory` has written: a check that failed (seed 1), nine layers that
 * diverged (seed 1) and stalled (seed 2), a search in rounds with a trial that diverged (seed 1), its final network
 * stalled, and a study with a run that diverged (seed 1).
 *
 * @param directory The directory, with at least two seeds.
 */
export async function makeTroubles(directory: string): Promise<void> {
  await Deno.remove(`${directory}/gradient-check/seed-1/summary.json`);
  await endRun(`${directory}/baseline/seed-1/9-layer`, { ending: LOST, diverged_at: 900 });
  await endRun(`${directory}/baseline/seed-2/9-layer`, { ending: STALLED, diverged_at: null });
  await searchInRounds(`${directory}/lambda-search/seed-1`);
  await endRun(`${directory}/lambda-search/seed-1/final`, { ending: STALLED, diverged_at: null });
  await divergeInStudy(`${directory}/init-sensitivity/seed-1`);
}

/** Changes how a run ends, on all images. */
async function endRun(
  folder: string,
  { ending, diverged_at }: { ending: Evaluation; diverged_at: number | null },
): Promise<void> {
  const name = `${folder}/metrics.csv`;
  const rows = METRICS_CSV.decode(await Deno.readTextFile(name), { name });
  const from = diverged_at ?? rows[rows.length - 1].step;
  const changed = rows.map((row) =>
    row.step < from ? row : { ...row, training: ending, validation: ending }
  );
  await Deno.writeTextFile(name, METRICS_CSV.encode(changed));
  await changeJson(`${folder}/summary.json`, (summary) => ({
    ...summary,
    ...{ train: ending, val: ending, diverged_at },
    // The confusion matrix of a final network must agree with its test accuracy.
    ...folder.endsWith("/final") ? {} : { test: ending },
  }));
}

/** Turns the fine stage into rounds, and makes the first trial of all diverge. */
async function searchInRounds(folder: string): Promise<void> {
  const name = `${folder}/trials.csv`;
  const rows = TRIALS_CSV.decode(await Deno.readTextFile(name), { name });
  const lost = { validation: LOST, training: LOST, divergedAt: 40 };
  const coarse = rows.filter(({ stage }) => stage === "coarse");
  const fine = rows.filter(({ stage }) => stage === "fine");
  const changed = [
    ...coarse.map((row, i) => i === 0 ? { ...row, ...lost } : row),
    ...fine.map((row) => ({ ...row, stage: "refine-1" })),
    ...fine.map((row) => ({
      ...row,
      stage: "refine-2",
      lambda: 1.01 * row.lambda,
      validation: { ...row.validation, accuracy: row.validation.accuracy - 0.01 },
    })),
  ];
  await Deno.writeTextFile(name, TRIALS_CSV.encode(changed));
  const best = bestResults(changed, 3).map(({ lambda, validationAccuracy }, i) => ({
    ...{ rank: i + 1, lambda, validationAccuracy: validationAccuracy.mean },
    ...{ publishedLambda: null, publishedValidationAccuracy: null },
  }));
  await Deno.writeTextFile(`${folder}/best.csv`, BEST_CSV.encode(best));
  await changeJson(`${folder}/config.json`, (config) => ({
    ...config,
    settings: { ...config.settings as object, refine: 2 },
  }));
}

/** Makes the first run of a study diverge at step 150. */
async function divergeInStudy(folder: string): Promise<void> {
  const name = `${folder}/curves.csv`;
  const rows = CURVES_CSV.decode(await Deno.readTextFile(name), { name });
  const [{ sigma, batchNorm }] = rows;
  const changed = rows.map((row) =>
    row.sigma === sigma && row.batchNorm === batchNorm && row.step > 150
      ? { ...row, trainingLoss: NaN }
      : row
  );
  await Deno.writeTextFile(name, CURVES_CSV.encode(changed));
  await changeJson(`${folder}/summary.json`, (summary) => {
    const [first, ...others] = summary.runs as object[];
    const outcome = "diverged at step 150";
    // As earlier versions have written it: the first class is predicted, which is right for a tenth of the images.
    const ending = { ...LOST, accuracy: 0.1 };
    const lost = { ...first, train: ending, val: ending, test: ending, diverged_at: 150, outcome };
    return { ...summary, runs: [lost, ...others] };
  });
}

interface Fields {
  readonly [name: string]: unknown;
}

/** Changes a JSON file; NaN becomes null there. */
async function changeJson(path: string, change: (fields: Fields) => Fields): Promise<void> {
  const fields = change(JSON.parse(await Deno.readTextFile(path)));
  await Deno.writeTextFile(path, JSON.stringify(fields, null, 2) + "\n");
}
