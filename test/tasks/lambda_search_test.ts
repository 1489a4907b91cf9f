import { assert, assertEquals, assertMatch } from "@std/assert";
import { trialRow } from "../_trial_row.ts";
import { isComparable } from "../../src/report/settings.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import { TRIALS_CSV } from "../../src/records/trials.ts";
import { bestResults } from "../../src/train/lambda_search.ts";
import { EXIT, runMain } from "../../tasks/_kit/main.ts";
import { parseOptions } from "../../tasks/_kit/options.ts";
import { runConfig } from "../../tasks/_kit/results.ts";
import { bestRows } from "../../tasks/_run/search_final.ts";
import { main, reportSearch, TASK } from "../../tasks/lambda_search.ts";
import { CapturedContext } from "../_context.ts";
import { eventsOf, exists, filesIn, inDirectory, runInProcess } from "../_tasks.ts";

/** A search of seconds. */
const SMALL = [
  ...["--quick", "--data", "synthetic", "--hidden", "8"],
  ...["--half-cycle", "6", "--coarse-count", "3", "--fine-count", "2"],
];

/** A context that is aborted at the first evaluation of a part. */
class StoppedIn extends CapturedContext {
  readonly #run: string | null;

  constructor(run: string | null) {
    super();
    this.#run = run;
  }

  override stdout(line: string): void {
    super.stdout(line);
    if (line.startsWith(`{"event":"evaluation","run":"${this.#run}"`)) {
      this.abort(new Error("aborted"));
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
      "final/finished.json",
      "final/metrics.csv",
      "final/metrics.svg",
      "final/model.safetensors",
      "final/summary.json",
      "fine.svg",
      "finished.json",
      "summary.json",
      "trials.csv",
    ]);
    for (const name of ["coarse.svg", "fine.svg", "confusion.svg", "final/metrics.svg"]) {
      assert(new TextDecoder().decode(files.get(name)).includes("quick"), name);
    }

    const trials = TRIALS_CSV.decode(await readText(`${out}/trials.csv`), { name: "trials.csv" });
    assertEquals(trials.map(({ stage, trial }) => [stage, trial]), [
      ["coarse", 1],
      ["coarse", 2],
      ["coarse", 3],
      ["fine", 1],
      ["fine", 2],
    ]);
    const summary = JSON.parse(await readText(`${out}/summary.json`));
    assertEquals(summary.val_accuracy, Math.max(...trials.map((row) => row.validation.accuracy)));
    assertEquals(
      JSON.parse(await readText(`${out}/final/config.json`)).settings.lambda,
      summary.best_lambda,
    );
    assertEquals(summary.quick, true);
    // Other data and other settings than the report's: its figures stand nowhere.
    assertEquals((await readText(`${out}/best.csv`)).split("\n")[1].slice(-2), ",,");

    const confusion = CONFUSION_CSV.decode(await readText(`${out}/confusion.csv`), { name: "c" });
    const correct = confusion.counts.reduce((sum, row, i) => sum + row[i], 0);
    assertEquals(confusion.counts.flat().reduce((a, b) => a + b), 500);
    assertEquals(correct / 500, summary.final.test.accuracy);

    const second = await runInProcess(main, [...SMALL, "--out", out]);
    assertMatch(second.errors, /nothing to do/);
    assertEquals(second.output, first.output);
    assertEquals(await filesIn(out), files);
  });
});

