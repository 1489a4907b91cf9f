/**
 * The version of this package. `deno.json` cannot be imported where this source runs in a browser.
 *
 * @module
 */

/** The version of this package, as in `deno.json`. */
export const VERSION = "0.1.0";
