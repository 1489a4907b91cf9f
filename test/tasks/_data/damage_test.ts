/** Archives that are damaged at random, from a seed: each is refused with a sentence or unpacked as it was. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DataError } from "../../../src/errors.ts";
import { Random } from "../../../src/model/random.ts";
import { unpackFiles } from "../../../tasks/_data/tar.ts";
import { DAMAGES, pick } from "../../_seeded.ts";
import { END, FILE, gzip, listNames, setField, SIGNAL, tarMember } from "./_archive.ts";

const SIZE = 1500;
const A = FILE.slice(0, SIZE);
const B = FILE.slice(SIZE, 2 * SIZE);

/** A small archive with the parts that the real one has. */
const PARTS = [
  ...tarMember("known/", new Uint8Array(0), "5"),
  ...tarMember("known/readme", FILE.slice(0, 700)),
  ...tarMember("known/a", A),
  ...tarMember("known/b", B),
  END,
];

/** Where the headers of regular files begin in the archive. */
const HEADERS = [512, 2048, 4096];

/** Changes a field of a header, with a checksum that fits. */
function forge(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const forged = bytes.slice();
  const at = pick(random, HEADERS);
  const header = forged.subarray(at, at + 512);
  const sizes = ["00000000000", "77777777777", "00000002733", "\x80\0\0\0\xff", "-1", "", "9"];
  const names = ["../known/a", "/tmp/evil", "known/a", "known/b", "\x1b[2J\x1b]0;evil\x07", ""];
  if (random.below(2) === 0) setField(header, "size", pick(random, sizes));
  else setField(header, "name", pick(random, names));
  if (random.below(4) === 0) setField(header, "type", pick(random, ["1", "2", "3", "6", "x", "L"]));
  return forged;
}

/** Unpacks bytes in a folder of their own, and checks that nothing lies anywhere else; returns the refusal, if any. */
async function unpackBytes(bytes: Uint8Array, folder: string): Promise<string | undefined> {
  const archive = `${folder}/x.tar.gz`;
  await Deno.writeFile(archive, bytes);
  const content = { names: ["a", "b"], folder: "known", size: SIZE, signal: SIGNAL };
  try {
    await unpackFiles(archive, `${folder}/out`, content);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    assertMatch(error.message, /^Cannot unpack [^\n\p{Cc}]+$/u);
    assertEquals(await listNames(folder), ["x.tar.gz"]);
    return error.message;
  }
  assertEquals(await listNames(folder), ["out", "x.tar.gz"]);
  assertEquals(await listNames(`${folder}/out`), ["a", "b"]);
  return undefined;
}

Deno.test("unpackFiles() refuses damaged archives with a sentence, or unpacks them as they were", async () => {
  const random = new Random(1, "damaged archives");
  const plain = new Uint8Array(await new Blob(PARTS).arrayBuffer());
  const zipped = await gzip([plain]);
  let refused = 0;
  for (let i = 0; i < 150; i++) {
    const folder = await Deno.makeTempDir();
    try {
      // Outside, gzip's checksum finds the damage; inside, there is no checksum but that of a header.
      const outside = i % 2 === 0;
      const damages = outside ? DAMAGES : { ...DAMAGES, forge };
      const name = pick(random, Object.keys(damages));
      const damaged = damages[name](outside ? zipped : plain, random);
      const bytes = outside ? damaged : await gzip([damaged]);
      const message = await unpackBytes(bytes, folder);
      if (message !== undefined) {
        refused++;
      } else if (outside) {
        assertEquals(await Deno.readFile(`${folder}/out/a`), A, `${i}: ${name}`);
        assertEquals(await Deno.readFile(`${folder}/out/b`), B, `${i}: ${name}`);
      } else {
        for (const file of ["a", "b"]) {
          assertEquals((await Deno.stat(`${folder}/out/${file}`)).size, SIZE, `${i}: ${name}`);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  assert(refused > 75 && refused < 150, `${refused} of 150 were refused`);
});

Deno.test("unpackFiles() reads no more of an archive than its files need", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // 200 MiB of zeros, which take 200 kB.
    const [header] = tarMember("known/bomb", new Uint8Array(0));
    setField(header, "size", (200 * 2 ** 20).toString(8).padStart(11, "0"));
    const zeros = new Uint8Array(2 ** 20);
    const before = Deno.memoryUsage().rss;
    const bomb = await gzip([header, ...Array.from({ length: 200 }, () => zeros), ...PARTS]);
    const message = await unpackBytes(bomb, folder);
    assertMatch(message ?? "", /x\.tar\.gz: it has more than 16781240 bytes, expected less$/);
    const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
    assert(grown < 256, `${grown} MiB`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