Deno.test("lambda-search ends with the same files after an interruption at any time", async () => {
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

Deno.test("lambda-search names the files of a finished search that were changed or removed", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    const whole = await filesIn(out);
    const changes: [file: string, text: string | null, sentence: RegExp][] = [
      ["trials.csv", "stage\n", /^error: --out .*out holds .* \(trials\.csv is not what was/m],
      ["confusion.csv", null, /^error: --out .*out holds .* \(confusion\.csv is missing\)/m],
      [
        "final/model.safetensors",
        "",
        /^error: --out .*final holds .* \(model\.safetensors is not/m,
      ],
      ["final/summary.json", null, /^error: --out .*final holds .* \(summary\.json is missing\)/m],
    ];
    for (const [file, text, sentence] of changes) {
      if (text === null) await Deno.remove(`${out}/${file}`);
      else await Deno.writeTextFile(`${out}/${file}`, text);
      const before = await filesIn(out);
      const { status, errors } = await runInProcess(main, [...SMALL, "--out", out]);
      assertEquals(status, EXIT.failed, errors);
      assertMatch(errors, sentence);
      assertEquals(await filesIn(out), before);
      await Deno.writeFile(`${out}/${file}`, whole.get(file)!);
    }
    await Deno.remove(`${out}/final`, { recursive: true });
    const { status, errors } = await runInProcess(main, [...SMALL, "--out", out]);
    assertEquals(status, EXIT.failed, errors);
    assertMatch(errors, /holds a finished search without its final network/);
  });
});

Deno.test("lambda-search draws the figures that someone removed from finished results", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    const whole = await filesIn(out);
    for (const name of whole.keys()) if (name.endsWith(".svg")) await Deno.remove(`${out}/${name}`);
    const { status, errors } = await runInProcess(main, [...SMALL, "--out", out]);
    assertEquals(status, EXIT.done, errors);
    assertEquals(await filesIn(out), whole);
  });
});

Deno.test("lambda-search refuses somebody else's folder final before it trains or writes", async () => {
  await inDirectory(async (out) => {
    await runInProcess(main, [...SMALL, "--out", out]);
    const path = `${out}/final/config.json`;
    const config = JSON.parse(await readText(path));
    const others: [text: string, sentence: RegExp, args: string[]][] = [
      [
        JSON.stringify({ ...config, settings: { ...config.settings, seed: 2, lambda: 1 } }),
        /^error: --out \S+final holds results of other settings \(seed 2 there, 1 here\): /m,
        [],
      ],
      ["mine", /^error: --out \S+final holds config\.json, .* without the config\.json that/m, []],
      ["mine", /^error: --out \S+final holds config\.json, .* without the config\.json that/m, [
        "--force",
      ]],
    ];
    // When the search is finished, when it is not, and when there is none.
    for (
      const gone of [[], ["finished.json"], [
        "config.json",
        "trials.csv",
        "best.csv",
        "summary.json",
      ]]
    ) {
      for (const name of gone) await Deno.remove(`${out}/${name}`);
      if (gone.length > 1) {
        for (const name of ["coarse.svg", "fine.svg", "confusion.csv", "confusion.svg"]) {
          await Deno.remove(`${out}/${name}`);
        }
      }
      for (const [text, sentence, args] of others) {
        await Deno.writeTextFile(path, text);
        const before = await filesIn(out);
        const ended = await runInProcess(main, [...SMALL, "--json", ...args, "--out", out]);

        assertEquals(ended.status, EXIT.refused, ended.errors);
        assertMatch(ended.errors, sentence);
        assertEquals(eventsOf(ended).filter(({ event }) => event === "start"), []);
        assertEquals(await filesIn(out), before);
      }
    }
  });
});

