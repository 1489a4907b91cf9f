import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { networkFromTensors } from "../../src/model/checkpoint.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { RunSummary } from "../../src/records/summary.ts";
import { decodeSafetensors } from "../../src/model/safetensors.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { parseOptions } from "../../tasks/_kit/options.ts";
import { runConfig } from "../../tasks/_kit/results.ts";
import { LENGTH_OPTIONS } from "../../tasks/_kit/length.ts";
import { hiddenName } from "../../tasks/_kit/run_name.ts";
import { type FinishedRun, main, reportRuns, TASK } from "../../tasks/baseline.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { CapturedContext } from "../_context.ts";
import { withoutMemory } from "../_no_memory.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  heldElsewhere,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "../_tasks.ts";

const FILES = [
  "config.json",
  "finished.json",
  "metrics.csv",
  "metrics.svg",
  "model.safetensors",
  "summary.json",
];

/** Four steps to an epoch, and six steps in all. */
const SHORT = ["--quick", "--data", "synthetic", "--half-cycle", "3", "--batch", "500"];

/** One small network. */
const SMALL = [...SHORT, "--hidden", "6,5", "--batch-norm", "on"];

/** Trains into a directory. */
function train(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("baseline writes the same bytes with --layers as with the --hidden that it stands for", async () => {
  await inDirectory(async (out) => {
    const folders: Map<string, Uint8Array>[] = [];
    for (const network of ["--layers 6", "--hidden 50,30,20,20,10"]) {
      const args = [...SHORT, "--batch-norm", "on", ...network.split(" ")];
      const { status, errors } = await train(`${out}/${folders.length}`, args);
      assertEquals(status, 0, errors);
      folders.push(await filesIn(`${out}/${folders.length}`));
    }
    const [layers, hidden] = folders;
    assertEquals([...layers.keys()], FILES.map((file) => `6-layer-batch-norm/${file}`));
    assertEquals(layers, hidden);
  });
});

Deno.test("baseline trains the four networks of the report, each into a folder of its own", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await train(out, SHORT);
    assertEquals(status, 0, errors);
    const runs = ["3-layer", "3-layer-batch-norm", "9-layer", "9-layer-batch-norm"];
    const files = await filesIn(out);
    const expected = runs.flatMap((run) => FILES.map((file) => `${run}/${file}`));
    assertEquals([...files.keys()], expected.sort());

    for (const run of runs) {
      const name = `${run}/model.safetensors`;
      const tensors = decodeSafetensors(files.get(name)!, { name });
      const { architecture } = networkFromTensors(tensors, { name });
      assertEquals(architecture, {
        inputs: 3072,
        hidden: run.startsWith("3") ? [50, 50] : [50, 30, 20, 20, 10, 10, 10, 10],
        classes: 10,
        batchNorm: run.endsWith("batch-norm"),
      });

      const rows = METRICS_CSV.decode(text(files.get(`${run}/metrics.csv`)), {
        name: "metrics.csv",
      });
      assertEquals(rows.map(({ step, epoch }) => [step, epoch]), [[0, 0], [4, 1], [6, 1.5]]);
      const summary = JSON.parse(text(files.get(`${run}/summary.json`)));
      const { train, val, test, adapter, software, ...rest } = summary;
      assertEquals([train, val], [rows[2].training, rows[2].validation]);
      assertEquals(Object.keys(test), ["loss", "cost", "accuracy"]);
      assertEquals([typeof adapter, typeof software], ["string", "boolean"]);
      assertEquals(rest, {
        data: "synthetic",
        steps: 6,
        epochs: 1.5,
        diverged_at: null,
        quick: true,
      });

      const config = JSON.parse(text(files.get(`${run}/config.json`)));
      assertEquals(config.settings.hidden, architecture.hidden);
      assertEquals(config.settings.batch_norm, architecture.batchNorm ? "on" : "off");
      const figure = text(files.get(`${run}/metrics.svg`));
      assertMatch(figure, /quick run/);
      assertMatch(figure, /Data: synthetic/);
    }
    const lines = output.trim().split("\n");
    assertEquals(lines.slice(2, 6).map((line) => line.split(" ")[0]), runs);
    assertMatch(lines[0], /^synthetic, quick run on 2000 training images: not a result$/);
    assertMatch(errors, /^Adapter: .*(software|hardware)\nData: .*synthetic/);
    assertMatch(errors, /^9-layer \(quick\): 6 steps in /m);
  });
});

