/**
 * The section of a report about the training of baseline networks.
 *
 * @module
 */

import { distinct } from "../lists.ts";
import { PUBLISHED_BASELINE_ACCURACY, PUBLISHED_RUN } from "../model/published.ts";
import type { ReportData, RunPart } from "./data.ts";
import { type Html, idOf, markup, tableHtml } from "./html.ts";
import { accuracyHtml, classesOf, countedAccuracy, divergedNote, outcomeText } from "./outcomes.ts";
import {
  captionOf,
  figureHtml,
  NO_PUBLISHED,
  NOT_COMPARABLE,
  NOTHING,
  otherSeeds,
  seedsOf,
  settingsHtml,
} from "./parts.ts";
import { isComparable } from "./settings.ts";
import { mean, percent, points, publishedPercent } from "./text.ts";

export function trainingSection(data: ReportData): Html {
  const { baselines: runs } = data;
  if (runs.length === 0) return NOTHING;
  const [first] = seedsOf(runs);
  const ended = runs.map((run) => ({ ...run, outcome: outcomeIn(data, run) }));
  return markup`<p>Networks of three and of nine layers, without and with batch norm, trained with a cyclical learning
rate. The report gives the test accuracy of three layers with batch norm only.</p>
${settingsHtml(runs.map(({ config }) => config))}<h3>Accuracy</h3>
${accuracyTable(ended, "test")}${accuracyTable(ended, "validation")}${
    divergedNote(runs.map(({ ending }) => ending))
  }<h3>Figures</h3>
${otherSeeds(runs)}${
    runs.filter(({ seed }) => seed === first).map((run) =>
      figureHtml(run.figure, {
        id: `baseline-${idOf(run.name)}`,
        caption: captionOf(`${runTitle(run.name)}, seed ${run.seed}`, [run]),
      })
    )
  }`;
}

interface EndedRun extends RunPart {
  readonly outcome: string;
}

function outcomeIn(data: ReportData, { config, ending }: RunPart): string {
  return outcomeText(ending, classesOf(config, data));
}

/** A row for each network, a column for each seed. */
function accuracyTable(runs: readonly EndedRun[], split: "test" | "validation"): Html {
  const seeds = seedsOf(runs);
  const comparable = runs.some(({ config }) => isComparable(config));
  const test = split === "test";
  const accuracy = ({ ending }: EndedRun) => countedAccuracy(ending, ending[split]);
  return tableHtml({
    id: test ? "baseline-test" : "baseline-val",
    caption: captionOf(test ? "Test accuracy" : "Validation accuracy", runs),
    head: [
      "Network",
      ...seeds.map((seed) => `Seed ${seed}`),
      "Mean",
      ...test ? ["Published", ...comparable ? ["Difference"] : []] : [],
    ],
    rows: distinct(runs.map(({ name }) => name)).map((name) => {
      const same = runs.filter((run) => run.name === name);
      const middle = mean(same.map(accuracy));
      return [
        runTitle(name),
        ...seeds.map((seed) => {
          const run = same.find((run) => run.seed === seed);
          return run === undefined ? "missing" : accuracyHtml(accuracy(run), run.outcome);
        }),
        percent(middle),
        ...test ? published(same, { middle, comparable }) : [],
      ];
    }),
  });
}

/** The published cell, and that of the difference where the table has one. */
function published(
  runs: readonly RunPart[],
  options: { middle: number; comparable: boolean },
): string[] {
  const { middle, comparable } = options;
  if (!comparable) return [NOT_COMPARABLE];
  if (!runs.every(({ config }) => isComparable(config))) return [NOT_COMPARABLE, NO_PUBLISHED];
  if (runs[0].name !== PUBLISHED_RUN) return [NO_PUBLISHED, NO_PUBLISHED];
  return [
    `about ${publishedPercent(PUBLISHED_BASELINE_ACCURACY)}`,
    points(middle - PUBLISHED_BASELINE_ACCURACY),
  ];
}

/** As in "3 layers, batch norm" for `3-layer-batch-norm`. */
function runTitle(name: string): string {
  return name.replace(/-batch-norm$/, ", batch norm").replace(/^(\d+)-layer/, "$1 layers")
    .replace(/^hidden-layers-(\d+)-([0-9a-f]+)/, "$1 hidden layers ($2)")
    .replace(/^hidden-([\d-]+)/, (_, widths) => `hidden ${widths.replaceAll("-", ",")}`);
}
