import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "../../src/model/safetensors.ts";

/** A file with any header, right or wrong, and some bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function entry(shape: number[], offsets: number[], dtype = "F32"): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

Deno.test("encodeSafetensors() gives the bytes of the format", () => {
  const tensors = new Map<string, Tensor>([
    ["b", { shape: [2], data: new Float32Array([1, -2]) }],
    ["a", { shape: [1, 1], data: new Float32Array([0.5]) }],
  ]);
  const json = '{"__metadata__":{"k":"v"},' +
    '"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' +
    '"a":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}}';
  assertEquals(json.length, 135);
  // 135 is 0x87; the next multiple of 8 is 136, 0x88. The values are IEEE 754 by hand, lowest byte first.
  const expected = [
    ...[0x88, 0, 0, 0, 0, 0, 0, 0],
    ...new TextEncoder().encode(json + " "),
    ...[0, 0, 0x80, 0x3f],
    ...[0, 0, 0, 0xc0],
    ...[0, 0, 0, 0x3f],
  ];
  assertEquals([...encodeSafetensors(tensors, { k: "v" })], expected);
});

Deno.test("decodeSafetensors() reads a file that another library wrote", () => {
  // From safetensors 0.8.0 for Python, with NumPy as np and f = np.float32:
  // save({"w": np.array([[1], [-2]], f), "s": np.array(0.5, f)}, {"format": "pt"}).hex()
  const hex = "90000000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c" +
    "2273223a7b226474797065223a22463332222c227368617065223a5b5d2c22646174615f6f666673" +
    "657473223a5b302c345d7d2c2277223a7b226474797065223a22463332222c227368617065223a5b" +
    "322c315d2c22646174615f6f666673657473223a5b342c31325d7d7d202020200000003f0000803f" +
    "000000c0";
  const bytes = Uint8Array.fromHex(hex);
  const { tensors, metadata } = decodeSafetensors(bytes, { name: "w.safetensors" });
  assertEquals(metadata, { format: "pt" });
  assertEquals(tensors.get("w"), { shape: [2, 1], data: new Float32Array([1, -2]) });
  assertEquals(tensors.get("s"), { shape: [], data: new Float32Array([0.5]) });
  assertEquals(tensors.size, 2);
});

Deno.test("decodeSafetensors() gives every bit that encodeSafetensors() was given", () => {
  const bits = new Uint32Array([0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7f7fffff, 0x3f800001]);
  const tensors = new Map<string, Tensor>([
    ["weiß.0", { shape: [7, 1], data: new Float32Array(bits.buffer) }],
    ["empty", { shape: [0, 3], data: new Float32Array() }],
    ["__proto__", { shape: [], data: new Float32Array([3]) }],
  ]);
  const bytes = encodeSafetensors(tensors, { note: 'λ "x"' });
  // As a view into a longer buffer, at an odd place.
  const padded = new Uint8Array(bytes.length + 3);
  padded.set(bytes, 3);
  const back = decodeSafetensors(padded.subarray(3), { name: "x" });
  assertEquals(new Map(back.tensors), tensors);
  assertEquals(new Uint32Array(back.tensors.get("weiß.0")!.data.buffer), bits);
  assertEquals(back.metadata, { note: 'λ "x"' });
  assertEquals(encodeSafetensors(back.tensors, back.metadata), bytes);
});

Deno.test("encodeSafetensors() refuses a shape that does not fit the values, and the reserved name", () => {
  for (const [name, shape] of [["x", [3]], ["__metadata__", [2]]] as const) {
    assertThrows(
      () => encodeSafetensors(new Map([[name, { shape, data: new Float32Array(2) }]])),
      ArgumentError,
      `Cannot encode tensor "${name}": it has 2 values and shape [${shape}]`,
    );
  }
});

Deno.test("decodeSafetensors() refuses a file that is cut anywhere or has an extra byte", () => {
  const bytes = encodeSafetensors(
    new Map([["x", { shape: [2], data: new Float32Array([1, 2]) }]]),
    { k: "v" },
  );
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(
      () => decodeSafetensors(bytes.subarray(0, length), { name: "cut.safetensors" }),
      DataError,
      `Cannot read cut.safetensors: `,
    );
  }
  const over = new Uint8Array(bytes.length + 1);
  over.set(bytes);
  assertThrows(
    () => decodeSafetensors(over, { name: "x" }),
    DataError,
    `Cannot read x: it has ${over.length} bytes, expected ${bytes.length} by its header`,
  );
});

Deno.test("decodeSafetensors() accepts tensors of no values, wherever they stand, and skips counters", () => {
  const header = `{"z":${entry([0, 1e15], [4, 4])},"x":${entry([1], [0, 4])},` +
    `"n.num_batches_tracked":${entry([], [4, 12], "I64")},"e":${entry([3, 0], [0, 0])},` +
    `"y":${entry([1], [12, 16])}}`;
  const { tensors } = decodeSafetensors(fileOf(header, 16), { name: "x" });
  assertEquals([...tensors.keys()], ["e", "x", "z", "y"]);
  assertEquals(tensors.get("z"), { shape: [0, 1e15], data: new Float32Array() });
});

Deno.test("decodeSafetensors() reads metadata of any text as one value", () => {
  const text = '[{,:"\\'.repeat(300_000);
  const bytes = encodeSafetensors(new Map(), { text });
  assertEquals(decodeSafetensors(bytes, { name: "x" }).metadata, { text });
});

Deno.test("decodeSafetensors() says what is wrong with a header", () => {
  const longHeader = fileOf("{}", 0);
  longHeader.fill(0xff, 0, 8);
  const cases: [bytes: Uint8Array, message: string][] = [
    [longHeader, "its header claims"],
    [fileOf("[]", 0), "its header is not a JSON object"],
    [fileOf('{"a":', 0), "its header is not a JSON object"],
    [fileOf("null", 0), "its header is not a JSON object"],
    [fileOf(`{"x":[${"0,".repeat(1e6)}0]}`, 0), "its header has more than 1000000 values"],
    [fileOf("[".repeat(1e6 + 1), 0), "its header has more than 1000000 values"],
    [fileOf(`{"${"x".repeat(1e6)}":1}`, 0), `tensor "${"x".repeat(39)}… is of no dtype`],
    [fileOf(" {}", 0), "its header is not a JSON object from its first byte on"],
    [
      fileOf(`{"x":${entry([1], [0, 4])},"x":${entry([2], [0, 8])}}`, 8),
      'its header has the name "x" twice, expected each name once',
    ],
    [fileOf('{"__metadata__":{"k":"1","k":"2"}}', 0), 'has the name "k" twice'],
    [
      fileOf('{"x":{"dtype":"F16","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      'has the name "dtype" twice',
    ],
    [
      fileOf(`{"n":${entry([], [0, 8], "I64")}}`, 8),
      'tensor "n" is of dtype "I64", expected "F32"',
    ],
    [
      fileOf(`{"a.num_batches_tracked":${entry([], [0, 4], "I64")}}`, 4),
      'tensor "a.num_batches_tracked" has 4 bytes, expected 8 for shape []',
    ],
    [
      fileOf(`{"x":${entry([2 ** 53 - 1, 2 ** 53 - 1], [0, 4])}}`, 4),
      "expected sizes whose product is less than 2^51",
    ],
    // An overflow on the way to a product of 0, as the format's own library sees it.
    [
      fileOf(`{"x":${entry(Array(40).fill(1e15).concat(0), [0, 0])}}`, 0),
      "expected sizes whose product is less than 2^51",
    ],
    [
      fileOf('{"__metadata__":{"k":1}}', 0),
      "__metadata__ of its header is not an object of strings",
    ],
    [fileOf('{"x":7}', 0), 'tensor "x" is of no dtype, expected "F32"'],
    [fileOf(`{"x":${entry([1], [0, 2], "F16")}}`, 2), 'tensor "x" is of dtype "F16"'],
    [fileOf(`{"x":${entry([-1], [0, 4])}}`, 4), 'tensor "x" has shape [-1]'],
    [fileOf(`{"x":${entry([1.5], [0, 6])}}`, 6), 'tensor "x" has shape [1.5]'],
    [fileOf(`{"x":${entry([2], [8, 0])}}`, 8), 'tensor "x" has data_offsets [8,0]'],
    [fileOf(`{"x":${entry([1], [0])}}`, 4), 'tensor "x" has data_offsets [0]'],
    [fileOf(`{"x":${entry([3], [0, 8])}}`, 8), "has 8 bytes, expected 12 for shape [3]"],
    [
      fileOf(`{"x":${entry([1], [0, 4])},"y":${entry([1], [8, 12])}}`, 12),
      'tensor "y" begins at byte 8 of the data, expected 4',
    ],
    [
      fileOf(`{"x":${entry([2], [0, 8])},"y":${entry([1], [4, 8])}}`, 8),
      'tensor "y" begins at byte 4 of the data, expected 8',
    ],
    // The true reason, though the number of bytes does not fit either.
    [
      fileOf(`{"x":${entry([2], [0, 8])},"y":${entry([1], [4, 8])}}`, 12),
      'tensor "y" begins at byte 4 of the data, expected 8, the end of the tensor before it',
    ],
    [
      fileOf(`{"x":${entry([1], [4, 8])}}`, 8),
      'tensor "x" begins at byte 4 of the data, expected 0',
    ],
  ];
  for (const [bytes, message] of cases) {
    const error = assertThrows(
      () => decodeSafetensors(bytes, { name: "m.safetensors" }),
      DataError,
      "Cannot read m.safetensors: ",
    );
    assertEquals(error.message.includes(message), true, `${error.message} | ${message}`);
  }
});
