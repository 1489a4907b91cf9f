import { assert, assertEquals, assertMatch } from "@std/assert";
import { confusionFromCsv, trialsFromCsv } from "../src/search_records.ts";
import { EXIT, runMain } from "../tasks/_main.ts";
import { main } from "../tasks/lambda_search.ts";
import { CapturedContext } from "./_context.ts";
import { eventsOf, exists, filesIn, inDirectory, runInProcess } from "./_tasks.ts";

/** A search of seconds. */
const SMALL = [
  ...["--quick", "--data", "synthetic", "--hidden", "8"],
  ...["--half-cycle", "6", "--coarse-count", "3", "--fine-count", "2"],
];

/** A context that is told to stop at the first evaluation of a part. */
class StoppedIn extends CapturedContext {
  readonly #run: string | null;

  constructor(run: string | null) {
    super();
    this.#run = run;
  }

  override stdout(line: string): void {
    super.stdout(line);
    if (line.startsWith(`{"event":"evaluation","run":"${this.#run}"`)) {
      this.abort(new Error("told to stop"));
    }
  }
}

async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(path);
}

Deno.test("lambda-search leaves all its files, says quick, and keeps them when run again", async () => {
  await inDirectory(async (out) => {
    const first = await runInProcess(main, [...SMALL, "--out", out]);

    assertEquals(first.status, EXIT.done, first.errors);
    assertMatch(first.output, /quick run on 2000 training images: not a result/);
    assertMatch(first.output, /Final network \(quick\), λ = /);
    const files = await filesIn(out);
    assertEquals([...files.keys()], [
      "best.csv",
      "coarse.svg",
      "config.json",
      "confusion.csv",
      "confusion.svg",
      "final/config.json",
      "final/metrics.csv",
      "final/metrics.svg",
      "final/model.safetensors",
      "final/summary.json",
      "fine.svg",
      "summary.json",
      "trials.csv",
    ]);
    for (const name of ["coarse.svg", "fine.svg", "confusion.svg", "final/metrics.svg"]) {
      assert(new TextDecoder().decode(files.get(name)).includes("quick"), name);
    }

    const trials = trialsFromCsv(await readText(`${out}/trials.csv`), { name: "trials.csv" });
    assertEquals(trials.map(({ stage, trial }) => [stage, trial]), [
      ["coarse", 1],
      ["coarse", 2],
      ["coarse", 3],
      ["fine", 1],
      ["fine", 2],
    ]);
    const summary = JSON.parse(await readText(`${out}/summary.json`));
    assertEquals(summary.val_accuracy, Math.max(...trials.map((row) => row.val_accuracy)));
    assertEquals(
      JSON.parse(await readText(`${out}/final/config.json`)).settings.lambda,
      summary.best_lambda,
    );
    assertEquals(summary.quick, true);
    // Other data and other settings than the report's: its figures stand nowhere.
    assertEquals((await readText(`${out}/best.csv`)).split("\n")[1].slice(-2), ",,");

    const confusion = confusionFromCsv(await readText(`${out}/confusion.csv`), { name: "c" });
    const correct = confusion.counts.reduce((sum, row, i) => sum + row[i], 0);
    assertEquals(confusion.counts.flat().reduce((a, b) => a + b), 500);
    assertEquals(correct / 500, summary.final.test.accuracy);

    const second = await runInProcess(main, [...SMALL, "--out", out]);
    assertMatch(second.errors, /nothing to do/);
    assertEquals(second.output, first.output);
    assertEquals(await filesIn(out), files);
  });
});

Deno.test("lambda-search ends with the same files after a stop at any time", async () => {
  await inDirectory(async (parent) => {
    const args = [...SMALL, "--json"];
    assertEquals(
      (await runInProcess(main, [...args, "--out", `${parent}/whole`])).status,
      EXIT.done,
    );
    const whole = await filesIn(`${parent}/whole`);

    // In the middle of each part, then to the end.
    let trained = 0;
    for (const run of ["coarse", "fine", "final", null]) {
      const context = new StoppedIn(run);
      const status = await runMain(main, { args: [...args, "--out", `${parent}/cut`], context });
      assertEquals(status, run === null ? EXIT.done : EXIT.tryAgain);
      trained += context.events.filter(({ event }) => event === "start").length;
      assertEquals(await exists(`${parent}/cut/summary.json`), run === null);
    }
    // Each part once more than the one before it was whole; what was whole was kept.
    assertEquals(trained, 1 + 2 + 2 + 1);
    const cut = await filesIn(`${parent}/cut`);
    assertEquals([...cut.keys()], [...whole.keys()]);
    for (const [name, bytes] of cut) assertEquals(bytes, whole.get(name), name);
  });
});

Deno.test("lambda-search trains the final network again when its matrix is gone", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    const whole = await filesIn(out);
    await Deno.remove(`${out}/confusion.csv`);
    const again = await runInProcess(main, [...SMALL, "--out", out]);

    assertEquals(again.status, EXIT.done, again.errors);
    assertMatch(again.errors, /fine: kept from before/);
    assertEquals(await filesIn(out), whole);
  });
});

