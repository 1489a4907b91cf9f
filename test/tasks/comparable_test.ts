/** The report's numbers appear beside results with its settings, and beside no other results. */
import { assert, assertEquals } from "@std/assert";
import {
  PUBLISHED_GRADIENT_ERRORS,
  PUBLISHED_HIDDEN,
  PUBLISHED_SMALL_SIGMAS,
} from "../../src/model/published.ts";
import { isComparable } from "../../src/report/settings.ts";
import {
  type AnyValues,
  COMMON_OPTIONS,
  type CommonOptions,
  FIND_LR_OPTION,
  optionName,
  type OptionTable,
  parseOptions,
  PROFILE_OPTION,
  RESUME_OPTIONS,
  type Task,
} from "../../tasks/_kit/options.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { runConfig } from "../../tasks/_kit/results.ts";
import { TASK as BASELINE } from "../../tasks/baseline.ts";
import { publishedErrors, TASK as GRADIENT_CHECK } from "../../tasks/gradient_check.ts";
import { TASK as INIT_SENSITIVITY } from "../../tasks/init_sensitivity.ts";
import { TASK as LAMBDA_SEARCH } from "../../tasks/lambda_search.ts";
import { EXPERIMENTS } from "../../tasks/reproduce.ts";

/** A task, and another value for each option of its own, as typed. */
interface Settings {
  readonly name: string;
  /** What its `config.json` says of the data set of that name. */
  readonly config: (args: readonly string[], name?: string) => RunConfig;
  readonly options: OptionTable<AnyValues>;
  /** Options with which it is no longer what the report did. */
  readonly decisive: { readonly [option: string]: string };
  /** Options that only say how much of it there is, or how often one looks. */
  readonly others: { readonly [option: string]: string };
}

/** How a task makes its config.json; `own` holds what one run of several differs in. */
function settingsOf<V extends CommonOptions & AnyValues>(
  task: Task<V>,
  variations: Pick<Settings, "decisive" | "others"> & { own?: { [name: string]: unknown } },
): Settings {
  const { name, options } = task;
  const { own, ...rest } = variations;
  const config = (args: readonly string[], data = "CIFAR-10") => {
    const parsed = parseOptions(task, args).options;
    return runConfig({ ...parsed, ...own }, {
      task: name,
      dataset: { name: data, sha256: "0" },
      adapter: { description: "llvmpipe", vendor: "", software: true },
      variant: "per-operation",
    });
  };
  return { name, config, options, ...rest };
}

const TRAINING = { batch: "50", etaMin: "1e-4", etaMax: "0.2", halfCycle: "9", cycles: "1" };

const ALL: readonly Settings[] = [
  settingsOf(GRADIENT_CHECK, {
    decisive: {
      hidden: "50",
      layers: "9",
      batchNorm: "off",
      lambda: "0",
      batch: "10",
      inputs: "11",
    },
    others: {},
  }),
  // A folder for each network, with its own widths in config.json.
  ...PUBLISHED_HIDDEN.map((hidden) =>
    settingsOf(BASELINE, {
      own: { hidden },
      decisive: {
        ...{ ...TRAINING, lambda: "0.001", init: "xavier" },
        // A constant rate has no length of its own.
        ...{ epochs: "20", learningRate: "0.1 --epochs 20", earlyStop: "5" },
      },
      others: {
        ...{ batchNorm: "off", hidden: hidden.join(), layers: String(hidden.length + 1) },
        keep: "best",
      },
    })
  ),
  settingsOf(LAMBDA_SEARCH, {
    decisive: {
      ...TRAINING,
      hidden: "50",
      layers: "6",
      batchNorm: "off",
      init: "0.1",
      coarse: "1e-4,1e-1",
      coarseCount: "9",
      fine: "1e-3,2e-2",
      fineCount: "11",
      refine: "1",
      repeat: "2",
      finalCycles: "4",
    },
    others: {},
  }),
  settingsOf(INIT_SENSITIVITY, {
    decisive: { ...TRAINING, hidden: "50", layers: "9", lambda: "0.001" },
    others: { batchNorm: "off", inits: "0.1,he", every: "50" },
  }),
];

