import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { BENCH_CSV } from "../../src/records/bench.ts";
import type { Plan } from "../../tasks/_kit/capacity.ts";
import { currentCommit } from "../../tasks/_bench/commit.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { type Load, measure, operationsPerStep } from "../../tasks/_bench/measure.ts";
import type { Peer } from "../../tasks/_bench/peers.ts";
import { main } from "../../tasks/bench.ts";
import { CapturedContext } from "../_context.ts";
import { createRandomData } from "../_gpu.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  putPipe,
  runInProcess,
  runTask,
  runWithoutAdapter,
} from "../_tasks.ts";

/** A small network, measured for as short as can be. */
const VARIANT = "per-operation";
const SMALL = [
  "--variant",
  VARIANT,
  "--quick",
  "--data",
  "synthetic",
  "--hidden",
  "4,3",
  "--steps",
  "2",
];

/** Columns of `bench.csv` as version 0.1.0 wrote it. */
const FIRST_COLUMNS = 16;

/** Measures into a directory. */
function bench(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

/** The rows of a directory's `bench.csv`. */
async function rowsIn(directory: string): Promise<BenchRow[]> {
  const path = `${directory}/bench.csv`;
  return BENCH_CSV.decode(await Deno.readTextFile(path), { name: path });
}

Deno.test("bench measures each number of networks, and appends to what is there", async () => {
  await inDirectory(async (out) => {
    const first = await bench(out, [...SMALL, "--networks", "1,3"]);
    assertEquals(first.status, 0, first.errors);
    const before = await rowsIn(out);
    assertEquals(before.map(({ networks }) => networks), [1, 3]);
    for (const row of before) {
      const { msPerStep, stepsPerS, gflopPerS, networks, date, ...rest } = row;
      assert(msPerStep > 0);
      assertAlmostEquals(msPerStep * stepsPerS, 1000, 1e-6);
      // 2 · 100 · (2 · 3072 · 4 + 3 · (4 · 3 + 3 · 10)) operations for each network.
      assertAlmostEquals(gflopPerS * msPerStep, networks * 4.9404, 1e-9);
      assertMatch(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assertEquals(
        [rest.data, rest.hidden, rest.batchNorm, rest.batch, rest.steps, rest.variant],
        ["synthetic", "4,3", true, 100, 2, VARIANT],
      );
    }
    assertMatch(first.output, /^synthetic, batch 100; .* quick run, not a result$/m);
    assertMatch(first.output, /^Memory of this process: \d+ MiB at most$/m);
    assertMatch(await Deno.readTextFile(`${out}/trend.svg`), /quick runs/);

    const second = await bench(out, [
      ...SMALL,
      "--networks",
      "1",
      "--batch-norm",
      "both",
      "--json",
    ]);
    assertEquals(second.status, 0, second.errors);
    const after = await rowsIn(out);
    assertEquals(after.slice(0, 2), before);
    assertEquals(after.slice(2).map(({ batchNorm }) => batchNorm), [false, true]);
    const results = eventsOf(second).filter(({ event }) => event === "result");
    assertEquals(results.length, 2);
    for (const [i, result] of results.entries()) {
      const { msPerStep, networks, hidden, adapter } = after[2 + i];
      assertEquals(
        [result.ms_per_step, result.networks, result.hidden, result.adapter, result.quick],
        [msPerStep, networks, hidden, adapter, true],
      );
      assert(result.ms_per_step_least as number <= msPerStep);
      assert(result.ms_per_step_most as number >= msPerStep);
      assert(result.evaluation_ms as number > 0);
      assertAlmostEquals(
        result.share_of_peak as number,
        after[2 + i].gflopPerS / after[2 + i].peakGflopPerS!,
        1e-12,
      );
    }
    const once = eventsOf(second).filter(({ event }) => event === "startup" || event === "peak");
    const [row] = after.slice(2);
    assertEquals(
      once.map(({ event, ...fields }) => [event, ...Object.values(fields)]),
      [
        ["startup", row.startupMs, row.dataMs, row.compileMs, 1, "4,3", false],
        ["peak", row.peakGflopPerS, row.peakGbPerS],
      ],
    );
    for (const time of [row.startupMs, row.dataMs, row.compileMs]) assert(time! > 0);
    assert(row.peakMemoryBytes! > 2 ** 20);
  });
});

Deno.test("bench measures three and nine layers by default", async () => {
  await inDirectory(async (out) => {
    const args = ["--quick", "--data", "synthetic", "--variant", VARIANT];
    const { status, errors } = await bench(out, [
      ...[...args, "--steps", "1", "--repeat", "1", "--networks", "1"],
    ]);
    assertEquals(status, 0, errors);
    assertEquals((await rowsIn(out)).map(({ hidden }) => hidden), [
      "50,50",
      "50,30,20,20,10,10,10,10",
    ]);
  });
});

Deno.test("bench compares with earlier runs, and exits with 3 only when it got worse", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--networks", "1", "--repeat", "1", "--compare"];
    const first = await bench(out, args);
    assertEquals(first.status, 0, first.errors);
    assertMatch(first.errors, /^Nothing to compare with yet for 2 of 2 times: .*there are 0$/m);
    const [row] = await rowsIn(out);

    /** Compares with runs that took so many times as long. */
    async function compare(factor: number, more: readonly string[] = []): Promise<Ended> {
      const earlier = {
        ...row,
        msPerStep: factor * row.msPerStep,
        evaluationMs: factor * row.evaluationMs!,
      };
      await Deno.writeTextFile(`${out}/bench.csv`, BENCH_CSV.encode([earlier, earlier, earlier]));
      const ended = await bench(out, [...args, ...more]);
      assertEquals((await rowsIn(out)).length, 4);
      return ended;
    }

    const worse = await compare(0.001);
    assertEquals(worse.status, 3, worse.errors);
    const sentences = worse.errors.split("\n").filter((text) => text.startsWith("Worse: "));
    assertEquals(sentences.length, 2);
    const end = "% more than the median of the last 3 runs, .* ms; 10.0 % is allowed$";
    const networks = "1 network \\(hidden 4,3, batch norm on\\)";
    assertMatch(sentences[0], new RegExp(`^Worse: a step of ${networks} takes .* ms, .* ${end}`));
    assertMatch(sentences[1], new RegExp(`^Worse: an evaluation of ${networks} .* ${end}`));

    const better = await compare(1000, ["--json"]);
    assertEquals(better.status, 0, better.errors);
    assertMatch(better.errors, /^None of 2 times is worse than those of earlier runs$/m);
    assertEquals(
      eventsOf(better).filter(({ event }) => event === "regression")
        .map(({ figure, runs, worse, networks }) => [figure, runs, worse, networks]),
      [["ms_per_step", 3, false, 1], ["evaluation_ms", 3, false, 1]],
    );
    const tolerated = await compare(0.001, ["--worse-by", "1e9"]);
    assertEquals(tolerated.status, 0, tolerated.errors);
  });
});