Deno.test("baseline writes the same bytes for the same seed, and others for another", async () => {
  await inDirectory(async (out) => {
    for (const [name, seed] of [["a", "7"], ["b", "7"], ["c", "8"]]) {
      const { status, errors } = await train(`${out}/${name}`, [...SMALL, "--seed", seed]);
      assertEquals(status, 0, errors);
    }
    const files = await filesIn(out);
    for (const file of ["metrics.csv", "metrics.svg", "model.safetensors"]) {
      const [a, b, c] = ["a", "b", "c"].map((name) =>
        files.get(`${name}/hidden-6-5-batch-norm/${file}`)!
      );
      assertEquals(a, b, file);
      assertNotEquals(a, c, file);
    }
  });
});

Deno.test("baseline keeps finished results of the same settings, and replaces them when forced", async () => {
  await inDirectory(async (out) => {
    const first = await train(out, SMALL);
    assertEquals(first.status, 0, first.errors);
    const before = await filesIn(out);
    // Another file has another number: writing replaces it.
    const numbers = () =>
      Promise.all([...before.keys()].map(async (file) => (await Deno.stat(`${out}/${file}`)).ino));
    const written = await numbers();

    const again = await train(out, SMALL);
    assertEquals(again.status, 0);
    assertMatch(again.errors, /hidden-6-5-batch-norm holds the finished results of these settings/);
    assertEquals(again.output, first.output);
    assertEquals(await filesIn(out), before);
    assertEquals(await numbers(), written);

    const other = await train(out, [...SMALL, "--lambda", "0.1"]);
    assertEquals(other.status, 2);
    assertMatch(
      other.errors,
      /--out .* holds results of other settings \(lambda 0\.005 there, 0\.1/,
    );
    assertEquals(await filesIn(out), before);

    const forced = await train(out, [...SMALL, "--lambda", "0.1", "--force"]);
    assertEquals(forced.status, 0, forced.errors);
    const after = await filesIn(out);
    assertEquals([...after.keys()], [...before.keys()]);
    assertMatch(text(after.get("hidden-6-5-batch-norm/config.json")), /"lambda": 0.1,/);
  });
});

Deno.test("baseline refuses finished results whose summary was damaged, before it trains", async () => {
  await inDirectory(async (out) => {
    assertEquals((await train(out, SMALL)).status, 0);
    const path = `${out}/hidden-6-5-batch-norm/summary.json`;
    for (const damaged of ["{", "null", "{}"]) {
      await Deno.writeTextFile(path, damaged);
      const { status, errors } = await train(out, [...SHORT, "--hidden", "6,5"]);
      assertEquals(status, 1);
      assertMatch(
        errors,
        /error: --out .* changed since \(summary\.json is not what was written\)/,
      );
      assertEquals(await exists(`${out}/hidden-6-5`), false);
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

Deno.test("baseline leaves nothing that looks finished when it is interrupted, and can be started again", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--hidden", "6", "--out", out, "--json"];
    const within = new StoppingContext("evaluation");
    assertEquals(await runMain(main, { args, context: within }), 75);
    assertMatch(within.errors, /error: stopped by SIGTERM before it was done/);
    assertMatch(
      within.errors,
      /^Checkpoint at step \d of 6: .*hidden-6\/checkpoint\.safetensors$/m,
    );
    assertEquals(
      [...(await filesIn(out)).keys()],
      ["checkpoint.safetensors", "config.json", "metrics.csv"].map((file) => `hidden-6/${file}`),
    );

    const between = new StoppingContext("done");
    assertEquals(await runMain(main, { args, context: between }), 75);
    assertMatch(between.errors, /^hidden-6: resumed from the checkpoint at step \d of 6$/m);
    // Figures come after all results.
    const results = FILES.filter((file) => file !== "metrics.svg");
    assertEquals([...(await filesIn(out)).keys()], results.map((file) => `hidden-6/${file}`));

    const { status, errors } = await runInProcess(main, args);
    assertEquals(status, 0);
    assertMatch(errors, /hidden-6 holds the finished results/);
    assertEquals((await filesIn(out)).size, 2 * FILES.length);
  });
});

/** Trains at a constant rate that is too high to go on for long. */
const CONSTANT = [
  ...["--quick", "--data", "synthetic", "--batch", "500", "--hidden", "6", "--batch-norm", "on"],
  ...["--epochs", "9", "--learning-rate", "20", "--early-stop", "2", "--keep", "best"],
];

Deno.test("baseline --early-stop ends a training at a constant rate, and --keep best writes its best network", async () => {
  await inDirectory(async (out) => {
    const { status, errors, output } = await train(out, CONSTANT);
    assertEquals(status, 0, errors);
    const run = "hidden-6-batch-norm";
    const files = await filesIn(out);
    assertEquals(
      [...files.keys()],
      [...FILES, "best.safetensors"].map((file) => `${run}/${file}`).sort(),
    );
    const rows = METRICS_CSV.decode(text(files.get(`${run}/metrics.csv`)), { name: "metrics.csv" });
    const losses = rows.map(({ validation }) => validation.loss);
    const best = losses.indexOf(Math.min(...losses));
    assertEquals(rows.length - 1 - best, 2);
    assert(best > 0 && rows.length < 10, `${losses}`);
    assertEquals(rows.map(({ eta }) => eta), [null, ...rows.slice(1).map(() => 20)]);

    const summary = JSON.parse(text(files.get(`${run}/summary.json`)));
    assertEquals([summary.steps, summary.val], [rows.at(-1)!.step, rows.at(-1)!.validation]);
    assertEquals([summary.best_step, summary.best_val], [rows[best].step, rows[best].validation]);
    const accuracy = (100 * rows[best].validation.accuracy).toFixed(1);
    assertMatch(output, new RegExp(`best ${accuracy} % at step ${rows[best].step}\n`));
    const networks = ["model.safetensors", "best.safetensors"].map((file) => {
      const name = `${run}/${file}`;
      return networkFromTensors(decodeSafetensors(files.get(name)!, { name }), { name });
    });
    assertNotEquals(networks[0].parameters, networks[1].parameters);

    const { settings } = JSON.parse(text(files.get(`${run}/config.json`)));
    assertEquals(
      [settings.epochs, settings.learning_rate, settings.early_stop, settings.keep],
      [9, 20, 2, "best"],
    );
    // There is no cycle.
    for (const name of ["eta_min", "eta_max", "half_cycle", "cycles"]) {
      assert(!(name in settings), name);
    }
  });
});

Deno.test("baseline names --learning-rate where a constant rate was too high", async () => {
  await inDirectory(async (out) => {
    const args = CONSTANT.with(CONSTANT.indexOf("20"), "1e30");
    const { status, errors } = await train(out, args);
    assertEquals(status, 1, errors);
    assertMatch(
      errors,
      /^error: hidden-6-batch-norm diverged .* expected a smaller --learning-rate /m,
    );
  });
});

Deno.test("baseline --early-stop ends with the same bytes after an interruption", async () => {
  await inDirectory(async (out) => {
    const args = (name: string) => [...CONSTANT, "--json", "--out", `${out}/${name}`];
    assertEquals((await runInProcess(main, args("whole"))).status, 0);
    const context = new StoppingContext("evaluation");
    assertEquals(await runMain(main, { args: args("parts"), context }), 75, context.errors);
    const { status, errors } = await runInProcess(main, args("parts"));
    assertEquals(status, 0, errors);
    assertMatch(errors, /: resumed from the checkpoint at step \d+ of 36$/m);
    const files = await filesIn(out);
    for (const [name, bytes] of files) {
      if (name.startsWith("whole/")) assertEquals(files.get(name.replace("whole", "parts")), bytes);
    }
  });
});

Deno.test("config.json of baseline has none of the options for its length unless they are given", () => {
  const { options } = parseOptions(TASK, ["--data", "synthetic"]);
  const about = { task: "baseline", dataset: { name: "synthetic", sha256: "0" } };
  const adapter = { description: "llvmpipe", vendor: "", software: true };
  const config = (own: object) =>
    runConfig({ ...options, ...own }, { ...about, adapter, variant: "tiled" }).settings;
  for (const name of Object.keys(LENGTH_OPTIONS)) assert(!(name in config({})), name);
  const { epochs, cycles, halfCycle } = config({ epochs: 3 });
  assertEquals([epochs, cycles, halfCycle], [3, undefined, options.halfCycle]);
});

Deno.test("baseline ends with 75 where another process writes into the folder of a run", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--hidden", "6", "--out", out];
    const run = `${out}/hidden-6`;
    await heldElsewhere(run, async (pid) => {
      const { status, errors } = await runInProcess(main, args);
      assertEquals(status, 75, errors);
      assert(errors.includes(`error: --out ${run} is being written by process ${pid} on`), errors);
    });
    assertEquals((await runInProcess(main, args)).status, 0);
    assertEquals(await exists(`${run}/.lock`), false);
  });
});

