/**
 * Other libraries making the same training steps on the same machine, each in its own process and in turn with ours.
 */
import { fromFileUrl, join } from "@std/path";
import { ArgumentError } from "../../src/errors.ts";
import type { PeerRow } from "../../src/measure/bench.ts";
import { spreadOf } from "../../src/measure/spread.ts";
import type { PopulationPlan } from "../../src/model/shape.ts";
import { PEERS_CSV } from "../../src/records/bench.ts";
import { describePlan } from "../_kit/capacity.ts";
import { type Command, withLinkerVariables, withoutLinkerVariables } from "../_kit/children.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { printTable, short, spread } from "../_kit/table.ts";
import { appendRows, BENCH_FILES, dateNow } from "./files.ts";

/** What a peer measures: networks that train together, and the minimum number of steps to time. */
export interface PeerLoad {
  readonly plan: PopulationPlan;
  readonly steps: number;
}

/** A program that measures a library: it prints lines of JSON, with `peer`, `version`, `mode`, `ms_per_step` and `steps`. */
export interface Peer {
  readonly name: string;
  /** The program and its arguments, or undefined where it does not know such networks. */
  command(load: PeerLoad): Command | undefined;
}

/**
 * Checks that this process may start peers. Only the task `peers` may: a scheduler's measurements start no program.
 *
 * @throws {ArgumentError} When it may start neither Deno nor Python.
 */
export function checkMayStart(): void {
  const programs = [Deno.execPath(), "python3"];
  // Asked for one by one, since Deno grants a list of programs without granting "run" itself.
  const may = (command: string) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted";
  if (programs.some(may)) return;
  throw new ArgumentError(
    "--peers expects permission to start other programs, which this task does not have: " +
      "`deno task peers` has it, with the same options",
  );
}

/** What a peer prints of each way in which it makes steps. */
type PeerLine = Pick<PeerRow, "peer" | "version" | "mode" | "msPerStep" | "steps">;

/** Milliseconds after which a peer counts as hanging. */
const PATIENCE = 300_000;

/** Minimum milliseconds of a peer's measurement, as an argument: in Deno waiting for the GPU may take 10 more. */
const MIN_MILLISECONDS = { deno: "1000", python: "250" };

/** Minimum steps of a peer that takes milliseconds for one, whatever the networks. */
const FEW_STEPS = 10;

/** All peers, in the order in which they are measured. */
export function peersOf({ quick }: { quick: boolean }): Peer[] {
  return [
    denoPeer("TensorFlow.js", "tfjs.ts", { quick }),
    denoPeer("jax-js", "jax_js.ts", { quick }),
    pythonPeer("NumPy", "numpy_step.py", { quick, maxSteps: FEW_STEPS }),
    pythonPeer("PyTorch", "torch_step.py", { quick }),
    pythonPeer("JAX", "jax_step.py", { quick }),
    pythonPeer("CuPy", "cupy_step.py", { quick, knows: isOneOfThreeLayers }),
  ];
}

/** Whether these are the networks of the peers that know only one: one network of three layers. */
function isOneOfThreeLayers({ hidden, batchNorm, batch, networks }: PopulationPlan): boolean {
  return hidden.join() === "50,50" && batchNorm && batch === 100 && networks === 1;
}

/** Without the project's configuration, since a peer's packages are not in it. It needs no permission. */
function denoPeer(name: string, file: string, { quick }: { quick: boolean }): Peer {
  const options = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-prompt"];
  const least = quick ? ["2", "0"] : [String(FEW_STEPS), MIN_MILLISECONDS.deno];
  return {
    name,
    command: ({ plan }) =>
      isOneOfThreeLayers(plan)
        ? [Deno.execPath(), "run", ...options, pathOf(file), ...least]
        : undefined,
  };
}

/** It leaves no compiled files beside the program. */
function pythonPeer(
  name: string,
  file: string,
  options: { quick: boolean; maxSteps?: number; knows?: (plan: PopulationPlan) => boolean },
): Peer {
  const { quick, maxSteps = Infinity, knows = () => true } = options;
  return {
    name,
    command({ plan, steps }) {
      if (!knows(plan)) return undefined;
      const { hidden, batch, networks, batchNorm } = plan;
      return [
        ...["python3", "-B", pathOf(file)] as const,
        ...["--hidden", hidden.join(), "--batch", String(batch), "--networks", String(networks)],
        ...["--batch-norm", batchNorm ? "on" : "off"],
        ...["--min-steps", String(quick ? 2 : Math.min(steps, maxSteps))],
        ...["--min-ms", quick ? "0" : MIN_MILLISECONDS.python],
      ];
    },
  };
}