Deno.test("bench appends to what version 0.1.0 wrote", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--networks", "1", "--repeat", "1"];
    assertEquals((await bench(out, args)).status, 0);
    const [row] = await rowsIn(out);
    // No cell before the later ones has a comma in it but the widths, which are quoted.
    const cut = (line: string) =>
      line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).slice(0, FIRST_COLUMNS).join(",");
    const text = await Deno.readTextFile(`${out}/bench.csv`);
    await Deno.writeTextFile(`${out}/bench.csv`, text.trimEnd().split("\n").map(cut).join("\n"));

    const { status, errors } = await bench(out, args);
    assertEquals(status, 0, errors);
    const [old, added] = await rowsIn(out);
    assertEquals([old.msPerStep, old.evaluationMs, old.repeat], [row.msPerStep, null, null]);
    assert(added.evaluationMs! > 0);
  });
});

Deno.test("bench measures peers beside each of its rows, and looks at peers.csv before it measures", async () => {
  await inDirectory(async (out) => {
    const line = { peer: "stub", version: "1", mode: "cpu", ms_per_step: 1000, steps: 3 };
    const peers: Peer[] = [
      { name: "stub", command: () => ["sh", "-c", `echo '${JSON.stringify(line)}'`] },
      { name: "gone", command: () => ["no-such-program-anywhere"] },
    ];
    const run = (args: readonly string[]) =>
      runInProcess(
        (args, context) => main(args, context, { peers }),
        [...SMALL, "--networks", "1,3", "--repeat", "1", "--peers", ...args, "--out", out],
      );
    const first = await run(["--json", "--peer-rounds", "2", "--batch-norm", "off"]);
    assertEquals(first.status, 0, first.errors);
    assertMatch(first.errors, /^gone is left out: there is no no-such-program-anywhere$/m);
    const events = eventsOf(first).filter(({ event }) => event === "peer");
    assertEquals(
      events.map(({ peer, rounds, networks, hidden, batch_norm, batch }) => [
        ...[peer, rounds, networks, hidden, batch_norm, batch],
      ]),
      [["stub", 2, 1, "4,3", false, 100], ["stub", 2, 3, "4,3", false, 100]],
    );
    for (const { ratio, own_ms_per_step } of events) {
      // Of a thousand milliseconds it takes a few.
      assert(own_ms_per_step as number > 0 && ratio as number > 1, JSON.stringify(ratio));
    }
    const rows = await Deno.readTextFile(`${out}/peers.csv`);
    assertEquals(rows.trimEnd().split("\n").length, 5);

    await Deno.writeTextFile(`${out}/peers.csv`, rows.replace(",1000,3,", ",1000,three,"));
    const before = await filesIn(out);
    const second = await run([]);
    assertEquals(second.status, 2);
    assertMatch(second.errors, /^error: Cannot read .*peers.csv, line 2, column steps: /m);
    assertEquals(await filesIn(out), before);

    assertEquals((await run(["--force", "--peer-rounds", "1"])).status, 0);
    const third = await Deno.readTextFile(`${out}/peers.csv`);
    assertEquals(third.trimEnd().split("\n").length, 3);
  });
});

