import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import type { ProfileRow } from "../../src/measure/profile.ts";
import { PROFILE_CSV } from "../../src/records/profile.ts";

const NONE = { layer: null, msMin: null, msMax: null };

const ROWS: readonly ProfileRow[] = [
  { kernel: "affine_forward", layer: 2, ms: 1.5, msMin: 1.25, msMax: 4, share: 0.75 },
  { kernel: "between kernels", ...NONE, ms: 0.5, share: 0.25 },
];

const TEXT = "kernel,layer,ms,ms_least,ms_most,share\n" +
  "affine_forward,2,1.5,1.25,4,0.75\n" +
  "between kernels,,0.5,,,0.25\n";

Deno.test("PROFILE_CSV.encode() prints the columns of profile.csv, and nothing where there is none", () => {
  assertEquals(PROFILE_CSV.encode(ROWS), TEXT);
});

Deno.test("PROFILE_CSV.decode() returns what encode() was given", () => {
  assertEquals(PROFILE_CSV.decode(TEXT, { name: "profile.csv" }), [...ROWS]);
});

Deno.test("PROFILE_CSV.decode() names file, line and column of an edited cell", () => {
  const cases: [from: string, to: string, message: string][] = [
    ["forward,2", "forward,one", 'line 2, column layer: it is "one", expected a whole number'],
    ["2,1.5", "2,", 'line 2, column ms: it is "", expected a number from 0'],
    ["2,1.5", "2,NaN", 'line 2, column ms: it is "NaN", expected a number from 0'],
    ["1.25,4", "-1,4", 'line 2, column ms_least: it is "-1", expected a number from 0, or nothing'],
    [
      "1.25,4",
      "1.25,Infinity",
      'line 2, column ms_most: it is "Infinity", expected a number from 0',
    ],
    [",0.25", ",1.25", 'line 3, column share: it is "1.25", expected a number between 0 and 1'],
    ["kernel,", "name,", 'line 1: the name of column 1 is "name", expected "kernel"'],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => PROFILE_CSV.decode(TEXT.replace(from, to), { name: "out/profile.csv" }),
      DataError,
      `Cannot read out/profile.csv, ${message}`,
    );
  }
});
