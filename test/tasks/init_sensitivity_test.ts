import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { CurveRow, SensitivityRun } from "../../src/train/sensitivity.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { STUDY_SUMMARY_JSON, type StudySummary } from "../../src/records/summary.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { parseOptions } from "../../tasks/_kit/options.ts";
import { runConfig } from "../../tasks/_kit/results.ts";
import { STUDY_FILES } from "../../tasks/_run/sensitivity_run.ts";
import { main, reportStudy, TASK } from "../../tasks/init_sensitivity.ts";
import { CapturedContext } from "../_context.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "../_tasks.ts";

const FILES = ["config.json", "curves.csv", "finished.json", "sensitivity.svg", "summary.json"];

/** Small networks for six steps, with a point after every second. */
const SHORT = "--quick --data synthetic --hidden 6,5 --batch 500 --half-cycle 3 --every 2"
  .split(" ");

/** Without batch norm one that overflows, one whose gradients vanish and one that learns. */
const THREE = [...SHORT, "--inits", "1e10,1e-4,he"];

/** Studies into a directory. */
function study(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

async function readCurves(directory: string): Promise<CurveRow[]> {
  const text = await Deno.readTextFile(`${directory}/curves.csv`);
  return CURVES_CSV.decode(text, { name: "curves.csv" });
}

async function readStudy(directory: string): Promise<StudySummary> {
  const name = `${directory}/summary.json`;
  return STUDY_SUMMARY_JSON.decode(await Deno.readTextFile(name), { name });
}

Deno.test("init-sensitivity trains all initial weights without and with batch norm", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await study(out, THREE);
    assertEquals(status, 0, errors);
    assertEquals([...(await filesIn(out)).keys()], FILES);

    const curves = await readCurves(out);
    const expected = [false, true].flatMap((norm) =>
      ["10000000000", "0.0001", "he"].flatMap((sigma) =>
        [0, 2, 4, 6].map((step) => [sigma, norm, step])
      )
    );
    assertEquals(curves.map(({ sigma, batchNorm, step }) => [sigma, batchNorm, step]), expected);

    const { runs, adapter, software, ...rest } = await readStudy(out);
    assertEquals(rest, { data: "synthetic", classes: 10, quick: true });
    assertEquals([typeof adapter, typeof software], ["string", "boolean"]);
    for (const [i, run] of runs.entries()) {
      const { sigma, batchNorm, step, trainingLoss } = curves[4 * i + 3];
      assertEquals([run.sigma, run.batchNorm, run.steps], [sigma, batchNorm, step]);
      assertEquals(run.training.loss, trainingLoss);
      if (sigma === "he") assertNotEquals(run.test.loss, run.validation.loss);
    }
    // All start alike with batch norm and without, and then part.
    assertEquals(curves[4].trainingLoss, curves[16].trainingLoss);
    assertNotEquals(curves[11].trainingLoss, curves[23].trainingLoss);

    const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
    assertEquals([config.settings.inits, config.settings.every], [[1e10, 1e-4, "he"], 2]);
    const figure = await Deno.readTextFile(`${out}/sensitivity.svg`);
    assertMatch(figure, /quick run/);
    assertMatch(figure, /Data: synthetic/);

    const lines = output.trimEnd().split("\n");
    assertEquals(lines[0], "synthetic, quick run on 2000 training images: not a result");
    assertEquals(lines.slice(2, 8).map((line) => line.split(/ +/).slice(0, 2)), [
      ["10000000000", "off"],
      ["0.0001", "off"],
      ["he", "off"],
      ["10000000000", "on"],
      ["0.0001", "on"],
      ["he", "on"],
    ]);
    assertMatch(lines[8], /^Without batch norm σ = 10000000000 diverged, σ = 0\.0001 stalled /);
    assertEquals(lines[9], `Files: ${out}`);
  });
});

Deno.test("init-sensitivity says which run diverged, stalled or trained, and keeps the NaN of a curve", async () => {
  await inDirectory(async (out) => {
    // So many steps that the last one ends better than guessing.
    const longer = THREE.join(" ").replace("cycle 3 --every 2", "cycle 15 --every 10").split(" ");
    const { status, errors } = await study(out, [...longer, "--batch-norm", "off"]);
    assertEquals(status, 0, errors);
    const { runs: [diverged, stalled, trained] } = await readStudy(out);
    const step = diverged.divergedAt!;
    assert(step >= 1 && step <= 2, `diverged_at is ${step}`);
    assertEquals(diverged.outcome, `diverged at step ${step}`);
    assertEquals([diverged.training.loss, diverged.test.cost], [NaN, NaN]);
    const { training, validation, test } = diverged;
    for (const { accuracy } of [training, validation, test]) assertEquals(accuracy, NaN);
    assertEquals([stalled.outcome, stalled.divergedAt], ["stalled", null]);
    assert(Math.abs(stalled.training.loss - Math.log(10)) < 1e-4, `${stalled.training.loss}`);
    assertEquals([trained.outcome, trained.divergedAt], ["trained", null]);
    const losses = (await readCurves(out)).map(({ trainingLoss }) => trainingLoss);
    assert(Number.isFinite(losses[0]));
    assertEquals(losses.slice(1, 4), [NaN, NaN, NaN]);
    assert(losses.slice(4).every(Number.isFinite));
  });
});

