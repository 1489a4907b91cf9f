import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  equal,
} from "@std/assert";
import { ArgumentError, DataError, DeviceLostError, GpuError } from "../../src/errors.ts";
import { VARIANTS } from "../../src/programs/variants.ts";
import type { TaskContext } from "../../tasks/_kit/context.ts";
import { DivergedError } from "../../tasks/_kit/diverged.ts";
import { EXIT, FigureError, runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { type Rest, restOf, SharedData } from "../../tasks/_kit/with_data.ts";
import { type Experiment, EXPERIMENTS, main } from "../../tasks/reproduce.ts";
import { CapturedContext } from "../_context.ts";
import { sharedGpu } from "../_gpu.ts";
import { type Ended, eventsOf, exists, filesIn, inDirectory, runInProcess } from "../_tasks.ts";

/** What stand-ins for the experiments are told to do. */
interface StandIns {
  /** Called in place of an experiment's work on the GPU. */
  readonly work?: (name: string) => void;
  /** Called in place of the rest of its work; it returns the exit status. */
  readonly rest?: (name: string, args: readonly string[]) => number | Promise<number>;
  /** What the rest of an experiment does that takes a while. */
  readonly doing?: (name: string) => string | undefined;
  /** Called when an experiment is planned. */
  readonly refuse?: (args: readonly string[]) => void;
}

/** Runs the task with stand-ins for two experiments and the page; `calls` are theirs, `order` names reports, too. */
async function run(
  args: readonly string[],
  standIns: StandIns = {},
  context = new CapturedContext(),
): Promise<Ended & { calls: string[]; order: string[] }> {
  const { work, rest = () => EXIT.done, doing, refuse } = standIns;
  const calls: string[] = [];
  const order: string[] = [];
  const act = (name: string, args: readonly string[]) => {
    calls.push(`${name} ${args.join(" ")}`);
    order.push(name);
    work?.(name);
  };
  const begin = (name: string, args: readonly string[]): Rest => {
    act(name, args);
    const status = new Promise<number>((resolve) => resolve(rest(name, args)));
    const report = (ended: number) => {
      order.push(`report of ${name}`);
      return ended;
    };
    return restOf(status, report, doing?.(name));
  };
  const experiment = (name: string, trainings: Experiment["trainings"]): Experiment => ({
    name,
    trainings,
    plan: async (args) => {
      await Promise.resolve(refuse?.(args));
      return () => Promise.try(begin, name, args);
    },
  });
  const experiments = [
    experiment("first", { usual: 2, quick: 1 }),
    experiment("second", { usual: 1, quick: 0 }),
  ];
  const reproduce = (args: readonly string[], context: TaskContext) =>
    main(args, context, {
      experiments,
      report: (args) => {
        act("page", args);
        return Promise.resolve(EXIT.done);
      },
    });
  const status = await runMain(reproduce, { args, context });
  return { status, output: context.output, errors: context.errors, calls, order };
}

Deno.test("reproduce runs every experiment for a seed, then the page, then the next seed", async () => {
  const { status, output, errors, calls, order } = await run(["--seeds", "2", "--seed", "7"]);
  assertEquals(status, EXIT.done);
  assertEquals(calls, [
    "first --seed 7 --out out/reproduce/first/seed-7",
    "second --seed 7 --out out/reproduce/second/seed-7",
    "page --out out/reproduce",
    "first --seed 8 --out out/reproduce/first/seed-8",
    "second --seed 8 --out out/reproduce/second/seed-8",
    "page --out out/reproduce",
  ]);
  const each = ["first", "second", "report of first", "report of second", "page"];
  assertEquals(order, [...each, ...each]);
  assertEquals(output, "");
  const [adapter, ...lines] = errors.trimEnd().split("\n");
  assertMatch(adapter, /^Adapter: .*(software|hardware)$/);
  assertEquals(lines, [
    "2 seeds, 4 parts, 6 trainings; finished parts are kept",
    "Part 1 of 4: first, seed 7",
    "Part 2 of 4: second, seed 7",
    "Part 3 of 4: first, seed 8",
    "Part 4 of 4: second, seed 8",
  ]);
});

Deno.test("reproduce passes the options of every task on to its parts", async () => {
  const options = ["--data", "synthetic", "--variant", VARIANTS[0], "--quick", "--force", "--json"];
  const ended = await run([...options, "--out", "a b"]);
  const { calls, errors } = ended;
  const common = `--data synthetic --variant ${VARIANTS[0]} --quick --force --json`;
  assertEquals(calls, [
    `first --seed 1 --out a b/first/seed-1 ${common}`,
    `second --seed 1 --out a b/second/seed-1 ${common}`,
    "page --out a b --json",
  ], errors);
  const [, ...events] = eventsOf(ended);
  assertEquals(
    events.map(({ event, quick }) => [event, quick]),
    [["part", true], ["part", true], ["done", true]],
  );
});

Deno.test("reproduce passes --profile on to the parts that train", async () => {
  const { calls, errors } = await run(["--profile", "--seeds", "1"]);
  assertEquals(calls, [
    "first --seed 1 --out out/reproduce/first/seed-1 --profile",
    "second --seed 1 --out out/reproduce/second/seed-1 --profile",
    "page --out out/reproduce",
  ], errors);
  const [{ name, trainings }] = EXPERIMENTS;
  assertEquals([name, trainings.usual], ["gradient-check", 0]);
  const untrained: Experiment["plan"] = (args) => {
    assertEquals(args.includes("--profile"), false);
    return Promise.resolve(() =>
      Promise.resolve(restOf(Promise.resolve(EXIT.done), (status) => status))
    );
  };
  const context = new CapturedContext();
  const status = await main(["--profile", "--seeds", "1"], context, {
    experiments: [{ name, trainings, plan: untrained }],
    report: () => Promise.resolve(EXIT.done),
  });
  assertEquals(status, EXIT.done);
});

Deno.test("reproduce writes an event for every part with --json", async () => {
  const fallsShort = (name: string) => name === "second" ? EXIT.checkFailed : EXIT.done;
  const ended = await run(["--json", "--seeds", "1"], { rest: fallsShort });
  const [adapter, ...events] = eventsOf(ended);
  assertEquals(adapter.event, "adapter");
  assertEquals(events, [
    { event: "part", part: "first", seed: 1, number: 1, parts: 2 },
    { event: "part", part: "second", seed: 1, number: 2, parts: 2 },
    { event: "done", parts: 2, fell_short: ["second, seed 1"] },
  ]);
});

Deno.test("reproduce continues after a part whose check failed, names it and ends with 3", async () => {
  const { status, errors, calls } = await run(["--seeds", "2"], {
    rest: (_, args) => args.at(-1)!.endsWith("first/seed-1") ? EXIT.checkFailed : EXIT.done,
  });
  assertEquals(status, EXIT.checkFailed);
  assertEquals(calls.length, 6);
  assert(errors.endsWith("\nCheck failed: first, seed 1\n"), errors);
});

Deno.test("reproduce continues after a part whose networks diverged, says so again at the end, and ends with 1", async () => {
  const lost = () => {
    throw new DivergedError("9-layer diverged at step 3: expected less");
  };
  const isFirst = (args: readonly string[]) => args.at(-1)!.endsWith("first/seed-1");
  // When it reports its results, and on the GPU already, as a search all of whose networks diverged.
  for (
    const standIns of [
      { rest: (_: string, args: readonly string[]) => isFirst(args) ? lost() : EXIT.checkFailed },
      {
        work: (name: string) => name === "first" ? lost() : undefined,
        rest: () => EXIT.checkFailed,
      },
    ]
  ) {
    const { status, errors, calls } = await run(["--seeds", "1"], standIns);
    assertEquals(status, EXIT.failed, errors);
    assertEquals(calls.map((call) => call.split(" ")[0]), ["first", "second", "page"]);
    const sentence = "first, seed 1: 9-layer diverged at step 3: expected less";
    assertEquals(errors.trimEnd().split("\n").slice(-3), [
      sentence,
      "Check failed: second, seed 1",
      `error: ${sentence}`,
    ]);
  }
});

Deno.test("reproduce continues after figures that cannot be drawn, and ends with 1", async () => {
  const { status, errors, calls } = await run(["--seeds", "2"], {
    rest: (_, args) => {
      if (!args.at(-1)!.endsWith("seed-1")) return EXIT.done;
      throw new FigureError("Cannot draw metrics.svg: no space left on device");
    },
  });
  assertEquals(status, EXIT.failed);
  assertEquals(calls.length, 6);
  assert(
    errors.endsWith("\nerror: Cannot draw metrics.svg: no space left on device\n"),
    errors,
  );
});

Deno.test("reproduce says what is left to do while the others train, and when its results follow", async () => {
  const doing = (name: string) => name === "first" ? "counting" : undefined;
  const ended = await run(["--seeds", "1", "--json"], { doing });
  assertEquals(ended.status, EXIT.done);
  assertEquals(ended.errors.trimEnd().split("\n").slice(2), [
    "Part 1 of 2: first, seed 1",
    "first, seed 1: counting while the others train",
    "Part 2 of 2: second, seed 1",
    "Results of part 1: first, seed 1",
  ]);
  const place = { seed: 1, parts: 2 };
  assertEquals(eventsOf(ended).slice(1), [
    { event: "part", part: "first", number: 1, ...place },
    { event: "part", part: "second", number: 2, ...place },
    { event: "part_results", part: "first", number: 1, ...place },
    { event: "done", parts: 2, fell_short: [] },
  ]);
});

Deno.test("reproduce finishes what needs no GPU when a part fails, and reports nothing of it", async () => {
  const counted = Promise.withResolvers<number>();
  let over = false;
  const { status, order } = await run(["--seeds", "1"], {
    work: (name) => {
      if (name !== "second") return;
      setTimeout(() => {
        over = true;
        counted.resolve(EXIT.done);
      });
      throw new DeviceLostError("the device was lost");
    },
    rest: () => counted.promise,
  });
  assertEquals([status, over], [EXIT.tryAgain, true]);
  assertEquals(order, ["first", "second"]);
});

Deno.test("reproduce stops after a seed when the rest of a part fails", async () => {
  const ends: { rest: () => number; status: number }[] = [
    { rest: () => EXIT.tryAgain, status: EXIT.tryAgain },
    {
      rest: () => {
        throw new DataError("damaged");
      },
      status: EXIT.refused,
    },
  ];
  for (const { rest, status } of ends) {
    const ended = await run(["--seeds", "2"], { rest });
    assertEquals(ended.status, status, ended.errors);
    assertEquals(ended.calls.map((call) => call.split(" ")[0]), ["first", "second"]);
  }
});

Deno.test("reproduce stops at once when the device is lost, a part fails or it is interrupted", async () => {
  const context = new CapturedContext();
  const stops: { work: () => void; status: number; context?: CapturedContext }[] = [
    {
      work: () => {
        throw new DeviceLostError("the device was lost");
      },
      status: EXIT.tryAgain,
    },
    {
      work: () => {
        throw new GpuError("the device refused");
      },
      status: EXIT.failed,
    },
    {
      work: () => context.abort(new StoppedError("SIGTERM")),
      context,
      status: EXIT.tryAgain,
    },
  ];
  for (const { work, status, context } of stops) {
    const ended = await run([], { work }, context);
    assertEquals(ended.status, status, ended.errors);
    assertEquals(ended.calls, ["first --seed 1 --out out/reproduce/first/seed-1"]);
  }
});

Deno.test("reproduce --retry-lost keeps what was being compared when the device was lost", async () => {
  await inDirectory(async (out) => {
    let attempts = 0;
    const losing: Experiment = {
      name: "losing",
      trainings: { usual: 1, quick: 1 },
      plan: () =>
        Promise.resolve(() =>
          attempts++ === 0
            ? Promise.reject(new DeviceLostError("The GPU device was lost: no reason given"))
            : Promise.resolve(restOf(Promise.resolve(), () => EXIT.done))
        ),
    };
    const experiments = [EXPERIMENTS[0], losing];
    const report = () => Promise.resolve(EXIT.done);
    const context = new CapturedContext();
    const args = ["--quick", "--data", "synthetic", "--retry-lost", "1", "--out", out];
    const status = await runMain(
      (args, context) => main(args, context, { experiments, report }),
      { args, context },
    );
    assertEquals([status, attempts], [EXIT.done, 2], context.errors);
    assertMatch(context.errors, /no reason given; requesting it again \(attempt 1 of 1\)$/m);
    const part = `${out}/gradient-check/seed-1`;
    assert(context.errors.includes(`\n${part} holds the finished results`), context.errors);
    assertEquals(await exists(`${part}/.lock`), false);
  });
});

Deno.test("reproduce checks every part before any of them begins", async () => {
  const { status, errors, calls } = await run([], {
    refuse: (args) => {
      if (args.at(-1)!.endsWith("second/seed-3")) throw new ArgumentError("not this one");
    },
  });
  assertEquals(status, EXIT.refused);
  assertEquals(calls, []);
  assert(errors.endsWith("\nerror: not this one\n"), errors);
});

Deno.test("reproduce refuses seeds beyond the last one, and bad counts", async () => {
  const cases: [args: string[], sentence: RegExp][] = [
    [
      ["--seeds", "3", "--seed", "4294967294"],
      /--seeds expects at most 2 from --seed 4294967294 on/,
    ],
    [["--seeds", "0"], /--seeds expects a whole number from 1/],
    [["--seeds", "2147483647"], /--seeds expects a whole number from 1 to 10000, not "2147483647"/],
    [["--seeds", "1.5"], /--seeds expects a whole number/],
    [["--seed", "4294967296"], /--seed expects a whole number/],
    [["--variant", "nope"], /nope/],
    [["--lambda", "1"], /reproduce has no option --lambda/],
  ];
  for (const [args, sentence] of cases) {
    const { status, errors, calls } = await run(args);
    assertEquals([status, calls], [EXIT.refused, []]);
    assertMatch(errors, sentence);
  }
  const last = await run(["--seeds", "2", "--seed", "4294967294"]);
  assertEquals(last.status, EXIT.done);
});

/** The experiments themselves, with fewer steps than `--quick` makes. */
const SHORT: readonly Experiment[] = EXPERIMENTS.map(({ name, trainings, plan }) => ({
  name,
  trainings,
  plan: (args, shared) =>
    plan(name === "gradient-check" ? args : [...args, "--half-cycle", "5"], shared),
}));

/** Runs every experiment for one seed, and the report. */
function reproduceShort(out: string): Promise<Ended> {
  return runInProcess(
    (args, context) => main(args, context, { experiments: SHORT }),
    ["--quick", "--data", "synthetic", "--out", out],
  );
}

Deno.test("reproduce --quick runs every part once, and keeps what is finished", async () => {
  await inDirectory(async (out) => {
    const first = await reproduceShort(out);
    assertEquals(first.status, EXIT.done, first.errors);
    const files = await filesIn(out);
    for (
      const name of [
        "gradient-check/seed-1/gradient_check.csv",
        "baseline/seed-1/3-layer/metrics.csv",
        "baseline/seed-1/9-layer-batch-norm/metrics.svg",
        "lambda-search/seed-1/trials.csv",
        "lambda-search/seed-1/final/model.safetensors",
        "lambda-search/seed-1/confusion.svg",
        "init-sensitivity/seed-1/curves.csv",
        "init-sensitivity/seed-1/sensitivity.svg",
        "report.html",
      ]
    ) assert(files.has(name), `expected ${name} among ${[...files.keys()].join(", ")}`);
    assertEquals(first.errors.match(/^Part .*$/gm), [
      "Part 1 of 4: gradient-check, seed 1",
      "Part 2 of 4: baseline, seed 1",
      "Part 3 of 4: lambda-search, seed 1",
      "Part 4 of 4: init-sensitivity, seed 1",
    ]);
    // Each names device and data as it does alone.
    for (const line of [/^Adapter: .*$/gm, /^Data: the built-in synthetic set; .*$/gm]) {
      assertEquals(first.errors.match(line)?.length, line.source.startsWith("^A") ? 5 : 4);
    }
    assertMatch(first.errors, /^1 seed, 4 parts, 17 trainings \(quick\);/m);
    assertEquals(trainingsIn(files), 17);
    // The page draws figures as the experiments have drawn them.
    assertMatch(first.errors, /^Figures: 9, 0 redrawn$/m);

    const again = await reproduceShort(out);
    assertEquals(again.status, EXIT.done, again.errors);
    assertEquals(again.errors.match(/holds the finished results/g)?.length, 7, again.errors);
    const after = await filesIn(out);
    assertEquals([...after.keys()], [...files.keys()]);
    const changed = [...files].filter(([name, bytes]) => !equal(bytes, after.get(name)));
    assertEquals(changed.map(([name]) => name), []);
  });
});

/** How many networks were trained for the results that are there. */
function trainingsIn(files: ReadonlyMap<string, Uint8Array>): number {
  const rows = (path: string) => text(files, path).trim().split("\n").length - 1;
  const models = [...files.keys()].filter((path) => path.endsWith("/model.safetensors"));
  const { runs } = JSON.parse(text(files, "init-sensitivity/seed-1/summary.json"));
  return models.length + rows("lambda-search/seed-1/trials.csv") + runs.length;
}

function text(files: ReadonlyMap<string, Uint8Array>, path: string): string {
  return new TextDecoder().decode(files.get(path));
}

Deno.test("every experiment of reproduce writes nothing when it is interrupted beforehand", async () => {
  await inDirectory(async (out) => {
    const shared = new SharedData(await sharedGpu());
    for (const { name, plan } of EXPERIMENTS) {
      const context = new CapturedContext();
      const reason = new StoppedError("SIGTERM");
      context.abort(reason);
      const args = ["--quick", "--data", "synthetic", "--out", `${out}/${name}`];
      const run = await plan(args, shared);
      const error = await assertRejects(() => run(context));
      assertStrictEquals(error, reason);
      assertEquals(await exists(`${out}/${name}`), false, name);
    }
    shared.destroy();
  });
});

Deno.test("reproduce begins with nothing when one of its folders holds results of other settings", async () => {
  await inDirectory(async (out) => {
    const folder = `${out}/init-sensitivity/seed-1`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/curves.csv`, "somebody else's\n");
    const { status, errors } = await reproduceShort(out);
    assertEquals(status, EXIT.refused, errors);
    assert(errors.includes(folder), errors);
    assertEquals([...(await filesIn(out)).keys()], ["init-sensitivity/seed-1/curves.csv"]);
    assertEquals(await exists(`${out}/baseline`), false);
  });
});
