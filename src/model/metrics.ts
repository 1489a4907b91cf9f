/**
 * Loss, cost and accuracy of networks.
 *
 * @module
 */

/** The performance of a network on a set of images; all of it is NaN where there are no images. */
export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Loss plus λ times the sum of all squared weights. */
  readonly cost: number;
  /** Share of the images that are classified correctly, between 0 and 1; NaN when the network has diverged. */
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
  readonly training: Evaluation;
  /** On all validation images. */
  readonly validation: Evaluation;
}

/**
 * Tells whether rows of a training have evaluations of validation images. Where there are none, everything about them is
 * NaN although the network has answers, which a network that has diverged has not.
 */
export function hasValidation(rows: readonly MetricRow[]): boolean {
  return !rows.some(({ training, validation }) =>
    Number.isNaN(validation.loss) && Number.isNaN(validation.accuracy) &&
    Number.isFinite(training.accuracy)
  );
}

/** How the training of a network ended. */
export interface Ending {
  /** On all training images. */
  readonly training: Evaluation;
  /** On all validation images. */
  readonly validation: Evaluation;
  /** On all test images. */
  readonly test: Evaluation;
  /** Updates made; after it diverges, a network still trains along with the others of its population. */
  readonly steps: number;
  /** Updates made before a loss, a parameter or a moving average was NaN or infinite; null if none was. */
  readonly divergedAt: number | null;
}

/** How many images of each class are classified as each class. */
export interface Confusion {
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Images by true class, then predicted class, [classes][classes]. */
  readonly counts: readonly (readonly number[])[];
}
