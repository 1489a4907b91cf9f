/**
 * The task `bench`: how fast training is on this machine's adapter, kept to be compared with other days.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { DeviceDataSet } from "../src/gpu/device_data.ts";
import { ArgumentError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/device.ts";
import { maximum } from "../src/lists.ts";
import { checkVariant } from "../src/programs/variants.ts";
import { type AdapterPeak, measureAdapterPeak } from "../src/measure/adapter_peak.ts";
import { PUBLISHED_HIDDEN } from "../src/model/published.ts";
import type { BenchRow } from "../src/records/metrics.ts";
import { compareWithEarlier } from "../src/measure/slowdown.ts";
import { timeUnit, unitsFor } from "../src/measure/timing.ts";
import { announceAdapter } from "./_kit/adapter.ts";
import { readBenchRows, writeBenchRows } from "./_bench/files.ts";
import { COMPARE_RULE, reportBench, reportComparisons } from "./_bench/report.ts";
import { describePlan, type Plan } from "./_kit/capacity.ts";
import { currentCommit } from "./_bench/commit.ts";
import type { TaskContext } from "./_kit/context.ts";
import { loadDataSet } from "./_kit/data.ts";
import { writeEvent } from "./_kit/events.ts";
import { Figures } from "./_kit/figures.ts";
import { helpText } from "./_kit/help.ts";
import { flag, integer, real, widths } from "./_kit/kinds.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  type Load,
  measure,
  measureCompiling,
  type Measurement,
  operationsPerStep,
  Runner,
} from "./_bench/measure.ts";
import {
  COMMON_OPTIONS,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { PeakMemory } from "./_bench/peak_memory.ts";
import { measurePeers, type Peer, type PeerRow, peersOf, readPeerRows } from "./_bench/peers.ts";
import { PROFILE_OPTION, profileInto } from "./_run/profile.ts";
import { QUICK_COUNTS } from "./_kit/quick.ts";
import { VariantChooser } from "./_run/variant.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_kit/version.ts";

const OPTIONS = {
  networks: widths({
    default: [1, 10, 20],
    help: "how many networks train together, one row for each",
  }),
  steps: integer({ min: 1, max: 1_000_000, default: 450, help: "steps in a measurement" }),
  repeat: integer({
    min: 1,
    max: 1000,
    default: 5,
    help: "measurements, of which the median counts",
  }),
  compare: flag({
    help:
      "exit with 3 when a time is worse than in earlier runs on the same adapter; the rows are " +
      "appended all the same",
  }),
  worseBy: real({
    min: 0,
    default: 0.1,
    help: "share by which a time may be longer than usual with --compare",
  }),
  ...PROFILE_OPTION,
  peers: flag({
    help:
      "measure the step of one network of 3 layers in TensorFlow.js and jax-js (from npm, on the " +
      "same adapter) and, where python3 has them, NumPy, PyTorch and JAX, too, each in turn with " +
      "ours: ratios, and peers.csv in --out, appended to",
  }),
  peerRounds: integer({
    min: 1,
    max: 100,
    default: 5,
    help: "how often each peer is measured, in turn with ours",
  }),
  hidden: TRAINING_OPTIONS.hidden,
  batchNorm: TRAINING_OPTIONS.batchNorm,
  batch: TRAINING_OPTIONS.batch,
  ...COMMON_OPTIONS,
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<typeof OPTIONS> = {
  name: "bench",
  summary: "Measures training: milliseconds a step (gathering the batch included, from the " +
    "beginning of the first to the end of the last by the GPU's own clock or, where it has none, by " +
    "the difference of two lengths, after one measurement to warm up), steps a second, GFLOP a second (2 · batch · Σ " +
    "in · out over the layers, times 3 for forward, weight and input gradient, or 2 in the first " +
    "layer) and their share of what the adapter does when it does nothing else, an evaluation of " +
    "50,000 images (scaled where fewer are used), the start, and memory. All kinds of networks " +
    "are measured in turn, several times. Appends a row for each kind to bench.csv in --out and " +
    `draws trend.svg from all rows; --force begins it anew. ${COMPARE_RULE}`,
  options: OPTIONS,
  quick: { networks: [1, 10], steps: 20, repeat: 2, peerRounds: 1 },
  defaultTexts: {
    hidden: PUBLISHED_HIDDEN.map((hidden) => hidden.join(",")).join(" and "),
    steps: "450, or as many more as take a second; on a software adapter 450 over the number of " +
      "networks",
  },
  check: checkOptions,
  examples: [
    { command: "deno task bench", purpose: "3 and 9 layers with batch norm" },
    {
      command: "deno task bench --networks 1,3,10 --hidden 50,50",
      purpose: "what training together saves",
    },
    { command: "deno task bench --peers", purpose: "beside other libraries on this machine" },
    {
      command: "deno task bench --require-gpu --json --compare",
      purpose: "for a scheduler",
    },
  ],
};

/** Networks are an axis of every dispatch, and that is how far an axis goes on any adapter. */
const MOST_NETWORKS = 65_535;

