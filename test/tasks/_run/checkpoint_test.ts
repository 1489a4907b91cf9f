import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ArgumentError, DataError } from "../../../src/errors.ts";
import { encodeSafetensors } from "../../../src/model/safetensors.ts";
import { Random } from "../../../src/model/random.ts";
import type { RunConfig } from "../../../src/records/config.ts";
import { withoutLinkerVariables } from "../../../tasks/_kit/children.ts";
import { decodeCheckpoint, encodeCheckpoint, type Kept } from "../../../tasks/_run/checkpoint.ts";
import { exists, filesIn, inDirectory } from "../../_tasks.ts";

const CONFIG: RunConfig = {
  task: "baseline",
  settings: { seed: 1, hidden: [6] },
  madeWith: {
    packageVersion: "0.1.0",
    denoVersion: "2.9.6",
    adapter: "llvmpipe",
    vendor: "Mesa",
    variant: "tiled",
  },
};

const KEPT: Kept = {
  texts: { "metrics.csv": "step,σ\n0,NaN\n" },
  state: {
    step: 7,
    rowDue: true,
    pending: [],
    ended: false,
    parameters: [new Float32Array(100).fill(0.1)],
    statistics: [new Float32Array(10).fill(-0)],
    diverged: [null],
  },
};

Deno.test("encodeCheckpoint() and decodeCheckpoint() keep everything, with and without a training", async () => {
  for (const kept of [KEPT, { texts: KEPT.texts }]) {
    const bytes = await encodeCheckpoint(kept, CONFIG);
    assertEquals(await decodeCheckpoint(bytes, { name: "x", config: CONFIG }), kept);
  }
});

Deno.test("decodeCheckpoint() refuses what would give other bytes, and says what differs", async () => {
  const bytes = await encodeCheckpoint(KEPT, CONFIG);
  const { settings, madeWith } = CONFIG;
  const cases: [config: RunConfig, what: string][] = [
    [{ ...CONFIG, task: "lambda-search" }, "the task differs (baseline there, lambda-search here)"],
    [{ ...CONFIG, settings: { ...settings, seed: 2 } }, "the settings differ"],
    [
      { ...CONFIG, madeWith: { ...madeWith, adapter: "other" } },
      "the adapter differs (llvmpipe there, other here)",
    ],
    [{ ...CONFIG, madeWith: { ...madeWith, variant: "fused-tail" } }, "the kernel variant differs"],
    [{ ...CONFIG, madeWith: { ...madeWith, denoVersion: "3.0.0" } }, "the version of Deno differs"],
  ];
  for (const [config, what] of cases) {
    const decode = () => decodeCheckpoint(bytes, { name: "x", config });
    const { message } = await assertRejects(decode, ArgumentError);
    assert(message.startsWith(`Cannot resume from x: ${what}`), message);
    assert(message.endsWith("expected the same, or no such file, to start anew"), message);
  }
});

Deno.test("decodeCheckpoint() refuses 400 damaged checkpoints, each in one sentence", async () => {
  const whole = await encodeCheckpoint(KEPT, CONFIG);
  const random = new Random(1, "damaged checkpoints");
  const below = (end: number) => Math.floor(random.uniform() * end);
  for (let i = 0; i < 400; i++) {
    let bytes = whole.slice();
    if (i % 4 === 0) bytes = bytes.slice(0, below(bytes.length));
    else if (i % 4 === 1) bytes[below(bytes.length)] ^= 1 << below(8);
    else if (i % 4 === 2) bytes.set(bytes.slice(0, 9).toReversed(), below(bytes.length - 9));
    else if (i === 3) bytes = encodeSafetensors(new Map());
    else bytes = Uint8Array.from([...bytes, ...new Uint8Array(1 + below(100))]);
    const decode = () => decodeCheckpoint(bytes, { name: "x", config: CONFIG });
    const { message } = await assertRejects(decode, DataError, undefined, `damage ${i}`);
    assert(/^Cannot read .*x.*; without this file its run starts anew$/s.test(message), message);
  }
});

Deno.test({
  name: "baseline that is killed is resumed from its checkpoint to the same bytes",
  ignore: Deno.build.os === "windows",
  async fn() {
    await inDirectory(async (parent) => {
      const whole = await train(`${parent}/whole`);
      assertEquals(whole.code, 0, whole.errors);
      const out = `${parent}/killed`;
      await train(out, "SIGKILL");
      assert(await exists(`${out}/hidden-6-batch-norm/checkpoint.safetensors`));
      const again = await train(out);
      assertEquals(again.code, 0, again.errors);
      assert(again.errors.includes("resumed from the checkpoint at step "), again.errors);
      assertEquals(await filesIn(out), await filesIn(`${parent}/whole`));
    });
  },
});

/** Trains a small network as a process of its own; with a signal, sends it once there is a checkpoint. */
async function train(
  out: string,
  signal?: Deno.Signal,
): Promise<{ code: number; errors: string }> {
  // Through a shell, which splits $STD_MAP as `deno task` does; this process may not read the variable.
  const script = `exec "$0" run $STD_MAP --no-lock --allow-read --allow-write "$@"`;
  const args =
    "--quick --data synthetic --hidden 6 --batch-norm on --batch 500 --half-cycle 200 --variant " +
    "per-operation --checkpoint-every 0";
  const child = new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), "tasks/baseline.ts", ...args.split(" "), "--out", out],
    cwd: fromFileUrl(new URL("../../..", import.meta.url)),
    env: withoutLinkerVariables(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  while (signal !== undefined) {
    if (await exists(`${out}/hidden-6-batch-norm/checkpoint.safetensors`)) {
      child.kill(signal);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { code } = await child.status;
  return { code, errors: await errors };
}
