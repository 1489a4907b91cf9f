/**
 * The sensitivity study: the same network with several distributions of initial weights, without and with batch norm.
 *
 * @module
 */

import { enumerate } from "../lists.ts";
import type { Initialisation } from "../model/initialisation.ts";
import type { Ending, Evaluation, MetricRow } from "../model/metrics.ts";
import { PUBLISHED_SMALL_SIGMAS } from "../model/published.ts";
import type { NetworkSettings } from "./population.ts";
import type { TrainingNetwork } from "./training.ts";

/** Training stalled if its final loss is within this share of ln(classes). */
const STALLED_WITHIN = 0.01;

/** The result of one network of a study. */
export interface SensitivityRun extends Ending {
  /** The initialisation, as named by {@linkcode sigmaName}. */
  readonly sigma: string;
  /** Whether the network has batch norm. */
  readonly batchNorm: boolean;
  /** Whether it trained, from {@linkcode outcomeOf}. */
  readonly outcome: string;
}

/** The loss of one network of a study at one step. */
export interface CurveRow {
  /** The initialisation, as named by {@linkcode sigmaName}. */
  readonly sigma: string;
  /** Whether the network has batch norm. */
  readonly batchNorm: boolean;
  /** Steps done so far. */
  readonly step: number;
  /** Mean cross-entropy, in nats, on all training images. */
  readonly trainingLoss: number;
}

/**
 * Names an initialisation for files and figures.
 *
 * @param initialisation The distribution of the weights.
 * @returns `"he"`, `"xavier"`, or the shortest text that parses as the same standard deviation.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sigmaName } from "./sensitivity.ts";
 *
 * assertEquals(sigmaName(1e-3), "0.001");
 * ```
 */
export function sigmaName(initialisation: Initialisation): string {
  return String(initialisation);
}

/**
 * Names initial weights in a sentence.
 *
 * @param sigma Their name in files, from {@linkcode sigmaName}.
 * @returns As in `"He"`, `"Xavier"` and `"σ = 0.001"`.
 */
export function initialWeightsName(sigma: string): string {
  if (sigma === "he") return "He";
  return sigma === "xavier" ? "Xavier" : `σ = ${sigma}`;
}

/**
 * Says whether a network trained.
 *
 * @param ending When it diverged, if it did, and its final training loss.
 * @param classes Number of classes.
 * @returns As in `"diverged at step 12"`; `"stalled"` if the training loss ended within 1 % of ln(classes), the loss of
 * guessing; otherwise `"trained"`.
 *
 * @example A network that learnt nothing
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outcomeOf } from "./sensitivity.ts";
 *
 * assertEquals(outcomeOf({ divergedAt: null, training: { loss: 2.3026 } }, 10), "stalled");
 * ```
 */
export function outcomeOf(
  ending: Pick<Ending, "divergedAt"> & { readonly training: Pick<Evaluation, "loss"> },
  classes: number,
): string {
  const { divergedAt, training: { loss } } = ending;
  if (divergedAt !== null) return `diverged at step ${divergedAt}`;
  const guessing = Math.log(classes);
  return Math.abs(loss - guessing) <= STALLED_WITHIN * guessing ? "stalled" : "trained";
}

/**
 * Makes the networks of a study. The identity of each is its initialisation, so that it starts the same whichever networks
 * train beside it, with and without batch norm.
 *
 * @param initialisations The distributions of the weights, all different.
 * @param settings The settings that all networks share.
 * @returns A network for each initialisation, in the same order.
 */
export function sensitivityNetworks(
  initialisations: readonly Initialisation[],
  settings: NetworkSettings,
): TrainingNetwork[] {
  return initialisations.map((initialisation) => ({
    ...settings,
    identity: sigmaName(initialisation),
    initialisation,
  }));
}

/** The networks that metric rows belong to. */
export interface CurveOptions {
  /** The initialisation of each network. */
  readonly initialisations: readonly Initialisation[];
  /** Whether the networks have batch norm. */
  readonly batchNorm: boolean;
}

/**
 * Arranges the rows of networks that trained together network by network.
 *
 * @param rows The rows of the training, [evaluations][networks].
 * @param options The networks.
 * @returns The curves, one after another, each in the order of training.
 */
export function curveRows(
  rows: readonly (readonly MetricRow[])[],
  options: CurveOptions,
): CurveRow[] {
  const { initialisations, batchNorm } = options;
  return initialisations.flatMap((initialisation, i) =>
    rows.map(({ [i]: { step, training } }) => ({
      sigma: sigmaName(initialisation),
      batchNorm,
      step,
      trainingLoss: training.loss,
    }))
  );
}

/** Options for {@linkcode describeRuns}. */
export interface DescribeRunsOptions {
  /** Number of classes. */
  readonly classes: number;
  /** Whether data and settings are those of the published report, so that its finding can be compared. */
  readonly comparable: boolean;
}

/**
 * Says in a sentence which runs of a study trained, stalled or diverged.
 *
 * @param runs The runs.
 * @param options The number of classes, and whether to mention the report's finding.
 * @returns The sentence.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeRuns } from "./sensitivity.ts";
 *
 * const some = { loss: 1.4, cost: 1.6, accuracy: 0.5 };
 * const run = { training: some, validation: some, test: some, steps: 3600, divergedAt: null };
 * const sentence = describeRuns([
 *   { ...run, sigma: "0.1", batchNorm: false, outcome: "trained" },
 *   { ...run, sigma: "0.001", batchNorm: false, outcome: "stalled" },
 * ], { classes: 10, comparable: false });
 *
 * assertEquals(
 *   sentence,
 *   "Without batch norm σ = 0.1 trained, and σ = 0.001 stalled at the loss of guessing (2.303).",
 * );
 * ```
 */
export function describeRuns(
  runs: readonly SensitivityRun[],
  options: DescribeRunsOptions,
): string {
  const { classes, comparable } = options;
  const seen = [false, true]
    .map((batchNorm) => runs.filter((run) => run.batchNorm === batchNorm))
    .filter(({ length }) => length > 0)
    .map((some) =>
      `${some[0].batchNorm ? "with" : "without"} batch norm ${outcomes(some, classes)}`
    )
    .join("; ");
  const small = PUBLISHED_SMALL_SIGMAS.map(sigmaName);
  const smallSigmaRan = runs.some((run) => !run.batchNorm && small.includes(run.sigma));
  return comparable && smallSigmaRan
    ? `The report says that a small σ diverges without batch norm; here, ${seen}.`
    : `${seen.charAt(0).toUpperCase()}${seen.slice(1)}.`;
}

/** As in "σ = 0.1 trained, and σ = 0.001 and σ = 0.0001 diverged". */
function outcomes(runs: readonly SensitivityRun[], classes: number): string {
  const verbs = Map.groupBy(runs, ({ outcome }) => outcome.split(" ")[0]);
  const clauses = [...verbs].map(([verb, group]) => {
    const all = group.length === runs.length && runs.length > 1;
    const who = all ? "all" : enumerate(group.map(({ sigma }) => initialWeightsName(sigma)));
    return verb === "stalled"
      ? `${who} stalled at the loss of guessing (${Math.log(classes).toFixed(3)})`
      : `${who} ${verb}`;
  });
  return clauses.length < 2
    ? clauses.join()
    : `${clauses.slice(0, -1).join(", ")}, and ${clauses.at(-1)}`;
}
