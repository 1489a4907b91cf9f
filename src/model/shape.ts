/**
 * The shape of a population: networks of one architecture that train together on the same batches.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";
import type { Architecture } from "./network.ts";

/** What is trained together. */
export interface PopulationShape {
  /** The architecture of all networks. */
  readonly architecture: Architecture;
  /** How many networks. */
  readonly networks: number;
  /** Images in a training batch. */
  readonly batch: number;
}

/** A shape without what the data set decides: the number of inputs and of classes. */
export interface PopulationPlan
  extends Omit<PopulationShape, "architecture">, Pick<Architecture, "hidden" | "batchNorm"> {}

/** What a data set decides about a network. */
type DataShape = Pick<Architecture, "inputs" | "classes">;

/** Completes the plan of a network with the numbers of inputs and classes of the data. */
export function architectureOf(
  { hidden, batchNorm }: Pick<Architecture, "hidden" | "batchNorm">,
  { inputs, classes }: DataShape,
): Architecture {
  return { inputs, hidden, classes, batchNorm };
}

/** Completes a plan with the numbers of inputs and classes of the data. */
export function shapeOf(plan: PopulationPlan, data: DataShape): PopulationShape {
  const { networks, batch } = plan;
  return { architecture: architectureOf(plan, data), networks, batch };
}

/**
 * Checks the number of networks and the size of a batch against the number of training images and the maximum number of
 * networks of the adapter. `layout` checks the architecture.
 *
 * @throws {ArgumentError} If there is no network, there are too many, or the batch does not fit the data or batch norm.
 */
export function checkShape(
  { architecture: { batchNorm, hidden }, networks, batch }: PopulationShape,
  limits: { readonly images: number; readonly networks: number },
): void {
  if (networks === 0) {
    throw new ArgumentError("Cannot make a population of 0 networks, expected at least 1");
  }
  if (networks > limits.networks) {
    throw new ArgumentError(
      `Cannot make a population of ${networks} networks, expected at most ${limits.networks} on this adapter`,
    );
  }
  if (!Number.isSafeInteger(batch) || batch < 1 || batch > limits.images) {
    throw new ArgumentError(
      `Cannot train in batches of ${
        shown(batch)
      }: expected 1 to ${limits.images}, the number of training images`,
    );
  }
  if (batch === 1 && batchNorm && hidden.length > 0) {
    throw new ArgumentError(
      "Cannot train in batches of 1 with batch norm: one image has no variance, expected at least 2",
    );
  }
}
