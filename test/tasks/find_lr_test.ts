import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { LEARNING_RATES_CSV } from "../../src/records/learning_rates.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { RATE_TEST_SUMMARY_JSON } from "../../src/records/summary.ts";
import { suggestRange } from "../../src/train/learning_rates.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { main as baseline } from "../../tasks/baseline.ts";
import { main } from "../../tasks/find_lr.ts";
import { CapturedContext } from "../_context.ts";
import { type Ended, eventsOf, filesIn, inDirectory, runInProcess } from "../_tasks.ts";

const FILES = [
  "config.json",
  "finished.json",
  "learning_rates.csv",
  "learning_rates.svg",
  "summary.json",
];

/** Four steps of small networks. */
const SHORT = "--quick --data synthetic --batch 500".split(" ");
const BOTH = [...SHORT, "--hidden", "6"];
const SMALL = [...BOTH, "--batch-norm", "on"];

function findRates(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("find-lr tests the four networks of baseline, and suggests what its rows show", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await findRates(out, [...SHORT, "--rates", "4"]);
    assertEquals(status, 0, errors);
    const runs = ["3-layer", "3-layer-batch-norm", "9-layer", "9-layer-batch-norm"];
    const files = await filesIn(out);
    const expected = runs.flatMap((run) => FILES.map((file) => `${run}/${file}`));
    assertEquals([...files.keys()], expected.sort());
    const lines = output.trimEnd().split("\n");
    assertEquals(lines[0], "synthetic, quick run on 2000 training images: not a result");
    assertMatch(lines[1], /^run +--eta-min +--eta-max +best constant η +diverged$/);
    assertEquals(lines.slice(2, 6).map((line) => line.split(/ +/)[0]), runs);
    for (const [i, run] of runs.entries()) {
      const csv = text(files.get(`${run}/learning_rates.csv`));
      const rows = LEARNING_RATES_CSV.decode(csv, { name: "learning_rates.csv" });
      // At equal ratios: a factor of a hundred.
      assertEquals(rows.map(({ eta }) => Number(eta.toPrecision(6))), [1e-5, 1e-3, 1e-1, 10]);
      const json = text(files.get(`${run}/summary.json`));
      const summary = RATE_TEST_SUMMARY_JSON.decode(json, { name: "summary.json" });
      const { data, classes, steps, quick, range, reason } = summary;
      assertEquals([data, classes, steps, quick], ["synthetic", 10, 4, true]);
      assertEquals({ range, reason }, suggestRange(rows, summary));
      const diverged = rows.filter(({ divergedAt }) => divergedAt !== null).length;
      assert(lines[2 + i].endsWith(`${diverged} of 4`), lines[2 + i]);
      if (reason !== null) assertStringIncludes(output, `\n${run}: ${reason}\n`);
      const { settings } = JSON.parse(text(files.get(`${run}/config.json`)));
      assertEquals([settings.rates, settings.steps, settings.eta_max], [4, 4, 10]);
      const figure = text(files.get(`${run}/learning_rates.svg`));
      assertStringIncludes(figure, `${run[0]} layers with`);
      assertStringIncludes(figure, "quick run");
    }
    assertEquals(lines.at(-1), `Files: ${out}`);
  });
});

Deno.test("find-lr starts from the weights of baseline, and takes its batches", async () => {
  await inDirectory(async (out) => {
    // One variant for both: others would sum in another order.
    const shared = [...SMALL, "--seed", "2", "--variant", "per-operation"];
    const rates = ["--rates", "3", "--eta-min", "1e-3", "--eta-max", "0.3"];
    const found = await findRates(`${out}/rates`, [...shared, ...rates]);
    assertEquals(found.status, 0, found.errors);
    const path = "hidden-6-batch-norm";
    const csv = await Deno.readTextFile(`${out}/rates/${path}/learning_rates.csv`);
    const last = LEARNING_RATES_CSV.decode(csv, { name: "learning_rates.csv" }).at(-1)!;
    // Two cycles of two steps, up and down, but with both ends the same: four steps of a constant rate.
    const cycle = ["--half-cycle", "1", "--cycles", "2", "--eta-min", "0.3", "--eta-max", "0.3"];
    const trained = await runInProcess(baseline, [...shared, ...cycle, "--out", `${out}/run`]);
    assertEquals(trained.status, 0, trained.errors);
    const metrics = await Deno.readTextFile(`${out}/run/${path}/metrics.csv`);
    const row = METRICS_CSV.decode(metrics, { name: "metrics.csv" }).at(-1)!;
    assertEquals([row.step, last.eta], [4, 0.3]);
    assertEquals(row.training.loss, last.trainingLoss);
  });
});

