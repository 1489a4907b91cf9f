/** How the peers that run in Deno measure, and the line that they print. */

/** Steps that compile and fill caches before any are timed. */
const WARM_UP = 3;

export interface Measured {
  readonly peer: string;
  readonly version: string;
  /** How it makes steps. */
  readonly mode: string;
}

/**
 * Times steps and prints a line of JSON. The arguments of the program are the minimum number of steps
 * and the minimum milliseconds: steps are doubled until they take as long, since waiting for the GPU is accurate to 10 ms
 * only.
 */
export async function printTime(
  measured: Measured,
  run: (steps: number) => Promise<void>,
): Promise<void> {
  const [minSteps, minMilliseconds] = Deno.args.map(Number);
  await run(WARM_UP);
  for (let steps = minSteps;; steps *= 2) {
    const began = performance.now();
    await run(steps);
    const took = performance.now() - began;
    if (took < minMilliseconds) continue;
    console.log(JSON.stringify({ ...measured, ms_per_step: took / steps, steps }));
    return;
  }
}
