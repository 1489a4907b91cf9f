import { assert } from "@std/assert";
import { ArgumentError, DataError } from "../../../src/errors.ts";
import { networkFromTensors, networkTensors } from "../../../src/model/checkpoint.ts";
import { layout } from "../../../src/model/network.ts";
import { Random } from "../../../src/model/random.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../src/model/safetensors.ts";
import { renderReport } from "../../../src/report/mod.ts";
import { writeReproduceDirectory } from "../../report/_report_fixture.ts";
import { filesIn, inDirectory } from "../../_tasks.ts";
import { readWithoutFigures } from "./_read.ts";

/** How many damaged files of each format are read. */
const TRIALS = 400;

/** Values of any kind, some of which a careless reader takes for its own. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  "",
  "NaN",
  "constructor",
  "<b>",
  '" onload="alert(1)',
  [],
  [[]],
  [[[50]]],
  {},
  { toString: 1 },
  { valueOf: null, length: -1 },
  "x".repeat(100_000),
  Array(10_000).fill(1),
];

/** Texts for the cell of a table. */
const CELLS = [
  ...[
    "",
    "NaN",
    "Infinity",
    "-1",
    "0",
    "1e999",
    "1e300",
    "0x10",
    "TRUE",
    "1,5",
    '"',
    '"1""',
    "__proto__",
  ],
  ...[
    "9007199254740993",
    "constructor",
    "<img src=x onerror=alert(1)>",
    "\u2028",
    "\u0000",
    "x".repeat(1e5),
  ],
];

type Damage = (bytes: Uint8Array, random: Random) => Uint8Array;

const ofText = (damage: (text: string, random: Random) => string): Damage => (bytes, random) =>
  new TextEncoder().encode(damage(new TextDecoder().decode(bytes), random));

const cut: Damage = (bytes, random) => bytes.slice(0, random.below(bytes.length));

/** Flips some bits. */
const flip: Damage = (bytes, random) => {
  const flipped = bytes.slice();
  for (let i = 0; i <= random.below(4); i++) {
    flipped[random.below(bytes.length)] ^= 1 << random.below(8);
  }
  return flipped;
};

const repeat: Damage = (bytes, random) => {
  const [from, to] = [random.below(bytes.length), random.below(bytes.length)].sort((a, b) => a - b);
  return new Uint8Array([...bytes.subarray(0, to), ...bytes.subarray(from)]);
};

/** Changes a cell into another of the table or an odd one, or a whole line. */
const cells = ofText((text, random) => {
  const lines = text.split("\n").map((line) => line.split(","));
  const line = lines[random.below(lines.length - 1)];
  const other = lines[random.below(lines.length - 1)];
  const cell = random.below(line.length);
  switch (random.below(4)) {
    case 0:
      line[cell] = other[random.below(other.length)];
      break;
    case 1:
      line[cell] = pick(CELLS, random);
      break;
    case 2:
      line.splice(cell, random.below(2), pick(CELLS, random));
      break;
    default:
      lines.splice(random.below(lines.length), random.below(2), other);
  }
  return lines.map((line) => line.join(",")).join("\n");
});

/** Changes a value at any depth, removes it, doubles it, or names it otherwise. */
const values = ofText((text, random) => {
  const all = JSON.parse(text);
  const places: [object: Record<string, unknown>, name: string][] = [];
  const collect = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const name of Object.keys(value)) {
      places.push([value as Record<string, unknown>, name]);
      collect((value as Record<string, unknown>)[name]);
    }
  };
  collect(all);
  const [object, name] = pick(places, random);
  const [other, otherName] = pick(places, random);
  switch (random.below(4)) {
    case 0:
      delete object[name];
      break;
    case 1: {
      const value = structuredClone(other[otherName]);
      object[name] = value;
      break;
    }
    case 2:
      Object.defineProperty(object, pick(["__proto__", "constructor", "toString", ""], random), {
        value: pick(VALUES, random),
        enumerable: true,
      });
      break;
    default:
      object[name] = pick(VALUES, random);
  }
  return JSON.stringify(all).replace('"NaN"', "1e999");
});

function pick<Type>(all: readonly Type[], random: Random): Type {
  return all[random.below(all.length)];
}

/** Refusals are one sentence of one of our errors; anything else fails the test with what was read. */
function checkRefusal(error: unknown, what: string): void {
  const refused = error instanceof DataError || error instanceof ArgumentError;
  if (!refused) throw new Error(`${what} threw ${error}`, { cause: error });
  assert(/^[^\n]{20,}$/.test(error.message), `${what}: ${error.message}`);
}

Deno.test("report reads 400 damaged files correctly or refuses each in one sentence", async () => {
  const random = new Random(1, "damaged reports");
  let refused = 0;
  await inDirectory(async (out) => {
    const without = ["baseline/seed-1/3-layer-batch-norm", "baseline/seed-1/9-layer-batch-norm"];
    await writeReproduceDirectory(out, { seeds: 1, without });
    const files = [...await filesIn(out)];
    for (let trial = 0; trial < TRIALS; trial++) {
      const [name, bytes] = files[trial % files.length];
      const damage = pick([cut, flip, repeat, name.endsWith(".csv") ? cells : values], random);
      await Deno.writeFile(`${out}/${name}`, damage(bytes, random));
      try {
        renderReport((await readWithoutFigures(out)).data);
      } catch (error) {
        checkRefusal(error, `trial ${trial}, ${name}`);
        refused++;
      }
      await Deno.writeFile(`${out}/${name}`, bytes);
    }
  });
  // Not by refusing all, nor by reading all.
  assert(refused > TRIALS / 2 && refused < TRIALS, `${refused} of ${TRIALS}`);
});

Deno.test("networkFromTensors() reads 400 damaged files correctly or refuses each in one sentence", () => {
  const random = new Random(1, "damaged checkpoints");
  const architecture = { inputs: 5, hidden: [4, 3], classes: 2, batchNorm: true };
  const { count, statisticCount } = layout(architecture);
  const { tensors, metadata } = networkTensors({
    architecture,
    parameters: new Float32Array(count).fill(1),
    statistics: new Float32Array(statisticCount).fill(2),
    mean: new Float32Array(5).fill(3),
    std: new Float32Array(5).fill(4),
    input: "bytes",
    classNames: Array.from({ length: architecture.classes }, (_, i) => `class ${i}`),
  });
  const whole = encodeSafetensors(tensors, metadata);
  const headerEnd = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
  const header = (damage: Damage): Damage => (bytes, random) => {
    const json = damage(bytes.slice(8, headerEnd), random);
    const file = new Uint8Array([...bytes.subarray(0, 8), ...json, ...bytes.subarray(headerEnd)]);
    new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
    return file;
  };
  let refused = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const damage = pick([cut, flip, repeat, header(flip), header(values)], random);
    const name = `trial-${trial}.safetensors`;
    try {
      networkFromTensors(decodeSafetensors(damage(whole, random), { name }), { name });
    } catch (error) {
      checkRefusal(error, name);
      refused++;
    }
  }
  assert(refused > TRIALS / 2 && refused < TRIALS, `${refused} of ${TRIALS}`);
});
