import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readFinished, writeFinished } from "../../tasks/_kit/finished.ts";
import { sha256 } from "../../tasks/_kit/sha256.ts";
import { runMain } from "../../tasks/_kit/main.ts";
import { main } from "../../tasks/report.ts";
import { readReproduction } from "../../tasks/_report/read.ts";
import { writeReproduceDirectory } from "../report/_report_fixture.ts";
import { CapturedContext } from "../_context.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  heldElsewhere,
  inDirectory,
  putPipe,
  runInProcess,
  runTask,
  runWithoutAdapter,
} from "../_tasks.ts";

/** Makes the page of a directory. */
function report(directory: string, args: readonly string[] = []): Promise<Ended> {
  return runInProcess(main, ["--out", directory, ...args]);
}

/** A reproduction of one seed in which only the study of initial weights and the search are there. */
const SMALL = { seeds: 1, without: ["gradient-check", "baseline"] };

Deno.test("report draws every figure and writes the page, on a machine without a GPU", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    const { status, output, errors } = await runWithoutAdapter("report", ["--out", out]);
    assertEquals([status, output], [0, `Page: ${out}/report.html\n`], errors);
    const files = [...(await filesIn(out)).keys()];
    assertEquals(files.filter((name) => /\.(svg|html)$/.test(name)), [
      "baseline/seed-1/3-layer-batch-norm/metrics.svg",
      "baseline/seed-1/3-layer/metrics.svg",
      "baseline/seed-1/9-layer-batch-norm/metrics.svg",
      "baseline/seed-1/9-layer/metrics.svg",
      "init-sensitivity/seed-1/sensitivity.svg",
      "lambda-search/seed-1/coarse.svg",
      "lambda-search/seed-1/confusion.svg",
      "lambda-search/seed-1/final/metrics.svg",
      "lambda-search/seed-1/fine.svg",
      "report.html",
    ]);
    assert(!files.some((name) => name.endsWith(".tmp")));
  });
});

Deno.test("report draws a figure again where it differs, and leaves the others alone", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    await report(out);
    const before = await filesIn(out);
    const figure = `${out}/lambda-search/seed-1/coarse.svg`;
    await Deno.writeTextFile(figure, "<svg/>");
    const { status, output } = await report(out, ["--json"]);
    assertEquals(status, 0);
    const [result] = eventsOf({ status, output, errors: "" })
      .filter(({ event }) => event === "result");
    assertEquals(result, {
      event: "result",
      page: `${out}/report.html`,
      drawn: [figure],
      missing: ["gradient-check", "baseline"],
      edited: [],
    });
    assertEquals(await filesIn(out), before);
  });
});

Deno.test("report names the files that were changed after their part was finished", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const study = `${out}/init-sensitivity/seed-1`;
    const digests: Record<string, string> = {};
    for (const name of ["config.json", "curves.csv", "summary.json"]) {
      digests[name] = await sha256(await Deno.readFile(`${study}/${name}`));
    }
    await writeFinished(study, digests);
    const whole = await report(out, ["--json"]);
    assertEquals(eventsOf(whole).at(-1)?.edited, []);
    // The figure that it has drawn belongs to the results, too.
    const figure = await Deno.readFile(`${study}/sensitivity.svg`);
    assertEquals((await readFinished(study))?.["sensitivity.svg"], await sha256(figure));

    const summary = await Deno.readTextFile(`${study}/summary.json`);
    await Deno.writeTextFile(`${study}/summary.json`, summary.replace("stalled", "trained"));
    const { status, errors } = await report(out, []);
    assertEquals(status, 0, errors);
    assertStringIncludes(
      errors,
      `warning: ${study}/summary.json was changed after it was finished\n`,
    );
    const page = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(page, "<li><code>init-sensitivity/seed-1/summary.json</code></li>");

    await Deno.writeTextFile(`${study}/finished.json`, "{}");
    assertStringIncludes((await report(out, [])).errors, "finished.json was changed");
    assertEquals(await Deno.readTextFile(`${study}/finished.json`), "{}");
  });
});

