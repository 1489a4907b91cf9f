import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { measurePeers, type Peer, peersOf, tellingLine } from "../../../tasks/_bench/peers.ts";
import { BENCH_FILES, readRows } from "../../../tasks/_bench/files.ts";
import { PEERS_CSV } from "../../../src/records/bench.ts";
import { CapturedContext } from "../../_context.ts";
import { exists, inDirectory } from "../../_tasks.ts";

/** A peer that is a line of shell. */
function shell(name: string, script: string): Peer {
  return { name, command: () => ["sh", "-c", script] };
}

/** A load of one network whose own steps take some times, one after another. */
function load(times: number[], networks = 1) {
  const plan = { hidden: [7, 5], batchNorm: true, batch: 20, networks };
  return { plan, steps: 30, own: () => Promise.resolve(times.shift()!) };
}

function line(peer: string, ms: number): string {
  return JSON.stringify({ peer, version: "1.2", mode: "cpu", ms_per_step: ms, steps: 7 });
}

const COMMON = {
  commit: "0123abc",
  adapter: "an adapter",
  json: false,
  quick: false,
  force: false,
};

Deno.test("measurePeers() measures each peer in each round beside ours, and appends the rows", async () => {
  await inDirectory(async (out) => {
    const peers = [
      // No times: what follows cannot be read from peers.csv again.
      shell(
        "fast",
        `echo 'loading'; echo '${line("odd", 6).replace("6,", "1e999,")}'; ` +
          `echo '${line("odd", 6).replace("6,", '"6",')}'; echo '${line("fast", 6)}'`,
      ),
      shell("two ways", `echo '${line("slow", 30)}'; echo '${line("slower", 60)}'`),
    ];
    const loads = [load([1, 2, 3, 4])];
    const context = new CapturedContext();
    const rows = await measurePeers(context, { ...COMMON, rounds: 2, loads, peers, out });

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
    assertMatch(context.output, /^7,5 +1 +on +fast +1\.2 +cpu +6 +2 +4 \(2 to 6\)$/m);
    const first = await Deno.readTextFile(`${out}/peers.csv`);
    assertEquals(first.trim().split("\n").length, 7);

    const before = await readRows(BENCH_FILES.peers, PEERS_CSV, { out, force: false });
    assertEquals(before, rows);
    assertEquals(await readRows(BENCH_FILES.peers, PEERS_CSV, { out, force: true }), []);
    const again = { ...COMMON, rounds: 1, loads: [load([1, 1])], peers, out };
    await measurePeers(context, again);
    const second = await Deno.readTextFile(`${out}/peers.csv`);
    assert(second.startsWith(first));
    assertEquals(second.trim().split("\n").length, 10);
  });
});