Deno.test("lambda-search resumes after an interruption under --force, and keeps nothing of other settings", async () => {
  await inDirectory(async (out) => {
    const refined = await runInProcess(main, [...SMALL, "--refine", "2", "--out", out]);
    assertEquals(refined.status, EXIT.done, refined.errors);
    await Deno.writeTextFile(`${out}/refined.svg`, "mine");

    const args = [...SMALL, "--seed", "2", "--json", "--out", out];
    const context = new StoppedIn("coarse");
    assertEquals(await runMain(main, { args: [...args, "--force"], context }), EXIT.tryAgain);
    assertEquals(
      [...(await filesIn(out)).keys()],
      ["checkpoint.safetensors", "config.json", "refined.svg"],
    );

    const ended = await runInProcess(main, args);
    assertEquals(ended.status, EXIT.done, ended.errors);
    const figures = [...(await filesIn(out)).keys()].filter((name) => name.endsWith(".svg"));
    assertEquals(figures, [
      "coarse.svg",
      "confusion.svg",
      "final/metrics.svg",
      "fine.svg",
      "refined.svg",
    ]);
    assertEquals(JSON.parse(await readText(`${out}/final/config.json`)).settings.seed, 2);
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
    assertEquals(first.status, EXIT.done, first.errors);
    assertMatch(first.errors, /^fine \(quick\): .*, all diverged$/m);
    assertMatch(first.output, /^2 .* diverged$/m);
    assertMatch(await readText(`${out}/best.csv`), /^2,[^,]+,,,$/m);
    assertEquals((await runInProcess(main, args)).output, first.output);
  });
});

Deno.test("lambda-search --refine homes in, and --repeat trains each lambda several times", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--refine", "2", "--repeat", "2", "--json", "--out", out];
    const ended = await runInProcess(main, args);

    assertEquals(ended.status, EXIT.done, ended.errors);
    assertMatch(ended.errors, /all on the same batches/);
    const trials = TRIALS_CSV.decode(await readText(`${out}/trials.csv`), { name: "trials.csv" });
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
    assert(a.validation.loss !== b.validation.loss);
    const events = eventsOf(ended).filter(({ event }) => event === "trial");
    assertEquals(events.length, 14);
    assertEquals(new Set(events.map(({ quick }) => quick)), new Set([true]));
    const starts = eventsOf(ended).filter(({ event }) => event === "start");
    assertEquals(starts.map(({ run, quick }) => [run, quick]), [
      ["coarse", true],
      ["refine-1", true],
      ["refine-2", true],
      ["final", true],
    ]);
  });
});

