/** The options that take the standard library from npm, given to this process where JSR does not answer. */
export const STD_MAP = import.meta.resolve("@std/assert").includes("npm")
  ? ["--import-map=tasks/std_npm.json", "--lock=tasks/std_npm.lock", "--frozen"]
  : [];
