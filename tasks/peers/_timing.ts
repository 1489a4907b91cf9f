/**
 * What the peers that run in Deno share: how long they measure, and the line that they print.
 *
 * @module
 */

/** Steps that compile and fill caches before any are timed. */
const WARM_UP = 3;

/** Who is measured, and how. */
export interface Measured {
  /** The library. */
  readonly peer: string;
  /** Its version. */
  readonly version: string;
  /** How it makes steps. */
  readonly mode: string;
}

/**
 * Takes the time of steps and prints it as a line of JSON. The arguments of the program are the least number of steps and
 * the least milliseconds: steps are doubled until they take as long, since waiting for the GPU is exact to 10 ms only.
 *
 * @param measured What to print beside the time.
 * @param run Makes some steps, and waits until they are done.
 */
export async function printTime(
  measured: Measured,
  run: (steps: number) => Promise<void>,
): Promise<void> {
  const [fewest, least] = Deno.args.map(Number);
  await run(WARM_UP);
  for (let steps = fewest;; steps *= 2) {
    const began = performance.now();
    await run(steps);
    const took = performance.now() - began;
    if (took < least) continue;
    console.log(JSON.stringify({ ...measured, ms_per_step: took / steps, steps }));
    return;
  }
}