Deno.test("lambda-search makes good what someone removed from finished results", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    const whole = await filesIn(out);
    await Deno.remove(`${out}/final`, { recursive: true });
    assertEquals((await runInProcess(main, [...SMALL, "--out", out])).status, EXIT.done);
    assertEquals(await filesIn(out), whole);

    await Deno.remove(`${out}/summary.json`);
    const rest = (await readText(`${out}/trials.csv`)).replaceAll(/^coarse,.*\n/gm, "");
    await Deno.writeTextFile(`${out}/trials.csv`, rest);
    assertEquals((await runInProcess(main, [...SMALL, "--out", out])).status, EXIT.done);
    assertEquals(await filesIn(out), whole);
  });
});

Deno.test("lambda-search says the same of diverged networks when run again", async () => {
  await inDirectory(async (out) => {
    const args = [
      ...["--quick", "--data", "synthetic", "--hidden", "8", "--half-cycle", "6"],
      ...["--coarse-count", "1", "--coarse", "1e-3,2e-3", "--fine-count", "1"],
      ...["--fine", "1e20,1e21", "--batch-norm", "off", "--out", out],
    ];
    const first = await runInProcess(main, args);
    assertMatch(first.output, /^2 .* NaN %$/m);
    assertEquals((await runInProcess(main, args)).output, first.output);
  });
});

Deno.test("lambda-search --refine homes in, and --repeat trains each lambda several times", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--refine", "2", "--repeat", "2", "--json", "--out", out];
    const ended = await runInProcess(main, args);

    assertEquals(ended.status, EXIT.done, ended.errors);
    assertMatch(ended.errors, /all networks see the same batches/);
    const trials = trialsFromCsv(await readText(`${out}/trials.csv`), { name: "trials.csv" });
    const byStage = Map.groupBy(trials, ({ stage }) => stage);
    assertEquals([...byStage].map(([stage, rows]) => [stage, rows.length]), [
      ["coarse", 6],
      ["refine-1", 4],
      ["refine-2", 4],
    ]);
    for (const stage of byStage.keys()) assert(await exists(`${out}/${stage}.svg`), stage);
    assert(!await exists(`${out}/fine.svg`));
    // Two networks with the same λ, of other initial weights.
    const [a, b] = trials;
    assertEquals([a.trial, a.lambda], [b.trial, b.lambda]);
    assert(a.val_loss !== b.val_loss);
    assertEquals(eventsOf(ended).filter(({ event }) => event === "trial").length, 14);
  });
});

Deno.test("lambda-search refuses bad input in one sentence, and loses nothing", async () => {
  await inDirectory(async (out) => {
    const refused: [string[], RegExp][] = [
      [["--coarse", "1e-1,1e-5"], /^error: --coarse expects two positive numbers.*"1e-1,1e-5"$/m],
      [["--fine", "0,1"], /^error: --fine expects two positive numbers/m],
      [["--coarse-count", "0"], /^error: --coarse-count expects a whole number from 1/m],
      [["--repeat", "0"], /^error: --repeat expects a whole number from 1/m],
      [["--coarse-count", "1000000000"], /^error: --coarse-count expects .* to 1000, not/m],
      [["--coarse-count", "1000", "--repeat", "1000"], /^error: --hidden .* 1000000 networks/m],
      [["--refine", "1", "--coarse-count", "1"], /^error: --coarse-count expects at least 2 with/m],
      [["--batch", "2001"], /^error: --batch expects at most 2000/m],
      [["--hidden", "100000000"], /^error: --hidden 100000000 with --batch 100 and 3 networks/m],
    ];
    for (const [args, sentence] of refused) {
      const ended = await runInProcess(main, [...SMALL.slice(0, 3), ...args, "--out", out]);
      assertEquals(ended.status, EXIT.refused);
      assertMatch(ended.errors, sentence);
      assert(!await exists(out));
    }
  });
});

Deno.test("lambda-search names line and column of a trials.csv that was edited by hand", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    await Deno.remove(`${out}/summary.json`);
    const edited = (await readText(`${out}/trials.csv`)).replace("\ncoarse,2,", "\ncoarse,two,");
    await Deno.writeTextFile(`${out}/trials.csv`, edited);
    const ended = await runInProcess(main, [...SMALL, "--out", out]);

    assertEquals(ended.status, EXIT.refused);
    assertMatch(ended.errors, /trials\.csv, line 3, column trial: it is "two"/);
    assertEquals(await readText(`${out}/trials.csv`), edited);
  });
});

Deno.test("lambda-search ends with one sentence when everything diverges", async () => {
  await inDirectory(async (out) => {
    const args = ["--eta-min", "1e30", "--eta-max", "1e30", "--batch-norm", "off", "--out", out];
    const ended = await runInProcess(main, [...SMALL, ...args]);

    assertEquals(ended.status, EXIT.refused);
    assertMatch(ended.errors, /All networks of the search diverged/);
    assert(await exists(`${out}/trials.csv`));
  });
});
