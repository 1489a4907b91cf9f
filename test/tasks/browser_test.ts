import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { withoutLinkerVariables } from "../../tasks/_kit/children.ts";
import { main } from "../../tasks/browser.ts";
import { runInProcess } from "../_tasks.ts";

Deno.test("browser serves the page and the module on 127.0.0.1 with its permissions, and ends well when it is stopped", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "browser", "--port", "0"],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    env: withoutLinkerVariables(),
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await lines.read();
  assertMatch(value, /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
  const address = value.trim();
  const found: Record<string, number> = {};
  for (const path of ["", "docs/browser/main.js", "mod.ts", "src/gpu/device.ts", "deno.json"]) {
    const response = await fetch(`${address}${path}`);
    found[path] = response.status;
    await response.body?.cancel();
  }
  assertEquals(found, {
    "": 200,
    "docs/browser/main.js": 200,
    "mod.ts": 200,
    "src/gpu/device.ts": 200,
    "deno.json": 404,
  });
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  await lines.cancel();
});

Deno.test("browser says when its port is in use", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { status, errors } = await runInProcess(main, ["--port", String(port)]);
  assertEquals(status, 1);
  assertStringIncludes(
    errors,
    `Cannot listen on port ${port}: it is in use, expected another --port`,
  );
});
