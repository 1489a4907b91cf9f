import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { measurePeers, type Peer, peersOf, tellingLine } from "../../../tasks/_bench/peers.ts";
import { BENCH_FILES, readRows } from "../../../tasks/_bench/files.ts";
import { PEERS_CSV } from "../../../src/records/bench.ts";
import { CapturedContext } from "../../_context.ts";
import { exists, inDirectory } from "../../_tasks.ts";

/** A peer that is a line of shell. */
function shell(name: string, script: string): Peer {
  return { name, command: ["sh", "-c", script] };
}

function line(peer: string, ms: number): string {
  return JSON.stringify({ peer, version: "1.2", mode: "cpu", ms_per_step: ms, steps: 7 });
}

const COMMON = { commit: "0123abc", adapter: "an adapter", json: false, quick: false, before: [] };

Deno.test("measurePeers() measures each peer in each round beside ours, and appends the rows", async () => {
  await inDirectory(async (out) => {
    const peers = [
      shell("fast", `echo 'loading'; echo '${line("fast", 6)}'`),
      shell("two ways", `echo '${line("slow", 30)}'; echo '${line("slower", 60)}'`),
    ];
    const times = [1, 2, 3, 4];
    const own = () => Promise.resolve(times.shift()!);
    const context = new CapturedContext();
    const rows = await measurePeers(context, { ...COMMON, rounds: 2, own, peers, out });

    assertEquals(
      rows.map(({ peer, msPerStep, ownMsPerStep }) => [peer, msPerStep, ownMsPerStep]),
      [
        ["fast", 6, 1],
        ["slow", 30, 2],
        ["slower", 60, 2],
        ["fast", 6, 3],
        ["slow", 30, 4],
        ["slower", 60, 4],
      ],
    );
    assertMatch(context.output, /^fast +1\.2 +cpu +6 +2 +4 \(2 to 6\)$/m);
    const first = await Deno.readTextFile(`${out}/peers.csv`);
    assertEquals(first.trim().split("\n").length, 7);

    const before = await readRows(BENCH_FILES.peers, PEERS_CSV, { out, force: false });
    assertEquals(before, rows);
    assertEquals(await readRows(BENCH_FILES.peers, PEERS_CSV, { out, force: true }), []);
    const again = { ...COMMON, rounds: 1, own: () => Promise.resolve(1), peers, out, before };
    await measurePeers(context, again);
    const second = await Deno.readTextFile(`${out}/peers.csv`);
    assert(second.startsWith(first));
    assertEquals(second.trim().split("\n").length, 10);
  });
});

Deno.test("measurePeers() leaves a peer out and says why when it cannot run", async () => {
  await inDirectory(async (out) => {
    const peers = [
      { name: "absent", command: ["no-such-program-anywhere"] } as const,
      shell("broken", "echo 'No module named numbers' >&2; exit 1"),
      shell("silent", "true"),
      shell("hanging", "exec sleep 60"),
    ];
    const own = () => Promise.resolve(1);
    const context = new CapturedContext();
    const options = { ...COMMON, rounds: 2, own, peers, out, patience: 300 };
    assertEquals(await measurePeers(context, options), []);

    const left = context.errors.split("\n").filter((text) => / is left out: /.test(text));
    assertEquals(left[0], "absent is left out: there is no no-such-program-anywhere");
    assertEquals(left.slice(1), [
      "broken is left out: No module named numbers",
      "silent is left out: it ended with 0 and printed no time",
      "hanging is left out: it took longer than 0.3 s",
    ]);
    assertEquals(await exists(`${out}/peers.csv`), false);
  });
});

Deno.test("measurePeers() keeps what a peer printed in the rounds before it failed", async () => {
  await inDirectory(async (out) => {
    await Deno.mkdir(out);
    const once = `test ! -e ${out}/ran && echo '${line("once", 6)}' && touch ${out}/ran`;
    const own = () => Promise.resolve(2);
    const context = new CapturedContext();
    const options = {
      ...COMMON,
      json: true,
      quick: true,
      rounds: 3,
      own,
      peers: [shell("once", once)],
      out,
    };
    assertEquals((await measurePeers(context, options)).length, 1);
    assertEquals(
      context.events.map(({ event, peer, rounds, ratio, quick }) => [
        ...[event, peer, rounds, ratio, quick],
      ]),
      [["peer", "once", 1, 3, true]],
    );
  });
});

Deno.test("measurePeers() ends the running peer when it is aborted", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const own = () => {
      setTimeout(() => context.abort(new Error("told to")), 100);
      return Promise.resolve(1);
    };
    const options = { ...COMMON, rounds: 1, own, peers: [shell("long", "exec sleep 60")], out };
    await assertRejects(() => measurePeers(context, options), Error, "told to");
    assertEquals(await exists(out), false);
  });
});

Deno.test("peersOf() names programs that exist, and measures for a shorter time with quick", async () => {
  const [usual, quick] = [false, true].map((quick) => peersOf({ quick }));
  assertEquals(usual.map(({ name }) => name), quick.map(({ name }) => name));
  for (const [i, { command }] of usual.entries()) {
    const file = command.find((text) => /\.(ts|py)$/.test(text))!;
    assert(await exists(file), file);
    const [steps, least] = command.filter((text) => /^\d+$/.test(text));
    const [quickSteps, quickLeast] = quick[i].command.filter((text) => /^\d+$/.test(text));
    assert(Number(quickSteps) < Number(steps) && Number(quickLeast) < Number(least));
  }
});

Deno.test("tellingLine() finds why a program failed among what else it wrote", () => {
  const warned = "Warning: packages are old\nerror: Uncaught TypeError: no device\n" +
    "    at file:///tfjs.ts:18:7\n\n  hint: update\n";
  assertEquals(tellingLine(warned), "error: Uncaught TypeError: no device");
  const raised = `WARNING: an error is coming
Traceback (most recent call last):
  File "numpy/_core/__init__.py", line 24, in <module>
    from . import multiarray
ModuleNotFoundError: No module named 'numpy._core._multiarray_umath'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "numpy_step.py", line 10, in <module>
    import numpy as np
ImportError:${" "}

IMPORTANT: PLEASE READ THIS

We have compiled some common reasons and troubleshooting tips.
`;
  assertEquals(tellingLine(raised), "ImportError: IMPORTANT: PLEASE READ THIS");
  const missing = `Traceback (most recent call last):\r
  File "jax_step.py", line 11, in <module>\r
    import jax\r
ModuleNotFoundError: No module named 'jax'\r
`;
  assertEquals(tellingLine(missing), "ModuleNotFoundError: No module named 'jax'");
  assertEquals(
    tellingLine("Traceback (most recent call last):\n  File"),
    "Traceback (most recent call last):",
  );
  assertEquals(tellingLine("\n\nKilled\nsoon\n"), "Killed");
  assertEquals(tellingLine("\n"), "");
});
