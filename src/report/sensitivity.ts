/**
 * The section of a report about the sensitivity to initial weights.
 *
 * @module
 */

import { distinct, enumerate } from "../lists.ts";
import type { SensitivityRun } from "../train/sensitivity.ts";
import type { ReportData, SensitivityPart } from "./data.ts";
import { describeRuns } from "./describe_runs.ts";
import { type Html, markup, tableHtml } from "./html.ts";
import { accuracyHtml, countedAccuracy, divergedNote } from "./outcomes.ts";
import { captionOf, figureHtml, NOTHING, otherSeeds, seedsOf, settingsHtml } from "./parts.ts";
import { isComparable } from "./settings.ts";
import { initialWeights, mean, NBSP, percent } from "./text.ts";

export function sensitivitySection({ sensitivities: studies }: ReportData): Html {
  if (studies.length === 0) return NOTHING;
  const [first] = studies;
  return markup`<p>One network from several initial weights, normally distributed with the deviation σ, without and with batch
norm. A training <em>diverged</em> where a loss, a parameter or a moving average became NaN or infinite; it
<em>stalled</em> where its training loss ended within 1 % of that of guessing, and ended <em>worse than guessing</em>
where it ended above that. The report gives no numbers here.</p>
${findings(studies)}${settingsHtml(studies.map(({ config }) => config))}<h3>Training loss</h3>
${otherSeeds(studies)}${
    figureHtml(first.figure, {
      id: "sensitivity-curves",
      caption: captionOf(`Training loss from several initial weights, seed ${first.seed}`, [first]),
    })
  }<h3>Outcomes</h3>
${outcomeTable(first)}${studies.length > 1 ? seedTable(studies) : null}${
    divergedNote(studies.flatMap(({ runs }) => runs))
  }`;
}

/** The outcomes, in a sentence for each seed or for several seeds that agree. */
function findings(studies: readonly SensitivityPart[]): Html[] {
  const sentences = Map.groupBy(studies, (study) => {
    const comparable = isComparable(study.config);
    // No line breaks around the sign.
    return describeRuns(study.runs, { ...study, comparable }).replaceAll(" = ", `${NBSP}=${NBSP}`);
  });
  return [...sentences].map(([sentence, same]) => {
    const seeds = `${same.length > 1 ? "Seeds" : "Seed"} ${enumerate(seedsOf(same))}`;
    return markup`<p>${seeds}: ${sentence}</p>\n`;
  });
}

function outcomeTable(study: SensitivityPart): Html {
  return tableHtml({
    id: "sensitivity-outcomes",
    caption: captionOf(`How the trainings ended, seed ${study.seed}`, [study]),
    head: [
      "Initial weights",
      "Batch norm",
      "Training loss",
      "Validation accuracy",
      "Test accuracy",
      "Outcome",
    ],
    words: [1, 5],
    rows: study.runs.map((run) => [
      initialWeights(run.sigma),
      run.batchNorm ? "on" : "off",
      run.training.loss.toFixed(3),
      percent(countedAccuracy(run, run.validation)),
      percent(countedAccuracy(run, run.test)),
      run.outcome,
    ]),
  });
}

/** Test accuracies of all seeds, with outcomes other than "trained". */
function seedTable(studies: readonly SensitivityPart[]): Html {
  const kinds = distinct(studies.flatMap(({ runs }) => runs.map(kindOf)));
  const find = (study: SensitivityPart, kind: string) =>
    study.runs.find((run) => kindOf(run) === kind);
  return tableHtml({
    id: "sensitivity-seeds",
    caption: captionOf("Test accuracy over the seeds", studies),
    head: ["Initial weights", ...studies.map(({ seed }) => `Seed ${seed}`), "Mean"],
    rows: kinds.map((kind) => {
      const runs = studies.map((study) => find(study, kind));
      const known = runs.filter((run) => run !== undefined);
      return [
        kind,
        ...runs.map((run) =>
          run === undefined ? "missing" : accuracyHtml(countedAccuracy(run, run.test), run.outcome)
        ),
        percent(mean(known.map((run) => countedAccuracy(run, run.test)))),
      ];
    }),
  });
}

/** As in "σ = 0.001, batch norm". */
function kindOf({ sigma, batchNorm }: SensitivityRun): string {
  const name = initialWeights(sigma);
  return batchNorm ? `${name}, batch norm` : name;
}