/** The fewest milliseconds of a measurement whose number of steps is left to the task. */
const MIN_MILLISECONDS = 1000;

/** What a run has in common, for all of its rows. */
interface Circumstances {
  readonly gpu: Gpu;
  readonly dataset: DataSet;
  readonly commit: string;
  readonly repeat: number;
  readonly startup: Startup;
  readonly peak: AdapterPeak;
  readonly memory: number;
}

/** What is measured, and on which kernels. */
type BenchPlan = Plan & { readonly variant: string };

/** Milliseconds until training goes. */
interface Startup {
  /** Until adapter and device answered. */
  readonly adapter: number;
  /** Loading the data, and putting what is trained on on the device. */
  readonly data: number;
  /** From making the first networks, compiling included, to the end of their first step. */
  readonly compile: number;
}

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write, and how to hear of being told to stop.
 * @param others Other peers than the project's own, which is how tests need neither network nor Python.
 * @returns The exit status.
 */
export async function main(
  args: readonly string[],
  context: TaskContext,
  others: { readonly peers?: readonly Peer[] } = {},
): Promise<number> {
  const { options, given } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  checkVariant(options.variant);
  const { json, quick, repeat, seed } = options;
  const { signal } = context;
  const began = performance.now();
  const gpu = await Gpu.request();
  const requested = performance.now();
  const memory = new PeakMemory();
  let data: DeviceDataSet | undefined;
  try {
    announceAdapter(context, gpu.adapter, options);
    const before = await readBenchRows(options);
    const peersBefore = options.peers ? await readPeerRows(options) : [];

    const loading = performance.now();
    const counts = quick ? QUICK_COUNTS : undefined;
    const dataset = await loadDataSet(options.data, context, { json, counts });
    memory.look();
    data = new DeviceDataSet(gpu, dataset);
    await data.part("training");
    await gpu.done();
    const loaded = performance.now();

    const shapes = plansOf(options, given.has("hidden") ? [options.hidden] : PUBLISHED_HIDDEN);
    const chooser = new VariantChooser(context, { gpu, data }, options);
    const plans: BenchPlan[] = [];
    for (const plan of shapes) {
      // Whoever measures wants the fastest, however short the measurement.
      const variant = await chooser.choose({ plan, steps: quick ? 0 : Infinity });
      plans.push({ ...plan, variant });
    }
    const fixed = quick || given.has("steps");
    const loads = plans.map((plan) => loadOf(plan, { options, gpu, exact: given.has("steps") }));
    const measurements = await measure(gpu, data, {
      ...{ loads, seed, repeat, signal },
      min: fixed ? 0 : MIN_MILLISECONDS,
      onMeasurement: (round, plan) => say(context, { round, repeat, plan, plans }),
    });
    context.progress("");
    memory.stop();
    const startup: Startup = {
      adapter: requested - began,
      data: loaded - loading,
      compile: await measureCompiling(dataset, { plan: plans[0], seed, signal }),
    };
    if (json) writeStartup(context, startup, plans[0]);
    const peak = await measureAdapterPeak(gpu, {
      signal,
      ...quick && { minMilliseconds: 50, repeat: 2 },
    });
    if (json) {
      writeEvent(context, "peak", { gflop_per_s: peak.gflopPerS, gb_per_s: peak.gbPerS });
    }

    const commit = await currentCommit(fromFileUrl(new URL("../.git", import.meta.url)));
    const circumstances: Circumstances = {
      ...{ gpu, dataset, commit, repeat, startup, peak },
      memory: memory.peak,
    };
    const rows = plans.map((plan, i) => makeRow(plan, measurements[i], circumstances));
    const figures = new Figures();
    await writeBenchRows([...before, ...rows], { ...options, figures });
    reportBench(context, rows, options);
    for (const plan of options.profile ? plans : []) {
      const name = describePlan(plan);
      const norm = plan.batchNorm ? "-batch-norm" : "";
      const file = `profile-${plan.hidden.length + 1}-layer${norm}-${plan.networks}.csv`;
      const path = join(options.out, file);
      await profileInto(context, { gpu, data }, { plan, name, path, json });
    }
    if (options.peers) {
      const { peers = peersOf(options) } = others;
      const own = { gpu, data, chooser, commit, options };
      await besidePeers(context, { ...own, peers, before: peersBefore });
    }
    const comparisons = options.compare ? compareWithEarlier(rows, before, options) : [];
    const worse = options.compare && reportComparisons(context, comparisons, options);
    await figures.draw(signal);
    return worse ? EXIT.checkFailed : EXIT.done;
  } finally {
    memory.stop();
    data?.destroy();
    gpu.destroy();
  }
}

/** The network that the peers train, too. */
const PEERS_NETWORK = { hidden: [50, 50], batchNorm: true, batch: 100, networks: 1 };

