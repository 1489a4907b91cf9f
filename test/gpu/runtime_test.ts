import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  explainNoAdapter,
  explainNoWebGpu,
  type Runtime,
  runtimeOf,
  type RuntimeScope,
} from "../../src/gpu/runtime.ts";

const CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
  "Chrome/150.0.0.0 Safari/537.36";

/** Global objects as they are found, and what they belong to. */
const SCOPES: readonly (readonly [RuntimeScope, Runtime])[] = [
  [{ navigator: { userAgent: "Deno/2.9.6" } }, { name: "Deno", version: "2.9.6", secure: true }],
  [{ navigator: { userAgent: "Node.js/22" } }, { name: "Node.js", version: "22", secure: true }],
  [{ navigator: { userAgent: "Bun/1.2.3" } }, { name: "Bun", version: "1.2.3", secure: true }],
  [
    { navigator: { userAgent: CHROME }, isSecureContext: true },
    { name: "browser", version: "", secure: true },
  ],
  [
    { navigator: { userAgent: CHROME }, isSecureContext: false },
    { name: "browser", version: "", secure: false },
  ],
  [{ navigator: {} }, { name: "unknown", version: "", secure: true }],
  [{}, { name: "unknown", version: "", secure: true }], // Node.js before 21
];

const RUNTIMES = SCOPES.map(([, runtime]) => runtime);

Deno.test("runtimeOf() tells Deno, Node.js, Bun and browsers apart, and pages that are not secure", () => {
  for (const [scope, runtime] of SCOPES) assertEquals(runtimeOf(scope), runtime);
});

Deno.test("runtimeOf() knows this runtime", () => {
  const { name, version } = runtimeOf(globalThis);
  assert(name === "Deno" || name === "browser", name);
  assertEquals(version === "", name === "browser");
});

Deno.test("explainNoWebGpu() says what to do in each runtime", () => {
  for (
    const [i, advice] of [
      "Deno 2.9.6 has no WebGPU here, expected Deno 2.8 or newer, or the option --unstable-webgpu",
      "Node.js 22 has no WebGPU, expected Deno 2.8 or newer, or a browser with WebGPU; the npm package webgpu",
      "Bun 1.2.3 has no WebGPU, expected Deno 2.8 or newer, or a browser with WebGPU; the npm package bun-webgpu",
      "this browser has no WebGPU, expected Chrome or Edge 113",
      "this page is not a secure context, to which browsers show no WebGPU, expected an address with https://",
      "this runtime has no WebGPU, expected Deno 2.8 or newer, or a browser with WebGPU",
    ].entries()
  ) {
    assertStringIncludes(explainNoWebGpu(RUNTIMES[i]), `Cannot request a GPU: ${advice}`);
  }
});

Deno.test("explainNoAdapter() speaks of drivers outside browsers, and of the browser's settings inside", () => {
  for (const runtime of RUNTIMES) {
    const sentence = explainNoAdapter(runtime);
    if (runtime.name === "browser") {
      assertMatch(sentence, /^No GPU adapter was found: this browser has WebGPU.*chrome:\/\/gpu/);
      assertNotMatch(sentence, /[Mm]esa|Deno/);
    } else {
      assertMatch(sentence, /^No GPU adapter was found: install a Vulkan driver.*mesa-vulkan/);
      assertNotMatch(sentence, /chrome:/);
    }
  }
});
