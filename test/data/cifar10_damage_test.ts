/** CIFAR-10 that is damaged at random, from a seed: each is refused with a sentence or read as it is. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  CIFAR10_FILE_SIZE,
  CIFAR10_FILES,
  parseCifar10,
  readCifar10,
} from "../../src/data/cifar10.ts";
import { DataError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";
import { DAMAGES, pick } from "../_seeded.ts";
import { patch, writeBlack } from "./_black.ts";

const RECORD = 3073;

/** Ways to damage a file of CIFAR-10, by name. */
const FILE_DAMAGES: { readonly [name: string]: (path: string, random: Random) => Promise<void> } = {
  cut: (path, random) => Deno.truncate(path, random.below(CIFAR10_FILE_SIZE)),
  append: (path, random) => Deno.truncate(path, CIFAR10_FILE_SIZE + 1 + random.below(2 ** 31)),
  huge: (path) => Deno.truncate(path, 2 ** 40),
  label: (path, random) => patch(path, RECORD * random.below(10_000), [10 + random.below(246)]),
  missing: (path) => Deno.remove(path),
  folder: async (path) => {
    await Deno.remove(path);
    await Deno.mkdir(path);
  },
  link: async (path) => {
    await Deno.remove(path);
    await Deno.symlink("nowhere", path);
  },
  loop: async (path) => {
    await Deno.remove(path);
    await Deno.symlink(path, path);
  },
};

/** Puts a file of black images back, whatever is there. */
async function mend(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {});
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, CIFAR10_FILE_SIZE);
}

Deno.test("readCifar10() refuses damaged folders with a sentence that names the file", async () => {
  const random = new Random(1, "damaged folders");
  const folder = await Deno.makeTempDir();
  try {
    await writeBlack(folder);
    for (let i = 0; i < 100; i++) {
      const name = pick(random, Object.keys(FILE_DAMAGES));
      // Files before the damaged one are read first, which takes a while.
      const path = `${folder}/${CIFAR10_FILES[random.below(8) === 0 ? random.below(6) : 0]}`;
      await FILE_DAMAGES[name](path, random);
      const error = await readCifar10(folder).then(() => null, (error) => error);
      assert(error instanceof DataError, `${i}: ${name}: ${error}`);
      assertMatch(error.message, /^Cannot read [^\n\p{Cc}]+$/u);
      assert(error.message.startsWith(`Cannot read ${path}: `), `${name}: ${error.message}`);
      await mend(path);
    }
    assertEquals((await readCifar10(folder)).training.count, 45_000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parseCifar10() refuses damaged bytes with a sentence, or reads them as they are", () => {
  const random = new Random(1, "damaged records");
  const whole = new Uint8Array(4 * RECORD);
  for (let i = 0; i < whole.length; i++) whole[i] = random.below(i % RECORD === 0 ? 10 : 256);
  let refused = 0;
  for (let i = 0; i < 150; i++) {
    const bytes = DAMAGES[pick(random, Object.keys(DAMAGES))](whole, random);
    try {
      const { images, labels, count } = parseCifar10(bytes, "damaged.bin");
      assertEquals(count * RECORD, bytes.length);
      for (let image = 0; image < count; image++) {
        assertEquals(labels[image], bytes[image * RECORD]);
        assert(labels[image] < 10);
        assertEquals(
          images.subarray(image * 3072, (image + 1) * 3072),
          bytes.subarray(image * RECORD + 1, (image + 1) * RECORD),
        );
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      assertMatch(error.message, /^Cannot read damaged\.bin: (it has \d+ bytes|record \d)/);
      refused++;
    }
  }
  assert(refused > 50 && refused < 150, `${refused} of 150 were refused`);
});
