/** The names of baseline runs, which are those of their folders. */
import { createHash } from "node:crypto";
import { DEPTHS } from "../../src/model/depths.ts";

/** As in "3-layer-batch-norm" for the networks that `--layers` knows, and "hidden-50-30" for others. */
export function runName(
  { hidden, batchNorm }: { readonly hidden: readonly number[]; readonly batchNorm: boolean },
): string {
  const known = DEPTHS.some((depth) => depth.join() === hidden.join());
  const name = known ? `${hidden.length + 1}-layer` : hiddenName(hidden);
  return batchNorm ? `${name}-batch-norm` : name;
}

/** The most characters of a folder's name that lists the widths; a file system allows 255 bytes, endings included. */
const MAX_NAME = 100;

/** As in "hidden-50-30", or where that is too long the number of layers and a digest of the widths. */
export function hiddenName(hidden: readonly number[]): string {
  const widths = hidden.join("-");
  if (widths.length <= MAX_NAME) return `hidden-${widths}`;
  const digest = createHash("sha256").update(widths).digest("hex");
  return `hidden-layers-${hidden.length}-${digest.slice(0, 16)}`;
}
