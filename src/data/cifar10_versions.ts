/**
 * Recognises the versions of CIFAR-10 that this module does not read.
 *
 * @module
 */

/** What else may lie where the binary version is expected, and a name in its folder that tells. */
const VERSIONS = [
  {
    name: "the Python version",
    folder: "cifar-10-batches-py",
    files: ["data_batch_1", "batches.meta"],
  },
  {
    name: "the MATLAB version",
    folder: "cifar-10-batches-mat",
    files: ["data_batch_1.mat", "batches.meta.mat"],
  },
] as const;

/** The archive of the binary version. */
export const CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz";

/**
 * Says what lies in a folder in place of the binary version of CIFAR-10, as the end of a sentence.
 *
 * @param directory The folder, or the folder that holds the version's own.
 * @param exists Whether there is anything by a name.
 * @returns What it is and what was expected; `undefined` where it is nothing known.
 */
export async function describeVersion(
  directory: string,
  exists: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const { name, folder, files } of VERSIONS) {
    const places = [`${directory}/${folder}`, ...files.map((file) => `${directory}/${file}`)];
    for (const place of places) {
      if (!await exists(place)) continue;
      return `it is ${name}, expected the binary version (${CIFAR10_ARCHIVE}), ` +
        'which "deno task data" downloads';
    }
  }
  const archive = `${directory}/${CIFAR10_ARCHIVE}`;
  return await exists(archive) ? describeArchive(archive) : undefined;
}

/** Tells whether a file is an archive, by its name. */
export function isArchive(path: string): boolean {
  return /\.(tar|t?gz|zip)$/i.test(path);
}

/** Says what to do with an archive, as the end of a sentence. */
export function describeArchive(path: string): string {
  return `it is an archive, expected its files, which "deno task data --archive ${path}" unpacks`;
}
