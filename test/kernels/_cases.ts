/** The sizes that kernels are tested on. */
import type { Random } from "../../src/model/random.ts";
import type { KernelCase } from "./_kernel.ts";

export const WIDTHS = [1, 7, 50, 51, 100, 130];
export const INPUTS = [1, 3, 10, 3071, 3072, 3073];
export const ROWS = [1, 2, 7, 20, 100, 101];
export const NETWORKS = [1, 3];

/** Sizes of a layer and its batch. */
export interface Sizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly networks: number;
  /** The number of the case, by which other settings vary. */
  readonly index: number;
}

/** How a kernel is tested. */
export interface KernelTest {
  readonly cases: readonly Sizes[];
  /** The largest error allowed, in units; 0 where a kernel only chooses among values, which must be exact. */
  readonly bound: number;
  /** Draws one of the cases. */
  readonly draw: (sizes: Sizes, random: Random) => KernelCase | Promise<KernelCase>;
}

/** The error that a sum of terms of random sign may have, in units; `kernels_test.ts` says why. */
export const SUM_BOUND = 8;

/** The first image of a batch in `order`. */
export const FIRST = 13;

/** Every number of rows with every number of inputs; each width meets each of both; the number of networks alternates. */
export function affineCases(): Sizes[] {
  return ROWS.flatMap((rows, i) =>
    INPUTS.map((inputs, j) => ({
      rows,
      inputs,
      outputs: WIDTHS[(i + j) % WIDTHS.length],
      networks: NETWORKS[(i + Math.floor(j / 2)) % NETWORKS.length],
      index: i * INPUTS.length + j,
    }))
  );
}

/** Every number of rows with every width; the numbers of networks alternate along both. */
export function layerCases(rows: readonly number[], widths: readonly number[]): Sizes[] {
  return rows.flatMap((row, i) =>
    widths.map((outputs, j) => ({
      rows: row,
      inputs: outputs,
      outputs,
      networks: NETWORKS[(i + j) % NETWORKS.length],
      index: i * widths.length + j,
    }))
  );
}
