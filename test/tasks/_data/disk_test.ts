import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { END, FILE, gzip, listNames, tarMember } from "./_archive.ts";

Deno.test({
  name: "download() and unpackFiles() name the file when the disk is full",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const archive = `${folder}/x.tar.gz`;
      await Deno.writeFile(archive, await gzip([...tarMember("known/a", FILE), END]));
      await Deno.mkdir(`${folder}/out`);
      // A limit on the length of files stands for a disk that is full; a process that ignores the signal is told by an error.
      const script = `trap "" XFSZ; ulimit -f 100
        exec "$0" run $STD_MAP --allow-read --allow-write "$@"`;
      const program = fromFileUrl(new URL("_full_disk.ts", import.meta.url));
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", script, Deno.execPath(), program, archive, `${folder}/out`],
        cwd: fromFileUrl(new URL("../../..", import.meta.url)),
      }).output();
      const decoder = new TextDecoder();
      const lines = decoder.decode(stdout);
      assertMatch(lines, /^\[.*\]\n$/, decoder.decode(stderr));
      const [downloading, unpacking] = JSON.parse(lines);
      assertEquals(
        downloading,
        `Error: File too large (os error 27): writefile '${folder}/out/part'`,
      );
      assertMatch(
        unpacking,
        /^Error: File too large \(os error 27\): writefile '.+\/out\/\.a\..+\.tmp'$/,
      );
      assertEquals(await listNames(`${folder}/out`), ["part"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
