import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../src/errors.ts";
import type { MetricRow } from "../src/metrics.ts";
import {
  benchFromCsv,
  type BenchRow,
  benchToCsv,
  gradientCheckFromCsv,
  type GradientCheckRow,
  gradientCheckToCsv,
  metricsFromCsv,
  metricsToCsv,
} from "../src/records.ts";

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
  }];
  const text = benchToCsv(rows);
  assertEquals(
    text,
    "date,commit,package_version,deno_version,adapter,software,variant,data,networks,hidden," +
      "batch_norm,batch,steps,ms_per_step,steps_per_s,gflop_per_s\n" +
      '2026-08-31T09:00:00Z,0123abc,0.1.0,2.9.6,"llvmpipe (LLVM 15.0.6, 256 bits)",true,plain,' +
      'synthetic,10,"50,50",true,100,450,6.25,160,9.5\n',
  );
  assertEquals(benchFromCsv(text, { name: "bench.csv" }), rows);
});