Deno.test("measurePeers() leaves a peer out and says why when it cannot run", async () => {
  await inDirectory(async (out) => {
    const peers = [
      { name: "absent", command: () => ["no-such-program-anywhere"] } satisfies Peer,
      shell("broken", "echo 'No module named numbers' >&2; exit 1"),
      shell("silent", "true"),
      shell("hanging", "exec sleep 60"),
    ];
    const loads = [load([1, 1, 1, 1]), load([1, 1, 1, 1], 2)];
    const context = new CapturedContext();
    const options = { ...COMMON, rounds: 2, loads, peers, out, patience: 300 };
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

Deno.test("measurePeers() lets nothing that a peer prints direct the terminal", async () => {
  await inDirectory(async (out) => {
    const evil = `\x1b[2J\x9b2J\x7f`;
    const named = line("evil", 6).replace("1.2", "1\\u001b[2J\x9b\x7f");
    const peers = [
      shell("liar", `printf '%s' '${evil}' >&2; exit 1`),
      shell("evil", `cat <<'END'\n${named}\nEND`),
    ];
    for (const json of [false, true]) {
      const context = new CapturedContext();
      const loads = [load([1, 1])];
      await measurePeers(context, { ...COMMON, json, rounds: 1, loads, peers, out });
      assertMatch(context.errors, /^liar is left out: \\x1b\[2J\\x9b2J\\x7f$/m);
      // deno-lint-ignore no-control-regex
      assertEquals((context.output + context.errors).match(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g), null);
      if (json) assertEquals(context.events[0].version, "1\x1b[2J\x9b\x7f");
    }
  });
});

Deno.test("measurePeers() keeps what a peer printed in the rounds before it failed", async () => {
  await inDirectory(async (out) => {
    await Deno.mkdir(out);
    const once = `test ! -e ${out}/ran && echo '${line("once", 6)}' && touch ${out}/ran`;
    const context = new CapturedContext();
    const options = {
      ...COMMON,
      json: true,
      quick: true,
      rounds: 3,
      loads: [load([2, 2, 2])],
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
    const loads = [{ ...load([]), own }];
    const options = { ...COMMON, rounds: 1, loads, peers: [shell("long", "exec sleep 60")], out };
    await assertRejects(() => measurePeers(context, options), Error, "told to");
    assertEquals(await exists(out), false);
  });
});

Deno.test("measurePeers() measures each load with the peers that know it, and prints a line for each", async () => {
  await inDirectory(async (out) => {
    const any: Peer = {
      name: "any",
      command: ({ plan: { networks }, steps }) => [
        ...["sh", "-c", `echo '${line("any", 10)}' | sed s/7/${100 * networks + steps}/`] as const,
      ],
    };
    const one: Peer = {
      name: "one",
      command: ({ plan }) => plan.networks === 1 ? any.command({ plan, steps: 1 }) : undefined,
    };
    const context = new CapturedContext();
    const loads = [load([1, 2, 3, 4]), load([5, 10], 3)];
    const options = { ...COMMON, json: true, rounds: 2, loads, peers: [any, one], out };
    const rows = await measurePeers(context, options);
    assertEquals(
      rows.map(({ networks, hidden, batchNorm, batch, steps, ownMsPerStep }) => [
        ...[networks, hidden, batchNorm, batch, steps, ownMsPerStep],
      ]),
      [
        [1, "7,5", true, 20, 130, 1],
        [1, "7,5", true, 20, 101, 2],
        [3, "7,5", true, 20, 330, 5],
        [1, "7,5", true, 20, 130, 3],
        [1, "7,5", true, 20, 101, 4],
        [3, "7,5", true, 20, 330, 10],
      ],
    );
    assertEquals(
      context.events.map(({ networks, hidden, batch_norm, batch, rounds, own_ms_per_step }) => [
        ...[networks, hidden, batch_norm, batch, rounds, own_ms_per_step],
      ]),
      [[1, "7,5", true, 20, 4, 2.5], [3, "7,5", true, 20, 2, 7.5]],
    );
  });
});

Deno.test("measurePeers() leaves a peer that has measured something out of the load that fails only", async () => {
  await inDirectory(async (out) => {
    const small: Peer = {
      name: "small",
      command: ({ plan }) =>
        plan.networks === 2
          ? ["sh", "-c", "echo out of memory >&2; exit 1"]
          : ["sh", "-c", `echo '${line("small", 6)}'`],
    };
    const loads = [load([1, 1]), load([1], 2), load([1, 1], 3)];
    const context = new CapturedContext();
    const options = { ...COMMON, rounds: 2, loads, peers: [small], out };
    const rows = await measurePeers(context, options);
    assertEquals(rows.map(({ networks }) => networks), [1, 3, 1, 3]);
    assertMatch(
      context.errors,
      /^small is left out of 2 networks, hidden 7,5, batch norm on: out of memory$/m,
    );
  });
});

Deno.test("measurePeers() keeps what a peer printed before it failed or took too long, and says so once", async () => {
  await inDirectory(async (out) => {
    const half = shell("half", `echo '${line("half", 6)}'; echo 'no compiler' >&2; exit 1`);
    const slow = shell("slow", `echo '${line("slow", 6)}'; exec sleep 60`);
    const context = new CapturedContext();
    const loads = [load([1, 1, 1])];
    const twice = { ...COMMON, rounds: 2, loads, peers: [half], out };
    const once = { ...COMMON, rounds: 1, loads, peers: [slow], out, patience: 1000 };
    const rows = [
      ...await measurePeers(context, twice),
      ...await measurePeers(context, once),
    ];
    assertEquals(rows.map(({ peer }) => peer), ["half", "half", "slow"]);
    assertEquals(
      context.errors.split("\n").filter((text) => / some of its ways: /.test(text)),
      [
        "half measured only some of its ways: no compiler",
        "slow measured only some of its ways: it took longer than 1 s",
      ],
    );
  });
});

Deno.test("peersOf() names programs that exist, and measures for a shorter time with quick", async () => {
  const plan = { hidden: [50, 50], batchNorm: true, batch: 100, networks: 1 };
  const [usual, quick] = [false, true].map((quick) => peersOf({ quick }));
  assertEquals(usual.map(({ name }) => name), quick.map(({ name }) => name));
  for (const [i, peer] of usual.entries()) {
    const [command, short] = [peer, quick[i]].map((peer) => peer.command({ plan, steps: 450 })!);
    const file = command.find((text) => /\.(ts|py)$/.test(text))!;
    assert(await exists(file), file);
    const changed = command.flatMap((text, at) => text === short[at] ? [] : [[text, short[at]]]);
    assertEquals(changed.length, 2);
    for (const [usual, quick] of changed) assert(Number(quick) < Number(usual), file);
  }
});

Deno.test("peersOf() passes any networks to the peers in Python, and one of three layers to all", () => {
  const plan = { hidden: [9, 8, 7], batchNorm: false, batch: 30, networks: 4 };
  const peers = peersOf({ quick: false });
  const known = peers.filter((peer) => peer.command({ plan, steps: 5 }) !== undefined);
  assertEquals(known.map(({ name }) => name), ["NumPy", "PyTorch", "JAX"]);
  for (const peer of known) {
    assertEquals(peer.command({ plan, steps: 5 })!.slice(3), [
      ...["--hidden", "9,8,7", "--batch", "30", "--networks", "4", "--batch-norm", "off"],
      ...["--min-steps", "5", "--min-ms", "250"],
    ]);
  }
  const one = { hidden: [50, 50], batchNorm: true, batch: 100, networks: 1 };
  const count = (plan: typeof one) =>
    peers.filter((peer) => peer.command({ plan, steps: 5 })).length;
  assertEquals(count(one), peers.length);
  const others = [{ hidden: [50] }, { batchNorm: false }, { batch: 99 }, { networks: 2 }];
  assertEquals(others.map((other) => count({ ...one, ...other })), [3, 3, 3, 3]);
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
