import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/model/safetensors.ts";
import { decodeState, encodeState, stateFromTensors, stateTensors } from "../../src/train/state.ts";
import type { TrainingState } from "../../src/train/training.ts";

const ROW = {
  step: 7,
  epoch: 0.1 + 0.2,
  eta: null,
  training: { loss: NaN, cost: Infinity, accuracy: NaN },
  validation: { loss: 1 / 3, cost: -Infinity, accuracy: 0.1 },
};

const STATE: TrainingState = {
  step: 9,
  rowDue: false,
  pending: [{ rows: [ROW, { ...ROW, eta: 1e-5 }], diverged: [null, 3] }],
  ended: false,
  parameters: [new Float32Array([1, -0, 1e-45]), new Float32Array([NaN, Infinity, 2])],
  statistics: [new Float32Array(), new Float32Array()],
  diverged: [null, 3],
};

/** The same with what early stopping adds. */
const STOPPING: TrainingState = {
  ...STATE,
  origin: { seed: "1" },
  stopping: {
    best: [ROW, null],
    waited: [0, 3],
    kept: { ...STATE, parameters: STATE.parameters.toReversed() },
    pending: [{ parameters: STATE.parameters, statistics: STATE.statistics }],
  },
};

Deno.test("decodeState() gives what encodeState() was given, also of a training that stops early", () => {
  const { parameters, statistics } = STOPPING.stopping!.kept;
  const stopping = { ...STOPPING.stopping!, kept: { parameters, statistics } };
  for (const state of [STATE, { ...STOPPING, stopping }]) {
    assertEquals(decodeState(encodeState(state)), state);
  }
});

Deno.test("decodeState() refuses what is not a state, and names the file", () => {
  assertThrows(() => decodeState(new Uint8Array(3)), DataError, "Cannot read the state of the");
  assertThrows(() => decodeState(new Uint8Array(3), { name: "x" }), DataError, "Cannot read x: ");
  const text = "bytes" as unknown as Uint8Array;
  assertThrows(() => decodeState(text, { name: "x" }), DataError, "x: it is a string, expected");
  const { tensors, metadata: { progress } } = stateTensors(STOPPING);
  const broken: [string, typeof tensors][] = [
    [progress.replace('"waited":[0,3]', '"waited":[0,null]'), tensors],
    [progress.replace('"best":[', '"best":[5,'), tensors],
    [progress.replace('{"seed":"1"}', '{"seed":1}'), tensors],
    [progress, new Map([...tensors].filter(([name]) => name !== "best.parameters"))],
    [progress, new Map([...tensors].filter(([name]) => name !== "pending.0.statistics"))],
  ];
  for (const [own, some] of broken) {
    const bytes = encodeSafetensors(some, { progress: own });
    assertThrows(() => decodeState(bytes, { name: "x" }), DataError, "Cannot read x: ");
  }
});

Deno.test("stateTensors() and stateFromTensors() keep every bit, through a file too", () => {
  const { tensors, metadata } = stateTensors(STATE);
  const bytes = encodeSafetensors(tensors, metadata);
  const file = decodeSafetensors(bytes, { name: "x" });
  assertEquals(stateFromTensors(file, { name: "x" }), STATE);
});

Deno.test("stateFromTensors() refuses what is not a state, and names the file", () => {
  const { tensors, metadata } = stateTensors(STATE);
  const broken: [progress: string, tensors?: typeof tensors][] = [
    ["{"],
    ["null"],
    ["{}"],
    [metadata.progress.replace('"step":9', '"step":"9"')],
    [metadata.progress.replace("[null,3]", "[null,{}]")],
    [metadata.progress.replace('"rows":', '"lines":')],
    [metadata.progress, new Map()],
    [
      metadata.progress,
      new Map([...tensors, ["statistics", { shape: [], data: new Float32Array(1) }]]),
    ],
  ];
  for (const [progress, own = tensors] of broken) {
    const file = { tensors: own, metadata: { progress } };
    assertThrows(() => stateFromTensors(file, { name: "x" }), DataError, "Cannot read x: ");
  }
});
