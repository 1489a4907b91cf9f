import { assertEquals, assertRejects } from "@std/assert";
import { DataError } from "../../../src/errors.ts";
import { readTar, unpackFiles } from "../../../tasks/_data/tar.ts";
import { END, FILE, gzip, listNames, SIGNAL, tarMember } from "./_archive.ts";

/** Unpacks the members "a" and "b" of the folder "known", ten bytes each. */
async function unpackParts(
  parts: readonly Uint8Array<ArrayBuffer>[],
  action: (unpack: () => Promise<void>, folder: string) => Promise<void>,
): Promise<void> {
  const outside = await Deno.makeTempDir();
  try {
    const folder = `${outside}/inside`;
    await Deno.mkdir(folder);
    await Deno.writeFile(`${outside}/x.tar.gz`, await gzip(parts));
    const options = { names: ["a", "b"], folder: "known", size: 10, signal: SIGNAL };
    await action(() => unpackFiles(`${outside}/x.tar.gz`, folder, options), folder);
    assertEquals(await listNames(outside), ["inside", "x.tar.gz"]);
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
}

const A = new Uint8Array(10).fill(1);
const B = new Uint8Array(10).fill(2);

Deno.test("unpackFiles() unpacks the known files and nothing else", async () => {
  const evil = [
    "../evil",
    "../../known/a",
    "/tmp/evil-of-data-test",
    "known/../../evil",
    "known/c",
    "known/a/../b",
    "./known/a",
    "a",
    "inside/a",
    "known/\x1b[2J",
  ];
  const parts = [
    ...tarMember("known/", new Uint8Array(0), "5"),
    ...tarMember("known/a", A),
    ...evil.flatMap((name) => tarMember(name, new Uint8Array(700))),
    ...tarMember("known/b", new Uint8Array(0), "2"),
    ...tarMember("known/b", new Uint8Array(10), "1"),
    ...tarMember("known/b", B),
    END,
  ];
  await unpackParts(parts, async (unpack, folder) => {
    await unpack();
    assertEquals(await listNames(folder), ["a", "b"]);
    assertEquals(await Deno.readFile(`${folder}/a`), A);
    assertEquals(await Deno.readFile(`${folder}/b`), B);
  });
});

Deno.test("unpackFiles() leaves the old files when the archive is not what it should be", async () => {
  const cases: [Uint8Array<ArrayBuffer>[], string][] = [
    [[...tarMember("known/a", A), END], "known/b is not in it"],
    [
      [...tarMember("known/a", A), ...tarMember("known/b", B.subarray(1)), END],
      "has 9 bytes, expected 10",
    ],
    [[...tarMember("known/a", A), ...tarMember("known/b", B).slice(0, 1)], "it is cut short"],
    [[...tarMember("known/a", A), new Uint8Array(512).fill(65), END], "a header in it is damaged"],
    [[...tarMember("known/a", A), new Uint8Array(100)], "it is cut short"],
  ];
  for (const [parts, message] of cases) {
    await unpackParts(parts, async (unpack, folder) => {
      await Deno.writeTextFile(`${folder}/a`, "old");
      await assertRejects(unpack, DataError, message);
      assertEquals(await listNames(folder), ["a"]);
      assertEquals(await Deno.readTextFile(`${folder}/a`), "old");
    });
  }
});

Deno.test("readTar() reads members in pieces of any size, and names with a prefix", async () => {
  const content = FILE.slice(0, 1300);
  const parts = [...tarMember("one", content), ...tarMember("two", A), END];
  // "deep/" in the header's field for what does not fit the name, with the checksum moved along.
  const [header] = tarMember("three", B);
  header.set(new TextEncoder().encode("deep"), 345);
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  header.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
  parts.splice(3, 0, header, B, new Uint8Array(502));
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  for (const piece of [1, 7, 512, 100_000]) {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / piece) },
      (_, i) => bytes.subarray(i * piece, (i + 1) * piece),
    );
    const members: [string, number, number[]][] = [];
    for await (
      const { name, size, content } of readTar(ReadableStream.from(pieces), { archive: "test" })
    ) {
      // The second member is left unread, which must not hurt.
      const read: number[] = [];
      if (name !== "deep/three") { for await (const each of content) read.push(...each); }
      members.push([name, size, read]);
    }
    assertEquals(members, [
      ["one", 1300, [...content]],
      ["deep/three", 10, []],
      ["two", 10, [...A]],
    ]);
  }
});
