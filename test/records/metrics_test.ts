import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import {
  benchFromCsv,
  type BenchRow,
  benchToCsv,
  gradientCheckFromCsv,
  type GradientCheckRow,
  gradientCheckToCsv,
  metricsFromCsv,
  metricsToCsv,
} from "../../src/records/metrics.ts";

const METRICS: readonly MetricRow[] = [
  {
    step: 0,
    epoch: 0,
    eta: null,
    train: { loss: 2.4, cost: 3.5, accuracy: 0.1 },
    val: { loss: 2.41, cost: 3.51, accuracy: 0.0998 },
  },
  {
    step: 450,
    epoch: 1,
    eta: 0.1 + 0.2,
    train: { loss: NaN, cost: Infinity, accuracy: 0.1 },
    val: { loss: NaN, cost: NaN, accuracy: 0.1 },
  },
];

Deno.test("metricsToCsv() prints the columns of metrics.csv, none as an empty cell", () => {
  assertEquals(
    metricsToCsv(METRICS),
    "step,epoch,eta,train_loss,train_cost,train_accuracy,val_loss,val_cost,val_accuracy\n" +
      "0,0,,2.4,3.5,0.1,2.41,3.51,0.0998\n" +
      "450,1,0.30000000000000004,NaN,Infinity,0.1,NaN,NaN,0.1\n",
  );
});

Deno.test("metricsFromCsv() gives back what metricsToCsv() was given", () => {
  assertEquals(metricsFromCsv(metricsToCsv(METRICS), { name: "metrics.csv" }), [...METRICS]);
});

Deno.test("metricsFromCsv() names file, line and column of an edited cell", () => {
  const text = metricsToCsv(METRICS).replace("3.51,0.0998", "3.51,9.98");
  assertThrows(
    () => metricsFromCsv(text, { name: "out/metrics.csv" }),
    DataError,
    'Cannot read out/metrics.csv, line 2, column val_accuracy: it is "9.98", expected a number ' +
      "between 0 and 1",
  );
});

Deno.test("gradientCheckFromCsv() gives back what gradientCheckToCsv() was given", () => {
  const rows: GradientCheckRow[] = [
    {
      parameter: "W1",
      published: 2.39e-4,
      five_point: 1e-9,
      forward: 2e-4,
      gpu_norm: 3e-7,
      left_out: 2,
      entries: 500,
    },
    {
      parameter: "b1",
      published: null,
      five_point: NaN,
      forward: NaN,
      gpu_norm: 0,
      left_out: 0,
      entries: 50,
    },
  ];
  const text = gradientCheckToCsv(rows);
  assertEquals(
    text,
    "parameter,published,five_point,forward,gpu_norm,left_out,entries\n" +
      "W1,0.000239,1e-9,0.0002,3e-7,2,500\n" +
      "b1,,NaN,NaN,0,0,50\n",
  );
  assertEquals(gradientCheckFromCsv(text, { name: "gradient_check.csv" }), rows);
});

/** The line of column names up to version 0.1.0, and a row below it. */
const FIRST_BENCH =
  "date,commit,package_version,deno_version,adapter,software,variant,data,networks,hidden," +
  "batch_norm,batch,steps,ms_per_step,steps_per_s,gflop_per_s\n" +
  '2026-08-31T09:00:00Z,0123abc,0.1.0,2.9.6,"llvmpipe (LLVM 15.0.6, 256 bits)",true,plain,' +
  'synthetic,10,"50,50",true,100,450,6.25,160,9.5\n';

Deno.test("benchFromCsv() gives back what benchToCsv() was given", () => {
  const rows: BenchRow[] = [{
    date: "2026-08-31T09:00:00Z",
    commit: "0123abc",
    package_version: "0.1.0",
    deno_version: "2.9.6",
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    software: true,
    variant: "plain",
    data: "synthetic",
    networks: 10,
    hidden: "50,50",
    batch_norm: true,
    batch: 100,
    steps: 450,
    ms_per_step: 6.25,
    steps_per_s: 160,
    gflop_per_s: 9.5,
    repeat: 5,
    ms_per_step_least: 6,
    ms_per_step_most: 8.5,
    evaluation_ms: 1100,
    evaluation_ms_least: 1050.5,
    evaluation_ms_most: 1200,
    peak_gflop_per_s: 190,
    peak_gb_per_s: 9.5,
    startup_ms: 200,
    data_ms: 900,
    compile_ms: 1500,
    peak_memory_bytes: 700_000_000,
  }];
  const text = benchToCsv(rows);
  const [names, row] = FIRST_BENCH.trimEnd().split("\n");
  assertEquals(
    text,
    `${names},repeat,ms_per_step_least,ms_per_step_most,evaluation_ms,evaluation_ms_least,` +
      "evaluation_ms_most,peak_gflop_per_s,peak_gb_per_s,startup_ms,data_ms,compile_ms," +
      `peak_memory_bytes\n${row},5,6,8.5,1100,1050.5,1200,190,9.5,200,900,1500,700000000\n`,
  );
  assertEquals(benchFromCsv(text, { name: "bench.csv" }), rows);
});

Deno.test("benchFromCsv() reads what version 0.1.0 wrote, with nothing where nothing was measured", () => {
  const [row] = benchFromCsv(FIRST_BENCH, { name: "bench.csv" });
  assertEquals([row.networks, row.gflop_per_s], [10, 9.5]);
  assertEquals([row.repeat, row.evaluation_ms, row.peak_memory_bytes], [null, null, null]);
  const again = benchToCsv([row]);
  assertEquals(again.split("\n")[1], `${FIRST_BENCH.split("\n")[1]}${",".repeat(12)}`);
  assertEquals(benchFromCsv(again, { name: "bench.csv" }), [row]);
});

Deno.test("benchFromCsv() refuses other columns, and names the first that is wrong", () => {
  for (
    const [text, message] of [
      [FIRST_BENCH.replace("steps,", "step,"), 'column 13 is "step", expected "steps"'],
      [FIRST_BENCH.replace("_s\n", "_s,more\n"), 'column 17 is "more", expected "repeat"'],
    ]
  ) {
    assertThrows(() => benchFromCsv(text, { name: "bench.csv" }), DataError, message);
  }
});
