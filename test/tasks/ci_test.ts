import { assertEquals } from "@std/assert";
import { withoutLinkerVariables } from "../../tasks/_kit/children.ts";

/** Runs `.ci/run` in a project whose checks and tests are these lines of shell. */
async function runCi(
  scripts: { check?: string; test: string },
): Promise<{ status: number; lines: string[] }> {
  const project = await Deno.makeTempDir();
  const { check = ":", test } = scripts;
  try {
    for (const folder of [".ci", "tasks"]) await Deno.mkdir(`${project}/${folder}`);
    const script = new URL("../../.ci/run", import.meta.url);
    await Deno.copyFile(script, `${project}/.ci/run`);
    await Deno.writeTextFile(`${project}/file`, "as it was\n");
    await Deno.writeTextFile(
      `${project}/tasks/bootstrap.sh`,
      // What is installed first runs a test, too.
      `case "$*" in check) ${check} ;; test) ${test}\n;; esac\n`,
    );
    const { code, stdout } = await new Deno.Command("sh", {
      args: ["-c", 'exec bash "$0"', `${project}/.ci/run`],
      env: withoutLinkerVariables(),
    }).output();
    const output = new TextDecoder().decode(stdout).trimEnd();
    return { status: code, lines: output.split("\n") };
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

const PASSED = "echo 'ok | 3 passed (1 step) | 0 failed (5s)'";
const SENTENCE = "The tests left this behind, expected nothing:";

Deno.test(".ci/run ends with the number of tests, and with status 0 when all is well", async () => {
  const kept = 'date >"$TMPDIR/x"; rm "$TMPDIR/x"; ';
  assertEquals(await runCi({ test: kept + PASSED }), {
    status: 0,
    lines: ["ok | 3 passed (1 step) | 0 failed (5s)", "3 passed, 0 failed"],
  });
});

Deno.test(".ci/run fails when checks or tests fail, or when none run", async () => {
  const failed = "echo 'FAILED | 2 passed | 1 failed (5s)'; exit 1";
  const cases: [scripts: { check?: string; test: string }, last: string][] = [
    [{ test: failed }, "2 passed, 1 failed"],
    [{ check: "exit 1", test: PASSED }, "3 passed, 0 failed"],
    [{ test: `${PASSED}; exit 1` }, "3 passed, 0 failed"],
    [{ test: ":" }, "0 passed, 1 failed"],
  ];
  for (const [scripts, last] of cases) {
    const { status, lines } = await runCi(scripts);
    assertEquals([status, lines.at(-1)], [1, last]);
  }
});

Deno.test(".ci/run allows the checks to leave files, which tests must not", async () => {
  const { status } = await runCi({ check: "date >new", test: PASSED });
  assertEquals(status, 0);
});

Deno.test(".ci/run allows the tests to leave an empty out/, which is nobody's to remove", async () => {
  const { status } = await runCi({ test: `mkdir out\n${PASSED}` });
  assertEquals(status, 0);
});

for (
  const [what, script, left] of [
    [
      "a file in the checkout",
      "mkdir out; date >out/.lock",
      /^new or changed: .*\.\/out(\/\.lock)?$/,
    ],
    ["an empty folder in the checkout", "mkdir new", /^new or changed: \.\/new$/],
    ["a changed file", "echo other >file", /^(gone|new) or changed: \d+ \d+ \.\/file$/],
    ["a file less", "rm file", /^gone or changed: \d+ \d+ \.\/file$/],
    ["a temporary file", 'date >"$(mktemp)"', /\/tmp\.[^/]*\/[^/]+$/],
    // Only Linux tells.
    ...Deno.build.os === "linux"
      ? [["a process", "sleep 60 >/dev/null 2>&1 &", /^process \d+: sleep 60 $/] as const]
      : [],
  ] as const
) {
  Deno.test(`.ci/run fails when the tests leave ${what}`, async () => {
    const { status, lines } = await runCi({ test: `${script}\n${PASSED}` });
    const from = lines.indexOf(SENTENCE);
    const found = lines.slice(from + 1, -1);
    assertEquals([status, lines.at(-1)], [1, "3 passed, 0 failed"]);
    assertEquals([from, found.length > 0, found.filter((line) => !left.test(line))], [1, true, []]);
    const pid = found[0].match(/^process (\d+)/)?.[1];
    if (pid !== undefined) await new Deno.Command("sh", { args: ["-c", `kill ${pid}`] }).output();
  });
}