Deno.test("report names a file that was removed from a finished part once, as missing", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    const gone = ["gradient-check/seed-1/summary.json", "lambda-search/seed-1/best.csv"];
    for (const file of gone) await Deno.remove(`${out}/${file}`);
    const { status, errors } = await report(out);
    assertEquals(status, 0, errors);
    assertEquals(
      errors.split("\n").filter((line) => line.startsWith("warning: ")).sort(),
      gone.map((file) => `warning: ${out}/${file} is missing`),
    );
  });
});

Deno.test("report refuses a run whose folder has the name of another", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    const runs = `${out}/baseline/seed-1`;
    const swap = async () => {
      await Deno.rename(`${runs}/3-layer`, `${runs}/other`);
      await Deno.rename(`${runs}/9-layer`, `${runs}/3-layer`);
      await Deno.rename(`${runs}/other`, `${runs}/9-layer`);
    };
    await swap();
    const { status, errors } = await report(out);
    assertEquals([status, errors], [
      2,
      `error: Cannot read ${runs}/3-layer/config.json: its settings are those of 9-layer, ` +
      "expected those of 3-layer as in the name of its folder\n",
    ]);
    await swap();
    assertEquals((await report(out)).status, 0);
  });
});

Deno.test("report follows links in place of the folders of seeds", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    await Deno.mkdir(`${out}/elsewhere`);
    for (const task of ["lambda-search", "init-sensitivity"]) {
      await Deno.rename(`${out}/${task}/seed-1`, `${out}/elsewhere/${task}`);
      await Deno.symlink(`${out}/elsewhere/${task}`, `${out}/${task}/seed-1`);
    }
    const { status, output, errors } = await report(out, ["--json"]);
    assertEquals(status, 0, errors);
    const [{ missing, drawn }] = eventsOf({ status, output, errors })
      .filter(({ event }) => event === "result");
    assertEquals([missing, (drawn as string[]).length], [["gradient-check", "baseline"], 5]);
  });
});

Deno.test("report names a part that was interrupted before it was finished", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    await Deno.remove(`${out}/init-sensitivity/seed-1/finished.json`);
    const { status, errors } = await report(out);
    assertEquals(status, 0, errors);
    const part = "init-sensitivity/seed-1/finished.json (interrupted before its end)";
    assertStringIncludes(errors, `warning: ${out}/${part} is missing\n`);
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), `<code>${part}</code>`);
  });
});

Deno.test("report leaves the figures of a part alone while a task writes into its folder", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const study = `${out}/init-sensitivity/seed-1`;
    await heldElsewhere(study, async (pid) => {
      const { status, errors } = await report(out);
      assertEquals(status, 0, errors);
      assertStringIncludes(
        errors,
        `warning: Cannot redraw ${study}/sensitivity.svg: process ${pid} on far since`,
      );
      assertEquals(await exists(`${study}/sensitivity.svg`), false);
      assert(await exists(`${out}/lambda-search/seed-1/coarse.svg`));
      assert(await exists(`${out}/report.html`));
    });
    const { errors } = await report(out);
    assert(!errors.includes("Cannot redraw"), errors);
    assert(await exists(`${study}/sensitivity.svg`));
  });
});

Deno.test("report draws no figure of results that were replaced since it read them", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const study = `${out}/init-sensitivity/seed-1`;
    const context = new CapturedContext();
    const { workers } = context;
    const draw = workers.draw.bind(workers);
    workers.draw = async (name, input) => {
      const svg = await draw(name, input);
      if (name === "drawStudy") {
        const curves = await Deno.readTextFile(`${study}/curves.csv`);
        await Deno.writeTextFile(`${study}/curves.csv`, curves.replace(/\n.*\n$/, "\n"));
        await Deno.writeTextFile(`${study}/sensitivity.svg`, "of the new ones");
      }
      return svg;
    };
    const finished = await Deno.readTextFile(`${study}/finished.json`);
    assertEquals(await runMain(main, { args: ["--out", out], context }), 0, context.errors);
    assertStringIncludes(
      context.errors,
      `warning: Cannot redraw ${study}/sensitivity.svg: ${study}/curves.csv was written since`,
    );
    assertEquals(await Deno.readTextFile(`${study}/sensitivity.svg`), "of the new ones");
    assertEquals(await Deno.readTextFile(`${study}/finished.json`), finished);
  });
});

