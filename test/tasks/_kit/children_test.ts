import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  linkerVariables,
  withLinkerVariables,
  withoutLinkerVariables,
} from "../../../tasks/_kit/children.ts";
import configuration from "../../../deno.json" with { type: "json" };
import { inDirectory } from "../../_tasks.ts";

/**
 * Runs the command of a task of deno.json as on a CUDA machine: with the linker's variables set, and with a PATH on which
 * there are `sh` and `env`, but neither Deno nor Python.
 *
 * @param command What `deno task` is to run.
 * @param directory Where the PATH's programs go.
 * @returns What it printed to standard output and error.
 */
async function onCudaMachine(
  command: string,
  directory: string,
): Promise<{ output: string; errors: string }> {
  await Deno.mkdir(directory, { recursive: true });
  for (const name of ["sh", "env"]) {
    const path = name === "sh" ? "/bin/sh" : "/usr/bin/env";
    await Deno.writeTextFile(join(directory, name), `#!/bin/sh\nexec ${path} "$@"\n`, {
      mode: 0o755,
    });
  }
  const variables = `PATH=${directory} LD_LIBRARY_PATH="/opt/a b" LD_DEBUG_OUTPUT=/dev/null`;
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${variables} exec "$@"`, "sh", Deno.execPath(), "task", "--eval", command],
    cwd: fromFileUrl(new URL("../../..", import.meta.url)),
    env: withoutLinkerVariables(),
  }).output();
  const decoder = new TextDecoder();
  return { output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

Deno.test("peers starts peers under LD_LIBRARY_PATH, and a Deno that is not on the PATH", async () => {
  await inDirectory(async (out) => {
    const command = configuration.tasks.peers.command
      .replace("tasks/bench.ts --peers", `--no-check test/_children.ts peers ${out}`);
    const { output, errors } = await onCudaMachine(command, `${out}-bin`);
    assertMatch(output, /^\{/m, errors);
    const { modes, left } = JSON.parse(
      output.split("\n").find((line) => line.startsWith('{"modes'))!,
    );
    assertEquals(modes, ["/opt/a b,/dev/null"]);
    assertEquals(left.length, 2);
    assertMatch(left[0], /^broken is left out: error: Module not found "file:.*no-such-file\.ts"/);
    assertMatch(left[1], /^absent is left out: .*python3/);
  });
});

Deno.test("check starts Deno under LD_LIBRARY_PATH when it is not on the PATH", async () => {
  await inDirectory(async (directory) => {
    const command = configuration.tasks.check.command
      .replace("tasks/check.ts", "--no-check test/_children.ts check");
    const { output, errors } = await onCudaMachine(command, directory);
    assertStringIncludes(output, '{"code":0,"errors":""}', errors);
  });
});

Deno.test("the tests start children under LD_LIBRARY_PATH when Deno is not on the PATH", async () => {
  await inDirectory(async (directory) => {
    const files =
      "test/tasks/_kit/main_test.ts test/tasks/_bench/peers_test.ts test/tasks/doctor_test.ts";
    const filter = "'/ends the process with|each peer in each round|there is no adapter/'";
    const command = `${configuration.tasks.test.command} --no-check --filter ${filter} ${files}`;
    const { output } = await onCudaMachine(command, directory);
    assertMatch(output, /^ok \| [3-9] passed \| 0 failed/m, output);
  });
});

Deno.test("withLinkerVariables() leaves a command alone when none is set", () => {
  const set = Object.keys(linkerVariables());
  const command = withLinkerVariables(["python3", "step.py"]);
  assertEquals(command.slice(-2), ["python3", "step.py"]);
  assertEquals(command.length, set.length === 0 ? 2 : 3 + set.length);
});