Deno.test("init-sensitivity fails when all networks diverged, and writes everything", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--batch-norm", "off", "--inits", "1e10"];
    for (const again of [false, true]) {
      const { status, output, errors } = await study(out, args);
      assertEquals(status, 1, errors);
      assertMatch(errors, /^error: All networks of the study diverged: expected /m);
      if (!again) assertMatch(errors, /^without-batch-norm \(quick\): .*, all diverged$/m);
      assertMatch(output, /^Without batch norm σ = 10000000000 diverged\.$/m);
      for (const name of STUDY_FILES.files) assert(await exists(`${out}/${name}`), name);
    }
  });
});

Deno.test("init-sensitivity gives an initialisation the same numbers alone and among others", async () => {
  await inDirectory(async (out) => {
    const studies = [
      { name: "all", args: ["--inits", "1e10,1e-4,he"] },
      { name: "alone", args: ["--inits", "he"] },
      { name: "other", args: ["--inits", "he", "--seed", "2"] },
    ];
    for (const { name, args } of studies) {
      const { status, errors } = await study(`${out}/${name}`, [...SHORT, ...args]);
      assertEquals(status, 0, errors);
    }
    const [all, alone, other] = await Promise.all(
      studies.map(async ({ name }) => ({
        curves: (await readCurves(`${out}/${name}`)).filter(({ sigma }) => sigma === "he"),
        runs: (await readStudy(`${out}/${name}`)).runs.filter(({ sigma }) => sigma === "he"),
      })),
    );
    assertEquals(alone.curves.length, 8);
    assertEquals(alone, all);
    assertNotEquals(other.curves, all.curves);
  });
});

Deno.test("init-sensitivity keeps finished results of the same settings, and replaces them when forced", async () => {
  await inDirectory(async (out) => {
    const args = [...THREE, "--batch-norm", "off"];
    const first = await study(out, args);
    assertEquals(first.status, 0, first.errors);
    const before = await filesIn(out);

    const again = await study(out, args);
    assertEquals(again.status, 0);
    assertMatch(again.errors, /out holds the finished results of these settings/);
    // What JSON cannot hold is read back as what it was.
    assertMatch(again.output, /^10000000000 +off +NaN +none +none +diverged at step \d$/m);
    assertEquals(again.output, first.output);
    assertEquals(await filesIn(out), before);

    const other = await study(out, [...SHORT, "--batch-norm", "off", "--inits", "he"]);
    assertEquals(other.status, 2);
    assertMatch(
      other.errors,
      /--out .* holds results of other settings \(inits .* there, \["he"\] here\)/,
    );
    assertEquals(await filesIn(out), before);

    const forced = await study(out, [...SHORT, "--batch-norm", "off", "--inits", "he", "--force"]);
    assertEquals(forced.status, 0, forced.errors);
    assertEquals([...(await filesIn(out)).keys()], FILES);
    assertEquals((await readStudy(out)).runs.map(({ sigma }) => sigma), ["he"]);
  });
});

Deno.test("init-sensitivity refuses finished results whose summary was damaged", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--batch-norm", "off", "--inits", "he"];
    assertEquals((await study(out, args)).status, 0);
    const path = `${out}/summary.json`;
    for (const damaged of ["{", "null", "{}", '{"runs": [{"sigma": "he"}]}']) {
      await Deno.writeTextFile(path, damaged);
      const { status, errors } = await study(out, args);
      assertEquals(status, 1);
      assertMatch(
        errors,
        /error: --out .* changed since \(summary\.json is not what was written\)/,
      );
    }
  });
});

/** Tells the task to stop as soon as it writes the given event. */
class StoppingContext extends CapturedContext {
  readonly #event: string;

  constructor(event: string) {
    super();
    this.#event = event;
  }

  override stdout(line: string): void {
    super.stdout(line);
    if (JSON.parse(line).event === this.#event) this.abort(new StoppedError("SIGTERM"));
  }
}

Deno.test("init-sensitivity leaves nothing that looks finished when it is interrupted, and can be started again", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--inits", "he", "--json", "--out", out];
    for (const event of ["evaluation", "done"]) {
      const context = new StoppingContext(event);
      assertEquals(await runMain(main, { args, context }), 75);
      assertMatch(context.errors, /error: stopped by SIGTERM before it was done/);
      assertEquals(
        [...(await filesIn(out)).keys()],
        ["checkpoint.safetensors", "config.json", "curves.csv"],
      );
    }
    const { status, errors } = await runInProcess(main, args);
    assertEquals(status, 0, errors);
    assertMatch(errors, /^without-batch-norm: kept from an earlier run$/m);
    assertEquals([...(await filesIn(out)).keys()], FILES);
  });
});

