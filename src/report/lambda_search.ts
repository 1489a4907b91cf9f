/**
 * The section of a report about the search for λ, and the network trained with the best.
 *
 * @module
 */

import type { Confusion } from "../model/metrics.ts";
import { PUBLISHED_BEST, PUBLISHED_FINAL_ACCURACY } from "../model/published.ts";
import type { RunConfig } from "../records/config.ts";
import type { BestRow } from "../train/lambda_search.ts";
import type { ReportData, RunPart, SearchPart } from "./data.ts";
import { type Html, idOf, markup, tableHtml } from "./html.ts";
import { accuracyHtml, classesOf, countedAccuracy, divergedNote, outcomeText } from "./outcomes.ts";
import {
  captionOf,
  figureHtml,
  NOT_COMPARABLE,
  NOTHING,
  otherSeeds,
  settingsHtml,
} from "./parts.ts";
import { isComparable, settingText } from "./settings.ts";
import {
  count,
  geometricMean,
  mean,
  percent,
  points,
  publishedPercent,
  scientific,
  times,
} from "./text.ts";

export function searchSection(data: ReportData): Html {
  const { searches } = data;
  if (searches.length === 0) return NOTHING;
  const [first] = searches;
  const { seed, config, final, confusion } = first;
  return markup`<p>${introduction(config)}</p>
${settingsHtml(searches.map(({ config }) => config))}<h3>Stages</h3>
${otherSeeds(searches)}${
    first.figures.map(({ stage, svg }) =>
      figureHtml(svg, {
        id: `search-${idOf(stage)}`,
        caption: captionOf(`Stage ${stage} of the search, seed ${seed}`, [first]),
      })
    )
  }${trialTable(first, classesOf(config, data))}<h3>Best λ</h3>
${searches.map(bestTable)}<h3>Final network</h3>
${finalTable(data)}${final === null ? null : finalFigure(final)}${
    confusion === null ? null : [
      figureHtml(confusion.svg, {
        id: "search-confusion",
        caption: captionOf(`Confusion matrix of the final network, test images, seed ${seed}`, [
          first,
        ]),
      }),
      confusionTable(confusion.matrix, first),
    ]
  }`;
}

function introduction({ settings }: RunConfig): string {
  const { hidden, batchNorm } = settings;
  const number = (name: string) => Number(settings[name]);
  const range = (name: string) => {
    const ends = settings[name];
    return (Array.isArray(ends) ? ends : []).map(settingText).join(" to ");
  };
  const layers = count((Array.isArray(hidden) ? hidden.length : 0) + 1, "layer");
  const [refine, repeat] = [number("refine"), number("repeat")];
  const fine = count(number("fineCount"), "value");
  return [
    `Networks of ${layers} ${batchNorm === "on" ? "with" : "without"} batch norm that differ in ` +
    `the weight λ of the L2 term: first ${count(number("coarseCount"), "value")} from ${
      range("coarse")
    }, then ` +
    (refine > 0
      ? `${count(refine, "round")} of ${fine}, each between the neighbours of the best λ so far.`
      : `${fine} from ${range("fine")}.`),
    "Values are drawn evenly on a log scale; each seed draws its own.",
    ...repeat > 1
      ? [
        `Each λ is trained from ${repeat} different initial weights; its accuracy is the mean over those trainings ` +
        "that did not diverge, and a λ with one that did comes after all others.",
      ]
      : [],
    "All networks of one stage are trained together and see the same batches.",
    `Then one network is trained for ${
      count(number("finalCycles"), "cycle")
    } with the λ whose validation accuracy was best. A mean of several λ is the geometric one.`,
  ].join(" ");
}

function trialTable(search: SearchPart, classes: number | null): Html {
  return markup`<details>
<summary>All trials of seed ${search.seed} as a table</summary>
${
    tableHtml({
      id: "search-trials",
      caption: captionOf(`Trials of the search, seed ${search.seed}`, [search]),
      head: [
        "Stage",
        "λ",
        "Validation accuracy",
        "Validation cost",
        "Training accuracy",
        "Outcome",
      ],
      words: [5],
      rows: search.trials.map((row) => [
        row.stage,
        scientific(row.lambda),
        percent(row.validation.accuracy),
        row.validation.cost.toFixed(3),
        percent(row.training.accuracy),
        outcomeText(row, classes),
      ]),
    })
  }</details>
`;
}