function pathOf(file: string): string {
  return fromFileUrl(new URL(`../peers/${file}`, import.meta.url));
}

/** A load, and our own time of it. */
interface OwnLoad extends PeerLoad {
  /** Measures our step: milliseconds. */
  own(): Promise<number>;
}

interface PeerOptions {
  readonly rounds: number;
  readonly loads: readonly OwnLoad[];
  readonly peers: readonly Peer[];
  readonly commit: string;
  readonly adapter: string;
  readonly out: string;
  /** Whether to begin `peers.csv` anew. */
  readonly force: boolean;
  readonly json: boolean;
  readonly quick: boolean;
  /** Milliseconds after which a peer is stopped. */
  readonly patience?: number;
}

/**
 * Measures our steps and those of the peers in turn, prints the ratios and appends to `peers.csv`. A peer that cannot run
 * is left out, with a line that says why: of all loads if it has measured none before, otherwise of that one.
 */
export async function measurePeers(
  context: TaskContext,
  options: PeerOptions,
): Promise<PeerRow[]> {
  const { rounds, loads, out, json, quick } = options;
  const rows: PeerRow[] = [];
  const peers = new Peers(context, options);
  for (let round = 1; round <= rounds; round++) {
    for (const load of loads) {
      const doing = `Peers, round ${round} of ${rounds}: ${describePlan(load.plan)}`;
      if (!context.isTerminal) context.stderr(doing);
      rows.push(...await peers.measure(load, doing));
    }
  }
  context.progress("");
  if (rows.length === 0) return rows;
  await appendRows(BENCH_FILES.peers, PEERS_CSV, rows, options);
  report(context, rows, { json, quick, path: join(out, BENCH_FILES.peers) });
  return rows;
}

/** The peers that can run, and what was said of the others. */
class Peers {
  readonly #context: TaskContext;
  readonly #options: PeerOptions;
  /** Those that have measured something. */
  readonly #able = new Set<Peer>();
  readonly #leftOut = new Set<Peer>();
  readonly #leftOutOf = new Map<PeerLoad, Set<Peer>>();
  readonly #said = new Set<string>();