Deno.test("init-sensitivity keeps curves.csv up to date while it trains, at most every five seconds", async () => {
  await inDirectory(async (out) => {
    let evaluations = 0;
    class StoppedAtSeventh extends CapturedContext {
      override stdout(line: string): void {
        super.stdout(line);
        if (JSON.parse(line).event !== "evaluation" || ++evaluations < 7) return;
        this.abort(new StoppedError("SIGTERM"));
      }
    }
    const args = [...SHORT, "--inits", "1e-4,he", "--json", "--out", out];
    const now = () => 2600 * evaluations; // so that every second one is written, from the first on
    const context = new StoppedAtSeventh();
    const status = await runMain((args, context) => main(args, context, { now }), {
      args,
      context,
    });
    assertEquals(status, 75, context.errors);
    assertEquals(
      [...(await filesIn(out)).keys()],
      ["checkpoint.safetensors", "config.json", "curves.csv"],
    );
    assertEquals(
      (await readCurves(out)).map(({ sigma, batchNorm, step }) => [sigma, batchNorm, step]),
      [
        ...["0.0001", "he"].flatMap((sigma) => [0, 2, 4, 6].map((step) => [sigma, false, step])),
        ...["0.0001", "he"].flatMap((sigma) => [0, 2, 4].map((step) => [sigma, true, step])),
      ],
    );
  });
});

Deno.test("init-sensitivity reports its progress as events with --json", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--batch-norm", "off", "--inits", "1e10,1e-4", "--json"];
    const ended = await study(out, args);
    assertEquals(ended.status, 0, ended.errors);
    const [, , start, ...events] = eventsOf(ended);
    const sigmas = ["10000000000", "0.0001"];
    assertEquals(start, {
      event: "start",
      run: "without-batch-norm",
      steps: 6,
      hidden: [6, 5],
      batch_norm: false,
      sigmas,
      quick: true,
    });
    const evaluations = events.slice(0, 4);
    assertEquals(
      evaluations.map(({ event, run, step }) => [event, run, step]),
      [0, 2, 4, 6].map((step) => ["evaluation", "without-batch-norm", step]),
    );
    const curves = await readCurves(out);
    for (const [i, evaluation] of evaluations.entries()) {
      const networks = evaluation.networks as {
        sigma: string;
        train_loss: number | null;
        val_accuracy: number | null;
        diverged_at: number | null;
      }[];
      assertEquals(
        networks.map(({ sigma, train_loss }) => [sigma, train_loss ?? NaN]),
        sigmas.map((sigma, j) => [sigma, curves[4 * j + i].trainingLoss]),
      );
      // The columns are those of the best network that has not diverged.
      const best = networks.find(({ sigma }) => sigma === evaluation.sigma)!;
      assertEquals(
        [best.train_loss, best.val_accuracy],
        [evaluation.train_loss, evaluation.val_accuracy],
      );
      assertNotEquals(best.train_loss, null);
      assertEquals([best.diverged_at, evaluation.diverged_at], [null, null]);
      const rivals = networks.filter(({ train_loss }) => train_loss !== null);
      assertEquals(best.val_accuracy, Math.max(...rivals.map(({ val_accuracy }) => val_accuracy!)));
      for (const { train_loss, val_accuracy, diverged_at } of networks) {
        assertEquals(
          [val_accuracy === null, diverged_at !== null],
          Array(2).fill(train_loss === null),
        );
      }
    }
    const { runs } = JSON.parse(await Deno.readTextFile(`${out}/summary.json`));
    const [done, ...results] = events.slice(4);
    assertEquals([done.event, done.run, done.steps], ["done", "without-batch-norm", 6]);
    assertEquals(
      done.outcomes,
      runs.map(({ sigma, outcome }: SensitivityRun) => ({ sigma, outcome })),
    );
    assertEquals(
      results,
      runs.map((run: SensitivityRun) => ({ event: "result", ...run, quick: true, out })),
    );
  });
});

