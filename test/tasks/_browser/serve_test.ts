import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { serveCheckout } from "../../../tasks/_browser/serve.ts";
import { SERVED } from "../../../tasks/browser.ts";

const ROOT = fromFileUrl(new URL("../../../", import.meta.url));

async function get(path: string, init?: RequestInit): Promise<Response> {
  return await serveCheckout(new Request(`http://127.0.0.1:1${path}`, init), SERVED);
}

Deno.test("serveCheckout() serves modules without their types, line by line, as JavaScript", async () => {
  const response = await get("/src/model/schedule.ts");
  assertEquals(response.status, 200);
  assertMatch(response.headers.get("content-type")!, /^text\/javascript/);
  const text = await response.text();
  const source = await Deno.readTextFile(`${ROOT}src/model/schedule.ts`);
  assertEquals(text.split("\n").length, source.split("\n").length);
  assertStringIncludes(source, "readonly etaMin: number");
  assert(!text.includes("readonly etaMin"));
  // A module without types is JavaScript: this imports it as such.
  const { eta } = await import(
    `data:text/javascript,${encodeURIComponent(text.replaceAll(/^import .*$/gm, ""))}`
  );
  assertEquals(typeof eta, "function");
});

Deno.test("serveCheckout() serves the page with all that it needs, and leads there from the address", async () => {
  assertEquals((await get("/")).headers.get("location"), "/docs/browser/index.html");
  for (const name of ["index.html", "style.css", "main.js", "charts.js", "spirals.js"]) {
    assertEquals((await get(`/docs/browser/${name}`)).status, 200, name);
  }
  assertEquals((await get("/mod.ts", { method: "HEAD" })).body, null);
  assertEquals((await get("/mod.ts", { method: "POST" })).status, 405);
});

Deno.test("serveCheckout() refuses a request whose address is none", async () => {
  // As the server makes it of a Host with such a port.
  const request = { method: "GET", url: "http://127.0.0.1:99999/mod.ts" } as Request;
  assertEquals((await serveCheckout(request, SERVED)).status, 400);
});

Deno.test("serveCheckout() serves nothing beside mod.ts, src/ and the page, whatever the path", async () => {
  for (
    const path of [
      "/deno.json",
      "/README.md",
      "/test/_gpu.ts",
      "/tasks/browser.ts",
      "/docs/architecture.md",
      "/.git/config",
      "/.deno/bin/deno",
      "/src/../tasks/browser.ts",
      "/src/%2e%2e/tasks/browser.ts",
      "/src/%2e%2e%2ftasks%2fbrowser.ts",
      "/src/..%5ctasks%5cbrowser.ts",
      "/src/.../tasks/browser.ts",
      "//etc/passwd",
      "/src//etc/passwd",
      "/src/",
      "/src",
      "/src/gpu",
      "/src/gpu/missing.ts",
      "/mod.ts/",
      "/mod.ts%00.html",
      "/docs/browser/index.html/../../../deno.json",
    ]
  ) {
    const response = await get(path);
    assertEquals([path, response.status], [path, 404]);
    assertEquals(await response.text(), "not found\n");
  }
});

Deno.test("serveCheckout() follows no link, to a file or on the way to one", async () => {
  const parent = await Deno.makeTempDir();
  const folder = `${parent}/checkout`;
  try {
    await Deno.mkdir(`${folder}/src/gpu`, { recursive: true });
    await Deno.writeTextFile(`${parent}/secret.ts`, "secret");
    await Deno.writeTextFile(`${folder}/src/gpu/device.ts`, "device");
    await Deno.symlink(`${parent}/secret.ts`, `${folder}/src/gpu/link.ts`);
    await Deno.symlink(parent, `${folder}/src/elsewhere`);
    const root = new URL(`file://${folder}/`);
    const status = async (path: string) =>
      (await serveCheckout(new Request(`http://127.0.0.1:1${path}`), { ...SERVED, root })).status;
    assertEquals(await status("/src/gpu/device.ts"), 200);
    assertEquals(await status("/src/gpu/link.ts"), 404);
    assertEquals(await status("/src/elsewhere/secret.ts"), 404);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