Deno.test("baseline that is told to stop ends with 75 where its checkpoint cannot be written", async () => {
  await inDirectory(async (out) => {
    const args = [...SHORT, "--hidden", "6", "--out", out, "--json"];
    const context = new StoppingContext("evaluation");
    const inTheWay = `${out}/hidden-6/checkpoint.safetensors`;
    context.signal.addEventListener(
      "abort",
      () => Deno.mkdirSync(`${inTheWay}/mine`, { recursive: true }),
    );
    assertEquals(await runMain(main, { args, context }), 75, context.errors);
    assertMatch(context.errors, /^warning: Cannot write a checkpoint, the one before is kept: /m);
    assertMatch(context.errors, /^error: stopped by SIGTERM before it was done/m);
    await Deno.remove(inTheWay, { recursive: true });
    const { status, errors } = await runInProcess(main, args);
    assertEquals(status, 0, errors);
  });
});

/** Does something to the device at the second evaluation. */
class SpoilingContext extends CapturedContext {
  gpu: Gpu | undefined;
  readonly #spoil: (device: GPUDevice) => void;
  #evaluations = 0;

  constructor(spoil: (device: GPUDevice) => void) {
    super();
    this.#spoil = spoil;
  }

  override stdout(line: string): void {
    super.stdout(line);
    if (JSON.parse(line).event !== "evaluation" || ++this.#evaluations !== 2) return;
    this.#spoil(this.gpu!.device);
  }
}

Deno.test("baseline --retry-lost resumes from its checkpoint when the device is lost", async () => {
  await inDirectory(async (parent) => {
    const args = [...SMALL, "--json", "--checkpoint-every", "0"];
    assertEquals((await train(`${parent}/whole`, args)).status, 0);
    const request = Gpu.request;
    try {
      for (const [retries, status] of [["0", 75], ["1", 0]] as const) {
        // As when its driver is restarted; the next one is sound.
        const context = new SpoilingContext((device) => device.destroy());
        Gpu.request = async () => context.gpu = await request.call(Gpu);
        const out = `${parent}/lost-${retries}`;
        const own = [...args, "--retry-lost", retries, "--out", out];
        assertEquals(await runMain(main, { args: own, context }), status, context.errors);
        if (status !== 0) continue;
        assertMatch(
          context.errors,
          /^warning: The GPU device was lost: .*; requesting it again \(attempt 1 of 1\)$/m,
        );
        assertMatch(context.errors, /resumed from the checkpoint at step \d of 6$/m);
        assertEquals(await filesIn(out), await filesIn(`${parent}/whole`));
      }
    } finally {
      Gpu.request = request;
    }
  });
});

/** How memory runs out in the middle of a training, and what is said of it. */
const SHORTAGES = {
  "a read": {
    spoil: (device: GPUDevice) => void withoutMemory(device, "parameters, read back"),
    sentence:
      /^error: Cannot read the parameters back: the adapter has no memory left for [\d.]+ KiB \(Not enough memory left\.\); use smaller layers, smaller batches or fewer networks$/,
  },
  "an operation": {
    spoil: (device: GPUDevice) => {
      const error = new GPUOutOfMemoryError("Not enough memory left.");
      device.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
    },
    sentence:
      /^error: The GPU ran out of memory \(Not enough memory left\.\): use smaller layers, smaller batches or fewer networks$/,
  },
};

Deno.test("baseline fails in one sentence when memory runs out in a training, and resumes from its checkpoint", async () => {
  await inDirectory(async (parent) => {
    const args = [...SMALL, "--json", "--checkpoint-every", "0"];
    assertEquals((await train(`${parent}/whole`, args)).status, 0);
    const whole = await filesIn(`${parent}/whole`);
    const request = Gpu.request;
    for (const [what, { spoil, sentence }] of Object.entries(SHORTAGES)) {
      const out = `${parent}/${what}`;
      const context = new SpoilingContext(spoil);
      Gpu.request = async () => context.gpu = await request.call(Gpu);
      try {
        const own = [...args, "--retry-lost", "1", "--out", out];
        assertEquals(await runMain(main, { args: own, context }), 1, context.errors);
      } finally {
        Gpu.request = request;
      }
      const lines = context.errors.trimEnd().split("\n");
      const said = lines.filter((line) => !/^(Adapter|Data): /.test(line));
      assertEquals(said.length, 1, context.errors);
      assertMatch(said[0], sentence);

      const again = await train(out, args);
      assertEquals(again.status, 0, again.errors);
      assertMatch(again.errors, /resumed from the checkpoint at step \d of 6$/m);
      assertEquals(await filesIn(out), whole);
    }
  });
});

Deno.test("baseline says where a training diverged, ends it there, and fails when all is written", async () => {
  await inDirectory(async (out) => {
    const settings = [...SHORT, "--hidden", "6,5", "--batch-norm", "off", "--eta-max", "1e30"];
    const ended = await train(out, [...settings, "--json"]);
    assertEquals(ended.status, 1, ended.errors);
    const summary = JSON.parse(await Deno.readTextFile(`${out}/hidden-6-5/summary.json`));
    const step = summary.diverged_at;
    assert(step >= 1 && step <= 4, `diverged_at is ${step}`);
    assertEquals([summary.steps, summary.train.loss], [4, null]);
    for (const split of ["train", "val", "test"]) {
      assertEquals(summary[split].accuracy, null, split);
    }
    const metrics = (await Deno.readTextFile(`${out}/hidden-6-5/metrics.csv`)).trim().split("\n");
    assertMatch(metrics.at(-1)!, /^4,.*,NaN,NaN,,NaN,NaN,$/);
    const events = eventsOf(ended);
    const of = (name: string) => events.filter(({ event }) => event === name);
    assertEquals(
      of("evaluation").map(({ val_accuracy, diverged_at }) => [
        val_accuracy === null,
        diverged_at,
      ]),
      [[false, null], [true, step]],
    );
    const [done] = of("done");
    assertEquals([done.val_accuracy, done.test_accuracy, done.diverged_at], [null, null, step]);
    const [result] = of("result");
    assertEquals([result.outcome, result.diverged_at], [`diverged at step ${step}`, step]);
    const [error] = of("error");
    assertMatch(
      String(error.message),
      new RegExp(`^hidden-6-5 diverged at step ${step}: expected`),
    );
    assert(await exists(`${out}/hidden-6-5/metrics.svg`));
    // What JSON cannot hold is read back as what it was.
    const again = await train(out, settings);
    assertEquals(again.status, 1);
    assertMatch(
      again.output,
      new RegExp(`^hidden-6-5 +none +none +diverged at step ${step}$`, "m"),
    );
    assertMatch(again.errors, new RegExp(`^error: hidden-6-5 diverged at step ${step}: `, "m"));
    const fresh = await train(out, [...settings, "--force"]);
    assertMatch(
      fresh.errors,
      new RegExp(`^hidden-6-5 \\(quick\\): 4 steps in .*, diverged at step ${step}$`, "m"),
    );
    for (const { output, errors } of [again, fresh]) {
      assertEquals(/10\.0 %|NaN %/.test(output + errors), false, output + errors);
    }
  });
});

Deno.test("baseline trains on after a network that diverged, and fails at the end", async () => {
  await inDirectory(async (out) => {
    const settings = [...SHORT, "--hidden", "6,5", "--batch-norm", "both", "--eta-max", "1e10"];
    const { status, output, errors } = await train(out, settings);
    assertEquals(status, 1, errors);
    assertMatch(output, /^hidden-6-5 .* diverged at step \d$/m);
    assertMatch(output, /^hidden-6-5-batch-norm .*/m);
    assertMatch(output, /^Files: /m);
    for (const run of ["hidden-6-5", "hidden-6-5-batch-norm"]) {
      for (const file of FILES) assert(await exists(`${out}/${run}/${file}`), `${run}/${file}`);
    }
  });
});

Deno.test("baseline reports its progress as events with --json", async () => {
  await inDirectory(async (out) => {
    const ended = await train(out, [...SMALL, "--json"]);
    const events = eventsOf(ended);
    assertEquals(
      events.map(({ event }) => event),
      ["adapter", "data", "start", "evaluation", "evaluation", "evaluation", "done", "result"],
    );
    for (const { event, quick } of events.slice(2)) assertEquals(quick, true, event);
    const summary = JSON.parse(
      await Deno.readTextFile(`${out}/hidden-6-5-batch-norm/summary.json`),
    );
    assertEquals(events[7], {
      event: "result",
      run: "hidden-6-5-batch-norm",
      ...summary,
      outcome: events[7].outcome,
      published_test_accuracy: null,
      out: `${out}/hidden-6-5-batch-norm`,
    });
  });
});

Deno.test("baseline refuses bad input in one sentence, and writes nothing", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [["--hiden", "50"], /^error: baseline has no option --hiden; did you mean --hidden\?$/],
    [["--hidden", "50,0"], /^error: --hidden expects whole numbers from 1/],
    [
      ["--hidden", "1000000"],
      /^error: --hidden 1000000 with --batch 100: .* adapter holds at most/,
    ],
    [["--hidden", "40000,40000"], /^error: --hidden 40000,40000 with --batch 100: .*at most/],
    [["--batch", "2001"], /^error: --batch expects at most 2000, .* training images, not 2001$/],
    [["--batch", "1"], /^error: --batch expects at least 2 with batch normalisation, not 1/],
    [["--lambda", "nan"], /^error: --lambda expects 0 or a number/],
    [["--eta-max", "inf"], /^error: --eta-max expects 0 or a number/],
    [["--cycles", "0"], /^error: --cycles expects a whole number/],
    [["--epochs", "0"], /^error: --epochs expects a whole number/],
    [
      ["--epochs", "2000000000", "--batch", "500"],
      /^error: --epochs 2000000000 with --batch 500 results in 8000000000 steps, expected at most/,
    ],
    [["--epochs", "2", "--cycles", "1"], /^error: --epochs and --cycles are two lengths/],
    [["--learning-rate", "0.1"], /^error: --learning-rate expects --epochs, too: /],
    [
      ["--learning-rate", "0.1", "--epochs", "2", "--eta-min", "0", "--half-cycle", "9"],
      /^error: --learning-rate is a constant rate, expected without --eta-min and --half-cycle$/,
    ],
    [["--early-stop", "0"], /^error: --early-stop expects a whole number from 1/],
    [["--keep", "first"], /^error: --keep expects best or last/],
    [["--variant", "unrolled"], /^error: .*variant .*"unrolled".*expected .*per-operation/],
    [["--data", "/nonexistent"], /^error: Cannot read CIFAR-10 from \/nonexistent: /],
  ];
  for (const [args, sentence] of cases) {
    await inDirectory(async (out) => {
      const data = args.includes("--data") ? [] : ["--data", "synthetic"];
      const { status, output, errors } = await train(out, ["--quick", ...data, ...args]);
      const said = errors.trim().split("\n").filter((line) => !/^(Adapter|Data): /.test(line));
      assertEquals([status, output, said.length], [2, "", 1], errors);
      assertMatch(said[0], sentence);
      assertEquals(await exists(out), false, args.join(" "));
    });
  }
});

