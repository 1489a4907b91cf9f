/**
 * The claims of the published report, each compared with the results of a reproduction.
 *
 * @module
 */

import { enumerate } from "../lists.ts";
import {
  PUBLISHED_BASELINE_ACCURACY,
  PUBLISHED_FINAL_ACCURACY,
  PUBLISHED_RUN,
  PUBLISHED_SMALL_SIGMAS,
} from "../model/published.ts";
import { bestResults } from "../train/lambda_search.ts";
import { outcomeKind, sigmaName } from "../train/sensitivity.ts";
import type { Part, ReportData, RunPart, SearchPart } from "./data.ts";
import { countedAccuracy } from "./outcomes.ts";
import { isComparable } from "./settings.ts";
import {
  geometricMean,
  initialWeights,
  percent,
  points,
  publishedPercent,
  scientific,
  spread,
} from "./text.ts";

/** A claim of the report, and whether a reproduction supports it. */
export interface Claim {
  /** What the report says. */
  readonly text: string;
  /** When it holds for a seed, where the claim itself leaves that open; otherwise "". */
  readonly rule: string;
  /** A remark on the verdict; "" for none. */
  readonly remark: string;
  /**
   * `holds`, `holds in 2 of 3 seeds`, `does not hold`, `not comparable` where data or settings are not the report's, or
   * `not measured` where the part is missing.
   */
  readonly verdict: string;
  /** The numbers, each as the mean over the seeds with its range. */
  readonly numbers: readonly string[];
  /** The seeds of the numbers. */
  readonly seeds: readonly number[];
}

/** A quantity that decides on a claim. */
interface Quantity {
  readonly name: string;
  readonly print: (value: number) => string;
  /** The mean over the seeds, where it is not the arithmetic one. */
  readonly meanOf?: (values: readonly number[]) => number;
}

/** The result of one seed. */
interface Finding {
  readonly seed: number;
  readonly comparable: boolean;
  readonly holds: boolean;
  /** A value for each quantity of the claim. */
  readonly values: readonly number[];
  /** Outcomes to count over the seeds, as in "without: stalled". */
  readonly events?: readonly string[];
}

/** "About" a number is less than one percentage point from it. */
const ABOUT = 0.01;

/** "Considerably" worse is worse by at least this much, as "about" the same is less. */
const CONSIDERABLY = 0.01;

/** The range in which the report finds the best λ. */
const BEST_RANGE = { from: 1e-3, to: 1e-2 };

/** A rescued network reaches at least this multiple of the accuracy of guessing. */
const RESCUED = { times: 2, word: "twice" };

/** Tolerance for the rounding of a difference exactly at the limit. */
const ROUNDING = 1e-9;

/** Compares all claims of the report, in its order, with a reproduction, as far as it exists. */
export function judgeClaims(data: ReportData): Claim[] {
  return [
    improvement(data, { layers: "3" }),
    improvement(data, { layers: "9" }),
    depth(data, { batchNorm: false }),
    depth(data, { batchNorm: true }),
    about({
      text: `Three layers with batch norm reach about ${
        publishedPercent(PUBLISHED_BASELINE_ACCURACY)
      } test accuracy`,
      published: PUBLISHED_BASELINE_ACCURACY,
      runs: data.baselines.filter(({ name }) => name === PUBLISHED_RUN)
        .map((run) => ({ part: run, run })),
    }),
    coarseBest(data),
    overallBest(data),
    about({
      text: `The final network reaches ${publishedPercent(PUBLISHED_FINAL_ACCURACY)} test accuracy`,
      published: PUBLISHED_FINAL_ACCURACY,
      runs: data.searches.flatMap((part) => part.final === null ? [] : [{ part, run: part.final }]),
    }),
    ...PUBLISHED_SMALL_SIGMAS.map((sigma) => rescue(data, sigmaName(sigma))),
  ];
}

