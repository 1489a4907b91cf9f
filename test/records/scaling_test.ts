import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import type { ScalingRow } from "../../src/measure/scaling.ts";
import { SCALING_CSV } from "../../src/records/scaling.ts";

const ROW: ScalingRow = {
  axis: "width",
  value: 512,
  msPerStep: 80.5,
  min: 79.25,
  max: 91,
  steps: 12,
  mflop: 790.5,
  gflopPerS: 9.82,
  adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
  variant: "plain",
  data: "CIFAR-10",
  hidden: "512,512",
  batch: 100,
  networks: 1,
  cliff: null,
};
const ROWS = [ROW, { ...ROW, value: 800, cliff: 2.5 }];

const TEXT = "axis,value,ms_per_step,least,most,steps,mflop,gflop_per_s,adapter,variant,data," +
  "hidden,batch,networks,cliff\n" +
  'width,512,80.5,79.25,91,12,790.5,9.82,"llvmpipe (LLVM 15.0.6, 256 bits)",plain,CIFAR-10,' +
  '"512,512",100,1,\n' +
  'width,800,80.5,79.25,91,12,790.5,9.82,"llvmpipe (LLVM 15.0.6, 256 bits)",plain,CIFAR-10,' +
  '"512,512",100,1,2.5\n';

Deno.test("SCALING_CSV.encode() prints the columns of scaling.csv, and nothing where there is no cliff", () => {
  assertEquals(SCALING_CSV.encode(ROWS), TEXT);
});

Deno.test("SCALING_CSV.decode() returns what encode() was given", () => {
  assertEquals(SCALING_CSV.decode(TEXT, { name: "scaling.csv" }), ROWS);
});

Deno.test("SCALING_CSV.decode() names file, line and column of an edited cell", () => {
  const cases: [from: string, to: string, message: string][] = [
    ["width,512", "height,512", 'axis: it is "height", expected batch, width, depth or networks'],
    ["width,512", "width,5.5", 'value: it is "5.5", expected a whole number from 0'],
    ["80.5", "0", 'ms_per_step: it is "0", expected a positive number'],
    ["80.5", "NaN", 'ms_per_step: it is "NaN", expected a positive number'],
    ["100,1,\n", "100,1,yes\n", 'cliff: it is "yes", expected a positive number, or nothing'],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => SCALING_CSV.decode(TEXT.replace(from, to), { name: "out/scaling.csv" }),
      DataError,
      `Cannot read out/scaling.csv, line 2, column ${message}`,
    );
  }
});
