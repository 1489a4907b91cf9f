/**
 * Figures as SVG text, drawn from the rows of CSV files alone: no GPU, no screen and no browser is needed.
 *
 * Every figure is described for people who do not see it, and tells its curves apart by colour, dashes and point shapes
 * together. Nothing else of the package imports a chart library.
 *
 * @example Drawing the metrics of a training
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { baselineFigure } from "@headless/mlp/figures";
 *
 * const before = { loss: 2.3, cost: 3.5, accuracy: 0.1 };
 * const after = { loss: 1.5, cost: 2.5, accuracy: 0.47 };
 * const svg = await baselineFigure([
 *   { step: 0, epoch: 0, eta: null, training: before, validation: before },
 *   { step: 450, epoch: 1, eta: 0.02, training: after, validation: after },
 * ], { title: "3 layers, batch norm", dataSet: "CIFAR-10" });
 *
 * assertStringIncludes(svg, "Data: CIFAR-10");
 * ```
 *
 * @module
 */

export type { FigureOptions } from "./chart.ts";
export * from "./confusion.ts";
export * from "./scaling.ts";
export * from "./lambda_search.ts";
export * from "./learning_rates.ts";
export * from "./sensitivity.ts";
export * from "./training.ts";
export * from "./trend.ts";
