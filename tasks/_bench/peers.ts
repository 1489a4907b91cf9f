/**
 * Other libraries making the same training steps on the same machine, each in its own process and in turn with ours.
 */
import { fromFileUrl, join } from "@std/path";
import type { PeerRow } from "../../src/measure/bench.ts";
import { spreadOf } from "../../src/measure/spread.ts";
import { PEERS_CSV } from "../../src/records/bench.ts";
import { type Command, withLinkerVariables, withoutLinkerVariables } from "../_kit/children.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { writeFileDurably } from "../_kit/files.ts";
import { printTable, short, spread } from "../_kit/table.ts";
import { BENCH_FILES, dateNow } from "./files.ts";

/** A program that measures a library: it prints lines of JSON, with `peer`, `version`, `mode`, `ms_per_step` and `steps`. */
export interface Peer {
  readonly name: string;
  readonly command: Command;
}

/** What a peer prints of each way in which it makes steps. */
type PeerLine = Pick<PeerRow, "peer" | "version" | "mode" | "msPerStep" | "steps">;

/** Milliseconds after which a peer counts as hanging. */
const PATIENCE = 300_000;

/** Minimum milliseconds of a peer's measurement, as an argument: in Deno waiting for the GPU may take 10 more. */
const MIN_MILLISECONDS = { deno: "1000", python: "250" };

/** All peers, in the order in which they are measured, with the minimum number of steps and milliseconds. */
export function peersOf({ quick }: { quick: boolean }): Peer[] {
  const few = quick ? ["2", "0"] : ["10", MIN_MILLISECONDS.deno];
  const many = [
    ...["--min-steps", quick ? "2" : "450"],
    ...["--min-ms", quick ? "0" : MIN_MILLISECONDS.python],
  ];
  return [
    denoPeer("TensorFlow.js", "tfjs.ts", few),
    denoPeer("jax-js", "jax_js.ts", few),
    pythonPeer("NumPy", "numpy_step.py", many),
    pythonPeer("PyTorch", "torch_step.py", many),
    pythonPeer("JAX", "jax_step.py", many),
  ];
}

/** Without the project's configuration, since a peer's packages are not in it. It needs no permission. */
function denoPeer(name: string, file: string, args: readonly string[]): Peer {
  const options = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-prompt"];
  return { name, command: [Deno.execPath(), "run", ...options, pathOf(file), ...args] };
}

/** It leaves no compiled files beside the program. */
function pythonPeer(name: string, file: string, args: readonly string[]): Peer {
  return { name, command: ["python3", "-B", pathOf(file), ...args] };
}

function pathOf(file: string): string {
  return fromFileUrl(new URL(`../peers/${file}`, import.meta.url));
}

interface PeerOptions {
  readonly rounds: number;
  /** Measures our own step: milliseconds. */
  own(): Promise<number>;
  readonly peers: readonly Peer[];
  readonly before: readonly PeerRow[];
  readonly commit: string;
  readonly adapter: string;
  readonly out: string;
  readonly json: boolean;
  readonly quick: boolean;
  /** Milliseconds after which a peer is stopped. */
  readonly patience?: number;
}

/**
 * Measures our step and the peers in turn, prints the ratios and appends to `peers.csv`. A peer that cannot run
 * is left out, with a line that says why.
 */
export async function measurePeers(
  context: TaskContext,
  options: PeerOptions,
): Promise<PeerRow[]> {
  const { rounds, own, peers, before, commit, adapter, out, json, quick } = options;
  const path = join(out, BENCH_FILES.peers);
  const rows: PeerRow[] = [];
  const left = new Set<Peer>();
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      if (left.has(peer)) continue;
      context.signal.throwIfAborted();
      const doing = `Peers, round ${round} of ${rounds}: ${peer.name}`;
      if (context.isTerminal) context.progress(doing);
      else context.stderr(doing);
      const ownTime = await own();
      const lines = await runPeer(peer, context.signal, options.patience ?? PATIENCE);
      if (typeof lines === "string") {
        context.stderr(`${peer.name} is left out: ${lines}`);
        left.add(peer);
        continue;
      }
      const date = dateNow();
      rows.push(
        ...lines.map((line) => ({ date, commit, adapter, ...line, ownMsPerStep: ownTime })),
      );
    }
  }
  context.progress("");
  if (rows.length === 0) return rows;
  await Deno.mkdir(out, { recursive: true });
  await writeFileDurably(path, PEERS_CSV.encode([...before, ...rows]));
  report(context, rows, { json, quick, path });
  return rows;
}

/** Runs a peer; returns the lines that it printed, or why there are none. */
async function runPeer(
  { command }: Peer,
  signal: AbortSignal,
  patience: number,
): Promise<PeerLine[] | string> {
  const timeout = AbortSignal.timeout(patience);
  let output: Deno.CommandOutput;
  const [program, ...args] = withLinkerVariables(command);
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
    if (error instanceof Deno.errors.NotFound) return `there is no ${command[0]}`;
    if (error instanceof Deno.errors.NotCapable) return error.message;
    throw error;
  }
  signal.throwIfAborted();
  // It was started through `env`, which ends with 127 where there is no such program.
  if (program !== command[0] && output.code === 127) return `there is no ${command[0]}`;
  if (timeout.aborted) return `it took longer than ${patience / 1000} s`;
  const lines = new TextDecoder().decode(output.stdout).split("\n").flatMap(parseLine);
  if (lines.length > 0) return lines;
  const reason = tellingLine(new TextDecoder().decode(output.stderr));
  return reason || `it ended with ${output.code} and printed no time`;
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
    return texts && ms_per_step > 0 && steps > 0
      ? [{ peer, version, mode, msPerStep: ms_per_step, steps }]
      : [];
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
    ({ peer, version, mode }) => JSON.stringify([peer, version, mode]),
  );
  const table = [["peer", "version", "mode", "ms/step", "ours", "ratio (min to max)"]];
  for (const own of kinds.values()) {
    const [{ peer, version, mode }] = own;
    const ratio = spreadOf(own.map((row) => row.msPerStep / row.ownMsPerStep));
    const summary = {
      peer,
      version,
      mode,
      rounds: own.length,
      ms_per_step: spreadOf(own.map((row) => row.msPerStep)).median,
      own_ms_per_step: spreadOf(own.map((row) => row.ownMsPerStep)).median,
      ratio: ratio.median,
      ratio_least: ratio.min,
      ratio_most: ratio.max,
    };
    if (json) writeEvent(context, "peer", { ...summary, ...quick && { quick } });
    table.push([
      peer,
      version,
      mode,
      short(summary.ms_per_step),
      short(summary.own_ms_per_step),
      spread(ratio.median, ratio.min, ratio.max),
    ]);
  }
  if (json) return;
  context.stdout(
    "Beside other libraries, one network of 3 layers with batch norm, batch 100, in turn" +
      (quick ? "; quick run, not a result" : ""),
  );
  printTable(context, table);
  context.stdout(`File: ${path}`);
}
