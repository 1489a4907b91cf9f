/**
 * The files of the task `bench`: rows, which every run appends to, and their figure.
 *
 * @module
 */
import { join } from "@std/path";
import { ArgumentError } from "../../src/errors.ts";
import { trendFigure } from "../../src/figures/mod.ts";
import { writeFileDurably } from "../_kit/files.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { BENCH_CSV } from "../../src/records/bench.ts";
import type { Figures } from "../_kit/figures.ts";

export const BENCH_FILES = { rows: "bench.csv", figure: "trend.svg" } as const;

/**
 * Reads the rows of earlier runs, oldest first; none with `force`.
 *
 * @throws {ArgumentError} When the directory is or goes through a file.
 * @throws {DataError} When the file is damaged; the message names the line.
 */
export async function readBenchRows(
  { out, force }: { out: string; force: boolean },
): Promise<BenchRow[]> {
  const name = join(out, BENCH_FILES.rows);
  const text = await readAppended(name, out);
  return text === undefined || force ? [] : BENCH_CSV.decode(text, { name });
}

/**
 * Reads a file that rows are appended to; undefined where it is missing.
 *
 * @throws {ArgumentError} When the directory is or goes through a file.
 */
export async function readAppended(path: string, out: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new ArgumentError(`--out expects a directory, and ${out} is or goes through a file`);
  }
}

/** Writes all rows and plans their figure. */
export async function writeBenchRows(
  rows: readonly BenchRow[],
  { out, quick, figures }: { out: string; quick: boolean; figures: Figures },
): Promise<void> {
  const write = (name: string, text: string | Uint8Array) =>
    writeFileDurably(join(out, name), text);
  await Deno.mkdir(out, { recursive: true });
  await write(BENCH_FILES.rows, BENCH_CSV.encode(rows));
  const title = quick ? "Time of a training step (quick runs)" : undefined;
  figures.add({ directory: out, write }, BENCH_FILES.figure, () => trendFigure(rows, { title }));
}
