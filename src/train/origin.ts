/**
 * What decides the bytes of a training, kept with its state, so that it is resumed with the same.
 *
 * @module
 */

import type { DataSet } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import { VERSION } from "../model/version.ts";
import type { PlannedNetwork, TrainingPlan } from "./training_plan.ts";

/** What a training was made from: texts by their names, which are those of options where there is one. */
export type TrainingOrigin = Readonly<Record<string, string>>;

/** The length may differ: the steps so far are the same. */
const LENGTH = "steps";

/** Describes what a training is made from. */
export function originOf(
  plan: TrainingPlan,
  { data, variant }: { readonly data: DataSet; readonly variant: string },
): TrainingOrigin {
  const { architecture: { hidden, batchNorm }, networks, stopAfter } = plan;
  const { seed, batch, evaluateEvery, halfCycle, steps } = plan;
  const values: Record<string, unknown> = {
    version: VERSION,
    data: data.sha256,
    "training images": data.training.count,
    "validation images": data.validation.count,
    hidden: `[${hidden}]`,
    batchNorm,
    networks: networks.length,
    ...Object.fromEntries(networks.flatMap(settingsOf)),
    seed,
    batch,
    halfCycle,
    [LENGTH]: steps,
    evaluateEvery,
    stopAfter: stopAfter &&
      `${stopAfter.patience} ${stopAfter.metric}${stopAfter.restoreBest ? ", restoreBest" : ""}`,
    variant,
  };
  const entries = Object.entries(values).map(([name, value]) => [name, String(value ?? "none")]);
  return Object.fromEntries(entries);
}

function settingsOf(network: PlannedNetwork, i: number): [string, unknown][] {
  const { identity, ...settings } = network;
  const named = Object.entries({ identity: JSON.stringify(identity), ...settings });
  return named.map(([name, value]) => [`networks[${i}].${name}`, value]);
}

/** The steps of the training that a state comes from. */
export function stepsOfOrigin(origin: TrainingOrigin): number {
  return Number(origin[LENGTH]);
}

/**
 * Compares what a state was made from with a training.
 *
 * @throws {ArgumentError} If they differ in more than the length; the message names every difference.
 */
export function checkOrigin(there: TrainingOrigin, here: TrainingOrigin): void {
  const names = [...Object.keys(here), ...Object.keys(there).filter((name) => !(name in here))];
  const different = names.filter((name) => name !== LENGTH && there[name] !== here[name])
    // Of other networks there are other settings, too.
    .filter((name) => there.networks === here.networks || !name.startsWith("networks["));
  if (different.length === 0) return;
  const each = different.map((name) =>
    `with ${name} ${there[name] ?? "none"}, and this has ${here[name] ?? "none"}`
  );
  throw new ArgumentError(
    `Cannot resume the training: it was saved ${each.join("; ")}; expected the same`,
  );
}
