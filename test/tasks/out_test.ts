import { assertEquals } from "@std/assert";
import type { TaskMain } from "../../tasks/_kit/context.ts";
import { main as baseline } from "../../tasks/baseline.ts";
import { main as bench } from "../../tasks/bench.ts";
import { main as data } from "../../tasks/data.ts";
import { main as findLr } from "../../tasks/find_lr.ts";
import { main as gradientCheck } from "../../tasks/gradient_check.ts";
import { main as initSensitivity } from "../../tasks/init_sensitivity.ts";
import { main as lambdaSearch } from "../../tasks/lambda_search.ts";
import { main as report } from "../../tasks/report.ts";
import { main as reproduce } from "../../tasks/reproduce.ts";
import { main as scaling } from "../../tasks/scaling.ts";
import { filesIn, inDirectory, runInProcess } from "../_tasks.ts";

const SMALL = ["--quick", "--data", "synthetic"];

/** Every task that writes. */
const TASKS: [name: string, main: TaskMain, args: readonly string[]][] = [
  ["baseline", baseline, SMALL],
  ["bench", bench, SMALL],
  ["data", data, []],
  ["data --force", data, ["--force"]],
  ["find-lr", findLr, SMALL],
  ["gradient-check", gradientCheck, SMALL],
  ["init-sensitivity", initSensitivity, SMALL],
  ["lambda-search", lambdaSearch, SMALL],
  ["report", report, []],
  ["reproduce", reproduce, SMALL],
  ["scaling", scaling, SMALL],
];

for (const [name, main, args] of TASKS) {
  Deno.test(`${name} refuses an --out that is or goes through a file, in one sentence`, async () => {
    await inDirectory(async (directory) => {
      await Deno.mkdir(directory);
      const file = `${directory}/file`;
      await Deno.writeTextFile(file, "mine");
      const before = await filesIn(directory);
      for (const out of [file, `${file}/within`]) {
        const { status, output, errors } = await runInProcess(main, [...args, "--out", out]);
        const [sentence, ...more] = errors.split("\n").filter((line) => line.startsWith("error"));
        assertEquals([status, output, more], [2, "", []], errors);
        assertEquals(
          sentence,
          `error: --out expects a directory, and ${out} is or goes through a file`,
        );
      }
      assertEquals(await filesIn(directory), before);
    });
  });
}
