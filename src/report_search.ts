/**
 * The section of a report about the search for λ, and about the network that is trained with the best.
 *
 * @module
 */

import { type Html, markup, tableHtml } from "./html.ts";
import { PUBLISHED_BEST, PUBLISHED_FINAL_ACCURACY } from "./published.ts";
import type { ReportData, RunPart, SearchPart } from "./report_data.ts";
import {
  captionOf,
  figureHtml,
  NOT_COMPARABLE,
  NOTHING,
  otherSeeds,
  settingsHtml,
} from "./report_parts.ts";
import { isComparable } from "./report_settings.ts";
import {
  mean,
  percent,
  points,
  publishedPercent,
  scientific,
  scientificDifference,
} from "./report_text.ts";
import type { BestRow, Confusion } from "./search_records.ts";

/**
 * Makes the section.
 *
 * @param data What the report shows.
 * @returns All below the section's heading.
 */
export function searchSection({ searches }: ReportData): Html {
  if (searches.length === 0) return NOTHING;
  const [first] = searches;
  const { seed, final, confusion } = first;
  return markup`<p>Networks of three layers with batch norm that differ in the weight λ of the L2 term: first over a wide range, then
over a narrow one. All of one stage are trained together and see the same batches. Then one network is trained for
longer with the λ whose validation accuracy was best.</p>
${settingsHtml(searches.map(({ config }) => config))}<h3>Stages</h3>
${otherSeeds(searches)}${
    first.figures.map(({ stage, svg }) =>
      figureHtml(svg, {
        id: `search-${stage}`,
        caption: captionOf(`Stage ${stage} of the search, seed ${seed}`, [first]),
      })
    )
  }${trialTable(first)}<h3>Best λ</h3>
${searches.map(bestTable)}<h3>Final network</h3>
${finalTable(searches)}${final === null ? null : finalFigure(final)}${
    confusion === null ? null : [
      figureHtml(confusion.svg, {
        id: "search-confusion",
        caption: captionOf(`What the final network takes the test images for, seed ${seed}`, [
          first,
        ]),
      }),
      confusionTable(confusion.matrix, first),
    ]
  }`;
}

function trialTable(search: SearchPart): Html {
  return markup`<details>
<summary>All trials of seed ${search.seed} as a table</summary>
${
    tableHtml({
      caption: captionOf(`Trials of the search, seed ${search.seed}`, [search]),
      head: ["Stage", "λ", "Validation accuracy", "Validation cost", "Training accuracy", ""],
      words: [5],
      rows: search.trials.map((row) => [
        row.stage,
        scientific(row.lambda),
        percent(row.val_accuracy),
        row.val_cost.toFixed(3),
        percent(row.train_accuracy),
        row.diverged_at === null ? "" : `diverged at step ${row.diverged_at}`,
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
    caption: captionOf(`The best λ by validation accuracy, seed ${seed}`, [search]),
    head: [
      "Rank",
      "λ",
      "Published λ",
      ...comparable ? ["Difference"] : [],
      "Accuracy",
      "Published accuracy",
      ...comparable ? ["Difference"] : [],
    ],
    rows: best.map((row) =>
      comparable ? comparedRow(row) : [
        row.rank,
        scientific(row.lambda),
        NOT_COMPARABLE,
        percent(row.val_accuracy),
        NOT_COMPARABLE,
      ]
    ),
  });
}

function comparedRow({ rank, lambda, val_accuracy: accuracy }: BestRow) {
  const published = PUBLISHED_BEST[rank - 1];
  if (published === undefined) {
    return [rank, scientific(lambda), "none", "none", percent(accuracy), "none", "none"];
  }
  return [
    rank,
    scientific(lambda),
    scientific(published.lambda),
    scientificDifference(lambda - published.lambda),
    percent(accuracy),
    publishedPercent(published.accuracy),
    points(accuracy - published.accuracy),
  ];
}

/** The final networks of all seeds. */
function finalTable(searches: readonly SearchPart[]): Html {
  const parts = searches.flatMap(({ final, best, seed }) =>
    final === null ? [] : [{ final, seed, lambda: best?.[0]?.lambda ?? NaN }]
  );
  if (parts.length === 0) return NOTHING;
  const finals = parts.map(({ final }) => final);
  const comparable = searches.every(({ config }) => isComparable(config));
  const row = (name: string | number, values: { lambda: string; val: number; test: number }) => [
    name,
    values.lambda,
    percent(values.val),
    percent(values.test),
    ...comparable
      ? [publishedPercent(PUBLISHED_FINAL_ACCURACY), points(values.test - PUBLISHED_FINAL_ACCURACY)]
      : [NOT_COMPARABLE],
  ];
  const over = (split: "val" | "test") => mean(finals.map(({ ending }) => ending[split].accuracy));
  return tableHtml({
    caption: captionOf("Accuracy of the network that is trained with the best λ", finals),
    head: [
      "Seed",
      "λ",
      "Validation",
      "Test",
      "Published test",
      ...comparable ? ["Difference"] : [],
    ],
    rows: [
      ...parts.map(({ final: { ending }, seed, lambda }) =>
        row(seed, {
          lambda: scientific(lambda),
          val: ending.val.accuracy,
          test: ending.test.accuracy,
        })
      ),
      ...parts.length > 1
        ? [row("Mean", { lambda: "", val: over("val"), test: over("test") })]
        : [],
    ],
  });
}

function finalFigure(final: RunPart): Html {
  const { cycles } = final.config.settings;
  const length = `${cycles} ${cycles === 1 ? "cycle" : "cycles"}`;
  return figureHtml(final.figure, {
    id: "search-final",
    caption: captionOf(`The final network, ${length}, seed ${final.seed}`, [final]),
  });
}

function confusionTable({ classNames, counts }: Confusion, search: SearchPart): Html {
  return tableHtml({
    caption: captionOf(
      `Test images by their class (rows) and the class they are taken for (columns), seed ${search.seed}`,
      [search],
    ),
    head: ["Class", ...classNames, "Found"],
    rows: counts.map((row, i) => {
      const all = row.reduce((sum, count) => sum + count, 0);
      return [classNames[i], ...row, all === 0 ? "none" : percent(row[i] / all)];
    }),
  });
}