Deno.test("baseline --early-stop refuses data without validation images, and writes nothing", async () => {
  await inDirectory(async (out) => {
    const data = `${out}-data`;
    await Deno.mkdir(data);
    // Of four records none is kept to validate with.
    for (const name of ["train.csv", "test.csv"]) {
      await Deno.writeTextFile(`${data}/${name}`, "1,a\n2,b\n3,a\n4,b\n");
    }
    const args = ["--quick", "--data", data, "--batch", "2", "--hidden", "2"];
    const { status, errors } = await train(out, [...args, "--early-stop", "2"]);
    assertEquals(status, 2, errors);
    assertMatch(
      errors,
      /error: --data expects validation images for --early-stop, and .+ has none/,
    );
    assertEquals(await exists(out), false);
  });
});

Deno.test("baseline refuses a data file that was cut short, and writes nothing", async () => {
  await inDirectory(async (out) => {
    const data = `${out}-data`;
    await Deno.mkdir(data);
    await Deno.writeFile(`${data}/data_batch_1.bin`, new Uint8Array(3073));
    const { status, errors } = await train(out, ["--quick", "--data", data]);
    assertEquals(status, 2);
    assert(errors.includes(`error: Cannot read ${data}/data_batch_1.bin: it is cut short`), errors);
    assertEquals(await exists(out), false);
  });
});

