/**
 * The section of a report about gradient checks.
 *
 * @module
 */

import { maximum } from "../lists.ts";
import {
  COMPARED_STEPS,
  type GradientCheckRow,
  type GradientTrial,
} from "../train/gradient_check.ts";
import type { GradientCheckPart, ReportData } from "./data.ts";
import { type Html, markup, tableHtml } from "./html.ts";
import { captionOf, NO_PUBLISHED, NOT_COMPARABLE, NOTHING, settingsHtml } from "./parts.ts";
import { isComparable } from "./settings.ts";
import { scientific, scientificDifference } from "./text.ts";

/** Greek letters as the field writes them. */
const LETTERS: readonly (readonly [name: string, letter: string])[] = [
  ["gamma", "γ"],
  ["beta", "β"],
];

export function gradientSection({ gradientChecks: checks }: ReportData): Html {
  if (checks.length === 0) return NOTHING;
  return markup`<p>The largest relative error of an entry, |a − n| / max(1e-6, |a| + |n|), of each parameter's gradient. The
report compares with a forward difference (h = 1e-6), whose own error depends on the seed; a five-point difference
is more accurate. Entries are <em>left out</em> of it where the probe, of two steps to each side, takes the input of a
ReLU across its kink at 0, where it has no derivative. The last comparison is of the GPU with a float64 reference, ‖gpu − reference‖ / ‖reference‖; for a bias in front of batch norm, whose gradient is 0 in exact
arithmetic, ‖db‖ / ‖γ dβ / √(σ² + ε)‖.</p>
${settingsHtml(checks.map(({ config }) => config))}<h3>Errors</h3>
${errorTable(checks[0])}${seedTable(checks)}${trialTable(checks[0])}`;
}

function errorTable(check: GradientCheckPart): Html {
  const comparable = isComparable(check.config);
  const head = ["Parameter", "Forward", "Published", "Difference", "Five-point", "GPU", "Left out"];
  const cells = (row: GradientCheckRow) => [
    parameterName(row.parameter),
    scientific(row.forward),
    ...published(row, comparable),
    scientific(row.fivePoint),
    scientific(row.gpuNorm),
    `${row.leftOut} of ${row.entries}`,
  ];
  return tableHtml({
    id: "gradient-errors",
    caption: captionOf(`Largest errors of the gradients, seed ${check.seed}`, [check]),
    head: head.filter((name) => comparable || name !== "Difference"),
    rows: judgedRows(check).map(cells),
    groups: [{
      heading: "Biases in front of batch norm: exactly 0 but for rounding",
      rows: check.rows.filter((row) => isCancelled(row, check)).map(cells),
    }],
  });
}

function published({ published, forward }: GradientCheckRow, comparable: boolean): string[] {
  if (!comparable) return [NOT_COMPARABLE];
  if (published === null) return [NO_PUBLISHED, NO_PUBLISHED];
  return [scientific(published), scientificDifference(forward - published)];
}

/** The rows whose exact gradient is not 0. */
function judgedRows(check: GradientCheckPart): GradientCheckRow[] {
  return check.rows.filter((row) => !isCancelled(row, check));
}

/** Whether a row is of a bias in front of batch norm: `b` with the number of a hidden layer. */
function isCancelled({ parameter }: GradientCheckRow, { config }: GradientCheckPart): boolean {
  const { hidden, batchNorm } = config.settings;
  const layer = Number(parameter.match(/^b(\d+)$/)?.[1] ?? NaN);
  return batchNorm === "on" && Array.isArray(hidden) && layer <= hidden.length;
}

/** As in "γ1". */
function parameterName(name: string): string {
  return LETTERS.reduce((text, [word, letter]) => text.replace(word, letter), name);
}

function seedTable(checks: readonly GradientCheckPart[]): Html {
  const worst = (check: GradientCheckPart, name: "forward" | "fivePoint" | "gpuNorm") =>
    scientific(maximum(judgedRows(check).map((row) => row[name])));
  const cancelled = checks.some((check) => check.rows.some((row) => isCancelled(row, check)));
  return tableHtml({
    id: "gradient-seeds",
    caption: captionOf(
      `The worst parameter of each seed${
        cancelled ? ", biases in front of batch norm excluded" : ""
      }, and whether the whole check passed`,
      checks,
    ),
    head: ["Seed", "Forward", "Five-point", "GPU", "Check"],
    words: [4],
    rows: checks.map((check) => [
      check.seed,
      worst(check, "forward"),
      worst(check, "fivePoint"),
      worst(check, "gpuNorm"),
      // A check that was interrupted leaves the same files as one that failed.
      check.passed ? "passed" : "failed or interrupted",
    ]),
  });
}

function trialTable(check: GradientCheckPart): Html | null {
  if (check.trials.length === 0) return null;
  return markup`<p>The kernels also run as in a training, at several settings: every quantity of ${COMPARED_STEPS} steps is
compared, and the one nearest to its limit is shown. An <em>update</em> is the change of a parameter, or of a moving
average of batch norm, in a step.</p>
${
    tableHtml({
      id: "gradient-trials",
      caption: captionOf(
        `The GPU against float64 over ${COMPARED_STEPS} steps, seed ${check.seed}: the quantity nearest to its limit`,
        [check],
      ),
      head: ["Layers", "Batch norm", "Inputs per image", "Batch", "Quantity", "Error", "At most"],
      words: [1, 4],
      rows: check.trials.map(({ hidden, batchNorm, inputs, batch, worst }) => [
        hidden.length + 1,
        batchNorm ? "on" : "off",
        inputs,
        batch,
        quantityName(worst),
        scientific(worst.error),
        scientific(worst.bar),
      ]),
    })
  }`;
}

/** As in "update of γ1"; an unknown kind goes by its name. */
function quantityName({ kind, name }: GradientTrial["worst"]): string {
  const what = parameterName(name).replace(/^mean(\d+)$/, "the moving mean $1")
    .replace(/^var(\d+)$/, "the moving variance $1");
  switch (kind) {
    case "gradient":
      return `gradient of ${what}`;
    case "cancelled":
      return `gradient of ${what}, which is 0`;
    case "change":
      return `update of ${what}`;
    case "loss":
      return `${what} of the batch`;
    case "evaluation":
      return `validation ${what}`;
    default:
      return `${kind} of ${what}`;
  }
}
