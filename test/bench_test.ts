import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { benchFromCsv, type BenchRow } from "../src/records.ts";
import { currentCommit } from "../tasks/_commit.ts";
import { runMain, StoppedError } from "../tasks/_main.ts";
import { operationsPerStep } from "../tasks/_measure.ts";
import { main } from "../tasks/bench.ts";
import { CapturedContext } from "./_context.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "./_tasks.ts";

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

/** Measures into a directory. */
function bench(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

/** The rows of a directory's `bench.csv`. */
async function rowsIn(directory: string): Promise<BenchRow[]> {
  const path = `${directory}/bench.csv`;
  return benchFromCsv(await Deno.readTextFile(path), { name: path });
}

Deno.test("bench measures each number of networks, and appends to what is there", async () => {
  await inDirectory(async (out) => {
    const first = await bench(out, [...SMALL, "--networks", "1,3"]);
    assertEquals(first.status, 0, first.errors);
    const before = await rowsIn(out);
    assertEquals(before.map(({ networks }) => networks), [1, 3]);
    for (const row of before) {
      const { ms_per_step, steps_per_s, gflop_per_s, networks, date, ...rest } = row;
      assert(ms_per_step > 0);
      assertAlmostEquals(ms_per_step * steps_per_s, 1000, 1e-6);
      // 2 · 100 · (2 · 3072 · 4 + 3 · (4 · 3 + 3 · 10)) operations for each network.
      assertAlmostEquals(gflop_per_s * ms_per_step, networks * 4.9404, 1e-9);
      assertMatch(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assertEquals(
        [rest.data, rest.hidden, rest.batch_norm, rest.batch, rest.steps, rest.variant],
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
    assertEquals(after.slice(2).map(({ batch_norm }) => batch_norm), [false, true]);
    const results = eventsOf(second).filter(({ event }) => event === "result");
    assertEquals(results.length, 2);
    for (const [i, result] of results.entries()) {
      const { ms_per_step, networks, hidden, adapter } = after[2 + i];
      assertEquals(
        [result.ms_per_step, result.networks, result.hidden, result.adapter, result.quick],
        [ms_per_step, networks, hidden, adapter, true],
      );
      assert(result.ms_per_step_least as number <= ms_per_step);
      assert(result.ms_per_step_most as number >= ms_per_step);
      assert(result.evaluation_ms as number > 0);
    }
  });
});

Deno.test("bench refuses a damaged bench.csv and names the line, and begins anew when forced", async () => {
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

Deno.test("bench refuses bad input in one sentence, and writes nothing", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [["--networks", "0"], /^error: --networks expects whole numbers of at least 1/],
    [["--networks", "1,70000"], /^error: --networks expects at most 65535 of them, not 70000$/],
    [
      ["--networks", "2000", "--batch", "9"],
      /^error: --hidden 50,50 .*and 2000 networks: .*at most/,
    ],
    [["--hidden", "1000000"], /^error: --hidden 1000000 with --batch 100: .*at most/],
    [["--batch", "1"], /^error: --batch expects at least 2 with batch normalisation, not 1/],
    [["--batch", "2001"], /^error: --batch expects at most 2000/],
    [["--steps", "0"], /^error: --steps expects a whole number from 1/],
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

Deno.test("bench writes nothing when it is stopped", async () => {
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
  assertEquals(await currentCommit(fromFileUrl(new URL("nowhere", import.meta.url))), "");
});
