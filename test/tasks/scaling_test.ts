import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { DataSet } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import type { ScalingRow } from "../../src/measure/scaling.ts";
import { SCALING_CSV } from "../../src/records/scaling.ts";
import { Figures } from "../../tasks/_kit/figures.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { openResults } from "../../tasks/_kit/results.ts";
import { scaleInto, SCALING_FILES, type ScalingOptions } from "../../tasks/_bench/scaling_run.ts";
import { VariantChooser } from "../../tasks/_run/variant.ts";
import { main } from "../../tasks/scaling.ts";
import { readFinished, writeFinished } from "../../tasks/_kit/finished.ts";
import { sha256 } from "../../tasks/_kit/sha256.ts";
import { CapturedContext } from "../_context.ts";
import { createRandomData } from "../_gpu.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "../_tasks.ts";

const FILES = ["config.json", "finished.json", "scaling.csv", "scaling.svg"];

/** One axis, measured for as short as can be. */
const SHORT = "--quick --axes depth --rounds 1 --steps 2".split(" ");

/** Measures into a directory. */
function scale(directory: string, args: readonly string[]): Promise<Ended> {
  return runInProcess(main, [...args, "--out", directory]);
}

/** The rows of a directory's `scaling.csv`. */
async function rowsIn(directory: string): Promise<ScalingRow[]> {
  const path = `${directory}/scaling.csv`;
  return SCALING_CSV.decode(await Deno.readTextFile(path), { name: path });
}

Deno.test("scaling measures each size of each axis, and draws them", async () => {
  await inDirectory(async (out) => {
    const args = "--quick --axes networks,batch --rounds 2 --steps 2 --variant per-operation"
      .split(" ");
    const { status, output, errors } = await scale(out, args);
    assertEquals(status, 0, errors);
    assertEquals([...(await filesIn(out)).keys()], FILES);

    const rows = await rowsIn(out);
    assertEquals(rows.map(({ axis, value, batch, networks }) => [axis, value, batch, networks]), [
      ["batch", 50, 50, 1],
      ["batch", 100, 100, 1],
      ["batch", 200, 200, 1],
      ["networks", 1, 100, 1],
      ["networks", 2, 100, 2],
      ["networks", 4, 100, 4],
    ]);
    for (const row of rows) {
      assert(row.min > 0 && row.min <= row.msPerStep && row.msPerStep <= row.max);
      // 2 · (2 · 3072 · 50 + 3 · (50 · 50 + 50 · 10)) operations for each image and network.
      assertAlmostEquals(row.mflop, 0.6324 * row.batch * row.networks, 1e-9);
      assertAlmostEquals(row.gflopPerS * row.msPerStep, row.mflop, 1e-9);
      assertEquals(
        [row.steps, row.variant, row.data, row.hidden],
        [2, "per-operation", "synthetic", "50,50"],
      );
    }
    const figure = await Deno.readTextFile(`${out}/scaling.svg`);
    const adapter = rows[0].adapter.replaceAll(" ", "\u00a0");
    for (const text of ["quick run", "Data: synthetic", adapter, "Images in a batch"]) {
      assert(figure.includes(text), text);
    }
    const lines = output.trimEnd().split("\n");
    assertEquals(lines[0], "synthetic, quick run on 2000 training images: not a result");
    assertEquals(lines.slice(2, 8).map((line) => line.split(/ +/).slice(0, 2)), [
      ...["50", "100", "200"].map((size) => ["batch", size]),
      ...["1", "2", "4"].map((size) => ["networks", size]),
    ]);
    assertMatch(lines[2], / 1\.00 /, "the first size is what the others are compared with");
    assertMatch(lines[8], /^(Cliff: |No cliff: )/);
    assertEquals(lines[lines.length - 1], `Files: ${out}`);
    assertMatch(errors, /^Measuring batch 50, 100, 200\nMeasuring networks 1, 2, 4$/m);
  });
});

