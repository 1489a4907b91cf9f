/** The files of the task `bench`: rows, which every run appends to, and their figure. */
import { join } from "@std/path";
import { trendFigure } from "../../src/figures/mod.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { BENCH_CSV } from "../../src/records/bench.ts";
import type { CsvTable } from "../../src/records/table.ts";
import type { Figures } from "../_kit/figures.ts";
import { inOut, readTextIfThere, writeFileDurably } from "../_kit/files.ts";
import { inTurn } from "../_kit/lock.ts";

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

/**
 * Adds rows to a file, or begins it anew with `force`; returns all rows. The file is read again, in turn with other
 * processes, so that the rows that they have added since are kept.
 */
export async function appendRows<Row extends object>(
  file: string,
  table: CsvTable<Row>,
  rows: readonly Row[],
  options: { out: string; force: boolean },
): Promise<Row[]> {
  const { out } = options;
  return await inTurn(out, async () => {
    const all = [...await readRows(file, table, options), ...rows];
    await writeFileDurably(join(out, file), table.encode(all));
    return all;
  });
}

/** Adds rows to `bench.csv` and plans the figure of all. */
export async function appendBenchRows(
  rows: readonly BenchRow[],
  options: { out: string; force: boolean; quick: boolean; figures: Figures },
): Promise<void> {
  const { out, quick, figures } = options;
  const all = await appendRows(BENCH_FILES.rows, BENCH_CSV, rows, options);
  const write = (name: string, text: string | Uint8Array) =>
    writeFileDurably(join(out, name), text);
  const title = quick ? "Time of a training step (quick runs)" : undefined;
  figures.add({ directory: out, write }, BENCH_FILES.figure, () => trendFigure(all, { title }));
}