Deno.test("init-sensitivity refuses bad input in one sentence, and writes nothing", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [["--inits", "0"], /^error: --inits expects he, xavier or numbers from 1.2e-38 .*, not "0"$/],
    [["--inits", "1,1e-50"], /^error: --inits expects he, xavier or numbers .*, not "1,1e-50"$/],
    [["--inits", "0.1,-1e-3"], /^error: --inits expects .*, not "0\.1,-1e-3"$/],
    [["--inits", "0.1,1e-1"], /^error: --inits expects .* all different, .*, not "0\.1,1e-1"$/],
    [["--inits", "he,,xavier"], /^error: --inits expects /],
    [["--inits", ""], /^error: --inits expects .*, not nothing$/],
    [["--every", "0"], /^error: --every expects a whole number from 1/],
    [
      ["--every", "1", "--half-cycle", "30000"],
      /^error: --every 1 results in 360006 points of 6 curves of 60000 steps, expected at most 350000$/,
    ],
    [
      ["--inits", Array.from({ length: 1001 }, (_, i) => i + 1).join()],
      /^error: --inits expects at most 1000, not 1001$/,
    ],
    [["--init", "he"], /^error: init-sensitivity has no option --init; did you mean --inits\?$/],
    [["--batch", "1"], /^error: --batch expects at least 2 with batch normalisation, not 1/],
    [["--batch", "2001"], /^error: --batch expects at most 2000, .*, not 2001$/],
    [
      ["--hidden", "40000,40000"],
      /^error: --hidden 40000,40000 with --batch 100 and 3 networks: .*at most/,
    ],
  ];
  for (const [args, sentence] of cases) {
    await inDirectory(async (out) => {
      const quick = ["--quick", "--data", "synthetic"];
      const { status, output, errors } = await study(out, [...quick, ...args]);
      assertEquals([status, output], [2, ""], args.join(" "));
      assertMatch(errors.trimEnd().split("\n").at(-1)!, sentence);
      assertEquals(await exists(out), false, args.join(" "));
    });
  }
});

Deno.test("init-sensitivity says what to install where there is no adapter, and writes nothing", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await runWithoutAdapter("init_sensitivity", ["--out", out]);
    assertEquals([status, output], [1, ""], errors);
    assertMatch(errors, /^error: No GPU adapter was found: install .*mesa-vulkan-drivers/m);
    assertEquals(await exists(out), false);
  });
});

/** A run that ended with the given training loss. */
function runWith(run: Pick<SensitivityRun, "sigma" | "outcome">, loss: number): SensitivityRun {
  const training = { loss, cost: loss + 1, accuracy: 0.5 };
  return {
    batchNorm: false,
    training,
    validation: { ...training, accuracy: 0.5275 },
    test: { ...training, accuracy: 0.5314 },
    steps: 3600,
    divergedAt: null,
    ...run,
  };
}

/** The lines that are written when three runs have ended. */
function linesOf(args: readonly string[], name = "CIFAR-10"): string[] {
  const context = new CapturedContext();
  const { options } = parseOptions(TASK, ["--out", "out", ...args]);
  const training = { images: new Uint8Array(), labels: new Uint8Array(), count: 45_000 };
  reportStudy(context, {
    options,
    config: runConfig(options, {
      task: TASK.name,
      dataset: { name, sha256: "0" },
      adapter: { description: "llvmpipe", vendor: "", software: true },
      variant: "per-operation",
    }),
    dataset: { name, classes: 10, training },
    summary: {
      data: name,
      classes: 10,
      runs: [
        runWith({ sigma: "0.1", outcome: "trained" }, 1.2),
        runWith({ sigma: "0.001", outcome: "stalled" }, 2.30261),
        runWith({ sigma: "0.0001", outcome: "diverged at step 12" }, NaN),
      ],
      adapter: "llvmpipe",
      software: true,
      ...options.quick && { quick: true },
    },
  });
  return context.output.trimEnd().split("\n");
}

Deno.test("reportStudy() sets the report's finding beside ours for its data and settings only", () => {
  const seen = "ithout batch norm σ = 0.1 trained, σ = 0.001 stalled at the loss of guessing " +
    "(2.303), and σ = 0.0001 diverged.";
  for (const args of [["--seed", "3"], ["--seed", "3", "--every", "50", "--batch-norm", "off"]]) {
    assertEquals(linesOf(args), [
      "CIFAR-10, seed 3",
      "σ       batch norm  training loss  validation accuracy  test accuracy",
      "0.1            off          1.200               52.8 %         53.1 %              trained",
      "0.001          off          2.303               52.8 %         53.1 %              stalled",
      "0.0001         off            NaN               52.8 %         53.1 %  diverged at step 12",
      `The report says that a small σ diverges without batch norm; here, w${seen}`,
      "Files: out",
    ]);
  }
  for (
    const [args, data] of [
      [["--lambda", "0.01"]],
      [["--hidden", "50"]],
      [["--half-cycle", "2250"]],
      [["--quick", "--half-cycle", "900", "--cycles", "2"]],
      [[], "synthetic"],
    ] as const
  ) {
    assertEquals(linesOf(args, data)[5], `W${seen}`);
  }
});
