import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import type { TaskContext } from "../../tasks/_kit/context.ts";
import { Figures } from "../../tasks/_kit/figures.ts";
import { EXIT, FigureError, runMain } from "../../tasks/_kit/main.ts";
import { main as baseline } from "../../tasks/baseline.ts";
import { main as bench } from "../../tasks/bench.ts";
import { main as findLr } from "../../tasks/find_lr.ts";
import { main as initSensitivity } from "../../tasks/init_sensitivity.ts";
import { main as lambdaSearch } from "../../tasks/lambda_search.ts";
import { main as scaling } from "../../tasks/scaling.ts";
import { CapturedContext } from "../_context.ts";
import { filesIn, inDirectory, runInProcess } from "../_tasks.ts";

/** A context that puts a folder in the place of a figure as soon as results are begun there. */
class ObstructedContext extends CapturedContext {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    super();
    this.#paths = paths;
  }

  override stdout(text: string): void {
    this.#obstruct();
    super.stdout(text);
  }

  override stderr(text: string): void {
    this.#obstruct();
    super.stderr(text);
  }

  #obstruct(): void {
    for (const path of this.#paths) {
      try {
        Deno.statSync(join(dirname(path), "config.json"));
      } catch {
        continue;
      }
      Deno.mkdirSync(join(path, "in the way"), { recursive: true });
    }
  }
}

const COMMON = "--quick --data synthetic --batch 500 --hidden 5 --variant per-operation".split(" ");

/** A task that draws figures, and what it leaves behind. */
interface DrawingTask {
  readonly main: (args: readonly string[], context: TaskContext) => Promise<number>;
  readonly args: readonly string[];
  readonly figures: readonly string[];
  readonly results: readonly string[];
}

const TASKS: readonly DrawingTask[] = [
  {
    main: baseline,
    args: [...COMMON, "--half-cycle", "2", "--batch-norm", "both"],
    figures: ["hidden-5/metrics.svg", "hidden-5-batch-norm/metrics.svg"],
    results: ["hidden-5", "hidden-5-batch-norm"].flatMap((run) =>
      ["config.json", "finished.json", "metrics.csv", "model.safetensors", "summary.json"]
        .map((file) => `${run}/${file}`)
    ),
  },
  {
    main: initSensitivity,
    args: [...COMMON, "--half-cycle", "2", "--inits", "0.1", "--every", "1"],
    figures: ["sensitivity.svg"],
    results: ["config.json", "curves.csv", "finished.json", "summary.json"],
  },
  {
    main: lambdaSearch,
    args: [...COMMON, "--half-cycle", "2", "--coarse-count", "2", "--fine-count", "2"],
    figures: ["coarse.svg", "fine.svg", "confusion.svg", "final/metrics.svg"],
    results: [
      ...["best.csv", "config.json", "confusion.csv", "final/config.json", "final/metrics.csv"],
      ...["final/finished.json", "final/model.safetensors", "final/summary.json"],
      ...["finished.json", "summary.json", "trials.csv"],
    ],
  },
  {
    main: findLr,
    args: [...COMMON, "--batch-norm", "on", "--rates", "3"],
    figures: ["hidden-5-batch-norm/learning_rates.svg"],
    results: ["config.json", "finished.json", "learning_rates.csv", "summary.json"]
      .map((file) => `hidden-5-batch-norm/${file}`),
  },
  {
    main: scaling,
    args: "--quick --axes depth --rounds 1 --steps 2 --variant per-operation".split(" "),
    figures: ["scaling.svg"],
    results: ["config.json", "finished.json", "scaling.csv"],
  },
];

for (const { main, args, figures, results } of TASKS) {
  Deno.test(`${figures.join(", ")}: a figure that cannot be drawn loses no results, and is drawn later`, async () => {
    await inDirectory(async (out) => {
      const paths = figures.map((figure) => join(out, figure));
      const context = new ObstructedContext(paths);
      const command = [...args, "--out", out];
      assertEquals(await runMain(main, { args: command, context }), EXIT.failed, context.errors);
      const [, sentence] = context.errors.match(/(?:^|\n)error: (.*)\n$/)!;
      for (const path of paths) assert(sentence.includes(`Cannot draw ${path}: `), sentence);
      assertMatch(sentence, /The results are written, and the same command draws what is missing$/);
      assertMatch(context.output, /\nFiles: /);

      // The folder in the way is not taken for the figure.
      const still = await runInProcess(main, command);
      assertEquals(still.status, EXIT.failed, still.errors);
      assertMatch(still.errors, /\nerror: Cannot draw .* is a directory/);

      for (const path of paths) await Deno.remove(path, { recursive: true });
      const before = await filesIn(out);
      assertEquals([...before.keys()].sort(), [...results].sort());

      const again = await runInProcess(main, command);
      assertEquals(again.status, EXIT.done, again.errors);
      assertEquals(again.output, context.output);
      assertEquals(/Training|Measuring/.test(again.errors), false, again.errors);
      const after = await filesIn(out);
      assertEquals([...after.keys()].sort(), [...results, ...figures].sort());
      for (const [name, bytes] of before) {
        // That one now lists the figures.
        if (!name.endsWith("finished.json")) assertEquals(after.get(name), bytes, name);
      }

      const whole = await runInProcess(main, command);
      assertMatch(whole.errors, /nothing to do/);
      assertEquals(await filesIn(out), after);
    });
  });
}

