/**
 * The sensitivity study: one network with several distributions of initial weights, without and with batch norm.
 *
 * @module
 */

import type { Initialisation } from "../model/initialisation.ts";
import type { Ending, Evaluation, MetricRow } from "../model/metrics.ts";
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
 * import { sigmaName } from "@headless/mlp/experiments";
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
 *
 * @example By name, and by standard deviation
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { initialWeightsName } from "@headless/mlp/experiments";
 *
 * assertEquals(initialWeightsName("xavier"), "Xavier");
 * assertEquals(initialWeightsName("0.001"), "σ = 0.001");
 * ```
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
 * guessing, and `"worse than guessing"` if above that; otherwise `"trained"`.
 *
 * @example A network that learnt nothing
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outcomeOf } from "@headless/mlp/experiments";
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
  if (Math.abs(loss - guessing) <= STALLED_WITHIN * guessing) return "stalled";
  return loss < guessing || Number.isNaN(guessing) ? "trained" : "worse than guessing";
}

/**
 * Says how a training ended without saying when.
 *
 * @param outcome From {@linkcode outcomeOf}.
 * @returns As in `"diverged"` for `"diverged at step 12"`.
 *
 * @example A network that diverged
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outcomeKind } from "@headless/mlp/experiments";
 *
 * assertEquals(outcomeKind("diverged at step 12"), "diverged");
 * ```
 */
export function outcomeKind(outcome: string): string {
  return outcome.replace(/ at step \d+$/, "");
}

/**
 * Makes the networks of a study. The identity of each is its initialisation, so that it starts the same whichever networks
 * train beside it, with and without batch norm.
 *
 * @param initialisations The distributions of the weights, all different.
 * @param settings The settings that all networks share.
 * @returns A network for each initialisation, in the same order.
 *
 * @example Networks for `Training.create`
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sensitivityNetworks } from "@headless/mlp/experiments";
 *
 * const networks = sensitivityNetworks(["he", 1e-3], { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 });
 *
 * assertEquals(networks.map(({ identity }) => identity), ["he", "0.001"]);
 * assertEquals(networks[1].initialisation, 1e-3);
 * ```
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
 *
 * @example Two networks before and after an epoch
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { curveRows } from "@headless/mlp/experiments";
 *
 * function row(step: number, loss: number) {
 *   const result = { loss, cost: loss, accuracy: 0.5 };
 *   return { step, epoch: step / 450, eta: null, training: result, validation: result };
 * }
 * const rows = [[row(0, 2.3), row(0, 2.4)], [row(450, 1.5), row(450, 1.6)]];
 * const curves = curveRows(rows, { initialisations: ["he", 1e-3], batchNorm: true });
 *
 * assertEquals(curves.map(({ sigma }) => sigma), ["he", "he", "0.001", "0.001"]);
 * assertEquals(curves.map(({ trainingLoss }) => trainingLoss), [2.3, 1.5, 2.4, 1.6]);
 * ```
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
