/** The peak memory of this process, sampled. */

const PERIOD = 100;

/** The peak resident set that was sampled. Linux has the exact number in /proc, but reading it takes --allow-all in Deno. */
export class PeakMemory {
  #peak = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.look();
    this.#timer = setInterval(() => this.look(), PERIOD);
  }

  get peak(): number {
    return this.#peak;
  }

  /** Samples now: after a large allocation no timer may have fired yet. */
  look(): void {
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
