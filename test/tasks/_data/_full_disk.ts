/**
 * A program that downloads and unpacks where a file may have few bytes, as on a full disk. It takes a gzipped tar archive and
 * an empty folder, and prints the two errors as a line of JSON.
 */
import { toFileUrl } from "@std/path";
import { download } from "../../../tasks/_data/download.ts";
import { unpackFiles } from "../../../tasks/_data/tar.ts";

const [archive, folder] = Deno.args;
const { signal } = new AbortController();
const { size } = await Deno.stat(archive);
const source = { url: toFileUrl(archive).href, size, sha256: "" };
const content = { names: ["a"], folder: "known", size: 300_000, signal };
const attempts = [
  () => download(source, `${folder}/part`, { signal }),
  () => unpackFiles(archive, `${folder}/files`, content),
];
const errors: string[] = [];
for (const attempt of attempts) {
  await attempt().catch((error) => errors.push(`${error.name}: ${error.message}`));
}
console.log(JSON.stringify(errors));