Deno.test("isComparable() holds for what every task writes by default, on the report's data alone", () => {
  for (const { name, config } of ALL) {
    assert(isComparable(config([])), name);
    for (const other of ["synthetic", "CIFAR-10 (unverified: digest 1234abcd…)"]) {
      assertEquals(isComparable(config([], other)), false, `${name} ${other}`);
    }
    assert(isComparable(config(["--seed", "7", "--variant", "per-operation"])), name);
  }
  const other = settingsOf(BASELINE, { own: { hidden: [60] }, decisive: {}, others: {} });
  assertEquals(isComparable(other.config([])), false);
});

Deno.test("isComparable() fails for a quick run, even with the report's settings", () => {
  for (const { name, config, options } of ALL) {
    assertEquals(isComparable(config(["--quick"])), false, name);
    const usual = config([]).settings;
    const restored = ["halfCycle", "cycles", "coarseCount", "fineCount", "finalCycles"]
      .filter((option) => option in options)
      .flatMap((option) => [optionName(option), String(usual[option])]);
    assertEquals(isComparable(config(["--quick", ...restored])), false, name);
  }
});

/** Options that say how a task works rather than what it computes. */
const NOT_DECISIVE = { ...COMMON_OPTIONS, ...FIND_LR_OPTION, ...PROFILE_OPTION, ...RESUME_OPTIONS };

Deno.test("isComparable() fails when one setting of a task is not the report's", () => {
  for (const { name, config, options, decisive, others } of ALL) {
    for (const [option, value] of Object.entries(decisive)) {
      const args = [optionName(option), ...value.split(" ")];
      assertEquals(isComparable(config(args)), false, `${name} ${option}`);
    }
    for (const [option, value] of Object.entries(others)) {
      assert(isComparable(config([optionName(option), value])), `${name} ${option}`);
    }
    // A new option must be put on one of the two lists.
    assertEquals(
      Object.keys({ ...decisive, ...others }).sort(),
      Object.keys(options)
        .filter((option) => !(option in NOT_DECISIVE)).sort(),
      name,
    );
  }
});

Deno.test("publishedErrors() bounds errors on any data, and shows the report's figures beside its own data", () => {
  const [{ config }] = ALL;
  const all = PUBLISHED_GRADIENT_ERRORS;
  assertEquals(publishedErrors(config([])), { bars: all, published: all });
  assertEquals(publishedErrors(config([], "synthetic")), { bars: all, published: {} });
  assertEquals(publishedErrors(config(["--quick"])), { bars: all, published: {} });
  assertEquals(publishedErrors(config(["--inputs", "11"])), { bars: {}, published: {} });
});

Deno.test("EXPERIMENTS counts the networks that the tasks train by default and with --quick", () => {
  for (const kind of ["usual", "quick"] as const) {
    const args = kind === "quick" ? ["--quick"] : [];
    const { coarseCount, fineCount, refine, repeat } = parseOptions(LAMBDA_SEARCH, args).options;
    const { inits, batchNorm } = parseOptions(INIT_SENSITIVITY, args).options;
    const norms = { on: 1, off: 1, both: 2 };
    const found: { [name: string]: number } = {
      "gradient-check": 0,
      "baseline": PUBLISHED_HIDDEN.length * norms[parseOptions(BASELINE, args).options.batchNorm],
      "lambda-search": repeat * (coarseCount + Math.max(1, refine) * fineCount) + 1,
      "init-sensitivity": inits.length * norms[batchNorm],
    };
    const said = EXPERIMENTS.map(({ name, trainings }) => [name, trainings[kind]]);
    assertEquals(Object.fromEntries(said), found);
    if (kind === "usual") assertEquals(Object.values(found), [0, 4, 21, 6]);
  }
});

Deno.test("init-sensitivity tries the small σ of the report by default", () => {
  const { inits } = parseOptions(INIT_SENSITIVITY, []).options;
  assertEquals(PUBLISHED_SMALL_SIGMAS.filter((sigma) => !inits.includes(sigma)), []);
});
