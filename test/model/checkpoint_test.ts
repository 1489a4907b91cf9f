import { assertEquals, assertThrows } from "@std/assert";
import configuration from "../../deno.json" with { type: "json" };
import {
  decodeNetwork,
  encodeNetwork,
  networkFromTensors,
  networkTensors,
  type TrainedNetwork,
} from "../../src/model/checkpoint.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { layout } from "../../src/model/network.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "../../src/model/safetensors.ts";
import { VERSION } from "../../src/model/version.ts";

/** 2 inputs, hidden 3 and 1, 2 classes; the value of every entry is its place in the flat vector. */
function counted(batchNorm: boolean): TrainedNetwork {
  const architecture = { inputs: 2, hidden: [3, 1], classes: 2, batchNorm };
  const { count, statisticCount } = layout(architecture);
  return {
    architecture,
    parameters: Float32Array.from({ length: count }, (_, i) => i),
    statistics: Float32Array.from({ length: statisticCount }, (_, i) => 100 + i),
    mean: new Float32Array([0.25, 0.5]),
    std: new Float32Array([1, 2]),
    input: "bytes",
    classNames: ["cat", "dog"],
    version: VERSION,
  };
}

function asLists(tensors: ReadonlyMap<string, Tensor>): [string, number[], number[]][] {
  return Array.from(tensors, ([name, { shape, data }]) => [name, [...shape], [...data]]);
}

Deno.test("networkTensors() names tensors as PyTorch does and turns weights to [out, in]", () => {
  // Flat: W1 0-5, W2 6-8, W3 9-10, b1 11-13, b2 14, b3 15-16, gamma1 17-19, gamma2 20, beta1 21-23, beta2 24.
  const { tensors, metadata } = networkTensors(counted(true));
  assertEquals(asLists(tensors), [
    ["input.mean", [2], [0.25, 0.5]],
    ["input.std", [2], [1, 2]],
    ["layers.0.weight", [3, 2], [0, 3, 1, 4, 2, 5]],
    ["layers.0.bias", [3], [11, 12, 13]],
    ["norms.0.weight", [3], [17, 18, 19]],
    ["norms.0.bias", [3], [21, 22, 23]],
    ["norms.0.running_mean", [3], [100, 101, 102]],
    ["norms.0.running_var", [3], [103, 104, 105]],
    ["layers.1.weight", [1, 3], [6, 7, 8]],
    ["layers.1.bias", [1], [14]],
    ["norms.1.weight", [1], [20]],
    ["norms.1.bias", [1], [24]],
    ["norms.1.running_mean", [1], [106]],
    ["norms.1.running_var", [1], [107]],
    ["layers.2.weight", [2, 1], [9, 10]],
    ["layers.2.bias", [2], [15, 16]],
  ]);
  assertEquals(metadata, {
    inputs: "2",
    hidden: "[3,1]",
    classes: "2",
    batch_norm: "true",
    epsilon: "0.00001",
    input: '"bytes"',
    class_names: '["cat","dog"]',
    package_version: JSON.stringify(VERSION),
  });
});

Deno.test("networkTensors() has no norms without batch norm", () => {
  const { tensors, metadata } = networkTensors(counted(false));
  assertEquals([...tensors.keys()].filter((name) => name.startsWith("norms")), []);
  assertEquals(metadata.batch_norm, "false");
});

Deno.test("networkTensors() refuses vectors of the wrong length", () => {
  assertThrows(
    () => networkTensors({ ...counted(true), statistics: new Float32Array(3) }),
    ArgumentError,
    "statistics has 3 entries, expected 8",
  );
});

Deno.test("networkFromTensors() restores the network from a file, byte for byte", () => {
  for (const batchNorm of [true, false]) {
    for (const hidden of [[], [50, 50], [7, 1, 3]]) {
      const architecture = { inputs: 11, hidden, classes: 10, batchNorm };
      const { statisticCount } = layout(architecture);
      const network: TrainedNetwork = {
        architecture,
        parameters: initialise(architecture, { seed: 7, identity: "a" }),
        statistics: Float32Array.from({ length: statisticCount }, (_, i) => 1 / (i + 3)),
        mean: Float32Array.from({ length: 11 }, (_, i) => i / 11),
        std: Float32Array.from({ length: 11 }, (_, i) => 1 + i / 7),
        input: "floats",
        classNames: Array.from({ length: 10 }, (_, i) => `class ${i}`),
        step: 12,
        settings: { lambda: 0.005, hidden, schedule: { cycles: 2 }, init: "he" },
        version: "0.0.1",
      };
      const { tensors, metadata } = networkTensors(network);
      const bytes = encodeSafetensors(tensors, metadata);
      const name = "model.safetensors";
      const back = networkFromTensors(decodeSafetensors(bytes, { name }), { name });
      assertEquals(back, network);
      const again = networkTensors(back);
      assertEquals(encodeSafetensors(again.tensors, again.metadata), bytes);
    }
  }
});

