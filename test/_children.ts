/**
 * A program that starts children as `peers` and `check` do, for a test that runs it with their permissions. It prints
 * a line of JSON: the rows of two peers, what was said of one that fails, and how a child of its own Deno ended.
 */
import { type Command, runDeno } from "../tasks/_kit/children.ts";
import { measurePeers, type Peer } from "../tasks/_bench/peers.ts";
import { CapturedContext } from "./_context.ts";

function peer(name: string, command: Command): Peer {
  return { name, command: () => command };
}

const [program, out] = Deno.args;
if (program === "check") {
  const { code, stderr } = await runDeno("--version");
  console.log(JSON.stringify({ code, errors: new TextDecoder().decode(stderr) }));
} else {
  /** A peer that prints the linker's variables as its mode. */
  const script = `console.log(JSON.stringify({
    peer: "eval", version: Deno.version.deno, ms_per_step: 2, steps: 1,
    mode: [Deno.env.get("LD_LIBRARY_PATH"), Deno.env.get("LD_DEBUG_OUTPUT")].join(),
  }))`;
  const peers = [
    peer("eval", [Deno.execPath(), "eval", "--no-config", script]),
    peer("broken", [Deno.execPath(), "run", "--no-config", "no-such-file.ts"]),
    peer("absent", ["python3", "step.py"]),
  ];
  const context = new CapturedContext();
  const rows = await measurePeers(context, {
    ...{ peers, out, rounds: 1, force: false, commit: "", adapter: "", json: true, quick: true },
    loads: [{
      plan: { hidden: [3], batchNorm: true, batch: 2, networks: 1 },
      steps: 1,
      own: () => Promise.resolve(1),
    }],
  });
  const left = context.errors.split("\n").filter((line) => line.includes(" is left out: "));
  console.log(JSON.stringify({ modes: rows.map(({ mode }) => mode), left }));
}
