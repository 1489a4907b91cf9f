/**
 * What runs this program, and what to do there without WebGPU or without an adapter.
 *
 * @module
 */

/** What tells runtimes apart: a few properties of the global object. */
export interface RuntimeScope {
  readonly navigator?: { readonly userAgent?: string };
  /** Whether a page came over https or from this machine; only browsers have it. */
  readonly isSecureContext?: boolean;
}

/** What runs this program. */
export interface Runtime {
  readonly name: "Deno" | "Node.js" | "Bun" | "browser" | "unknown";
  /** Its version as it tells it, as in "2.9.6"; empty for browsers. */
  readonly version: string;
  /** Whether it shows WebGPU to this program where it has it: browsers hide it from insecure pages. */
  readonly secure: boolean;
}

/**
 * Finds what runs this program.
 *
 * @param scope The global object.
 * @returns The runtime.
 */
export function runtimeOf(scope: RuntimeScope): Runtime {
  const agent = scope.navigator?.userAgent ?? "";
  const secure = scope.isSecureContext ?? true;
  const [, name, version = ""] = agent.match(/^(Deno|Node\.js|Bun)\/(\S+)/) ?? [];
  if (name !== undefined) return { name: name as Runtime["name"], version, secure };
  return { name: agent.startsWith("Mozilla/") ? "browser" : "unknown", version, secure };
}

/** Where WebGPU comes from, for a program that has none. */
const ORIGIN = "expected Deno 2.8 or newer, or a browser with WebGPU";

/**
 * Says why there is no WebGPU, and what to do.
 *
 * @param runtime What runs this program.
 * @returns A sentence.
 */
export function explainNoWebGpu({ name, version, secure }: Runtime): string {
  const what = "Cannot request a GPU: ";
  switch (name) {
    case "Deno":
      return `${what}Deno ${version} has no WebGPU here, expected Deno 2.8 or newer, or the option --unstable-webgpu`;
    case "Node.js":
      return `${what}Node.js ${version} has no WebGPU, ${ORIGIN}; ` +
        "the npm package webgpu has a device and its globals for Node.js, for new Gpu(device)";
    case "Bun":
      return `${what}Bun ${version} has no WebGPU, ${ORIGIN}; ` +
        "the npm package bun-webgpu has a device and its globals for Bun, for new Gpu(device)";
    case "browser":
      return secure
        ? `${what}this browser has no WebGPU, expected Chrome or Edge 113 (on Android 121), Safari 26 or ` +
          "Firefox 141 on Windows (145 on macOS), or newer; Chrome on Linux may need " +
          "chrome://flags/#enable-unsafe-webgpu"
        : `${what}this page is not a secure context, to which browsers show no WebGPU, ` +
          "expected an address with https://, or http://localhost";
    default:
      return `${what}this runtime has no WebGPU, ${ORIGIN}`;
  }
}

/**
 * Says what to do where WebGPU finds no adapter.
 *
 * @param runtime What runs this program.
 * @returns A sentence.
 */
export function explainNoAdapter({ name }: Runtime): string {
  return name === "browser"
    ? "No GPU adapter was found: this browser has WebGPU, but no graphics driver that it uses; see chrome://gpu " +
      "(in Firefox about:support) for the reason, switch on graphics acceleration in its settings, and update " +
      "the driver"
    : "No GPU adapter was found: install a Vulkan driver (a hardware vendor's, or Mesa's software driver: " +
      "mesa-vulkan-drivers on Debian and Ubuntu, mesa-vulkan-drivers on Fedora, mesa-vulkan-swrast on Alpine)";
}
