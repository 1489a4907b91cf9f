import { assertEquals } from "@std/assert";
import { BENCH_CSV } from "../../../src/records/bench.ts";
import { appendRows, BENCH_FILES, readRows } from "../../../tasks/_bench/files.ts";
import { benchRow } from "../../_bench_row.ts";
import { filesIn, inDirectory, runProgram } from "../../_tasks.ts";

Deno.test("appendRows() adds to what is there, and begins anew with force", async () => {
  await inDirectory(async (out) => {
    const append = (day: number, force = false) =>
      appendRows(BENCH_FILES.rows, BENCH_CSV, [benchRow(day)], { out, force });
    await append(1);
    assertEquals(await append(2), [benchRow(1), benchRow(2)]);
    assertEquals(await append(3, true), [benchRow(3)]);
    assertEquals([...(await filesIn(out)).keys()], ["bench.csv"]);
  });
});

Deno.test("appendRows() loses no row when several processes add rows at once", async () => {
  await inDirectory(async (out) => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const script = `
      import { BENCH_CSV } from ${url("../../../src/records/bench.ts")};
      import { appendRows, BENCH_FILES } from ${url("../../../tasks/_bench/files.ts")};
      import { benchRow } from ${url("../../_bench_row.ts")};
      const [out, first] = Deno.args;
      for (let i = 0; i < 25; i++) {
        const rows = [benchRow(1, { commit: String(Number(first) + i) })];
        await appendRows(BENCH_FILES.rows, BENCH_CSV, rows, { out, force: false });
      }`;
    const ended = await Promise.all(
      Array.from({ length: 8 }, (_, i) => runProgram(script, [out, String(25 * i)])),
    );
    for (const { status, errors } of ended) assertEquals([status, errors], [0, ""]);
    const rows = await readRows(BENCH_FILES.rows, BENCH_CSV, { out, force: false });
    const commits = rows.map(({ commit }) => Number(commit)).sort((a, b) => a - b);
    assertEquals(commits, Array.from({ length: 200 }, (_, i) => i));
    assertEquals([...(await filesIn(out)).keys()], ["bench.csv"]);
  });
});