function improvement(data: ReportData, { layers }: { layers: string }): Claim {
  const runs = pairs(data, [`${layers}-layer`, `${layers}-layer-batch-norm`]);
  return conclude({
    text: `Batch norm improves the validation accuracy of ${
      layers === "3" ? "three" : "nine"
    } layers`,
    rule: "any difference above 0",
    quantities: [
      { name: "without", print: percent },
      { name: "with", print: percent },
      { name: "difference", print: points },
    ],
    findings: runs.map(([without, withNorm]) => {
      const [a, b] = [without, withNorm].map(({ ending }) =>
        countedAccuracy(ending, ending.validation)
      );
      return { ...origin([without, withNorm]), holds: b > a, values: [a, b, b - a] };
    }),
  });
}

function depth(data: ReportData, { batchNorm }: { batchNorm: boolean }): Claim {
  const suffix = batchNorm ? "-batch-norm" : "";
  const runs = pairs(data, [`3-layer${suffix}`, `9-layer${suffix}`]);
  return conclude({
    text: `Nine layers do considerably worse than three ${
      batchNorm ? "with" : "without"
    } batch norm`,
    rule: `test accuracy lower by at least ${100 * CONSIDERABLY} percentage point`,
    quantities: [
      { name: "three", print: percent },
      { name: "nine", print: percent },
      { name: "difference", print: points },
    ],
    findings: runs.map(([three, nine]) => {
      const [a, b] = [three, nine].map(({ ending }) => countedAccuracy(ending, ending.test));
      return {
        ...origin([three, nine]),
        holds: a - b >= CONSIDERABLY - ROUNDING,
        values: [a, b, b - a],
      };
    }),
  });
}

/** A run, and the part whose settings decide whether it can be compared. */
interface RunOfPart {
  readonly part: Part;
  readonly run: RunPart;
}

function about(
  claim: { text: string; published: number; runs: readonly RunOfPart[] },
): Claim {
  const { text, published, runs } = claim;
  const findings = runs.map(({ part, run }): Finding => {
    const accuracy = countedAccuracy(run.ending, run.ending.test);
    const difference = accuracy - published;
    const holds = Math.abs(difference) < ABOUT - ROUNDING;
    return { ...origin([part]), holds, values: [accuracy, difference] };
  });
  return conclude({
    text,
    rule: `less than ${100 * ABOUT} percentage point from it`,
    quantities: [
      { name: "test", print: percent },
      // A difference means nothing where data or settings differ.
      ...findings.some(({ comparable }) => comparable)
        ? [{ name: "difference", print: points }]
        : [],
    ],
    findings,
  });
}

function coarseBest({ searches }: ReportData): Claim {
  return bestLambda({
    where: "the coarse search",
    remark: "each seed draws its own values",
    found: searches.map((search) => {
      const coarse = search.trials.filter(({ stage }) => stage === "coarse");
      const best = bestResults(coarse, 1).find(({ runs, diverged }) => diverged < runs);
      return { search, best: best?.lambda };
    }),
  });
}

function overallBest({ searches }: ReportData): Claim {
  return bestLambda({
    where: "the whole search",
    remark: overlap(searches),
    found: searches.map((search) => ({ search, best: search.best?.[0]?.lambda })),
  });
}

/** Why this claim can hardly fail with the settings of the report. */
function overlap(searches: readonly SearchPart[]): string {
  const search = searches.find(({ config }) => isComparable(config));
  if (search === undefined) return "";
  const { coarseCount: coarse, fineCount: fine } = search.config.settings;
  return `${fine} of its ${Number(coarse) + Number(fine)} values are drawn from that very range, ` +
    "so the coarse search is the one to look at";
}

function bestLambda(
  options: {
    where: string;
    remark: string;
    found: readonly { search: Part; best: number | undefined }[];
  },
): Claim {
  const { where, remark, found } = options;
  const { from, to } = BEST_RANGE;
  return conclude({
    text: `The best λ of ${where} lies between ${from} and ${to}`,
    rule: "",
    remark,
    quantities: [{ name: "λ", print: scientific, meanOf: geometricMean }],
    findings: found.flatMap(({ search, best }) =>
      best === undefined
        ? []
        : [{ ...origin([search]), holds: from <= best && best <= to, values: [best] }]
    ),
  });
}

