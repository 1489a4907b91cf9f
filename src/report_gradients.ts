/**
 * The section of a report about gradient checks.
 *
 * @module
 */

import { type Html, markup, tableHtml } from "./html.ts";
import type { GradientCheckRow } from "./records.ts";
import type { GradientCheckPart, ReportData } from "./report_data.ts";
import { captionOf, NO_PUBLISHED, NOT_COMPARABLE, NOTHING, settingsHtml } from "./report_parts.ts";
import { isComparable } from "./report_settings.ts";
import { scientific, scientificDifference } from "./report_text.ts";

/** Greek letters as the field writes them. */
const LETTERS: readonly (readonly [name: string, letter: string])[] = [
  ["gamma", "γ"],
  ["beta", "β"],
];

/**
 * Makes the section.
 *
 * @param data What the report shows.
 * @returns All below the section's heading.
 */
export function gradientSection({ gradientChecks: checks }: ReportData): Html {
  if (checks.length === 0) return NOTHING;
  return markup`<p>The largest relative error of an entry, |a − n| / max(1e-6, |a| + |n|), of each parameter's gradient. The
report compares with a forward difference (h = 1e-6), whose own error depends on the seed; a five-point difference
tells more of the gradient. The last comparison is of the GPU with a float64 reference, ‖gpu − reference‖ /
‖reference‖; for a bias in front of batch norm, whose gradient is 0 in exact arithmetic, ‖db‖ / ‖dβ‖.</p>
${settingsHtml(checks.map(({ config }) => config))}<h3>Errors</h3>
${errorTable(checks[0])}${checks.length > 1 ? seedTable(checks) : null}${trialTable(checks[0])}`;
}

function errorTable(check: GradientCheckPart): Html {
  const comparable = isComparable(check.config);
  const head = ["Parameter", "Forward", "Published", "Difference", "Five-point", "GPU", "Left out"];
  return tableHtml({
    caption: captionOf(`Largest errors of the gradients, seed ${check.seed}`, [check]),
    head: head.filter((name) => comparable || name !== "Difference"),
    rows: check.rows.map((row) => [
      parameterName(row.parameter),
      scientific(row.forward),
      ...published(row, comparable),
      scientific(row.five_point),
      scientific(row.gpu_norm),
      `${row.left_out} of ${row.entries}`,
    ]),
  });
}

function published({ published, forward }: GradientCheckRow, comparable: boolean): string[] {
  if (!comparable) return [NOT_COMPARABLE];
  if (published === null) return [NO_PUBLISHED, NO_PUBLISHED];
  return [scientific(published), scientificDifference(forward - published)];
}

/** As in "γ1". */
function parameterName(name: string): string {
  return LETTERS.reduce((text, [word, letter]) => text.replace(word, letter), name);
}

function seedTable(checks: readonly GradientCheckPart[]): Html {
  const worst = (check: GradientCheckPart, name: "forward" | "five_point" | "gpu_norm") =>
    scientific(Math.max(...check.rows.map((row) => row[name])));
  return tableHtml({
    caption: captionOf("The worst parameter of each seed", checks),
    head: ["Seed", "Forward", "Five-point", "GPU", "Check"],
    words: [4],
    rows: checks.map((check) => [
      check.seed,
      worst(check, "forward"),
      worst(check, "five_point"),
      worst(check, "gpu_norm"),
      check.passed ? "passed" : "fell short",
    ]),
  });
}

function trialTable(check: GradientCheckPart): Html | null {
  if (check.trials.length === 0) return null;
  return tableHtml({
    caption: captionOf(
      `The GPU against float64 over some steps, seed ${check.seed}: what comes nearest to its limit`,
      [check],
    ),
    head: ["Layers", "Batch norm", "Values", "Batch", "Quantity", "Error", "At most"],
    words: [1, 4],
    rows: check.trials.map(({ hidden, batch_norm, inputs, batch, worst }) => [
      hidden.length + 1,
      batch_norm ? "on" : "off",
      inputs,
      batch,
      `${worst.kind} ${parameterName(worst.name)}`,
      scientific(worst.error ?? NaN),
      scientific(worst.bar),
    ]),
  });
}