function bestTable(search: SearchPart): Html | null {
  const { best, seed, config } = search;
  if (best === null) return null;
  const comparable = isComparable(config);
  return tableHtml({
    id: `search-best-${seed}`,
    caption: captionOf(`The best λ by validation accuracy, seed ${seed}`, [search]),
    head: [
      "Rank",
      "λ",
      "Published λ",
      ...comparable ? ["Ratio"] : [],
      "Accuracy",
      "Published accuracy",
      ...comparable ? ["Difference"] : [],
    ],
    rows: best.map((row) =>
      comparable ? comparedRow(row) : [
        row.rank,
        scientific(row.lambda),
        NOT_COMPARABLE,
        percent(row.validationAccuracy),
        NOT_COMPARABLE,
      ]
    ),
  });
}

function comparedRow({ rank, lambda, validationAccuracy: accuracy }: BestRow) {
  const published = PUBLISHED_BEST[rank - 1];
  if (published === undefined) {
    return [rank, scientific(lambda), "none", "none", percent(accuracy), "none", "none"];
  }
  return [
    rank,
    scientific(lambda),
    scientific(published.lambda),
    times(lambda, published.lambda),
    percent(accuracy),
    publishedPercent(published.accuracy),
    points(accuracy - published.accuracy),
  ];
}

/** The final networks of all seeds. */
function finalTable(data: ReportData): Html {
  const { searches } = data;
  const parts = searches.flatMap(({ final, best, seed }) =>
    final === null
      ? []
      : [{ final, seed, lambda: best?.[0]?.lambda ?? Number(final.config.settings.lambda) }]
  );
  if (parts.length === 0) return NOTHING;
  const finals = parts.map(({ final }) => final);
  const comparable = searches.every(({ config }) => isComparable(config));
  const row = (
    name: string | number,
    values: { lambda: number; validation: number; test: number; outcome: string },
  ) => [
    name,
    scientific(values.lambda),
    percent(values.validation),
    accuracyHtml(values.test, values.outcome),
    ...comparable
      ? [publishedPercent(PUBLISHED_FINAL_ACCURACY), points(values.test - PUBLISHED_FINAL_ACCURACY)]
      : [NOT_COMPARABLE],
  ];
  const over = (split: "validation" | "test") =>
    mean(finals.map(({ ending }) => countedAccuracy(ending, ending[split])));
  const table = tableHtml({
    id: "search-accuracy",
    caption: captionOf("Accuracy of the network trained with the best λ", finals),
    head: [
      "Seed",
      "λ",
      "Validation",
      "Test",
      "Published test",
      ...comparable ? ["Difference"] : [],
    ],
    rows: [
      ...parts.map(({ final: { config, ending }, seed, lambda }) =>
        row(seed, {
          lambda,
          validation: countedAccuracy(ending, ending.validation),
          test: countedAccuracy(ending, ending.test),
          outcome: outcomeText(ending, classesOf(config, data)),
        })
      ),
      ...parts.length > 1
        ? [row("Mean", {
          lambda: geometricMean(parts.map(({ lambda }) => lambda)),
          validation: over("validation"),
          test: over("test"),
          outcome: "trained",
        })]
        : [],
    ],
  });
  return markup`${table}${divergedNote(finals.map(({ ending }) => ending))}`;
}

function finalFigure(final: RunPart): Html {
  const length = count(Number(final.config.settings.cycles), "cycle");
  return figureHtml(final.figure, {
    id: "search-final",
    caption: captionOf(`The final network, ${length}, seed ${final.seed}`, [final]),
  });
}

function confusionTable({ classNames, counts }: Confusion, search: SearchPart): Html {
  return tableHtml({
    id: "search-classes",
    caption: captionOf(
      `Test images by true class (rows) and predicted class (columns), seed ${search.seed}`,
      [search],
    ),
    head: ["Class", ...classNames, "Correct"],
    rows: counts.map((row, i) => {
      const all = row.reduce((sum, count) => sum + count, 0);
      return [classNames[i], ...row, all === 0 ? "none" : percent(row[i] / all)];
    }),
  });
}