for (const { main, args, figures, results } of TASKS.slice(0, 3)) {
  const last = results.filter((file) => file.endsWith("summary.json"));
  Deno.test(`${last.join(", ")}: results that cannot be written at the end are printed`, async () => {
    await inDirectory(async (out) => {
      const paths = last.map((file) => join(out, file));
      const context = new ObstructedContext(paths);
      const command = [...args, "--out", out];
      const profiled = [...command, "--profile"];
      assertEquals(await runMain(main, { args: profiled, context }), EXIT.failed, context.errors);
      assert(![...(await filesIn(out)).keys()].some((file) => file.includes("profile")));
      assertMatch(
        context.errors,
        /\nerror: .*summary\.json.* Some of what was printed is not in the files; run the same command again/,
      );
      assertMatch(context.output, /%/);
      assertMatch(context.output, /\nFiles: /);

      for (const path of paths) {
        await Deno.remove(path, { recursive: true }).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error; // The task had ended before it.
        });
      }
      const again = await runInProcess(main, command);
      assertEquals(again.status, EXIT.done, again.errors);
      assertEquals([...(await filesIn(out)).keys()].sort(), [...results, ...figures].sort());
    });
  });
}

Deno.test("baseline trains on while a figure is drawn", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const { workers } = context;
    const draw = workers.draw.bind(workers);
    // No figure is drawn before both networks are trained.
    const trained = async () => {
      while (!/^hidden-5-batch-norm \(quick\): 4 steps in/m.test(context.errors)) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    workers.draw = (name, input) => trained().then(() => draw(name, input));
    const args = [...COMMON, "--half-cycle", "2", "--batch-norm", "both", "--out", out];
    assertEquals(await runMain(baseline, { args, context }), EXIT.done, context.errors);
    for (const run of ["hidden-5", "hidden-5-batch-norm"]) {
      assertMatch(await Deno.readTextFile(`${out}/${run}/metrics.svg`), /^<svg /);
    }
  });
});

Deno.test("bench keeps and prints its rows when its figure cannot be written", async () => {
  await inDirectory(async (out) => {
    await Deno.mkdir(`${out}/trend.svg/in the way`, { recursive: true });
    const args = [...COMMON, "--networks", "1", "--steps", "2", "--repeat", "1", "--out", out];
    const { status, output, errors } = await runInProcess(bench, args);
    assertEquals(status, EXIT.failed, errors);
    assertMatch(errors, /\nerror: Cannot draw .*trend\.svg: /);
    assertMatch(output, /\nFiles: /);
    assertEquals((await Deno.readTextFile(`${out}/bench.csv`)).trim().split("\n").length, 2);
  });
});

Deno.test("Figures.drawn() waits for the others when one fails, and names those that failed", async () => {
  const written: string[] = [];
  const results = {
    directory: "out",
    write(name: string): Promise<void> {
      if (name === "full.svg") {
        throw new Error("No space left on device (os error 28): writefile 'out/full.svg'");
      }
      written.push(name);
      return Promise.resolve();
    },
  };
  const context = new CapturedContext();
  const figures = new Figures(context.workers);
  figures.add(results, "a.svg", () => Promise.resolve("<svg/>"));
  figures.add(results, "b.svg", () => Promise.reject(new RangeError("Maximum call stack")));
  figures.add(results, "full.svg", () => Promise.resolve("<svg/>"));
  figures.add(results, "c.svg", () => Promise.resolve("<svg/>"));
  const { signal } = context;
  const { message } = await assertRejects(() => figures.drawn(signal), FigureError);
  assertEquals(written, ["a.svg", "c.svg"]);
  assertEquals(
    message,
    "Cannot draw out/b.svg: Maximum call stack; Cannot draw out/full.svg: cannot write " +
      "'out/full.svg': no space left on device. The results are written, and the same command " +
      "draws what is missing",
  );
  // A second time there is nothing left to draw.
  await figures.drawn(signal);

  figures.add(
    results,
    "d.svg",
    (workers) =>
      workers.draw("drawRun", {
        rows: [],
        config: { task: "baseline", settings: {}, madeWith: {} },
      }),
  );
  context.abort(new Error("told to"));
  await assertRejects(() => figures.drawn(signal), Error, "told to");
  assertEquals(written, ["a.svg", "c.svg"]);
});
