/**
 * The section of a report about the training of baseline networks.
 *
 * @module
 */

import { type Html, markup, tableHtml } from "./html.ts";
import type { Evaluation } from "./metrics.ts";
import { PUBLISHED_BASELINE_ACCURACY } from "./published.ts";
import { distinct, type ReportData, type RunPart } from "./report_data.ts";
import {
  captionOf,
  figureHtml,
  NO_PUBLISHED,
  NOT_COMPARABLE,
  NOTHING,
  otherSeeds,
  seedsOf,
  settingsHtml,
} from "./report_parts.ts";
import { isComparable } from "./report_settings.ts";
import { mean, percent, points, publishedPercent } from "./report_text.ts";

/** The run that the report gives a test accuracy for. */
const PUBLISHED_RUN = "3-layer-batch-norm";

/**
 * Makes the section.
 *
 * @param data What the report shows.
 * @returns All below the section's heading.
 */
export function trainingSection({ baselines: runs }: ReportData): Html {
  if (runs.length === 0) return NOTHING;
  const [first] = seedsOf(runs);
  return markup`<p>Networks of three and of nine layers, without and with batch norm, trained with a cyclical learning
rate. The report gives the test accuracy of three layers with batch norm only.</p>
${settingsHtml(runs.map(({ config }) => config))}<h3>Accuracy</h3>
${accuracyTable(runs, "test")}${accuracyTable(runs, "val")}${lost(runs)}<h3>Figures</h3>
${otherSeeds(runs)}${
    runs.filter(({ seed }) => seed === first).map((run) =>
      figureHtml(run.figure, {
        id: `baseline-${run.name}`,
        caption: captionOf(`${runTitle(run.name)}, seed ${run.seed}`, [run]),
      })
    )
  }`;
}

/** A row for each network, a column for each seed. */
function accuracyTable(runs: readonly RunPart[], split: "test" | "val"): Html {
  const seeds = seedsOf(runs);
  const comparable = runs.some(({ config }) => isComparable(config));
  const test = split === "test";
  return tableHtml({
    caption: captionOf(test ? "Test accuracy" : "Validation accuracy", runs),
    head: [
      "Network",
      ...seeds.map((seed) => `Seed ${seed}`),
      "Mean",
      ...test ? ["Published", ...comparable ? ["Difference"] : []] : [],
    ],
    rows: distinct(runs.map(({ name }) => name)).map((name) => {
      const same = runs.filter((run) => run.name === name);
      const middle = mean(same.map(({ ending }) => ending[split].accuracy));
      return [
        runTitle(name),
        ...seeds.map((seed) => accuracy(same.find((run) => run.seed === seed)?.ending[split])),
        percent(middle),
        ...test ? published(same, { middle, comparable }) : [],
      ];
    }),
  });
}

function accuracy(evaluation: Evaluation | undefined): string {
  return evaluation === undefined ? "missing" : percent(evaluation.accuracy);
}

/** The published cell, and that of the difference where the table has one. */
function published(
  runs: readonly RunPart[],
  options: { middle: number; comparable: boolean },
): string[] {
  const { middle, comparable } = options;
  if (!comparable) return [NOT_COMPARABLE];
  if (!runs.every(({ config }) => isComparable(config))) return [NOT_COMPARABLE, ""];
  if (runs[0].name !== PUBLISHED_RUN) return [NO_PUBLISHED, NO_PUBLISHED];
  return [
    `about ${publishedPercent(PUBLISHED_BASELINE_ACCURACY)}`,
    points(middle - PUBLISHED_BASELINE_ACCURACY),
  ];
}

/** As in "3 layers, batch norm" for `3-layer-batch-norm`. */
function runTitle(name: string): string {
  return name.replace(/-batch-norm$/, ", batch norm").replace(/^(\d+)-layer/, "$1 layers")
    .replace(/^hidden-([\d-]+)/, (_, widths) => `hidden ${widths.replaceAll("-", ",")}`);
}

/** Names the runs whose accuracy does not tell that they were lost. */
function lost(runs: readonly RunPart[]): Html | null {
  const diverged = runs.filter(({ ending }) => ending.diverged_at !== null);
  if (diverged.length === 0) return null;
  return markup`<ul>
${
    diverged.map(({ name, seed, ending }) =>
      markup`<li>${runTitle(name)}, seed ${seed}, diverged at step ${ending.diverged_at}.</li>\n`
    )
  }</ul>
`;
}