Deno.test("baseline says what to install where there is no adapter, and writes nothing", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await runWithoutAdapter("baseline", ["--out", out]);
    assertEquals([status, output], [1, ""], errors);
    assertMatch(errors, /^error: No GPU adapter was found: install .*mesa-vulkan-drivers/m);
    assertEquals(await exists(out), false);
  });
});

/** How a run on CIFAR-10 with the given training loss might end. */
function summaryWith(loss: number, options: { divergedAt?: number } = {}): RunSummary {
  const training = { loss, cost: loss + 1, accuracy: 0.5 };
  return {
    data: "CIFAR-10",
    training,
    validation: { ...training, accuracy: 0.5275 },
    test: { ...training, accuracy: 0.5314 },
    steps: 9000,
    epochs: 20,
    divergedAt: options.divergedAt ?? null,
    adapter: "llvmpipe",
    software: true,
  };
}

/** The lines that are written when three runs have ended. */
function linesOf(args: readonly string[], name = "CIFAR-10"): string[] {
  const { options } = parseOptions(TASK, ["--out", "out", ...args]);
  const training = { images: new Uint8Array(), labels: new Uint8Array(), count: 45_000 };
  const circumstances = {
    task: TASK.name,
    dataset: { name, sha256: "0" },
    adapter: { description: "llvmpipe", vendor: "", software: true },
    variant: "per-operation",
  };
  const end = (name: string, hidden: readonly number[], summary: RunSummary): FinishedRun => {
    return { name, config: runConfig({ ...options, hidden }, circumstances), summary };
  };
  const context = new CapturedContext();
  reportRuns(context, {
    options,
    dataset: { name, classes: 10, training },
    runs: [
      end("3-layer-batch-norm", [50, 50], summaryWith(1.2)),
      end("9-layer", [50, 30, 20, 20, 10, 10, 10, 10], summaryWith(Math.log(10) - 0.02)),
      end("hidden-3", [3], summaryWith(NaN, { divergedAt: 12 })),
    ],
  });
  return context.output.trimEnd().split("\n");
}

