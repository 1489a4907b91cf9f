/**
 * What a training tells of itself as it goes on.
 *
 * @module
 */

/** How a network does on a set of images. */
export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Loss plus λ times the sum of all squared weights. */
  readonly cost: number;
  /** Share of the images whose class is found, between 0 and 1. */
  readonly accuracy: number;
}

/** One evaluation during training, on all training and all validation images. */
export interface MetricRow {
  /** Steps done so far. */
  readonly step: number;
  /** Epochs done so far. */
  readonly epoch: number;
  /** Learning rate of the step just done; null before the first. */
  readonly eta: number | null;
  /** On all training images. */
  readonly train: Evaluation;
  /** On all validation images. */
  readonly val: Evaluation;
}
