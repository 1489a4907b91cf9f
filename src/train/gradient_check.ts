/**
 * What a gradient check finds.
 *
 * @module
 */

/** How far the gradients of one parameter are apart, by three comparisons. */
export interface GradientCheckRow {
  /** The parameter: `W1`, `gamma1`, … */
  readonly parameter: string;
  /** The published largest relative error; null where there is none. */
  readonly published: number | null;
  /** Largest relative error of the reference against a five-point difference. */
  readonly fivePoint: number;
  /** Largest relative error of the reference against a forward difference, the published method. */
  readonly forward: number;
  /** ‖gpu − reference‖ / ‖reference‖. */
  readonly gpuNorm: number;
  /** Entries left out of `fivePoint`, because a probe changed the sign of a ReLU's input. */
  readonly leftOut: number;
  /** Entries of the parameter. */
  readonly entries: number;
}

/** A comparison of the GPU with the reference at one setting. */
export interface GradientTrial {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  /** Whether the network has batch norm. */
  readonly batchNorm: boolean;
  /** Values per image that were used. */
  readonly inputs: number;
  /** Images in a batch. */
  readonly batch: number;
  /** The quantity that comes nearest to its bar. */
  readonly worst: {
    readonly name: string;
    readonly kind: string;
    readonly error: number;
    readonly bar: number;
  };
  /** A sentence on each quantity beyond its bar. */
  readonly failures: readonly string[];
}