Deno.test("bench refuses --peers without permission to start programs, and peers has it", async () => {
  await inDirectory(async (out) => {
    const run = (task: string, args: readonly string[]) => runTask(task, [...args, "--out", out]);
    const refused = await run("bench", ["--quick", "--peers"]);
    assertEquals([refused.status, refused.output], [2, ""]);
    assertEquals(
      refused.errors,
      "error: --peers expects permission to start other programs, which this task does not have: " +
        "`deno task peers` has it, with the same options\n",
    );
    assertEquals(await exists(out), false);
    // Refused for its value only: whether programs may be started was checked before.
    const allowed = await run("peers", ["--networks", "70000"]);
    assertEquals(allowed.errors, "error: --networks expects at most 65535, not 70000\n");
  });
});

Deno.test("measure() adds steps until a measurement takes long enough, and measures each kind in turn", async () => {
  const gpu = await Gpu.request();
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 8 }));
  const plan: Plan = { hidden: [3], batchNorm: true, batch: 10, networks: 1, variant: VARIANT };
  const loads = [plan, { ...plan, networks: 2 }].map((plan): Load => ({
    plan,
    steps: 1,
    splits: ["validation"],
  }));
  const turns: [round: number, networks: number][] = [];
  const measurements = await measure(gpu, data, {
    loads,
    seed: 1,
    repeat: 2,
    min: 300, // A step takes less than a hundredth of that, unless the machine is very busy.
    signal: new AbortController().signal,
    onMeasurement: (round, { networks }) => turns.push([round, networks]),
  });
  assertEquals(turns, [[0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [2, 2]]);
  for (const { steps, step, evaluation } of measurements) {
    assert(steps > 1, String(steps));
    for (const { min, median, max } of [step, evaluation]) {
      assert(0 < min && min <= median && median <= max);
    }
  }
  data.destroy();
  gpu.destroy();
});

Deno.test("bench refuses a damaged bench.csv and names the line, and starts over when forced", async () => {
  await inDirectory(async (out) => {
    assertEquals((await bench(out, [...SMALL, "--repeat", "1"])).status, 0);
    const path = `${out}/bench.csv`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace(",100,2,", ",100,two,"));
    const before = await filesIn(out);
    const { status, errors } = await bench(out, SMALL);
    assertEquals(status, 2);
    assert(
      errors.includes(`error: Cannot read ${path}, line 2, column steps: it is "two"`),
      errors,
    );
    assertEquals(await filesIn(out), before);

    assertEquals((await bench(out, [...SMALL, "--networks", "1", "--force"])).status, 0);
    assertEquals((await rowsIn(out)).length, 1);
  });
});

Deno.test("bench refuses a pipe in place of bench.csv or peers.csv, and does not wait", async () => {
  for (const name of ["bench.csv", "peers.csv"]) {
    await inDirectory(async (out) => {
      await Deno.mkdir(out);
      await putPipe(`${out}/${name}`);
      const { status, errors } = await bench(out, [...SMALL, "--peers"]);
      assertEquals(status, 2);
      assertMatch(errors, new RegExp(`error: Cannot read ${out}/${name}: it is a pipe`));
    });
  }
});

