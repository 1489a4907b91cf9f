/** Which package this is, and which Deno runs it. */
import configuration from "../../deno.json" with { type: "json" };

export const PACKAGE_VERSION: string = configuration.version;

export const DENO_VERSION: string = Deno.version.deno;
