import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { BENCH_CSV, PEERS_CSV } from "../../src/records/bench.ts";
import { benchRow } from "../_bench_row.ts";

/** The line of column names up to version 0.1.0, and a row below it. */
const FIRST_BENCH =
  "date,commit,package_version,deno_version,adapter,software,variant,data,networks,hidden," +
  "batch_norm,batch,steps,ms_per_step,steps_per_s,gflop_per_s\n" +
  '2026-08-31T09:00:00Z,0123abc,0.1.0,2.9.6,"llvmpipe (LLVM 15.0.6, 256 bits)",true,plain,' +
  'synthetic,10,"50,50",true,100,450,6.25,160,9.5\n';

Deno.test("BENCH_CSV.decode() returns what encode() was given", () => {
  const rows: BenchRow[] = [{
    date: "2026-08-31T09:00:00Z",
    commit: "0123abc",
    packageVersion: "0.1.0",
    denoVersion: "2.9.6",
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    software: true,
    variant: "plain",
    data: "synthetic",
    networks: 10,
    hidden: "50,50",
    batchNorm: true,
    batch: 100,
    steps: 450,
    msPerStep: 6.25,
    stepsPerS: 160,
    gflopPerS: 9.5,
    repeat: 5,
    msPerStepMin: 6,
    msPerStepMax: 8.5,
    evaluationMs: 1100,
    evaluationMsMin: 1050.5,
    evaluationMsMax: 1200,
    peakGflopPerS: 190,
    peakGbPerS: 9.5,
    startupMs: 200,
    dataMs: 900,
    compileMs: 1500,
    peakMemoryBytes: 700_000_000,
  }];
  const text = BENCH_CSV.encode(rows);
  const [names, row] = FIRST_BENCH.trimEnd().split("\n");
  assertEquals(
    text,
    `${names},repeat,ms_per_step_least,ms_per_step_most,evaluation_ms,evaluation_ms_least,` +
      "evaluation_ms_most,peak_gflop_per_s,peak_gb_per_s,startup_ms,data_ms,compile_ms," +
      `peak_memory_bytes\n${row},5,6,8.5,1100,1050.5,1200,190,9.5,200,900,1500,700000000\n`,
  );
  assertEquals(BENCH_CSV.decode(text, { name: "bench.csv" }), rows);
});

Deno.test("BENCH_CSV.decode() reads what version 0.1.0 wrote, with nothing where nothing was measured", () => {
  const [row] = BENCH_CSV.decode(FIRST_BENCH, { name: "bench.csv" });
  assertEquals([row.networks, row.gflopPerS], [10, 9.5]);
  assertEquals([row.repeat, row.evaluationMs, row.peakMemoryBytes], [null, null, null]);
  const again = BENCH_CSV.encode([row]);
  assertEquals(again.split("\n")[1], `${FIRST_BENCH.split("\n")[1]}${",".repeat(12)}`);
  assertEquals(BENCH_CSV.decode(again, { name: "bench.csv" }), [row]);
});

Deno.test("BENCH_CSV.decode() refuses other columns, and names the first that is wrong", () => {
  for (
    const [text, message] of [
      [FIRST_BENCH.replace("steps,", "step,"), 'column 13 is "step", expected "steps"'],
      [FIRST_BENCH.replace("_s\n", "_s,more\n"), 'column 17 is "more", expected "repeat"'],
    ]
  ) {
    assertThrows(() => BENCH_CSV.decode(text, { name: "bench.csv" }), DataError, message);
  }
});

Deno.test("PEERS_CSV.decode() reads what was written before there were columns for the networks: one of three layers", () => {
  const first = "date,commit,adapter,peer,version,mode,ms_per_step,steps,own_ms_per_step\n" +
    '2026-08-31T09:00:00Z,0123abc,an adapter,JAX,0.11.2,"gpu, scan",0.05,450,0.125\n';
  const [row] = PEERS_CSV.decode(first, { name: "peers.csv" });
  const { networks, hidden, batchNorm, batch } = row;
  assertEquals([networks, hidden, batchNorm, batch], [1, "50,50", true, 100]);
  const rows = [row, { ...row, networks: 20, hidden: "9", batchNorm: false, batch: 50 }];
  const [names, line] = first.trimEnd().split("\n");
  const text = PEERS_CSV.encode(rows);
  assertEquals(
    text,
    `${names},networks,hidden,batch_norm,batch\n${line},1,"50,50",true,100\n${line},20,9,false,50\n`,
  );
  assertEquals(PEERS_CSV.decode(text, { name: "peers.csv" }), rows);
});

Deno.test("BENCH_CSV.decode() and PEERS_CSV.decode() refuse a time that is not positive, by line", () => {
  const bench = BENCH_CSV.encode([benchRow(1), benchRow(2)]);
  const row = { date: "2026-08-31", commit: "0123abc", adapter: "a", peer: "p", version: "1" };
  const settings = { networks: 1, hidden: "50,50", batchNorm: true, batch: 100 };
  const times = { msPerStep: 0.25, steps: 10, ownMsPerStep: 0.5 };
  const peers = PEERS_CSV.encode([{ ...row, mode: "m", ...times, ...settings }]);
  for (const time of ["NaN", "Infinity", "-Infinity", "0", "-1"]) {
    for (
      const [table, text, cell, place] of [
        [BENCH_CSV, bench, ",6.2,", "line 3, column ms_per_step"],
        [BENCH_CSV, bench, ",160,", "line 2, column steps_per_s"],
        [BENCH_CSV, bench, ",1100,", "line 2, column evaluation_ms"],
        [BENCH_CSV, bench, ",8,", "line 2, column ms_per_step_most"],
        [PEERS_CSV, peers, ",0.25,", "line 2, column ms_per_step"],
        [PEERS_CSV, peers, ",0.5,", "line 2, column own_ms_per_step"],
      ] as const
    ) {
      assertThrows(
        () => table.decode(text.replace(cell, `,${time},`), { name: "b.csv" }),
        DataError,
        `Cannot read b.csv, ${place}: it is "${time}", expected a positive number`,
      );
    }
  }
});
