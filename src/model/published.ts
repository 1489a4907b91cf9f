/**
 * The numbers of the published report that this project reproduces, all of them for CIFAR-10.
 *
 * @module
 */

/** The hidden layers of its networks of three and of nine layers. */
export const PUBLISHED_HIDDEN: readonly (readonly number[])[] = [
  [50, 50],
  [50, 30, 20, 20, 10, 10, 10, 10],
];

/** The largest relative error of each gradient, by forward difference with h = 1e-6. */
export const PUBLISHED_GRADIENT_ERRORS: Readonly<Record<string, number | undefined>> = {
  W1: 2.39e-4,
  W2: 1.43e-3,
  W3: 1.22e-4,
  gamma1: 1.41e-6,
  gamma2: 2.32e-6,
  beta1: 5.17e-6,
  beta2: 3.35e-5,
};

/** The run of the task `baseline` whose accuracy the report gives. */
export const PUBLISHED_RUN = "3-layer-batch-norm";

/** Test accuracy of {@linkcode PUBLISHED_RUN}: "about 53.8 %". */
export const PUBLISHED_BASELINE_ACCURACY = 0.538;

/** The best λ of its search, best first, with their validation accuracies. */
export const PUBLISHED_BEST: readonly { readonly lambda: number; readonly accuracy: number }[] = [
  { lambda: 3.51e-3, accuracy: 0.553 },
  { lambda: 4.42e-3, accuracy: 0.553 },
  { lambda: 5.19e-3, accuracy: 0.552 },
];

/** Test accuracy of the network that is trained for 3 cycles with the best λ. */
export const PUBLISHED_FINAL_ACCURACY = 0.544;

/** The small σ of initial weights with which it reports divergence without batch norm. */
export const PUBLISHED_SMALL_SIGMAS: readonly number[] = [1e-3, 1e-4];