Deno.test("networkFromTensors() accepts additional metadata", () => {
  const { tensors, metadata } = networkTensors(counted(true));
  const file = { tensors, metadata: { ...metadata, data: "CIFAR-10" } };
  assertEquals(networkFromTensors(file, { name: "m" }), counted(true));
});

Deno.test("networkFromTensors() restores a network that PyTorch wrote with its counters and its own metadata", () => {
  const network = counted(true);
  const { tensors, metadata } = networkTensors(network);
  // As torch's state_dict has it: counters between the others, the format beside what we need.
  const others = { ...metadata, format: "pt", framework: "2.8" };
  const name = "torch.safetensors";
  const file = addCounters(encodeSafetensors(tensors, others), ["norms.0", "norms.1"]);
  assertEquals(networkFromTensors(decodeSafetensors(file, { name }), { name }), network);
});

/** Appends to a file what PyTorch's batch norm counts. */
function addCounters(bytes: Uint8Array, norms: readonly string[]): Uint8Array {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const data = [...bytes.subarray(8 + length)];
  for (const norm of norms) {
    const data_offsets = [data.length, data.length + 8];
    header[`${norm}.num_batches_tracked`] = { dtype: "I64", shape: [], data_offsets };
    data.push(7, 0, 0, 0, 0, 0, 0, 0);
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

Deno.test("networkFromTensors() names the file and what is wrong with it", () => {
  const { tensors, metadata } = networkTensors(counted(true));
  const one: Tensor = { shape: [1], data: new Float32Array(1) };
  const { hidden: _, ...withoutHidden } = metadata;
  const cases: [Record<string, string>, ReadonlyMap<string, Tensor>, string][] = [
    [withoutHidden, tensors, "hidden of its metadata is missing, expected JSON"],
    [{ ...metadata, hidden: "3,1" }, tensors, 'hidden of its metadata is "3,1", expected JSON'],
    [
      { ...metadata, hidden: "3" },
      tensors,
      "expected numbers inputs and classes, a list of numbers hidden",
    ],
    [{ ...metadata, epsilon: "0.001" }, tensors, "epsilon 0.00001"],
    [{ ...metadata, hidden: "[0]" }, tensors, "hidden[0] is 0, expected an integer"],
    [{ ...metadata, hidden: '["3",1]' }, tensors, "a list of numbers hidden"],
    [{ ...metadata, hidden: '[{"toString":1}]' }, tensors, "a list of numbers hidden"],
    [
      { ...metadata, inputs: "1e15" },
      tensors,
      "tensor input.mean is of shape [2], expected shape [1000000000000000]",
    ],
    [
      metadata,
      new Map([...tensors].filter(([name]) => name !== "norms.1.running_var")),
      "tensor norms.1.running_var is missing, expected shape [1]",
    ],
    [
      metadata,
      new Map([...tensors, ["layers.2.weight", { shape: [1, 2], data: new Float32Array(2) }]]),
      "tensor layers.2.weight is of shape [1,2], expected shape [2,1]",
    ],
    [
      metadata,
      new Map([...tensors, ["more", one]]),
      "it has the tensor more, expected only the tensors",
    ],
  ];
  for (const [metadata, tensors, message] of cases) {
    const error = assertThrows(
      () => networkFromTensors({ metadata, tensors }, { name: "a/m.safetensors" }),
      DataError,
      "Cannot read a network from a/m.safetensors: ",
    );
    assertEquals(error.message.includes(message), true, `${error.message} | ${message}`);
  }
});

Deno.test("decodeNetwork() restores what encodeNetwork() was given, also a network that has diverged", () => {
  const network = { ...counted(true), step: 7, settings: { lambda: 0.005, list: [1, "a", null] } };
  const bytes = encodeNetwork(network);
  assertEquals(decodeNetwork(bytes), network);
  assertEquals(encodeNetwork(decodeNetwork(bytes)), bytes);
  const diverged = { ...network, parameters: network.parameters.with(3, NaN).with(4, -Infinity) };
  assertEquals(decodeNetwork(encodeNetwork(diverged)), diverged);
});

Deno.test("encodeNetwork() writes the version of this package unless the network has one", () => {
  assertEquals(VERSION, configuration.version);
  const { version: _, ...unversioned } = counted(true);
  assertEquals(decodeNetwork(encodeNetwork(unversioned)).version, VERSION);
  const older = { ...unversioned, version: "0.0.1" };
  assertEquals(decodeNetwork(encodeNetwork(older)).version, "0.0.1");
});

Deno.test("encodeNetwork() refuses a network whose parts do not fit together", () => {
  const cases: [Partial<TrainedNetwork>, string][] = [
    [{ classNames: ["cat"] }, "it has 1 class names, expected 2 texts"],
    [{ input: "words" as "bytes" }, 'input is "words", expected "bytes" or "floats"'],
    [{ step: -1 }, "step is -1, expected a whole number from 0"],
    [{ settings: { seed: 1n } }, "its settings have no JSON"],
  ];
  for (const [change, message] of cases) {
    assertThrows(() => encodeNetwork({ ...counted(true), ...change }), ArgumentError, message);
  }
});

Deno.test("decodeNetwork() reads files without class names, input, step, settings and version", () => {
  const { tensors, metadata } = networkTensors(counted(true));
  const { input: _i, class_names: _c, package_version: _v, ...older } = metadata;
  const { version: _, ...expected } = counted(true);
  const network = decodeNetwork(encodeSafetensors(tensors, older));
  assertEquals(network, { ...expected, classNames: ["0", "1"] });
});

Deno.test("decodeNetwork() reads the architecture from the shapes where no metadata says it", () => {
  const names = { classNames: ["0", "1"] };
  for (const batchNorm of [true, false]) {
    const { version: _, ...network } = counted(batchNorm);
    const { tensors } = networkTensors(network);
    assertEquals(decodeNetwork(encodeSafetensors(tensors)), { ...network, ...names });
    const floats = { format: "pt", input: '"floats"', class_names: '["a","b"]' };
    assertEquals(decodeNetwork(encodeSafetensors(tensors, floats)), {
      ...network,
      ...{ input: "floats", classNames: ["a", "b"] },
    });
    const raw = new Map([...tensors].filter(([name]) => !name.startsWith("input.")));
    assertEquals(decodeNetwork(encodeSafetensors(raw)), {
      ...{ ...network, ...names },
      ...{ mean: new Float32Array(2), std: new Float32Array([1, 1]) },
    });
  }
});

Deno.test("decodeNetwork() refuses shapes that are no network, and metadata of the wrong kind", () => {
  const { tensors, metadata } = networkTensors(counted(true));
  const without = (...names: string[]) =>
    new Map([...tensors].filter(([name]) => !names.includes(name)));
  const flat: Tensor = { shape: [6], data: new Float32Array(6) };
  const cases: [ReadonlyMap<string, Tensor>, Record<string, string>, string][] = [
    [
      without("layers.0.weight"),
      {},
      "neither metadata of a network nor the tensor layers.0.weight",
    ],
    [without("layers.1.weight"), {}, "it has the tensor norms.0.weight"],
    [without("layers.0.bias"), {}, "tensor layers.0.bias is missing, expected shape [3]"],
    [without("input.std"), {}, "tensor input.std is missing, expected shape [2]"],
    [without("norms.0.weight"), {}, "it has the tensor norms.0.bias"],
    [new Map([...tensors, ["layers.0.weight", flat]]), {}, "[6], expected [outputs, inputs]"],
    [tensors, { ...metadata, input: '"words"' }, 'expected "bytes" or "floats"'],
    [tensors, { ...metadata, class_names: '["a"]' }, "expected a list of 2 texts"],
    [tensors, { ...metadata, step: "-1" }, 'step of its metadata is "-1", expected a whole number'],
    [tensors, { ...metadata, settings: "[]" }, "expected an object"],
    [tensors, { ...metadata, package_version: "2" }, "expected a text"],
    [tensors, { ...metadata, step: "one" }, 'step of its metadata is "one", expected JSON'],
  ];
  for (const [tensors, metadata, message] of cases) {
    const bytes = encodeSafetensors(tensors, metadata);
    const error = assertThrows(() => decodeNetwork(bytes, { name: "a/m" }), DataError);
    assertEquals(error.message.startsWith("Cannot read a network from a/m: "), true);
    assertEquals(error.message.includes(message), true, `${error.message} | ${message}`);
  }
});
