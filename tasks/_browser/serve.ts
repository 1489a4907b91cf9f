/**
 * The checkout's modules for a browser: their types are taken out, and nothing else is served.
 *
 * @module
 */
import * as modules from "node:module";

/** The root of the checkout. */
const ROOT = new URL("../../", import.meta.url);

/** Kinds of files that are served. */
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  ts: "text/javascript; charset=utf-8",
};

/** Names from the root without a dot or a dash in front of any, so that none leads up or to a hidden file. */
const PATH =
  /^\/((?:[A-Za-z0-9_][A-Za-z0-9_.-]*\/)*[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\.([a-z]+))$/;

/** Whether this Deno can take the types out of a module: 2.8 cannot. */
export const CAN_STRIP_TYPES: boolean = "stripTypeScriptTypes" in modules;

/** What is served. */
export interface ServeOptions {
  /** Files and folders of the checkout, a folder with a slash at its end: all that is served. */
  readonly places: readonly string[];
  /** Where the address itself leads, a path in the checkout. */
  readonly home: string;
  /** The root of the checkout; this one unless given. */
  readonly root?: URL;
}

/**
 * Answers a request for a file of the checkout.
 *
 * A module keeps its name and its lines, so that imports and stack traces fit; only its types are blank.
 *
 * @param request The request.
 * @param options What is served.
 * @returns The file; a redirect from the address itself; otherwise 404, 405 for other methods than GET and HEAD, or 400 for
 * an address that is none.
 */
export async function serveCheckout(request: Request, options: ServeOptions): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("expected GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  const { pathname } = URL.parse(request.url) ?? {};
  if (pathname === undefined) { // The Host that the request names, which may be anything, is part of the address.
    return new Response("expected a valid address\n", { status: 400 });
  }
  if (pathname === "/") {
    return new Response(null, { status: 302, headers: { location: `/${options.home}` } });
  }
  // Not decoded: a percent sign is in no name that is served.
  const [, path, extension] = pathname.match(PATH) ?? [];
  const place = options.places.find((place) =>
    place.endsWith("/") ? path?.startsWith(place) : path === place
  );
  const text = place !== undefined && Object.hasOwn(TYPES, extension)
    ? await readInside(path, place, options.root ?? ROOT)
    : undefined;
  if (text === undefined) return new Response("not found\n", { status: 404 });
  const body = extension === "ts" ? modules.stripTypeScriptTypes(text) : text;
  return new Response(request.method === "HEAD" ? null : body, {
    headers: {
      "content-type": TYPES[extension],
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

/** Reads a file in a place of the checkout; undefined if there is none, or a link from the place on. */
async function readInside(path: string, place: string, root: URL): Promise<string | undefined> {
  try {
    // Only from the place on: what is above it, the task may not read.
    const names = path.slice(place.length).split("/");
    for (let i = 0; i <= names.length; i++) {
      const above = place + names.slice(0, i).join("/");
      if ((await Deno.lstat(new URL(above.replace(/\/$/, ""), root))).isSymlink) return undefined;
    }
    return await Deno.readTextFile(new URL(path, root));
  } catch {
    return undefined;
  }
}
