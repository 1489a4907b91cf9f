/**
 * Which package this is, and which Deno runs it.
 *
 * @module
 */
import configuration from "../../deno.json" with { type: "json" };

/** The package's version, as in deno.json. */
export const PACKAGE_VERSION: string = configuration.version;

/** The version of the Deno that runs this. */
export const DENO_VERSION: string = Deno.version.deno;
