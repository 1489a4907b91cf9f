import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseIdx, readIdx } from "../../src/data/idx.ts";
import { DataError } from "../../src/errors.ts";
import { gzip, idxFile } from "./_idx.ts";

Deno.test("parseIdx() reads unsigned bytes without a copy, and big-endian float32", () => {
  const bytes = idxFile([2, 1, 3], [1, 2, 3, 4, 5, 255]);
  const { shape, values } = parseIdx(bytes, "x");
  assertEquals(shape, [2, 1, 3]);
  assertEquals(values, Uint8Array.of(1, 2, 3, 4, 5, 255));
  assert(values.buffer === bytes.buffer);

  // The bytes of 1.5 and -2, at an odd place of their buffer.
  const floats = Uint8Array.of(9, 0, 0, 0x0d, 1, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0);
  assertEquals(parseIdx(floats.subarray(1), "x"), { shape: [2], values: Float32Array.of(1.5, -2) });
});

Deno.test("parseIdx() refuses what is not IDX, cut short, too long or endless", () => {
  const good = idxFile([2, 3], [1, 2, 3, 4, 5, 6]);
  const refuses = (bytes: Uint8Array, expected: string) => {
    const { message } = assertThrows(() => parseIdx(bytes, "x"), DataError);
    assertEquals(message, `Cannot read x: ${expected}`);
  };
  const start =
    "it does not begin as IDX files do, expected two bytes of 0, a type, and at least one dimension";
  refuses(new Uint8Array(), start);
  refuses(new TextEncoder().encode("P5 28 28 255"), start);
  refuses(good.subarray(0, 11), start);
  refuses(good.with(3, 0), start);
  refuses(good.subarray(0, 17), "it has 17 bytes, expected 18 for values of shape 2 × 3");
  refuses(Uint8Array.of(...good, 0), "it has 19 bytes, expected 18 for values of shape 2 × 3");
  refuses(
    good.with(2, 0x0c),
    "its values are of type 0x0C, expected unsigned bytes (0x08) or float32 (0x0D)",
  );
  // The most sizes that a header has room for, all 0.
  refuses(
    Uint8Array.of(0, 0, 8, 255, ...new Uint8Array(4 * 255), 1),
    "it has 1025 bytes, expected 1024 for values of shape 0 × 0 × 0 × 0 × 0 × 0 × 0 × 0 × …",
  );
  // A damaged header promises more than there is memory.
  refuses(
    good.with(4, 0xff).with(8, 0xff),
    "its header promises values of shape 4278190082 × 4278190083, expected at most 4294967296 bytes",
  );
});

/** Runs a test with a folder of six images to train with and three to test with. */
async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ suffix: "digits" });
  try {
    const values = Array.from({ length: 60 * 4 }, (_, i) => i);
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    const write = (name: string, bytes: Uint8Array) => Deno.writeFile(`${folder}/${name}`, bytes);
    await write("train-images-idx3-ubyte", idxFile([60, 2, 2], values));
    await write("train-labels-idx1-ubyte.gz", await gzip(idxFile([60], labels)));
    await write("t10k-images.idx3-ubyte.gz", await gzip(idxFile([3, 2, 2], values.slice(0, 12))));
    await write("t10k-labels.idx1-ubyte", idxFile([3], [0, 1, 3]));
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readIdx() reads the four files of MNIST, each plain or compressed", async () => {
  await withFiles(async (folder) => {
    const dataset = await readIdx(folder, { name: "digits" });
    assertEquals([dataset.name, dataset.input, dataset.inputs], ["digits", "bytes", 4]);
    assertEquals(dataset.classNames, ["0", "1", "2", "3"]);
    const { training, validation, test } = dataset;
    assertEquals([training.count, validation.count, test.count], [54, 6, 3]);
    assertEquals([...validation.labels], [0, 1, 2, 0, 1, 2]);
    assertEquals([...test.images], Array.from({ length: 12 }, (_, i) => i));
    assertEquals(dataset.warnings[0], 'No training image is of the class "3"');
    assertEquals((await readIdx(`${folder}/`)).name, `${folder.split("/").at(-1)} (IDX)`);

    await Deno.remove(`${folder}/t10k-images.idx3-ubyte.gz`);
    await assertRejects(
      () => readIdx(folder),
      DataError,
      `Cannot read ${folder}/t10k-images-idx3-ubyte: there is no such file, ` +
        `expected it beside ${folder}/t10k-labels.idx1-ubyte`,
    );
    await Deno.remove(`${folder}/t10k-labels.idx1-ubyte`);
    assertEquals((await readIdx(folder)).test.count, 0);
  });
});

Deno.test("readIdx() names the file that is damaged or does not fit", async () => {
  await withFiles(async (folder) => {
    const refuses = async (name: string, bytes: Uint8Array, expected: string) => {
      const path = `${folder}/${name}`;
      const before = await Deno.readFile(path);
      await Deno.writeFile(path, bytes);
      const { message } = await assertRejects(() => readIdx(folder), DataError);
      assertEquals(message.replaceAll(folder, "F"), expected);
      await Deno.writeFile(path, before);
    };
    const labels = "train-labels-idx1-ubyte.gz";
    await refuses(
      labels,
      await gzip(idxFile([59], new Array(59).fill(0))),
      `Cannot read F/${labels}: it has 59 labels, expected 60 as in F/train-images-idx3-ubyte`,
    );
    await refuses(
      labels,
      await gzip(idxFile([60, 1], new Array(60).fill(0))),
      `Cannot read F/${labels}: its shape is 60 × 1, expected a byte for each image`,
    );
    // One that would unpack to a gigabyte stops at what its header promises.
    await refuses(
      labels,
      await gzip(new Uint8Array(300_000).fill(1, 7, 8).fill(8, 2, 3).fill(1, 3, 4)),
      `Cannot read F/${labels}: it has more bytes, expected 9 for values of shape 1`,
    );
    const cut = (await gzip(idxFile([60], new Array(60).fill(0)))).subarray(0, 25);
    await Deno.writeFile(`${folder}/${labels}`, cut);
    await assertRejects(() => readIdx(folder), DataError, `Cannot read ${folder}/${labels}: `);
  });
});