Deno.test("report names the parts that are missing, and makes the page of the others", async () => {
  await inDirectory(async (out) => {
    const missing = [
      "gradient-check/seed-2",
      "baseline/seed-1/9-layer/summary.json",
      "baseline/seed-2/3-layer",
      "lambda-search/seed-1/best.csv",
      "lambda-search/seed-2/final",
      "init-sensitivity",
    ];
    await writeReproduceDirectory(out, { seeds: 2, without: missing });
    const { status, errors } = await report(out);
    assertEquals(status, 0, errors);
    const warnings = errors.split("\n").filter((line) => line.startsWith("warning: "));
    assertEquals(warnings, missing.map((part) => `warning: ${out}/${part} is missing`));
    const page = await Deno.readTextFile(`${out}/report.html`);
    for (const part of missing) assertStringIncludes(page, `<li><code>${part}</code></li>`);
  });
});

Deno.test("report does not count a gradient check without summary.json as passed", async () => {
  await inDirectory(async (out) => {
    const without = ["gradient-check/seed-2/summary.json"];
    await writeReproduceDirectory(out, {
      seeds: 2,
      without: [...without, "baseline", "lambda-search", "init-sensitivity"],
    });
    const { data: { gradientChecks: checks, missing } } = await readReproduction(
      out,
      new CapturedContext().workers,
    );
    assertEquals(checks.map(({ passed }) => passed), [true, false]);
    // It may have been interrupted as well, which nothing shows.
    assertEquals(missing[0], `${without[0]} (the check failed or was interrupted)`);
    const { status, errors } = await report(out);
    assertEquals(status, 0);
    assertStringIncludes(errors, `warning: ${out}/${missing[0]} is missing\n`);
  });
});

Deno.test("report shows a confusion matrix whose final network is missing, with its seed alone", async () => {
  await inDirectory(async (out) => {
    const without = ["lambda-search/seed-1/best.csv", "lambda-search/seed-1/final/summary.json"];
    await writeReproduceDirectory(out, {
      seeds: 2,
      without: [...without, "lambda-search/seed-2/confusion.csv", "lambda-search/seed-2/final"],
    });
    const { data: { searches, missing } } = await readReproduction(
      out,
      new CapturedContext().workers,
    );
    assertEquals(missing, [
      ...without,
      "lambda-search/seed-2/final",
      "lambda-search/seed-2/confusion.csv",
    ]);
    assertEquals(searches.map(({ final }) => final), [null, null]);
    const [matrix, none] = searches.map(({ confusion }) => confusion);
    assertEquals([matrix?.matrix.counts.length, none], [10, null]);
    assertStringIncludes(matrix!.svg, "seed\u00a01");
    assert(!/λ|\d\u00a0steps/.test(matrix!.svg));
    assertEquals((await report(out)).status, 0);
    const page = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(page, '<figure id="search-confusion"');
  });
});

Deno.test("report refuses a file that was edited by hand, names the place, and writes nothing", async () => {
  const search = "lambda-search/seed-1";
  const cases: [file: string, from: string, to: string, sentence: RegExp][] = [
    [`${search}/trials.csv`, "coarse,2,", "coarse,two,", /line 3, column trial: it is "two", exp/],
    [`${search}/confusion.csv`, "\nbird,", "\nbirds,", /line 4, column true_class: it is "birds"/],
    [`${search}/best.csv`, "rank,", "place,", /line 1: the name of column 1 is "place"/],
    [`${search}/final/metrics.csv`, "\n0,0,,", "\n0,0,x,", /line 2, column eta: it is "x"/],
    [`${search}/final/summary.json`, '"steps": ', '"step": ', /: steps is missing, expected a who/],
    [`${search}/config.json`, "@headless/mlp", "another", /: package is "another", expected/],
    ["init-sensitivity/seed-1/curves.csv", "0.1,false,", "0.1,no,", /line 2, column batch_norm/],
    [`${search}/trials.csv`, "coarse,3,", "hidden,3,", /line 4, column stage: it is "hidden", ex/],
    ["init-sensitivity/seed-1/summary.json", '"runs"', "runs", /: .*JSON/],
  ];
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const before = await filesIn(out);
    for (const [file, from, to, sentence] of cases) {
      const text = new TextDecoder().decode(before.get(file));
      assert(text.includes(from), file);
      await Deno.writeTextFile(`${out}/${file}`, text.replace(from, to));
      const { status, output, errors } = await report(out);
      assertEquals([status, output, errors.trim().split("\n").length], [2, "", 1], errors);
      assertStringIncludes(errors, `error: Cannot read ${out}/${file}`);
      assertMatch(errors, sentence);
      await Deno.writeTextFile(`${out}/${file}`, text);
    }
    assertEquals(await filesIn(out), before);
  });
});