Deno.test("lambda-search refuses bad input in one sentence, and loses nothing", async () => {
  await inDirectory(async (out) => {
    const refused: [string[], RegExp][] = [
      [
        ["--coarse", "1e-1,1e-5"],
        /^error: --coarse expects two numbers from 1.2e-38 .*"1e-1,1e-5"$/m,
      ],
      [["--fine", "0,1"], /^error: --fine expects two numbers from 1.2e-38 to 3.4e38, the sma/m],
      [["--coarse", "1e-40,1"], /^error: --coarse expects two numbers from 1.2e-38 to 3.4e38/m],
      [["--fine", "1e-3,1e39"], /^error: --fine expects two numbers from 1.2e-38 to 3.4e38/m],
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

Deno.test("lambda-search resumes from its checkpoint, not from a trials.csv that was edited", async () => {
  await inDirectory(async (parent) => {
    const args = [...SMALL, "--json"];
    await runInProcess(main, [...args, "--out", `${parent}/whole`]);
    const context = new StoppedIn("fine");
    const out = `${parent}/cut`;
    assertEquals(await runMain(main, { args: [...args, "--out", out], context }), EXIT.tryAgain);
    await Deno.writeTextFile(`${out}/trials.csv`, "mine");
    const { status, errors } = await runInProcess(main, [...args, "--out", out]);
    assertEquals(status, EXIT.done, errors);
    assertEquals(await filesIn(out), await filesIn(`${parent}/whole`));
  });
});

Deno.test("lambda-search --force that is killed at its beginning leaves no finished search without its network", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--out", out];
    assertEquals((await runInProcess(main, args)).status, EXIT.done);
    const before = await filesIn(out);
    // In place of a kill: the final network's files cannot be removed.
    const model = `${out}/final/model.safetensors`;
    await Deno.remove(model);
    await Deno.mkdir(`${model}/mine`, { recursive: true });
    for (const other of [[], ["--seed", "2"]]) {
      const forced = await runInProcess(main, [...args, ...other, "--force"]);
      assertEquals(forced.status, EXIT.failed, forced.errors);
    }
    await Deno.remove(model, { recursive: true });
    const { status, errors } = await runInProcess(main, args);
    assertEquals(status, EXIT.done, errors);
    assertEquals(await filesIn(out), before);
  });
});

Deno.test("lambda-search fails with one sentence when everything diverges, and writes what there is", async () => {
  await inDirectory(async (out) => {
    const args = ["--eta-min", "1e30", "--eta-max", "1e30", "--batch-norm", "off", "--out", out];
    for (const again of [false, true]) {
      const ended = await runInProcess(main, [...SMALL, ...args]);

      assertEquals(ended.status, EXIT.failed, `again: ${again}`);
      assertMatch(ended.errors, /^error: All networks of the search diverged: expected/m);
      if (!again) assertMatch(ended.errors, /^coarse \(quick\): .*, all diverged$/m);
      assertEquals([...(await filesIn(out)).keys()], [
        "checkpoint.safetensors",
        "coarse.svg",
        "config.json",
        "fine.svg",
        "trials.csv",
      ]);
    }
    const trials = TRIALS_CSV.decode(await readText(`${out}/trials.csv`), { name: "trials.csv" });
    assert(
      trials.every(({ validation, divergedAt }) =>
        Number.isNaN(validation.accuracy) && divergedAt !== null
      ),
    );
  });
});

Deno.test("lambda-search fails when its final network diverges, and writes everything", async () => {
  await inDirectory(async (out) => {
    // Each step multiplies the weights by about -9: the squares overflow after more steps than a stage has.
    const args = [
      ...["--quick", "--data", "synthetic", "--hidden", "8", "--half-cycle", "6"],
      ...["--eta-min", "1", "--eta-max", "1", "--batch-norm", "off", "--final-cycles", "3"],
      ...["--coarse-count", "1", "--coarse", "5,5.1", "--fine-count", "1", "--fine", "5.2,5.3"],
      ...["--out", out],
    ];
    const first = await runInProcess(main, args);

    assertEquals(first.status, EXIT.failed, first.errors);
    assertMatch(first.output, /^Final network \(quick\), λ = .*: diverged at step \d+$/m);
    assertMatch(first.errors, /^final \(quick\): .*, diverged at step \d+$/m);
    assertMatch(first.errors, /^error: The final network diverged at step \d+: expected/m);
    const summary = JSON.parse(await readText(`${out}/summary.json`));
    assertEquals([summary.final.val.accuracy, summary.final.test.accuracy], [null, null]);
    for (const name of ["best.csv", "confusion.csv", "confusion.svg", "final/metrics.svg"]) {
      assert(await exists(`${out}/${name}`), name);
    }
    const again = await runInProcess(main, args);
    assertEquals([again.status, again.output], [first.status, first.output]);
    const events = eventsOf(await runInProcess(main, [...args, "--json"]));
    const { diverged_at, test } = events.find(({ run }) => run === "final")!;
    assertEquals([diverged_at, (test as { accuracy: null }).accuracy], [
      summary.final.diverged_at,
      null,
    ]);
  });
});

/** The lines that are written when a search of three values has ended. */
function linesOf(args: readonly string[], name = "CIFAR-10"): string[] {
  const context = new CapturedContext();
  const { options } = parseOptions(TASK, ["--out", "out", ...args]);
  const config = runConfig(options, {
    task: TASK.name,
    dataset: { name, sha256: "0123456789abcdef".repeat(4) },
    adapter: { description: "llvmpipe", vendor: "65541", software: true },
    variant: "plain",
  });
  const rows = [[2.5e-3, 0.5275], [4e-3, 0.5262], [0.01, 0.5]].map(
    ([lambda, accuracy], i) => trialRow({ trial: i + 1, lambda, seed: options.seed, accuracy }),
  );
  const evaluation = { loss: 1.4, cost: 1.6, accuracy: 0.53 };
  reportSearch(context, {
    options,
    config,
    dataset: {
      name,
      classes: 10,
      training: { images: new Uint8Array(), labels: new Uint8Array(), count: 45_000 },
    },
    summary: {
      data: name,
      classes: 10,
      bestLambda: 2.5e-3,
      coarseBestLambda: 2.5e-3,
      validationAccuracy: 0.5275,
      best: bestRows(bestResults(rows, 3), isComparable(config)),
      final: {
        ...{ data: name, training: evaluation, validation: evaluation },
        test: { ...evaluation, accuracy: 0.5236 },
        ...{ steps: 13_500, epochs: 30, divergedAt: null, adapter: "llvmpipe", software: true },
        ...options.quick && { quick: true },
      },
      adapter: "llvmpipe",
      software: true,
      ...options.quick && { quick: true },
    },
  });
  return context.output.trimEnd().split("\n");
}

Deno.test("reportSearch() sets the report's numbers beside ours for its data and settings", () => {
  assertEquals(linesOf(["--seed", "3"]), [
    "CIFAR-10, seed 3",
    "rank        λ  validation accuracy  report's λ  report's validation accuracy",
    "1     2.50e-3               52.8 %     3.51e-3                        55.3 %",
    "2     4.00e-3               52.6 %     4.42e-3                        55.3 %",
    "3     1.00e-2               50.0 %     5.19e-3                        55.2 %",
    "Final network, λ = 2.50e-3, 13500 steps: validation accuracy 53.0 %, test accuracy 52.4 % (report: 54.4 %)",
    "Files: out",
  ]);
  const events = linesOf(["--json"]).map((line) => JSON.parse(line));
  assertEquals(
    events.map(({ published_lambda, published_test_accuracy }) =>
      published_lambda ?? published_test_accuracy
    ),
    [3.51e-3, 4.42e-3, 5.19e-3, 0.544],
  );
});

Deno.test("reportSearch() leaves the report's numbers out for other data or settings", () => {
  const table = [
    "rank        λ  validation accuracy",
    "1     2.50e-3               52.8 %",
    "2     4.00e-3               52.6 %",
    "3     1.00e-2               50.0 %",
  ];
  const final = "λ = 2.50e-3, 13500 steps: validation accuracy 53.0 %, test accuracy 52.4 %";
  for (
    const [args, data] of [
      [["--fine", "1e-3,1e-1"]],
      [["--coarse-count", "3"]],
      [["--refine", "1"]],
      [["--final-cycles", "2"]],
      [["--hidden", "50"]],
      [["--init", "xavier"]],
      [[], "synthetic"],
    ] as const
  ) {
    assertEquals(linesOf(args, data), [
      `${data ?? "CIFAR-10"}, seed 1`,
      ...table,
      `Final network, ${final}`,
      "Files: out",
    ]);
  }
  const [, heading, ...repeated] = linesOf(["--repeat", "3"]);
  assertEquals(heading, "rank        λ  validation accuracy, mean of 3");
  assertEquals(repeated.at(-2), `Final network, ${final}`);

  // All else as in the report.
  const usual = "--quick --half-cycle 2250 --cycles 2 --final-cycles 3 --coarse-count 10";
  const quick = [...usual.split(" "), "--fine-count", "10"];
  assertEquals(linesOf(quick), [
    "CIFAR-10, quick run on 45000 training images: not a result",
    ...table,
    `Final network (quick), ${final}`,
    "Files: out",
  ]);
  const events = linesOf([...quick, "--json"]).map((line) => JSON.parse(line));
  assertEquals(
    events.map(({ published_lambda, published_test_accuracy, quick }) => [
      published_lambda ?? published_test_accuracy ?? null,
      quick,
    ]),
    Array.from({ length: 4 }, () => [null, true]),
  );
});