function rescue({ sensitivities }: ReportData, sigma: string): Claim {
  return conclude({
    text: `Batch norm rescues weights that start with ${initialWeights(sigma)}`,
    rule:
      "without it the training diverged, stalled or ended worse than guessing; with it none of " +
      `these, and test accuracy is at least ${RESCUED.word} that of guessing`,
    quantities: [
      { name: "test without", print: percent },
      { name: "test with", print: percent },
    ],
    findings: sensitivities.flatMap((part) => {
      const [without, withNorm] = [false, true].map((norm) =>
        part.runs.find((run) => run.sigma === sigma && run.batchNorm === norm)
      );
      if (without === undefined || withNorm === undefined) return [];
      const [a, b] = [without, withNorm].map((run) => countedAccuracy(run, run.test));
      return [{
        ...origin([part]),
        holds: without.outcome !== "trained" && withNorm.outcome === "trained" &&
          b >= RESCUED.times / part.classes,
        values: [a, b],
        // "diverged at step 12" is counted with "diverged at step 15".
        events: [
          `without: ${outcomeKind(without.outcome)}`,
          `with: ${outcomeKind(withNorm.outcome)}`,
        ],
      }];
    }),
  });
}

/** The baseline runs of two names, for each seed that has both. */
function pairs(
  { baselines }: ReportData,
  [first, second]: readonly [string, string],
): [RunPart, RunPart][] {
  return baselines.filter(({ name }) => name === first).flatMap((run) => {
    const other = baselines.find(({ name, seed }) => name === second && seed === run.seed);
    return other === undefined ? [] : [[run, other] as [RunPart, RunPart]];
  });
}

/** Where a finding comes from. */
function origin(parts: readonly Part[]): { seed: number; comparable: boolean } {
  const comparable = parts.every(({ config }) => isComparable(config));
  return { seed: parts[0].seed, comparable };
}

/** Summarises the seeds; those that cannot be compared count only where none can. */
function conclude(
  claim: {
    text: string;
    rule: string;
    remark?: string;
    quantities: readonly Quantity[];
    findings: readonly Finding[];
  },
): Claim {
  const { text, rule, remark = "", quantities, findings } = claim;
  const comparable = findings.filter((finding) => finding.comparable);
  const used = comparable.length > 0 ? comparable : findings;
  const numbers = used.length === 0
    ? []
    : quantities.map(({ name, print, meanOf }, i) =>
      `${name} ${spread(used.map(({ values }) => values[i]), print, meanOf)}`
    );
  return {
    text,
    rule,
    remark,
    verdict: verdictOf(findings, comparable),
    numbers: [...numbers, ...countEvents(used)],
    seeds: used.map(({ seed }) => seed),
  };
}

function verdictOf(findings: readonly Finding[], comparable: readonly Finding[]): string {
  if (findings.length === 0) return "not measured";
  if (comparable.length === 0) return "not comparable";
  const holding = comparable.filter(({ holds }) => holds).length;
  if (holding === 0) return "does not hold";
  return holding === comparable.length
    ? "holds"
    : `holds in ${holding} of ${comparable.length} seeds`;
}

/** As in "without: stalled (2 of 3), diverged (1 of 3)". */
function countEvents(findings: readonly Finding[]): string[] {
  const events = findings.flatMap(({ events = [] }) => events);
  const bySubject = Map.groupBy(events, (event) => event.split(": ")[0]);
  return [...bySubject].map(([subject, all]) => {
    const byOutcome = Map.groupBy(all, (event) => event.split(": ")[1]);
    const counted = [...byOutcome].map(([outcome, { length }]) =>
      findings.length === 1 ? outcome : `${outcome} (${length} of ${findings.length})`
    );
    return `${subject}: ${enumerate(counted)}`;
  });
}