Deno.test("report refuses files that contradict each other, and names the place", async () => {
  const search = "lambda-search/seed-1";
  const study = "init-sensitivity/seed-1";
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const before = await filesIn(out);
    const read = (file: string) => new TextDecoder().decode(before.get(file));
    const [, first, second] = read(`${search}/best.csv`).split("\n").map((line) => line.split(","));
    const [last] = read(`${search}/final/metrics.csv`).trim().split("\n").slice(-1);
    const [step, epoch, , ...numbers] = last.split(",");
    const { test } = JSON.parse(read(`${search}/final/summary.json`));
    const lambda = `"lambda": ${first[1]}`;
    const cases: [file: string, from: string, to: string, sentence: RegExp][] = [
      ...["train_loss", "train_cost", "train_accuracy", "val_loss", "val_cost", "val_accuracy"]
        .map((column, i): [string, string, string, RegExp] => {
          const edited = last.replace(`,${numbers[i]}`, ",0.75");
          const place = `line 32, column ${column}: it is 0.75, expected ${numbers[i]} as in summ`;
          return [`${search}/final/metrics.csv`, last, edited, RegExp(place)];
        }),
      [
        `${search}/final/metrics.csv`,
        `\n${step},${epoch}`,
        `\n13501,${epoch}`,
        /line 32, column step: it is 13501, expected 13500 as in summary.json/,
      ],
      [
        `${search}/trials.csv`,
        `,${first[1]},`,
        ",0.0123,",
        /best.csv, line 2, column lambda: it is \S+, expected 0.0123 as in trials.csv/,
      ],
      [`${search}/best.csv`, first[2], "0.99", /line 2, column val_accuracy: it is 0.99, expected/],
      [`${search}/best.csv`, `2,${second[1]}`, "2,0.9", /line 3, column lambda: it is 0.9, expec/],
      [`${search}/best.csv`, "\n2,", "\n3,", /line 3, column rank: it is 3, expected 2 as in tr/],
      [
        `${search}/final/config.json`,
        lambda,
        '"lambda": 0.5',
        RegExp(`: lambda is 0.5, expected ${first[1]} as in best.csv, line 2, column lambda`),
      ],
      [
        `${search}/confusion.csv`,
        "\nbird,",
        "\nbird,1",
        RegExp(`: \\d+ of \\d+ images are .*expected a share of ${test.accuracy} as in final/summ`),
      ],
      [
        `${study}/curves.csv`,
        "\n0.1,true,3600,",
        "\n0.1,true,3500,",
        /column step: it is 3500, exp/,
      ],
      [`${study}/curves.csv`, "\n0.1,true,3600,", "\n0.1,true,3600,1", /line 149, column train_lo/],
      [`${study}/curves.csv`, "\n0.1,true,0,", "\n0.2,true,0,", /line 113, column sigma: it is of/],
      [
        `${study}/summary.json`,
        '"sigma": "0.1"',
        '"sigma": "he"',
        /curves.csv, line 2, column sigma: it is of a run with σ = 0.1 and batch norm off, expected/,
      ],
    ];
    for (const [file, from, to, sentence] of cases) {
      const text = read(file);
      assert(text.includes(from), `${file}: ${from}`);
      await Deno.writeTextFile(`${out}/${file}`, text.replace(from, to));
      const { status, errors } = await report(out);
      assertEquals(status, 2, `${file}: ${to}`);
      assertStringIncludes(errors, `error: Cannot read ${out}/`);
      assertMatch(errors, sentence);
      await Deno.writeTextFile(`${out}/${file}`, text);
    }
    assertEquals(await filesIn(out), before);
    assertEquals((await report(out)).status, 0);
  });
});