/** Measures other libraries in turn with ours. */
async function besidePeers(
  context: TaskContext,
  circumstances: {
    gpu: Gpu;
    data: DeviceDataSet;
    chooser: VariantChooser;
    commit: string;
    options: Options;
    peers: readonly Peer[];
    before: readonly PeerRow[];
  },
): Promise<void> {
  const { gpu, data, chooser, commit, options, peers, before } = circumstances;
  const { quick, peerRounds: rounds, out, json, seed } = options;
  const variant = await chooser.choose({ plan: PEERS_NETWORK, steps: quick ? 0 : Infinity });
  const plan = { ...PEERS_NETWORK, variant };
  const { signal } = context;
  const runner = await Runner.create(gpu, data, { plan, seed, signal });
  try {
    const milliseconds = quick ? 0 : MIN_MILLISECONDS;
    const { units } = await unitsFor(runner.steps, { min: quick ? 20 : 450, milliseconds });
    await measurePeers(context, {
      ...{ rounds, peers, before, commit, out, json, quick },
      adapter: gpu.adapter.description,
      own: () => timeUnit(runner.steps, units),
    });
  } finally {
    runner.destroy();
  }
}

/** Checks between options, and what their kinds leave open. */
function checkOptions({ batch, batchNorm, networks }: Options): void {
  if (batch === 1 && batchNorm !== "off") {
    throw new ArgumentError(
      "--batch expects at least 2 with batch normalisation, not 1: a single image has no deviation",
    );
  }
  const most = maximum(networks);
  if (most > MOST_NETWORKS) {
    throw new ArgumentError(`--networks expects at most ${MOST_NETWORKS} of them, not ${most}`);
  }
}

/** What is measured: each depth, with and without batch norm where both are asked for, each number of networks. */
function plansOf(
  { batchNorm, batch, networks }: Options,
  hiddens: readonly (readonly number[])[],
): Plan[] {
  const norms = batchNorm === "both" ? [false, true] : [batchNorm === "on"];
  return hiddens.flatMap((hidden) =>
    norms.flatMap((batchNorm) =>
      networks.map((networks) => ({ hidden, batchNorm, batch, networks }))
    )
  );
}

/** How much of it: less of what takes long on a software adapter. */
function loadOf(
  plan: Plan,
  { options, gpu, exact }: { options: Options; gpu: Gpu; exact: boolean },
): Load {
  const { steps } = options;
  if (!gpu.adapter.software || plan.networks === 1) {
    return { plan, steps, splits: ["training", "validation"] };
  }
  return {
    plan,
    steps: exact ? steps : Math.ceil(steps / plan.networks),
    splits: ["validation"],
  };
}

/** Says what is measured next: each measurement on a terminal, the beginning of each round elsewhere. */
function say(
  context: TaskContext,
  options: { round: number; repeat: number; plan: Plan; plans: readonly Plan[] },
): void {
  const { round, repeat, plan, plans } = options;
  const doing = round === 0 ? "Warming up" : `Measuring, round ${round} of ${repeat}`;
  if (context.isTerminal) {
    context.progress(`${doing}: ${describePlan(plan)}`);
  } else if (plan === plans[0]) context.stderr(doing);
}

function writeStartup(context: TaskContext, startup: Startup, plan: Plan): void {
  writeEvent(context, "startup", {
    startup_ms: startup.adapter,
    data_ms: startup.data,
    compile_ms: startup.compile,
    networks: plan.networks,
    hidden: plan.hidden.join(","),
    batch_norm: plan.batchNorm,
  });
}

function makeRow(
  { hidden, batchNorm, batch, networks, variant }: BenchPlan,
  { steps, step, evaluation }: Measurement,
  circumstances: Circumstances,
): BenchRow {
  const { gpu, dataset, commit, repeat, startup, peak, memory } = circumstances;
  const { inputs, classes } = dataset;
  const operations = networks * operationsPerStep({ inputs, hidden, classes, batchNorm }, batch);
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    commit,
    package_version: PACKAGE_VERSION,
    deno_version: DENO_VERSION,
    adapter: gpu.adapter.description,
    software: gpu.adapter.software,
    variant,
    data: dataset.name,
    networks,
    hidden: hidden.join(","),
    batch_norm: batchNorm,
    batch,
    steps,
    ms_per_step: step.median,
    steps_per_s: 1000 / step.median,
    gflop_per_s: operations / step.median / 1e6,
    repeat,
    ms_per_step_least: step.min,
    ms_per_step_most: step.max,
    evaluation_ms: evaluation.median,
    evaluation_ms_least: evaluation.min,
    evaluation_ms_most: evaluation.max,
    peak_gflop_per_s: peak.gflopPerS,
    peak_gb_per_s: peak.gbPerS,
    startup_ms: startup.adapter,
    data_ms: startup.data,
    compile_ms: startup.compile,
    peak_memory_bytes: memory,
  };
}

if (import.meta.main) await runTask(main);
