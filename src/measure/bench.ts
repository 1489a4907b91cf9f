/**
 * The rows of the benchmark's tables.
 *
 * @module
 */

/** One measurement of the speed of training. */
export interface BenchRow {
  /** When it was measured, as in 2026-08-31T09:00:00Z. */
  readonly date: string;
  /** The commit that was measured; empty where unknown. */
  readonly commit: string;
  /** Version of the package. */
  readonly packageVersion: string;
  /** Version of Deno. */
  readonly denoVersion: string;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Name of the kernel variant. */
  readonly variant: string;
  /** Name of the data set. */
  readonly data: string;
  /** Networks that trained together. */
  readonly networks: number;
  /** Widths of the hidden layers, separated by commas. */
  readonly hidden: string;
  /** Whether batch norm was on. */
  readonly batchNorm: boolean;
  /** Images in a batch. */
  readonly batch: number;
  /** Steps in one of the measurements. */
  readonly steps: number;
  /** Milliseconds for a step of all networks together: the median of the measurements. */
  readonly msPerStep: number;
  /** Steps of all networks together in a second. */
  readonly stepsPerS: number;
  /** 10⁹ floating-point operations in a second, over all networks. */
  readonly gflopPerS: number;
  /** Number of measurements; null here and below where an earlier version measured. */
  readonly repeat: number | null;
  /** The fastest measurement, in milliseconds per step. */
  readonly msPerStepMin: number | null;
  /** The slowest measurement. */
  readonly msPerStepMax: number | null;
  /** Milliseconds to evaluate all networks on 50,000 images: the median of the measurements. */
  readonly evaluationMs: number | null;
  /** The fastest evaluation. */
  readonly evaluationMsMin: number | null;
  /** The slowest evaluation. */
  readonly evaluationMsMax: number | null;
  /** 10⁹ floating-point operations in a second at the adapter's peak, measured in the same run. */
  readonly peakGflopPerS: number | null;
  /** 10⁹ bytes in a second that the adapter copies at its peak, read and written, measured in the same run. */
  readonly peakGbPerS: number | null;
  /** Milliseconds to get adapter and device. */
  readonly startupMs: number | null;
  /** Milliseconds to load the data and put them on the device. */
  readonly dataMs: number | null;
  /** Milliseconds from making the run's first networks, compiling included, to the end of their first step. */
  readonly compileMs: number | null;
  /** Peak memory of the process while it measured, in bytes. */
  readonly peakMemoryBytes: number | null;
}

/** One measurement of another library beside ours, both from the same round. */
export interface PeerRow {
  /** When it was measured, as in 2026-08-31T09:00:00Z. */
  readonly date: string;
  /** Our commit; empty where unknown. */
  readonly commit: string;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Name of the library. */
  readonly peer: string;
  /** Its version. */
  readonly version: string;
  /** How it runs steps, as in "webgpu, nothing read". */
  readonly mode: string;
  /** Milliseconds for its step of all networks together. */
  readonly msPerStep: number;
  /** Steps in its measurement. */
  readonly steps: number;
  /** Milliseconds for our step of the same networks. */
  readonly ownMsPerStep: number;
  /** Networks that trained together. */
  readonly networks: number;
  /** Widths of the hidden layers, separated by commas. */
  readonly hidden: string;
  /** Whether batch norm was on. */
  readonly batchNorm: boolean;
  /** Images in a batch. */
  readonly batch: number;
}
