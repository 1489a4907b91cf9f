import { assertEquals, assertRejects } from "@std/assert";
import { ArgumentError, DataError } from "../../../src/errors.ts";
import { TaskError } from "../../../tasks/_kit/main.ts";
import {
  COMMON_OPTIONS,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "../../../tasks/_kit/options.ts";
import {
  openResults,
  readSummary,
  readVariant,
  type Results,
  type ResultsOptions,
  runConfig,
} from "../../../tasks/_kit/results.ts";
import { CONFIG_JSON, type RunConfig } from "../../../src/records/config.ts";
import configuration from "../../../deno.json" with { type: "json" };
import { CapturedContext } from "../../_context.ts";
import { putPipe } from "../../_tasks.ts";

const OPTIONS = { ...COMMON_OPTIONS, ...TRAINING_OPTIONS };

const TASK: Task<Values<typeof OPTIONS>> = {
  name: "trial",
  summary: "",
  options: OPTIONS,
  examples: [],
};

const CIRCUMSTANCES = {
  task: "trial",
  dataset: { name: "synthetic", sha256: "0123456789abcdef".repeat(4) },
  adapter: { description: "llvmpipe", vendor: "65541", software: true },
  variant: "plain",
};

const FILES: ResultsOptions = { files: ["metrics.csv", "summary.json"] };

/** The configuration of a run with the given arguments. */
function config(args: string[] = [], circumstances: Partial<typeof CIRCUMSTANCES> = {}) {
  const { options } = parseOptions(TASK, args);
  return runConfig(options, { ...CIRCUMSTANCES, ...circumstances });
}

/** Runs a test in a temporary directory, and hands over the name of one inside that does not exist. */
async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir();
  try {
    await test(`${parent}/out`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/** Names and contents of the files in a directory, in the order of their names. */
async function contents(directory: string): Promise<Record<string, string>> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();
  const entries = names.map(async (name) =>
    [name, await Deno.readTextFile(`${directory}/${name}`)] as const
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** What the `config.json` among some files says. */
function configIn(files: Record<string, string>): RunConfig {
  return CONFIG_JSON.decode(files["config.json"], { name: "config.json" });
}

/** Leaves the results of a whole run behind. */
async function finish(directory: string, args: string[] = []): Promise<void> {
  const results = await openResults(directory, config(args), FILES);
  await results.start();
  await results.write("metrics.csv", "old metrics");
  await results.write("summary.json", "old summary");
  await results.finish();
}

/** The sentence that a directory is refused with; checks that nothing in it was touched. */
async function refusal(
  directory: string,
  open: () => Promise<Results>,
): Promise<string> {
  const before = await contents(directory);
  const { message } = await assertRejects(open, ArgumentError);
  assertEquals(await contents(directory), before);
  return message;
}

Deno.test("runConfig() keeps what decides the results apart from what they were made with", () => {
  const args = ["--seed", "7", "--data", "synthetic", "--out", "x", "--force", "--json"];
  assertEquals(config(args), {
    task: "trial",
    settings: {
      seed: 7,
      quick: false,
      variant: null,
      hidden: [50, 50],
      batchNorm: "on",
      lambda: 0.005,
      batch: 100,
      etaMin: 1e-5,
      etaMax: 0.1,
      halfCycle: 2250,
      cycles: 2,
      init: "he",
      data: "synthetic",
      dataSha256: "0123456789abcdef".repeat(4),
    },
    madeWith: {
      packageVersion: configuration.version,
      denoVersion: Deno.version.deno,
      adapter: "llvmpipe",
      vendor: "Mesa",
      software: true,
      variant: "plain",
      dataOption: "synthetic",
    },
  });
});

Deno.test("openResults() touches nothing until the run starts", async () => {
  await inDirectory(async (directory) => {
    const results = await openResults(directory, config(), FILES);
    assertEquals(results.state, "new");
    await assertRejects(() => Deno.stat(directory), Deno.errors.NotFound);
    await results.start();
    assertEquals(configIn(await contents(directory)), config());
  });
});

Deno.test("openResults() leaves files of other names alone", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    await Deno.writeTextFile(`${directory}/notes.txt`, "mine");
    await finish(directory);
    const results = await openResults(directory, config(["--seed", "2"]), {
      ...FILES,
      force: true,
    });
    await results.start();
    const after = await contents(directory);
    assertEquals(Object.keys(after), ["config.json", "notes.txt"]);
    assertEquals(after["notes.txt"], "mine");
  });
});

Deno.test("openResults() finds results finished when their settings are the same", async () => {
  await inDirectory(async (directory) => {
    await finish(directory);
    const before = await contents(directory);
    // Another day: versions, adapter and the variant chosen may differ.
    const today = config([], {
      adapter: { description: "NVIDIA H200", vendor: "4318", software: false },
      variant: "tiled",
    });
    const results = await openResults(directory, today, FILES);
    assertEquals(results.state, "finished");
    assertEquals(await contents(directory), before);

    const context = new CapturedContext();
    results.sayFinished(context, { json: true });
    assertEquals(
      context.errors,
      `${directory} holds the finished results of these settings: nothing to do (--force runs again)\n`,
    );
    assertEquals(context.events, [{ event: "finished_before", out: directory }]);
  });
});

Deno.test("openResults() finds results finished without their figures, and names those", async () => {
  await inDirectory(async (directory) => {
    await finish(directory);
    const figures = { ...FILES, files: [...FILES.files, "metrics.svg"], figures: ["metrics.svg"] };
    const undrawn = await openResults(directory, config(), figures);
    assertEquals([undrawn.state, undrawn.undrawn], ["finished", ["metrics.svg"]]);
    const context = new CapturedContext();
    undrawn.sayFinished(context);
    assertEquals(
      context.errors,
      `${directory} holds the finished results of these settings: drawing metrics.svg ` +
        "(--force runs again)\n",
    );

    await undrawn.write("metrics.svg", "<svg/>");
    const drawn = await openResults(directory, config(), figures);
    assertEquals([drawn.state, drawn.undrawn], ["finished", []]);
    const forced = await openResults(directory, config(), { ...figures, force: true });
    assertEquals([forced.state, forced.undrawn], ["unfinished", []]);
    // A figure can be drawn again from what was checked, whether it is missing or another one.
    for (const other of [null, "<svg>other</svg>"]) {
      if (other === null) await Deno.remove(`${directory}/metrics.svg`);
      else await Deno.writeTextFile(`${directory}/metrics.svg`, other);
      const changed = await openResults(directory, config(), figures);
      assertEquals([changed.state, changed.undrawn], ["finished", ["metrics.svg"]]);
    }
  });
});

Deno.test("openResults() names the files of finished results that were changed since", async () => {
  const changes: [name: string, text: string | null, sentence: string][] = [
    ["metrics.csv", "old metricz", "metrics.csv is not what was written"],
    ["metrics.csv", "", "metrics.csv is not what was written"],
    ["metrics.csv", null, "metrics.csv is missing"],
    ["summary.json", null, "summary.json is missing"],
    ["finished.json", "{", "finished.json is not what was written"],
    ["finished.json", "{}", "finished.json is not what was written"],
    ["finished.json", '{"sha256": {"metrics.csv": 1}}', "finished.json is not what was written"],
  ];
  for (const [name, text, sentence] of changes) {
    await inDirectory(async (directory) => {
      await finish(directory);
      if (text === null) await Deno.remove(`${directory}/${name}`);
      else await Deno.writeTextFile(`${directory}/${name}`, text);
      const before = await contents(directory);
      const open = () => openResults(directory, config(), FILES);
      const { message } = await assertRejects(open, TaskError);
      assertEquals(
        message,
        `--out ${directory} holds finished results that were changed since (${sentence}): ` +
          "expected the files as they were, or --force to replace all of them",
      );
      assertEquals(await contents(directory), before);
      const forced = await openResults(directory, config(), { ...FILES, force: true });
      assertEquals(forced.state, "unfinished");
    });
  }
});

Deno.test("openResults() draws a figure again that was written just before its process was killed", async () => {
  await inDirectory(async (directory) => {
    await finish(directory);
    await Deno.writeTextFile(`${directory}/metrics.svg`, "<svg/>");
    const temporary = `.metrics.svg.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(`${directory}/${temporary}`, "<sv");
    const figures = { files: [...FILES.files, "metrics.svg"], figures: ["metrics.svg"] };
    const results = await openResults(directory, config(), figures);
    assertEquals([results.state, results.undrawn], ["finished", ["metrics.svg"]]);
    await results.removeLeftovers();
    await results.write("metrics.svg", "<svg/>");
    assertEquals((await openResults(directory, config(), figures)).undrawn, []);
    assertEquals(Object.keys(await contents(directory)).includes(temporary), false);
  });
});

Deno.test("Results.finish() says what every file was, and removes the checkpoint", async () => {
  await inDirectory(async (directory) => {
    const results = await openResults(directory, config(), FILES);
    await results.start();
    await results.write("checkpoint.safetensors", "bytes");
    await results.write("metrics.csv", "first");
    await results.write("metrics.csv", "second");
    await results.finish();
    const files = await contents(directory);
    assertEquals(Object.keys(files), ["config.json", "finished.json", "metrics.csv"]);
    const { sha256 } = JSON.parse(files["finished.json"]);
    assertEquals(Object.keys(sha256), ["config.json", "metrics.csv"]);
    // As `sha256sum` has it: printf second | sha256sum
    assertEquals(
      sha256["metrics.csv"],
      "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4",
    );
  });
});

Deno.test("openResults() reads no file outside the directory, whatever finished.json names", async () => {
  await inDirectory(async (directory) => {
    for (const name of ["../mine", "/proc/version", "a/b", "..", ".", ""]) {
      await finish(directory);
      await Deno.writeTextFile(`${directory}/../mine`, "mine");
      await Deno.writeTextFile(
        `${directory}/finished.json`,
        JSON.stringify({ sha256: { [name]: "0".repeat(64) } }),
      );
      await assertRejects(
        () => openResults(directory, config(), FILES),
        TaskError,
        "(finished.json is not what was written)",
      );
      await Deno.remove(directory, { recursive: true });
    }
  });
});

Deno.test("Results.start(), resume() and clear() touch nothing that another task has written meanwhile", async () => {
  await inDirectory(async (directory) => {
    for (const begin of ["start", "resume", "clear"] as const) {
      const results = await openResults(directory, config(), FILES);
      await finish(directory, ["--seed", "2"]);
      const before = await contents(directory);
      await assertRejects(() => results[begin](), TaskError, "another task has changed its config");
      assertEquals(await contents(directory), before);
      await Deno.remove(directory, { recursive: true });
    }
  });
});

Deno.test("Results.removeLeftovers() removes a checkpoint that a kill left beside finished results", async () => {
  await inDirectory(async (directory) => {
    await finish(directory);
    await Deno.writeTextFile(`${directory}/checkpoint.safetensors`, "bytes");
    const results = await openResults(directory, config(), FILES);
    assertEquals(results.state, "finished");
    await results.removeLeftovers();
    assertEquals(Object.keys(await contents(directory)).includes("checkpoint.safetensors"), false);
  });
});

Deno.test("Results.resume() removes the summary of a run that was killed before it was marked as finished", async () => {
  await inDirectory(async (directory) => {
    const first = await openResults(directory, config(), FILES);
    await first.start();
    await first.write("metrics.csv", "rows");
    await first.write("summary.json", "{}");
    const second = await openResults(directory, config(), FILES);
    assertEquals(second.resumable, true);
    await second.resume();
    assertEquals(Object.keys(await contents(directory)), ["config.json", "metrics.csv"]);
  });
});

Deno.test("openResults() starts an interrupted run from scratch", async () => {
  await inDirectory(async (directory) => {
    const first = await openResults(directory, config(), FILES);
    await first.start();
    await first.write("metrics.csv", "half of the metrics");
    const id = crypto.randomUUID();
    await Deno.writeTextFile(`${directory}/.metrics.csv.${id}.tmp`, "half of a file");
    await Deno.writeTextFile(`${directory}/.notes.txt.${id}.tmp`, "mine");
    const second = await openResults(directory, config(), FILES);
    assertEquals(second.state, "unfinished");
    await second.start();
    assertEquals(
      Object.keys(await contents(directory)),
      [`.notes.txt.${id}.tmp`, "config.json"],
    );
  });
});

Deno.test("openResults() names directory and settings when the settings differ", async () => {
  await inDirectory(async (directory) => {
    await finish(directory, ["--lambda", "0.01", "--hidden", "20"]);
    const advice = "expected another directory, or --force to replace them";
    assertEquals(
      await refusal(directory, () => openResults(directory, config(), FILES)),
      `--out ${directory} holds results of other settings ` +
        `(hidden [20] there, [50,50] here; lambda 0.01 there, 0.005 here): ${advice}`,
    );
    const dataset = { name: "synthetic", sha256: "fedcba9876543210".repeat(4) };
    const others = config(["--lambda", "0.01", "--hidden", "20", "--variant", "tiled"], {
      dataset,
    });
    assertEquals(
      await refusal(directory, () => openResults(directory, others, FILES)),
      `--out ${directory} holds results of other settings (variant none there, tiled here; ` +
        `data_sha256 0123456789ab… there, fedcba987654… here): ${advice}`,
    );
    assertEquals(
      await refusal(directory, () => openResults(directory, config([], { task: "other" }), FILES)),
      `--out ${directory} holds results of other settings (task trial there, other here): ${advice}`,
    );
  });
});

Deno.test("openResults() refuses other settings when the run there was interrupted", async () => {
  await inDirectory(async (directory) => {
    const results = await openResults(directory, config(["--seed", "2"]), FILES);
    await results.start();
    const sentence = await refusal(directory, () => openResults(directory, config(), FILES));
    assertEquals(sentence.includes("(seed 2 there, 1 here)"), true);
  });
});

Deno.test("openResults() replaces results when forced, whichever their settings", async () => {
  for (const args of [[], ["--seed", "2"]]) {
    await inDirectory(async (directory) => {
      await finish(directory, args);
      const results = await openResults(directory, config(), { ...FILES, force: true });
      assertEquals(results.state, "unfinished");
      assertEquals((await contents(directory))["summary.json"], "old summary");
      await results.start();
      const after = await contents(directory);
      assertEquals(Object.keys(after), ["config.json"]);
      assertEquals(configIn(after), config());
    });
  }
});

Deno.test("Results.start() leaves nothing that looks finished when it fails half way", async () => {
  await inDirectory(async (directory) => {
    await finish(directory);
    await Deno.remove(`${directory}/metrics.csv`);
    await Deno.mkdir(`${directory}/metrics.csv/mine`, { recursive: true });
    const results = await openResults(directory, config(), { ...FILES, force: true });
    await assertRejects(() => results.start());
    assertEquals((await openResults(directory, config(), FILES)).state, "unfinished");
  });
});

Deno.test("openResults() refuses files of the same names that are not ours, even when forced", async () => {
  const cases: Record<string, string>[] = [
    { "metrics.csv": "mine" },
    { "config.json": "not JSON" },
    { "config.json": "null" },
    { "config.json": '{"package":"other","task":"trial","settings":{}}' },
    { "config.json": '{"package":"@headless/mlp","task":"trial","settings":null}' },
  ];
  for (const files of cases) {
    for (const force of [false, true]) {
      await inDirectory(async (directory) => {
        await Deno.mkdir(directory);
        for (const [name, text] of Object.entries(files)) {
          await Deno.writeTextFile(`${directory}/${name}`, text);
        }
        assertEquals(
          await refusal(directory, () => openResults(directory, config(), { ...FILES, force })),
          `--out ${directory} holds ${
            Object.keys(files).join(", ")
          } without the config.json that ` +
            "this program writes: expected another directory, or one without these files",
        );
      });
    }
  }
});

Deno.test("openResults() counts results that differ as they may as unfinished, and refuses others", async () => {
  await inDirectory(async (directory) => {
    await finish(directory, ["--lambda", "0.01", "--seed", "2"]);
    const files = { ...FILES, mayDiffer: ["lambda"] };
    assertEquals(
      (await openResults(directory, config(["--lambda", "0.01", "--seed", "2"]), files)).state,
      "finished",
    );
    const results = await openResults(directory, config(["--seed", "2"]), files);
    assertEquals(results.state, "unfinished");
    const sentence = await refusal(directory, () => openResults(directory, config(), files));
    assertEquals(sentence.includes("(seed 2 there, 1 here)"), true, sentence);

    await results.start();
    const after = await contents(directory);
    assertEquals(Object.keys(after), ["config.json"]);
    assertEquals(JSON.parse(after["config.json"]).settings.lambda, 0.005);
  });
});

Deno.test("Results.start() removes the files that only a run of other settings had", async () => {
  await inDirectory(async (directory) => {
    const files = { ...FILES, otherFiles: /^part-\d+\.svg$/ };
    await finish(directory);
    const id = crypto.randomUUID();
    for (const name of ["part-1.svg", `.part-2.svg.${id}.tmp`, "part-x.svg", "my-part-1.svg"]) {
      await Deno.writeTextFile(`${directory}/${name}`, "");
    }
    const results = await openResults(directory, config(["--seed", "2"]), {
      ...files,
      force: true,
    });
    await results.start();
    const left = ["config.json", "my-part-1.svg", "part-x.svg"];
    assertEquals(Object.keys(await contents(directory)), left);
  });
});

Deno.test("openResults() refuses such files of somebody else", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    await Deno.writeTextFile(`${directory}/part-1.svg`, "mine");
    const files = { ...FILES, otherFiles: /^part-\d+\.svg$/ };
    const sentence = await refusal(directory, () => openResults(directory, config(), files));
    assertEquals(sentence.includes("holds part-1.svg without the config.json"), true, sentence);
  });
});

Deno.test("Results.clear() removes the run's files and nothing else", async () => {
  await inDirectory(async (directory) => {
    const missing = await openResults(directory, config(), FILES);
    await missing.clear();

    await finish(directory);
    await Deno.writeTextFile(`${directory}/notes.txt`, "mine");
    const results = await openResults(directory, config(), FILES);
    await results.clear();
    assertEquals(await contents(directory), { "notes.txt": "mine" });
  });
});

Deno.test("openResults() refuses a file in place of a directory", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(directory, "a file");
    for (const path of [directory, `${directory}/deeper`]) {
      const { message } = await assertRejects(
        () => openResults(path, config(), { ...FILES, force: true }),
        ArgumentError,
      );
      assertEquals(message, `--out expects a directory, and ${path} is or goes through a file`);
    }
    assertEquals(await Deno.readTextFile(directory), "a file");
  });
});

Deno.test("Results.write() refuses a file that is not among the run's", async () => {
  await inDirectory(async (directory) => {
    const results = await openResults(directory, config(), FILES);
    await results.start();
    await assertRejects(() => results.write("notes.txt", ""), TypeError, "notes.txt");
  });
});

Deno.test("openResults() and what reads results refuse a pipe in place of a file", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const { adapter } = CIRCUMSTANCES;
    const results = await openResults(directory, config(), FILES);
    for (const name of ["config.json", "metrics.csv", "summary.json"]) {
      await putPipe(`${directory}/${name}`);
    }
    const readers = {
      "config.json": [
        () => openResults(directory, config(), FILES),
        () => readVariant(directory, adapter),
      ],
      "metrics.csv": [() => results.read("metrics.csv", CONFIG_JSON)],
      "summary.json": [() => readSummary(directory, CONFIG_JSON)],
    };
    for (const [name, read] of Object.entries(readers)) {
      const sentence = `Cannot read ${directory}/${name}: it is a pipe, socket or device, expected`;
      for (const each of read) await assertRejects(each, DataError, sentence);
    }
  });
});

Deno.test("openResults() follows a link in place of the directory", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(`${directory}-elsewhere`);
    await Deno.symlink(`${directory}-elsewhere`, directory);
    const results = await openResults(directory, config(), FILES);
    await results.start();
    await results.write("metrics.csv", "step");
    const names = Object.keys(await contents(`${directory}-elsewhere`));
    assertEquals(names, ["config.json", "metrics.csv"]);
  });
});