Deno.test("reportRuns() puts the report's figure beside ours for its data and settings only", () => {
  assertEquals(linesOf(["--seed", "3"]), [
    "CIFAR-10, seed 3",
    "run                 validation accuracy  test accuracy  report's test accuracy",
    "3-layer-batch-norm               52.8 %         53.1 %            about 53.8 %",
    "9-layer                          52.8 %         53.1 %                    none              stalled",
    "hidden-3                         52.8 %         53.1 %                    none  diverged at step 12",
    "Files: out",
  ]);
  const published = (args: readonly string[], data?: string) =>
    linesOf(["--json", ...args], data).map((line) => JSON.parse(line).published_test_accuracy);
  assertEquals(published([]), [0.538, null, null]);
  for (const [args, data] of [[["--lambda", "0.01"]], [["--quick"]], [[], "synthetic"]] as const) {
    assertEquals(/report|53\.8/.test(linesOf(args, data).join("\n")), false);
    assertEquals(published(args, data), [null, null, null]);
  }
});

Deno.test("hiddenName() names any layers so that a file system takes it, and differently for others", () => {
  assertEquals(hiddenName([50, 30]), "hidden-50-30");
  const deep = Array.from({ length: 100 }, () => 50);
  const name = hiddenName(deep);
  assertMatch(name, /^hidden-layers-100-[0-9a-f]{16}$/);
  assertEquals(hiddenName([...deep]), name);
  const others = [deep.with(99, 51), deep.toReversed().with(0, 51), deep.slice(1), [...deep, 50]];
  assertEquals(new Set([name, ...others.map(hiddenName)]).size, 5);
});
