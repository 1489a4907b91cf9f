import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DataError } from "../../../src/errors.ts";
import { writeReproduceDirectory } from "../../report/_report_fixture.ts";
import { makeTroubles } from "../../report/_report_troubles.ts";
import { inDirectory } from "../../_tasks.ts";
import { readWithoutFigures } from "./_read.ts";

const FILES = {
  gradients: "gradient-check/seed-1/gradient_check.csv",
  metrics: "baseline/seed-1/3-layer/metrics.csv",
  trials: "lambda-search/seed-1/trials.csv",
  best: "lambda-search/seed-1/best.csv",
  curves: "init-sensitivity/seed-1/curves.csv",
};

/** Lines of a file, the one of the column names first. */
type Lines = readonly string[];

/** What someone does to the lines of a file, by their numbers from 1. */
const without = (line: number) => (lines: Lines) => lines.toSpliced(line - 1, 1);
const doubled = (line: number) => (lines: Lines) => lines.toSpliced(line, 0, lines[line - 1]);
const swapped = (line: number) => (lines: Lines) =>
  lines.toSpliced(line - 1, 2, lines[line], lines[line - 1]);

const CASES: [file: string, what: string, edit: (lines: Lines) => Lines, sentence: RegExp][] = [
  [
    FILES.gradients,
    "a missing row",
    without(3),
    /: it ends after line 10, expected 10 rows by conf/,
  ],
  [
    FILES.gradients,
    "a doubled row",
    doubled(11),
    /, line 12: it is one row too many, expected 10 by/,
  ],
  [
    FILES.gradients,
    "swapped rows",
    swapped(2),
    /, line 2, column parameter: it is W2, expected W1 a/,
  ],
  [
    FILES.metrics,
    "no first row",
    without(2),
    /, line 2, column step: it is 450, expected 0 as in su/,
  ],
  [
    FILES.metrics,
    "a missing row",
    without(5),
    /, line 5, column step: it is 1800, expected 1350 as/,
  ],
  [
    FILES.metrics,
    "no last row",
    without(22),
    /, line 21, column step: it is 8550, expected 9000 as/,
  ],
  [
    FILES.metrics,
    "a doubled row",
    doubled(5),
    /, line 6, column step: it is 1350, expected 1800 as/,
  ],
  [
    FILES.metrics,
    "a doubled end",
    doubled(22),
    /, line 23: it is one row too many, expected 21 by s/,
  ],
  [
    FILES.metrics,
    "swapped rows",
    swapped(5),
    /, line 5, column step: it is 1800, expected 1350 as i/,
  ],
  [
    FILES.trials,
    "a missing row",
    without(4),
    /, line 4, column trial: it is 4, expected 3 as in con/,
  ],
  [
    FILES.trials,
    "no last row",
    without(21),
    /: it ends after line 20, expected 20 rows by config.j/,
  ],
  [
    FILES.trials,
    "a doubled row",
    doubled(4),
    /, line 5, column trial: it is 3, expected 4 as in con/,
  ],
  [
    FILES.trials,
    "a doubled end",
    doubled(21),
    /, line 22: it is one row too many, expected 20 by co/,
  ],
  [
    FILES.trials,
    "swapped rows",
    swapped(11),
    /, line 11, column stage: it is fine, expected coarse a/,
  ],
  [
    FILES.best,
    "a missing row",
    without(4),
    /: it ends after line 3, expected 3 rows by trials.csv/,
  ],
  [
    FILES.best,
    "a doubled row",
    doubled(4),
    /, line 5: it is one row too many, expected 3 by trials/,
  ],
  [
    FILES.best,
    "swapped rows",
    swapped(2),
    /, line 2, column rank: it is 2, expected 1 as in trials/,
  ],
  [
    FILES.curves,
    "a missing row",
    without(6),
    /, line 6, column step: it is 500, expected 400 as in su/,
  ],
  [
    FILES.curves,
    "no last row",
    without(223),
    /: it ends after line 222, expected step 3600 of the r/,
  ],
  [
    FILES.curves,
    "a doubled row",
    doubled(6),
    /, line 7, column step: it is 400, expected 500 as in s/,
  ],
  [
    FILES.curves,
    "a doubled end",
    doubled(223),
    /, line 224: it is one row too many, expected 222 by/,
  ],
  [
    FILES.curves,
    "swapped rows",
    swapped(38),
    /, line 38, column sigma: it is of the run with σ = 0/,
  ],
];

Deno.test("report refuses missing, doubled and reordered rows, and names the line", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    for (const [file, what, edit, sentence] of CASES) {
      const text = await Deno.readTextFile(`${out}/${file}`);
      const lines = edit(text.trimEnd().split("\n"));
      await Deno.writeTextFile(`${out}/${file}`, lines.join("\n") + "\n");
      const error = await assertRejects(() => readWithoutFigures(out), DataError, undefined, what);
      assert(error.message.startsWith(`Cannot read ${out}/${file}`), error.message);
      assertMatch(error.message, sentence);
      await Deno.writeTextFile(`${out}/${file}`, text);
    }
    await readWithoutFigures(out);
  });
});

Deno.test("report accepts a search that was interrupted after a stage, with networks that repeat a λ", async () => {
  await inDirectory(async (out) => {
    const search = "lambda-search/seed-1";
    await writeReproduceDirectory(out, {
      seeds: 1,
      without: ["best.csv", "confusion.csv", "final", "summary.json"].map((f) => `${search}/${f}`),
    });
    const path = `${out}/${search}/trials.csv`;
    const [header, ...rows] = (await Deno.readTextFile(path)).trimEnd().split("\n");
    const twice = rows.slice(0, 10).flatMap((row) => [row, row]);
    await Deno.writeTextFile(path, [header, ...twice].join("\n"));
    await assertRejects(() => readWithoutFigures(out), DataError, "line 3, column trial: it is 1");
    const config = `${out}/${search}/config.json`;
    const text = await Deno.readTextFile(config);
    await Deno.writeTextFile(config, text.replace('"repeat": 1', '"repeat": 2'));
    assertEquals((await readWithoutFigures(out)).data.searches[0].trials.length, 20);
  });
});

Deno.test("report accepts trainings that diverged, stalled and ended early, and a search in rounds", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 2 });
    await makeTroubles(out);
    // All networks without batch norm had diverged by step 200, so that their training ended.
    const study = `${out}/init-sensitivity/seed-2`;
    const summary = JSON.parse(await Deno.readTextFile(`${study}/summary.json`));
    const lost = { loss: null, cost: null, accuracy: 0.1 };
    const ended = { train: lost, val: lost, test: lost, steps: 200, diverged_at: 150 };
    const runs = summary.runs.map((run: { batch_norm: boolean }) =>
      run.batch_norm ? run : { ...run, ...ended, outcome: "diverged at step 150" }
    );
    await Deno.writeTextFile(`${study}/summary.json`, JSON.stringify({ ...summary, runs }));
    const lines = (await Deno.readTextFile(`${study}/curves.csv`)).split("\n").flatMap((line) => {
      const [sigma, batchNorm, step] = line.split(",");
      if (batchNorm !== "false" || Number(step) < 200) return [line];
      return step === "200" ? [`${sigma},false,200,NaN`] : [];
    });
    await Deno.writeTextFile(`${study}/curves.csv`, lines.join("\n"));
    await readWithoutFigures(out);
  });
});
