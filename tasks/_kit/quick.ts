/**
 * How much data `--quick` makes do with.
 *
 * @module
 */
import type { SubsetCounts } from "../../src/data/dataset.ts";

/** How many images of each split `--quick` uses: enough for a few batches and for every evaluation. */
export const QUICK_COUNTS: Required<SubsetCounts> = {
  training: 2000,
  validation: 500,
  test: 500,
};