  constructor(context: TaskContext, options: PeerOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Measures each peer that knows a load, beside our own step. */
  async measure(load: OwnLoad, doing: string): Promise<PeerRow[]> {
    const { peers, commit, adapter, patience = PATIENCE } = this.#options;
    const { signal, isTerminal } = this.#context;
    const { hidden, ...plan } = load.plan;
    const rows: PeerRow[] = [];
    for (const peer of peers) {
      const command = peer.command(load);
      if (!command || this.#leftOut.has(peer) || this.#leftOutOf.get(load)?.has(peer)) continue;
      signal.throwIfAborted();
      if (isTerminal) this.#context.progress(`${doing}: ${peer.name}`);
      const ownMsPerStep = await load.own();
      const { lines, failure } = await runPeer(command, signal, patience);
      if (lines.length > 0) this.#able.add(peer);
      if (failure !== undefined) this.#failed(peer, load, { failure, lines: lines.length });
      const common = { date: dateNow(), commit, adapter };
      const about = {
        networks: plan.networks,
        hidden: hidden.join(),
        batchNorm: plan.batchNorm,
        batch: plan.batch,
      };
      rows.push(...lines.map((line) => ({ ...common, ...line, ownMsPerStep, ...about })));
    }
    return rows;
  }

  /** Says why a peer failed, and leaves it out if it measured nothing. */
  #failed(peer: Peer, load: PeerLoad, { failure, lines }: { failure: string; lines: number }) {
    const { name } = peer;
    if (lines > 0) this.#say(`${name} measured only some of its ways: ${failure}`);
    else if (this.#able.has(peer)) {
      this.#say(`${name} is left out of ${describePlan(load.plan)}: ${failure}`);
      const others = this.#leftOutOf.get(load) ?? [];
      this.#leftOutOf.set(load, new Set([...others, peer]));
    } else {
      this.#say(`${name} is left out: ${failure}`);
      this.#leftOut.add(peer);
    }
  }

  #say(sentence: string): void {
    if (this.#said.has(sentence)) return;
    this.#said.add(sentence);
    this.#context.stderr(sentence);
  }
}

/** What a peer printed, and why it failed, if it did. */
interface PeerRun {
  readonly lines: readonly PeerLine[];
  readonly failure?: string;
}

async function runPeer(
  command: Command,
  signal: AbortSignal,
  patience: number,
): Promise<PeerRun> {
  const timeout = AbortSignal.timeout(patience);
  let output: Deno.CommandOutput;
  const [program, ...args] = withLinkerVariables(command);
  const fails = (failure: string): PeerRun => ({ lines: [], failure });
  try {
    output = await new Deno.Command(program, {
      args,
      env: { ...withoutLinkerVariables(), NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.any([signal, timeout]),
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return fails(`there is no ${command[0]}`);
    if (error instanceof Deno.errors.NotCapable) return fails(error.message);
    throw error;
  }
  signal.throwIfAborted();
  // It was started through `env`, which ends with 127 where there is no such program.
  if (program !== command[0] && output.code === 127) return fails(`there is no ${command[0]}`);
  const lines = new TextDecoder().decode(output.stdout).split("\n").flatMap(parseLine);
  if (timeout.aborted) return { lines, failure: `it took longer than ${patience / 1000} s` };
  if (output.success && lines.length > 0) return { lines };
  const reason = tellingLine(new TextDecoder().decode(output.stderr));
  const ended = `it ended with ${output.code}${lines.length > 0 ? "" : " and printed no time"}`;
  return { lines, failure: reason || ended };
}

/** Python writes this, then the calls that led to an exception, indented, then the exception. */
const TRACEBACK = "Traceback (most recent call last):";

/**
 * Finds the line of standard error that says why a program failed.
 *
 * Programs warn before they fail, and say why before they say where, so it is the first line that mentions an error, or
 * else the first line. In a Python traceback it is the exception; of several tracebacks, the last one ended the program.
 */
export function tellingLine(text: string): string {
  const lines = text.split(/\r?\n/);
  const traceback = lines.lastIndexOf(TRACEBACK);
  if (traceback >= 0) {
    const at = lines.findIndex((line, i) => i > traceback && /^\S/.test(line));
    // NumPy's message starts on the line after `ImportError:`.
    if (at > 0) return lines.slice(at).join("\n").match(/^\S+:\s+.+|.+/)![0].replace(/\s+/g, " ");
  }
  const written = lines.map((line) => line.trim()).filter((line) => line !== "");
  return written.find((line) => /error\b|\bpanicked\b/i.test(line)) ?? written[0] ?? "";
}

function parseLine(line: string): PeerLine[] {
  try {
    const { peer, version, mode, ms_per_step, steps } = JSON.parse(line);
    const texts = [peer, version, mode].every((text) => typeof text === "string");
    // As peers.csv takes them: JSON has "5" and 1e999 as well.
    const counts = Number.isFinite(ms_per_step) && ms_per_step > 0 &&
      Number.isSafeInteger(steps) && steps > 0;
    return texts && counts ? [{ peer, version, mode, msPerStep: ms_per_step, steps }] : [];
  } catch {
    return []; // Other output.
  }
}

function report(
  context: TaskContext,
  rows: readonly PeerRow[],
  { json, quick, path }: { json: boolean; quick: boolean; path: string },
): void {
  const kinds = Map.groupBy(
    rows,
    ({ networks, hidden, batchNorm, peer, version, mode }) =>
      JSON.stringify([networks, hidden, batchNorm, peer, version, mode]),
  );
  const summaries = [...kinds.values()].map(summarise);
  if (json) {
    for (const summary of summaries) {
      writeEvent(context, "peer", { ...summary, ...quick && { quick } });
    }
    return;
  }
  context.stdout(
    `Beside other libraries, batch ${rows[0].batch}, in turn` +
      (quick ? "; quick run, not a result" : ""),
  );
  printTable(context, [
    [
      ...["hidden", "networks", "batch norm", "peer", "version", "mode"],
      ...["ms/step", "ours", "ratio (min to max)"],
    ],
    ...summaries.map((summary) => [
      summary.hidden,
      String(summary.networks),
      summary.batch_norm ? "on" : "off",
      summary.peer,
      summary.version,
      summary.mode,
      short(summary.ms_per_step),
      short(summary.own_ms_per_step),
      spread(summary.ratio, summary.ratio_least, summary.ratio_most),
    ]),
  ]);
  context.stdout(`File: ${path}`);
}

/** What the rounds of a peer come to, as the event `peer` has it. */
function summarise(rows: readonly PeerRow[]) {
  const [{ networks, hidden, batchNorm, batch, peer, version, mode }] = rows;
  const ratio = spreadOf(rows.map((row) => row.msPerStep / row.ownMsPerStep));
  return {
    networks,
    hidden,
    batch_norm: batchNorm,
    batch,
    peer,
    version,
    mode,
    rounds: rows.length,
    ms_per_step: spreadOf(rows.map((row) => row.msPerStep)).median,
    own_ms_per_step: spreadOf(rows.map((row) => row.ownMsPerStep)).median,
    ratio: ratio.median,
    ratio_least: ratio.min,
    ratio_most: ratio.max,
  };
}
