/** A GPU that does nothing but let time pass, by a clock of its own: what measures can be measured by it. */
import { Random } from "../src/model/random.ts";
import type { TimedWork } from "../src/measure/timing.ts";

/** By how much a time of the GPU's clock varies: the standard deviation, as a share. */
const NOISE = 0.005;

/** A GPU whose every time is known. */
export class SimulatedGpu {
  /** Milliseconds since it was made. */
  clock = 0;
  readonly #random: Random;
  readonly #stamped: boolean;

  /** @param options The seed of all that varies, and whether there are timestamps. */
  constructor(options: { seed: number; stamped: boolean }) {
    this.#random = new Random(options.seed, "simulated GPU");
    this.#stamped = options.stamped;
  }

  /**
   * Work as in Deno: the program hears of its end 11 ± 1 ms later, and again of timestamps that it reads.
   *
   * @param each Milliseconds of a unit.
   * @param fewest The fewest units.
   * @returns The work.
   */
  work(each: number, minUnits: 0 | 1 = 1): TimedWork {
    return {
      stamped: this.#stamped,
      minUnits,
      time: (units) => {
        const began = this.clock;
        const worked = units * each * (this.#stamped ? 1 + NOISE * this.#random.normal() : 1);
        this.clock += worked + this.#wait() + (this.#stamped ? this.#wait() : 0);
        return Promise.resolve(this.#stamped ? worked : this.clock - began);
      },
    };
  }

  #wait(): number {
    return 10 + 2 * this.#random.uniform();
  }
}