Deno.test("bench refuses bad input in one sentence, and writes nothing", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [["--networks", "0"], /^error: --networks expects whole numbers from 1/],
    [["--networks", "1,70000"], /^error: --networks expects at most 65535, not 70000$/],
    [
      ["--networks", "60000", "--batch", "9"],
      /^error: --hidden 50,50 .*and 60000 networks: .*at most/,
    ],
    [["--hidden", "1000000"], /^error: --hidden 1000000 with --batch 100: .*at most/],
    [["--batch", "1"], /^error: --batch expects at least 2 with batch normalisation, not 1/],
    [["--batch", "2001"], /^error: --batch expects at most 2000/],
    [["--steps", "0"], /^error: --steps expects a whole number from 1/],
    [["--worse-by", "-1"], /^error: --worse-by expects 0 or a number from 1.2e-38/],
    [["--peer-rounds", "0"], /^error: --peer-rounds expects a whole number from 1/],
    [["--repeat", "x"], /^error: --repeat expects a whole number from 1/],
    [["--lambda", "1"], /^error: bench has no option --lambda/],
    [["--variant", "unrolled"], /^error: .*"unrolled".*per-operation$/],
  ];
  for (const [args, sentence] of cases) {
    await inDirectory(async (out) => {
      const { status, output, errors } = await bench(
        out,
        ["--quick", "--data", "synthetic", ...args],
      );
      const said = errors.trim().split("\n").filter((line) => !/^(Adapter|Data): /.test(line));
      assertEquals([status, output, said.length], [2, "", 1], errors);
      assertMatch(said[0], sentence);
      assertEquals(await exists(out), false, args.join(" "));
    });
  }
});

Deno.test("bench refuses a file in place of the directory", async () => {
  await inDirectory(async (out) => {
    await Deno.writeTextFile(out, "a file");
    const { status, errors } = await bench(out, SMALL);
    assertEquals(status, 2);
    assertMatch(errors, /error: --out expects a directory, and .* is or goes through a file/);
  });
});

Deno.test("bench writes nothing when it is interrupted", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    context.abort(new StoppedError("SIGINT"));
    assertEquals(await runMain(main, { args: [...SMALL, "--out", out], context }), 75);
    assertEquals(await exists(out), false);
  });
});

Deno.test("bench refuses a software adapter when a GPU is required", async () => {
  await inDirectory(async (out) => {
    const { status, errors } = await bench(out, [...SMALL, "--repeat", "1", "--require-gpu"]);
    const software = errors.split("\n")[0].endsWith(", software");
    assertEquals([status, await exists(out)], software ? [1, false] : [0, true]);
  });
});

Deno.test("bench says what to install where there is no adapter", async () => {
  await inDirectory(async (out) => {
    const { status, errors } = await runWithoutAdapter("bench", ["--out", out]);
    assertEquals([status, await exists(out)], [1, false]);
    assertMatch(errors, /^error: No GPU adapter was found: install /m);
  });
});

Deno.test("operationsPerStep() counts forward, weight gradient and, but in the first layer, input gradient", () => {
  const architecture = { inputs: 7, hidden: [5, 3], classes: 2, batchNorm: true };
  const firstLayer = 2 * (2 * 10 * 7 * 5);
  assertEquals(operationsPerStep(architecture, 10), firstLayer + 3 * (2 * 10 * (5 * 3 + 3 * 2)));
  const report = { inputs: 3072, hidden: [50, 50], classes: 10, batchNorm: true };
  assertEquals(operationsPerStep(report, 100), 63_240_000);
});

Deno.test("currentCommit() reads a branch, a packed branch, and a commit without a branch", async () => {
  const [loose, packed] = ["1".repeat(40), "2".repeat(40)];
  await inDirectory(async (repository) => {
    await Deno.mkdir(`${repository}/refs/heads/topic`, { recursive: true });
    const head = (text: string) => Deno.writeTextFile(`${repository}/HEAD`, text);
    await head("ref: refs/heads/topic/speed\n");
    assertEquals(await currentCommit(repository), "");
    await Deno.writeTextFile(
      `${repository}/packed-refs`,
      `# pack-refs with: peeled\n${
        "3".repeat(40)
      } refs/heads/other\n${packed} refs/heads/topic/speed\n`,
    );
    assertEquals(await currentCommit(repository), packed);
    await Deno.writeTextFile(`${repository}/refs/heads/topic/speed`, `${loose}\n`);
    assertEquals(await currentCommit(repository), loose);
    await head(`${packed}\n`);
    assertEquals(await currentCommit(repository), packed);
  });
  await inDirectory(async (repository) => {
    await Deno.mkdir(repository);
    await putPipe(`${repository}/HEAD`);
    assertEquals(await currentCommit(repository), "");
  });
  assertEquals(await currentCommit(fromFileUrl(new URL("nowhere", import.meta.url))), "");
});
