/** The files of the task `bench`: rows, which every run appends to, and their figure. */
import { join } from "@std/path";
import { trendFigure } from "../../src/figures/mod.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { BENCH_CSV } from "../../src/records/bench.ts";
import type { CsvTable } from "../../src/records/table.ts";
import type { Figures } from "../_kit/figures.ts";
import { inOut, readTextIfThere, writeFileDurably } from "../_kit/files.ts";

export const BENCH_FILES = { rows: "bench.csv", figure: "trend.svg", peers: "peers.csv" } as const;

/**
 * Reads the rows of earlier runs, oldest first; none with `force`.
 *
 * @throws {ArgumentError} When the directory is or goes through a file.
 * @throws {DataError} When the file is damaged; the message names the line.
 */
export async function readRows<Row extends object>(
  file: string,
  table: CsvTable<Row>,
  { out, force }: { out: string; force: boolean },
): Promise<Row[]> {
  const name = join(out, file);
  const text = await inOut(out, () => readTextIfThere(name));
  return text === undefined || force ? [] : table.decode(text, { name });
}

/** The date and time now, to the second, as rows have them. */
export function dateNow(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
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