Deno.test("find-lr writes the same bytes again, and baseline --find-lr as well", async () => {
  await inDirectory(async (out) => {
    const first = await findRates(`${out}/first`, SMALL);
    assertEquals(first.status, 0, first.errors);
    const files = await filesIn(`${out}/first`);
    assertEquals([...files.keys()], FILES.map((file) => `hidden-6-batch-norm/${file}`));

    const again = await findRates(`${out}/first`, SMALL);
    assertEquals([again.status, again.output], [0, first.output]);
    assertMatch(again.errors, /nothing to do/);

    for (const [i, at] of [0, 2, SMALL.length].entries()) {
      const args = SMALL.toSpliced(at, 0, i === 1 ? "--find-lr=" : "--find-lr");
      const ended = await runInProcess(baseline, [...args, "--out", `${out}/${i}`]);
      assertEquals(ended.status, 0, ended.errors);
      assertEquals(await filesIn(`${out}/${i}`), files);
    }
    const help = await runInProcess(baseline, ["--find-lr", "--help"]);
    assertMatch(help.output, /^deno task find-lr \[options\]\n/);
    const other = await findRates(`${out}/other`, [...SMALL, "--seed", "2"]);
    assertEquals(other.status, 0, other.errors);
    const csv = "hidden-6-batch-norm/learning_rates.csv";
    assertNotEquals((await filesIn(`${out}/other`)).get(csv), files.get(csv));
  });
});

Deno.test("find-lr keeps finished tests when it is interrupted, and gives the same bytes in the end", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const stderr = context.stderr.bind(context);
    context.stderr = (line) => {
      stderr(line);
      if (line.startsWith("hidden-6 (quick): ")) context.abort(new StoppedError("SIGTERM"));
    };
    const status = await runMain(main, { args: [...BOTH, "--out", `${out}/cut`], context });
    assertEquals(status, 75, context.errors);
    const kept = await filesIn(`${out}/cut`);
    assert(kept.has("hidden-6/finished.json") && !kept.has("hidden-6-batch-norm/finished.json"));

    const resumed = await findRates(`${out}/cut`, BOTH);
    assertEquals(resumed.status, 0, resumed.errors);
    assertMatch(resumed.errors, /hidden-6 holds the finished results/);
    const whole = await findRates(`${out}/whole`, BOTH);
    assertEquals(await filesIn(`${out}/cut`), await filesIn(`${out}/whole`));
    assertEquals(resumed.output.replaceAll("/cut", "/whole"), whole.output);
  });
});

Deno.test("find-lr takes as many steps as it is told, and fails where all networks diverged", async () => {
  await inDirectory(async (out) => {
    const rates = ["--eta-min", "1e20", "--eta-max", "1e30", "--steps", "3", "--json"];
    const ended = await findRates(out, [...SMALL, ...rates]);
    assertEquals(ended.status, 1, ended.errors);
    assertMatch(ended.errors, /^error: All networks diverged: expected a smaller --eta-min or/m);
    const events = eventsOf(ended);
    const [result] = events.filter(({ event }) => event === "result");
    assertEquals(
      [result.run, result.steps, result.range, result.reason],
      ["hidden-6-batch-norm", 3, null, "All networks diverged: expected smaller rates"],
    );
    const [start] = events.filter(({ event }) => event === "start");
    assertEquals([start.rates, start.steps, start.batch_norm], [12, 3, true]);
    const again = await findRates(out, [...SMALL, ...rates]);
    assertEquals(again.status, 1, again.errors);
  });
});

Deno.test("find-lr refuses rates that are no range, and what only a training has", async () => {
  const above = "--eta-max expects more than --eta-min, which is";
  const cases: [args: string[], sentence: string][] = [
    [["--eta-min", "0"], "--eta-min expects a number above 0, not 0"],
    [["--eta-min", "10"], `${above} 10, not 10`],
    [["--eta-max", "1e-6"], `${above} 0.00001, not 0.000001`],
    [["--rates", "2"], "--rates expects a whole number from 3 to 1000"],
    [["--batch", "1"], "--batch expects at least 2 with batch normalisation"],
    [["--cycles", "1"], "find-lr has no option --cycles"],
    [["--layers", "3", "--hidden", "5"], "--layers 3 stands for --hidden 50,50"],
  ];
  for (const [args, sentence] of cases) {
    for (const task of [main, baseline]) {
      const all = task === main ? args : ["--find-lr", ...args];
      const { status, errors } = await runInProcess(task, all);
      assertEquals(status, 2, errors);
      assertStringIncludes(errors, `error: ${sentence}`);
    }
  }
});
