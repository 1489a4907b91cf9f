/**
 * The hidden layers of networks that go by their number of layers, as with `--layers 6`.
 *
 * @module
 */

import { PUBLISHED_HIDDEN } from "./published.ts";

/** How many hidden layers of the nine-layer network the six-layer one has. */
const SIX_LAYERS = 5;

const [THREE, NINE] = PUBLISHED_HIDDEN;

/** The widths of the hidden layers by the number of layers. Three and nine are the report's; six is the beginning of nine. */
export const DEPTHS: readonly (readonly number[])[] = [THREE, NINE.slice(0, SIX_LAYERS), NINE];
