/**
 * How many seeds a reproduction has.
 *
 * @module
 */

/** The number of seeds that `reproduce` takes unless told otherwise, and with `--quick`. */
export const DEFAULT_SEEDS = { usual: 3, quick: 1 };
