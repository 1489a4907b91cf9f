/**
 * How much memory this process holds, looked at now and then.
 *
 * @module
 */

/** Milliseconds between two looks: seldom enough not to be felt, often enough to see what training takes. */
const PERIOD = 100;

/**
 * The most memory that this process was seen to hold. Linux keeps that number itself, in /proc, but Deno lets nobody read
 * it who may not do everything.
 */
export class PeakMemory {
  #peak = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /** Begins to look. */
  constructor() {
    this.look();
    this.#timer = setInterval(() => this.look(), PERIOD);
  }

  /** Its resident set, in bytes. */
  get peak(): number {
    return this.#peak;
  }

  /** Looks now, for when something large has just been made and no timer had its turn meanwhile. */
  look(): void {
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
  }

  /** Ends the looking. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