Deno.test("report treats NaN and infinity as equal, which JSON cannot tell apart", async () => {
  await inDirectory(async (out) => {
    const run = "baseline/seed-1/9-layer";
    await writeReproduceDirectory(out, {
      seeds: 1,
      without: ["gradient-check", "lambda-search", "init-sensitivity"],
    });
    const [path, summaryPath] = [`${out}/${run}/metrics.csv`, `${out}/${run}/summary.json`];
    const lines = (await Deno.readTextFile(path)).trim().split("\n");
    lines[lines.length - 1] = "9000,20,0.00001,NaN,Infinity,0.1,NaN,Infinity,NaN";
    await Deno.writeTextFile(path, lines.join("\n") + "\n");
    const summary = JSON.parse(await Deno.readTextFile(summaryPath));
    const train = { loss: null, cost: null, accuracy: 0.1 };
    const ending = { ...summary, train, val: { ...train, accuracy: null }, diverged_at: 7 };
    await Deno.writeTextFile(summaryPath, JSON.stringify(ending));
    const { status, errors } = await report(out);
    assertEquals(status, 0, errors);
    // A number is not the same as none.
    await Deno.writeTextFile(summaryPath, JSON.stringify({ ...ending, train: summary.train }));
    assertMatch((await report(out)).errors, /column train_loss: it is NaN, expected 1\.\d+ as in/);
  });
});

Deno.test("report refuses settings that a figure cannot be drawn with, and names the figure", async () => {
  const search = "lambda-search/seed-1";
  const cases: [file: string, name: string, value: unknown, sentence: string][] = [
    [`${search}/config.json`, "coarse", 0.1, "coarse.svg from trials.csv and config.json: Cannot"],
    [`${search}/config.json`, "fine", [0.1], "its range is [0.1], expected two numbers"],
    [`${search}/final/config.json`, "eta_min", 0.5, "final/metrics.svg from metrics.csv and conf"],
  ];
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    for (const [file, name, value, sentence] of cases) {
      const text = await Deno.readTextFile(`${out}/${file}`);
      const config = JSON.parse(text);
      config.settings[name] = value;
      await Deno.writeTextFile(`${out}/${file}`, JSON.stringify(config));
      const { status, errors } = await report(out);
      assertEquals([status, errors.split("\n").length], [2, 2], errors);
      assertStringIncludes(errors, `error: Cannot draw ${out}/${search}/`);
      assertStringIncludes(errors, sentence);
      await Deno.writeTextFile(`${out}/${file}`, text);
    }
  });
});

Deno.test("report refuses settings of another kind, task or seed, and names file and setting", async () => {
  const cases: [name: string, value: unknown, sentence: string][] = [
    [
      "seed",
      '1" onload="alert(1)',
      'settings.seed is "1\\" onload=\\"alert(1)", expected a whole numb',
    ],
    ["seed", 2, "settings.seed is 2, expected 1 as in the name of its folder"],
    ["batch", "<b>", 'settings.batch is "<b>", expected a whole number from 1'],
    [
      "batch_norm",
      { toString: 1 },
      'settings.batch_norm is {"toString":1}, expected a text, a numb',
    ],
    ["batch_norm", "maybe", 'settings.batch_norm is "maybe", expected on, off or both'],
    ["half_cycle", 0, "settings.half_cycle is 0, expected a whole number from 1"],
    ["hidden", [50, "50"], 'settings.hidden[1] is "50", expected a whole number from 1'],
    ["hidden", 50, "settings.hidden is 50, expected a list"],
    ["inits", ["he", true], "settings.inits[1] is true, expected he, xavier or a number"],
    ["lambda", [0.5], "settings.lambda is [0.5], expected a number"],
    ["quick", "yes", 'settings.quick is "yes", expected true or false'],
    ["variant", "fused; rm -r ~", 'settings.variant is "fused; rm -r ~", expected null or a name'],
    ["__proto__", 1, 'the name of one of settings is "__proto__", expected one as in batch_norm'],
  ];
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { ...SMALL, without: [...SMALL.without, "lambda-search"] });
    const path = `${out}/init-sensitivity/seed-1/config.json`;
    const text = await Deno.readTextFile(path);
    const refuse = async (edited: string, sentence: string) => {
      await Deno.writeTextFile(path, edited);
      const { status, errors } = await report(out);
      assertEquals([status, errors.split("\n").length], [2, 2], errors);
      assertStringIncludes(errors, `error: Cannot read ${path}: ${sentence}`);
    };
    for (const [name, value, sentence] of cases) {
      const { settings, ...config } = JSON.parse(text);
      // As a property of its own also where it is called __proto__.
      const entries = Object.entries({ ...settings, [name]: value });
      const edited = { ...config, settings: Object.fromEntries(entries) };
      await refuse(JSON.stringify(edited), sentence);
    }
    const edited = text.replace('"init-sensitivity"', '"constructor"');
    await refuse(edited, 'task is "constructor", expected "init-sensitivity"');
  });
});

