/** The task `browser`: the page in docs/browser/, with the module from this checkout, for a browser on this machine. */
import { CAN_STRIP_TYPES, serveCheckout, type ServeOptions } from "./_browser/serve.ts";
import type { TaskContext } from "./_kit/context.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask, TaskError } from "./_kit/main.ts";
import { COMMON_OPTIONS, integer, type Values } from "./_kit/options.ts";
import { DENO_VERSION } from "./_kit/version.ts";

/** All that is served, and the page that opens first. */
export const SERVED: ServeOptions = {
  places: ["mod.ts", "src/", "docs/browser/"],
  home: "docs/browser/index.html",
};

const OPTIONS = {
  port: integer({
    help: "port on 127.0.0.1; 0 takes a free one",
    default: 8000,
    min: 0,
    max: 65_535,
  }),
  help: COMMON_OPTIONS.help,
};

const TASK = {
  name: "browser",
  summary:
    "Serves the page in docs/browser/ to browsers on this machine, until it is stopped: it trains a network on their GPU.",
  options: OPTIONS,
  examples: [{ command: "deno task browser", purpose: "then open the address that it prints" }],
} as const;

/** Serves until the task is told to stop, which is how it is meant to end. */
async function serve({ port }: Values<typeof OPTIONS>, context: TaskContext): Promise<number> {
  if (!CAN_STRIP_TYPES) {
    throw new TaskError(
      `Cannot serve modules to a browser: Deno ${DENO_VERSION} cannot take their types out, expected 2.9 or newer`,
    );
  }
  const onListen = (address: Deno.NetAddr) => context.stdout(`http://127.0.0.1:${address.port}/`);
  const { signal } = context;
  try {
    // On this machine alone. Where browsers see WebGPU only on secure pages, this address counts as one.
    const listening = { hostname: "127.0.0.1", port, signal, onListen };
    await Deno.serve(listening, (request) => serveCheckout(request, SERVED)).finished;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new TaskError(
      `Cannot listen on port ${port}: it is in use, expected another --port, or 0`,
    );
  }
  return EXIT.done;
}

/** Runs the task, and returns the exit status. */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withOptions(TASK, args, context, ({ options }) => serve(options, context));
}

if (import.meta.main) await runTask(main);
