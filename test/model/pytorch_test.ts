import { assert, assertEquals } from "@std/assert";
import { decodeNetwork, encodeNetwork } from "../../src/model/checkpoint.ts";
import { logits } from "../../src/model/reference/trained.ts";
import { withoutLinkerVariables } from "../../tasks/_kit/children.ts";
import { relativeError } from "../_gpu.ts";
import { drawNetwork, drawRecords } from "../_trained.ts";

/** Runs a shell's script with a `python3` that has PyTorch, Debian's first; its status is 9 where there is none. */
async function runPython(...args: string[]): Promise<{ code: number; output: string }> {
  const find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)";
  const script = `for python in /usr/bin/python3 python3; do
      if "$python" -c "${find}" 2> /dev/null; then exec "$python" "$@"; fi
    done
    exit 9`;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    env: withoutLinkerVariables(),
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

const NO_TORCH = (await runPython("-c", "")).code === 9;

if (NO_TORCH) {
  console.error(
    "NOT TESTED: test/model/pytorch_test.ts found no python3 with PyTorch, expected the package python3-torch",
  );
}

/** The scripts of the document by their names, which are their first lines. */
async function writeScripts(folder: string): Promise<void> {
  const text = await Deno.readTextFile(new URL("../../docs/pytorch.md", import.meta.url));
  const blocks = [...text.matchAll(/^```python\n# (\w+\.py)\n(.*?)^```$/gms)];
  assertEquals(blocks.map(([, name]) => name), ["load.py", "save.py"]);
  for (const [, name, source] of blocks) await Deno.writeTextFile(`${folder}/${name}`, source);
}

/** Reads networks of ours, computes their logits, and writes networks of its own with their logits. */
const DRIVER = `
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from load import load, Standardise
from save import save
torch.manual_seed(1)
torch.set_num_threads(1)
given = json.load(open(sys.argv[1] + "/given.json"))
found = {}
with torch.no_grad():
    for name, x in given.items():
        model = load(f"{sys.argv[1]}/{name}")
        save(model, f"{sys.argv[1]}/again-{name}")
        found[name] = model(torch.tensor(x)).flatten().tolist()

def train(norm, front):
    hidden = lambda i, o: [torch.nn.Linear(i, o)] + [torch.nn.BatchNorm1d(o)] * norm + [torch.nn.ReLU()]
    model = torch.nn.Sequential(*front, *hidden(5, 8), *hidden(8, 6), torch.nn.Linear(6, 3))
    descent = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(30):
        x = 4 + 3 * torch.randn(20, 5)
        descent.zero_grad()
        torch.nn.functional.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
        descent.step()
    return model.eval()

x = 4 + 3 * torch.randn(50, 5)
found["x"] = x.flatten().tolist()
with torch.enable_grad():
    for norm in (0, 1):
        front = [Standardise(torch.full((5,), 4.0), torch.full((5,), 3.0))] * norm
        model = train(norm, front)
        save(model, f"{sys.argv[1]}/torch-{norm}.safetensors", input="floats")
        found[f"torch-{norm}"] = model(x).flatten().tolist()
print(json.dumps(found))
`;

Deno.test({
  name: `docs/pytorch.md has scripts that carry networks to PyTorch and back, with the same logits${
    NO_TORCH ? " (NOT TESTED: no python3 has PyTorch, expected the package python3-torch)" : ""
  }`,
  ignore: NO_TORCH,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await writeScripts(folder);
      const given: Record<string, number[][]> = {};
      const expected = new Map<string, Float64Array>();
      for (const batchNorm of [false, true]) {
        for (const input of ["bytes", "floats"] as const) {
          const network = drawNetwork({ inputs: 7, hidden: [9, 6, 4], batchNorm, input });
          const x = drawRecords(network, 40);
          const name = `${batchNorm}-${input}.safetensors`;
          await Deno.writeFile(`${folder}/${name}`, encodeNetwork(network));
          const scale = input === "bytes" ? 255 : 1;
          given[name] = Array.from(
            { length: 40 },
            (_, i) => Array.from(x.subarray(7 * i, 7 * (i + 1)), (v) => v / scale),
          );
          expected.set(name, logits(network, x));
        }
      }
      await Deno.writeTextFile(`${folder}/given.json`, JSON.stringify(given));
      const { code, output } = await runPython("-c", DRIVER, folder);
      assertEquals(code, 0, output);
      const found: Record<string, number[]> = JSON.parse(output);

      for (const [name, own] of expected) {
        const error = relativeError(found[name], own);
        assert(error < 1e-5, `${name}: ${error}`);
        const { step: _s, settings: _t, version: _v, ...network } = decodeNetwork(
          await Deno.readFile(`${folder}/${name}`),
        );
        const again = decodeNetwork(await Deno.readFile(`${folder}/again-${name}`));
        assertEquals(again, {
          ...network,
          ...{ input: "bytes", classNames: network.classNames.map((_, i) => `${i}`) },
        });
      }
      for (const norm of [0, 1]) {
        const network = decodeNetwork(await Deno.readFile(`${folder}/torch-${norm}.safetensors`));
        const { batchNorm, hidden } = network.architecture;
        assertEquals([batchNorm, hidden], [norm === 1, [8, 6]]);
        const error = relativeError(
          found[`torch-${norm}`],
          logits(network, Float32Array.from(found.x)),
        );
        assert(error < 1e-5, `torch-${norm}: ${error}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