Deno.test("scaling keeps what is finished, and refuses to replace it by results of other settings", async () => {
  await inDirectory(async (out) => {
    const first = await scale(out, [...SHORT, "--json"]);
    assertEquals(first.status, 0, first.errors);
    const before = await filesIn(out);
    const rows = await rowsIn(out);
    const results = rows.map((row) => ({
      event: "result",
      ...SCALING_CSV.cells(row),
      quick: true,
      out,
    }));
    assertEquals(eventsOf(first).filter(({ event }) => event === "result"), results);
    assertEquals(eventsOf(first).filter(({ event }) => event === "part"), [
      { event: "part", part: "depth", number: 1, parts: 1, values: [2, 3, 4], quick: true },
    ]);

    const again = await scale(out, [...SHORT, "--json"]);
    assertEquals(again.status, 0, again.errors);
    assertEquals(eventsOf(again).slice(2), [{ event: "finished_before", out }, ...results]);
    assertEquals(await filesIn(out), before);

    const other = await scale(out, [...SHORT.slice(0, -1), "3"]);
    assertEquals(other.status, 2);
    assertMatch(other.errors, /error: --out .* holds results of other settings \(steps 2 there, 3/);
    assertEquals(await filesIn(out), before);

    const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
    assertEquals(config.settings.adapter, rows[0].adapter);
    config.settings.adapter = "another";
    await Deno.writeTextFile(`${out}/config.json`, JSON.stringify(config));
    assertMatch((await scale(out, SHORT)).errors, /other settings \(adapter another there, /);
  });
});

/** Replaces the rows of finished results as if they had been measured. */
async function replaceRows(out: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${out}/scaling.csv`, text);
  await writeFinished(out, { ...await readFinished(out), "scaling.csv": await sha256(text) });
}

Deno.test("scaling names each cliff, and the line of a damaged table", async () => {
  await inDirectory(async (out) => {
    const first = await scale(out, SHORT);
    assertEquals(first.status, 0, first.errors);
    const path = `${out}/scaling.csv`;
    const text = await Deno.readTextFile(path);
    // The end of the line of depth 3.
    await replaceRows(out, text.replace(/^(depth,3,.*,)[\d.]*$/m, "$12.345"));
    const { status, output } = await scale(out, SHORT);
    assertEquals(status, 0);
    const [, row] = await rowsIn(out);
    const time = Number(row.msPerStep.toPrecision(3));
    assertMatch(output, /^depth +3 .* cliff$/m);
    const sentence =
      `Cliff: depth 3 takes ${time} ms a step, 2.3 times the trend of its neighbours`;
    assert(output.includes(sentence), output);

    await replaceRows(out, text.replace("depth,3,", "depth,three,"));
    const damaged = await scale(out, SHORT);
    assertEquals(damaged.status, 2);
    assert(
      damaged.errors.includes(`error: Cannot read ${path}, line 3, column value: it is "three"`),
      damaged.errors,
    );
  });
});

/** Measures small networks on images of 12 values, of which there are so many. */
async function scaleSmall(
  images: number,
  test: (run: {
    readonly context: CapturedContext;
    readonly scale: () => Promise<ScalingRow[]>;
    readonly out: string;
  }) => Promise<void>,
): Promise<void> {
  await inDirectory(async (out) => {
    const dataset: DataSet = await createRandomData({ inputs: 12, training: images });
    const gpu = await Gpu.request();
    const data = new DeviceDataSet(gpu, dataset);
    const context = new CapturedContext();
    const config: RunConfig = {
      task: "scaling",
      settings: { data: dataset.name },
      madeWith: { adapter: "an adapter" },
    };
    const options: ScalingOptions = {
      axes: ["batch", "depth"],
      rounds: 2,
      steps: 3,
      seed: 1,
      quick: true,
      json: true,
    };
    try {
      const results = await openResults(out, config, SCALING_FILES);
      const chooser = new VariantChooser({ gpu, data }, options);
      const figures = new Figures(context.workers);
      const run = async () => {
        const rows = await scaleInto(results, options, { gpu, data, chooser, context, figures });
        await figures.drawn(context.signal);
        return rows;
      };
      await test({ context, scale: run, out });
    } finally {
      data.destroy();
      gpu.destroy();
    }
  });
}

Deno.test("scaling names the sizes that do not fit, once each, and measures the others", async () => {
  await scaleSmall(110, async ({ context, scale, out }) => {
    const rows = await scale();
    assertEquals(rows.map(({ axis, value }) => [axis, value]), [
      ["batch", 50],
      ["batch", 100],
      ["depth", 2],
      ["depth", 3],
      ["depth", 4],
    ]);
    assertEquals(await rowsIn(out), rows);
    const message = "batch 200 is left out: --batch expects at most 110, " +
      "the number of training images, not 200";
    assertEquals(context.errors.match(/^warning: .*$/gm), [`warning: ${message}`]);
    assertEquals(context.events.filter(({ event }) => event === "warning"), [
      { event: "warning", message },
    ]);
  });
});

Deno.test("scaling fails when no size fits, and does not look finished", async () => {
  await scaleSmall(20, async ({ scale, out }) => {
    await assertRejects(scale, ArgumentError, "The adapter can hold none of the sizes");
    assertEquals(await exists(`${out}/scaling.svg`), false);
  });
});

Deno.test("scaling keeps the finished axes when it is interrupted, and does not look finished", async () => {
  await scaleSmall(200, async ({ context, scale, out }) => {
    const stderr = context.stderr.bind(context);
    context.stderr = (line) => {
      stderr(line);
      if (line.startsWith("Measuring depth")) context.abort(new StoppedError("SIGTERM"));
    };
    await assertRejects(scale, StoppedError);
    assertEquals((await rowsIn(out)).map(({ value }) => value), [50, 100, 200]);
    assertEquals(await exists(`${out}/scaling.svg`), false);
  });
});

Deno.test("scaling writes nothing when it is interrupted before it begins", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    context.abort(new StoppedError("SIGINT"));
    assertEquals(await runMain(main, { args: [...SHORT, "--out", out], context }), 75);
    assertEquals(await exists(out), false);
  });
});

Deno.test("scaling refuses bad input in one sentence, and writes nothing", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [
      ["--axes", "height"],
      /^error: --axes expects some of batch, width, depth and networks, each once, separated by commas,/,
    ],
    [["--axes", "batch,batch"], /^error: --axes expects some of batch, width/],
    [["--rounds", "0"], /^error: --rounds expects a whole number from 1/],
    [["--steps", "x"], /^error: --steps expects a whole number from 1/],
    [["--hidden", "50"], /^error: scaling has no option --hidden/],
    [["--variant", "unrolled"], /^error: .*"unrolled"/],
  ];
  for (const [args, sentence] of cases) {
    await inDirectory(async (out) => {
      const { status, output, errors } = await scale(out, ["--quick", ...args]);
      assertEquals([status, output, errors.trim().split("\n").length], [2, "", 1], errors);
      assertMatch(errors, sentence);
      assertEquals(await exists(out), false, args.join(" "));
    });
  }
});

Deno.test("scaling refuses a software adapter when a GPU is required", async () => {
  await inDirectory(async (out) => {
    const { status, errors } = await scale(out, [...SHORT, "--require-gpu"]);
    const software = errors.split("\n")[0].endsWith(", software");
    assertEquals([status, await exists(out)], software ? [1, false] : [0, true]);
  });
});

Deno.test("scaling says what to install where there is no adapter", async () => {
  await inDirectory(async (out) => {
    const { status, errors } = await runWithoutAdapter("scaling", ["--out", out]);
    assertEquals([status, await exists(out)], [1, false]);
    assertMatch(errors, /^error: No GPU adapter was found: install /m);
  });
});