Deno.test("report refuses a CSV file without rows", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const path = `${out}/init-sensitivity/seed-1/curves.csv`;
    await Deno.writeTextFile(path, "sigma,batch_norm,step,train_loss\n");
    const { status, errors } = await report(out);
    assertEquals(status, 2);
    assertStringIncludes(errors, `error: Cannot read ${path}: it has no rows, expected at least 1`);
  });
});

Deno.test("report refuses a directory that holds no part of a reproduction", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await report(out);
    assertEquals([status, output], [2, ""]);
    assertMatch(errors, /^error: --out \S+ holds no part of a reproduction: expected what .*\n$/);
    assertEquals(await exists(out), false);
    await Deno.writeTextFile(out, "a file");
    assertEquals((await report(out)).status, 2);
  });
});

Deno.test("report reads the directory of reproduce by default", async () => {
  const { output } = await runInProcess(main, ["--help"]);
  assertStringIncludes(output, "(default out/reproduce, with --quick\n");
  assert(!output.includes("--seed"));
});

Deno.test("report refuses a pipe in place of any file that it reads, and does not wait", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    await report(out);
    for (const [file, bytes] of await filesIn(out)) {
      // Of a search the others say all, the page is written only, and without its digests a part can be read.
      if (file === "report.html" || file === "lambda-search/seed-1/summary.json") continue;
      if (file.endsWith("finished.json")) continue;
      await putPipe(`${out}/${file}`);
      const { status, output, errors } = await report(out);
      assertEquals([status, output], [2, ""], file);
      assertEquals(
        errors,
        `error: Cannot read ${out}/${file}: it is a pipe, socket or device, expected a file\n`,
      );
      await Deno.remove(`${out}/${file}`);
      await Deno.writeFile(`${out}/${file}`, bytes);
    }
  });
});

Deno.test("report refuses a config.json that names another task", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const path = `${out}/init-sensitivity/seed-1/config.json`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace('"init-sensitivity"', '"--config=evil.json"'));
    assertEquals(await report(out), {
      status: 2,
      output: "",
      errors: `error: Cannot read ${path}: task is "--config=evil.json", ` +
        'expected "init-sensitivity"\n',
    });
  });
});

Deno.test("report takes any name for --out, and no part of it reaches a shell or directs a terminal", async () => {
  await inDirectory(async (parent) => {
    const touch = `touch ${parent}/evil`;
    const names = [`$(${touch})`, `\`${touch}\``, `; ${touch};`, `"' ${touch} '"`, `\n${touch}\n`];
    for (const name of [...names, "-rf", "\x1b[2J\x9b2J"]) {
      const out = `${parent}/a b/${name}`;
      await writeReproduceDirectory(out, SMALL);
      const { status, output, errors } = await runTask("report", ["--out", out]);
      assertEquals(status, 0, errors);
      const shown = out.replaceAll("\x1b", "\\x1b").replaceAll("\x9b", "\\x9b");
      assertEquals(output, `Page: ${shown}/report.html\n`);
      assert(await exists(`${out}/report.html`));
    }
    assertEquals(await exists(`${parent}/evil`), false);
  });
});
