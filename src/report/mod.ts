/**
 * The page that shows a reproduction beside the report that it reproduces: one HTML file without scripts, for screens of
 * any width and for paper.
 *
 * @example A page that says what is missing
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { renderReport } from "@headless/mlp/report";
 *
 * const page = renderReport({
 *   gradientChecks: [],
 *   baselines: [],
 *   searches: [],
 *   sensitivities: [],
 *   missing: ["baseline/seed-1"],
 *   edited: [],
 *   commands: null,
 * });
 *
 * assertStringIncludes(page, "<code>baseline/seed-1</code>");
 * ```
 *
 * @module
 */

import { distinct, enumerate } from "../lists.ts";
import { type Claim, judgeClaims } from "./claims.ts";
import { allParts, type ReportData } from "./data.ts";
import { gradientSection } from "./gradients.ts";
import { Html, markup, tableHtml } from "./html.ts";
import { searchSection } from "./lambda_search.ts";
import { originSection } from "./origin.ts";
import { DIVERGED_RULE } from "./outcomes.ts";
import { captionOf } from "./parts.ts";
import { sensitivitySection } from "./sensitivity.ts";
import { dataOf, isComparable, isQuick } from "./settings.ts";
import { REPORT_STYLE } from "./style.ts";
import { trainingSection } from "./training.ts";

export type {
  GradientCheckPart,
  Part,
  ReportCommands,
  ReportData,
  RunPart,
  SearchPart,
  SensitivityPart,
} from "./data.ts";

/** What a browser may do for the page: use the style that it brings along. It loads nothing, runs nothing, sends nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The sections in order: the id that links lead to, the heading, and what makes the content below it. */
const SECTIONS = [
  { id: "summary", title: "Summary", content: summarySection },
  { id: "gradient-checks", title: "1 Gradient checks", content: gradientSection },
  { id: "training", title: "2 Training", content: trainingSection },
  { id: "search", title: "3 Search for λ", content: searchSection },
  { id: "sensitivity", title: "4 Sensitivity to initial weights", content: sensitivitySection },
  { id: "origin", title: "5 How it was made", content: originSection },
];

/**
 * Makes the page of a reproduction, as far as it is there.
 *
 * Published numbers stand beside ours, with the difference, where data and settings are those of the report; elsewhere
 * they read "not comparable".
 *
 * @param data What the page shows. Its figures become part of the page as they are, so they must come from this program.
 * @returns The text of an HTML file that needs nothing beside it.
 *
 * @example A page with the figure of a training
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { renderReport } from "@headless/mlp/report";
 *
 * const result = { loss: 1.4, cost: 1.5, accuracy: 0.52 };
 * const page = renderReport({
 *   baselines: [{
 *     name: "3-layer",
 *     folder: "baseline/seed-1",
 *     seed: 1,
 *     config: { task: "baseline", settings: { hidden: [50, 50] }, madeWith: {} },
 *     ending: { training: result, validation: result, test: result, steps: 9000, divergedAt: null },
 *     figure: "<svg><title>Curves</title></svg>",
 *   }],
 *   ...{ gradientChecks: [], searches: [], sensitivities: [], missing: [], edited: [], commands: null },
 * });
 *
 * assertStringIncludes(page, "<title>Curves</title>");
 * assertStringIncludes(page, "52.0");
 * ```
 */
export function renderReport(data: ReportData): string {
  const configs = allParts(data).map(({ config }) => config);
  const quick = configs.some(isQuick);
  const names = distinct(configs.map(dataOf));
  const title = `Multi-layer perceptrons: a report reproduced${quick ? " (quick run)" : ""}`;
  const source = names.length === 0 ? "" : ` Data: ${enumerate(names)}.`;
  const page = markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>${title}</title>
<style>
${new Html(REPORT_STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="lead">What a published report says, and what we find.${source}</p>
${quick ? quickBanner() : null}${comparisonNote(data)}<nav aria-label="Sections">
<ul>
${SECTIONS.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>\n`)}</ul>
</nav>
</header>
<main>
${
    SECTIONS.map(({ id, title, content }) =>
      markup`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${title}</h2>
${content(data)}</section>
`
    )
  }</main>
</body>
</html>
`;
  return page.text;
}

function quickBanner(): Html {
  return markup`<p class="banner" role="note"><strong>Quick run: not a result.</strong>
Few images and few steps, to try the whole path. No number on this page says anything about the report.</p>
`;
}

/** Says once that nothing can be compared, where that is so. */
function comparisonNote(data: ReportData): Html | null {
  const configs = allParts(data).map(({ config }) => config);
  if (configs.length === 0 || configs.some(isComparable)) return null;
  return markup`<p class="note" role="note">The published numbers are of CIFAR-10 with the settings of the report.
They cannot be compared with those on this page, which are of other data or settings.</p>
`;
}

function summarySection(data: ReportData): Html {
  const claims = judgeClaims(data);
  return markup`${missingParts(data)}${editedFiles(data)}${
    tableHtml({
      id: "claims",
      caption: captionOf(
        "The claims of the report: means over the seeds, with their range",
        allParts(data),
      ),
      head: ["The report says", "We find", "Our numbers", "Seeds"],
      words: [1, 2, 3],
      rows: claims.map(claimRow),
    })
  }<p>A claim holds for a seed if the numbers of that seed support it; the verdict counts the seeds.
${DIVERGED_RULE} The mean of several λ is the geometric one.</p>
<p>The standard error of one accuracy, which comes from the choice of the images alone, is about 0.5 points on 10,000
images, the test set of CIFAR-10, and about 0.7 points on 5,000, its validation set: a smaller difference in a single
seed may be chance.</p>
`;
}

function claimRow({ text, rule, remark, verdict, numbers, seeds }: Claim) {
  return [
    markup`${text}${rule === "" ? null : markup` <small>(here: ${rule})</small>`}${
      remark === "" ? null : markup` <small>(${remark})</small>`
    }`,
    markup`<strong>${verdict}</strong>`,
    numbers.map(numberLine),
    seeds.length === 0 ? "none" : seeds.join(", "),
  ];
}

/** Lines break between words only, and not after the hyphen of 1e-3. */
function numberLine(line: string): Html {
  const words = line.split(" ").map((word) => markup`<span class="word">${word}</span> `);
  return markup`<span class="line">${words}</span>`;
}

function missingParts({ missing }: ReportData): Html | null {
  return noteOf("Some parts are missing, and the page shows the others:", missing);
}

function editedFiles({ edited }: ReportData): Html | null {
  return noteOf(
    "Some files were changed after their part was finished, and the page shows them as they are now:",
    edited,
  );
}

/** A note about some parts or files; none where there are none. */
function noteOf(sentence: string, names: readonly string[]): Html | null {
  if (names.length === 0) return null;
  return markup`<div class="note" role="note"><p>${sentence}</p>
<ul>
${names.map((part) => markup`<li><code>${part}</code></li>\n`)}</ul></div>
`;
}
