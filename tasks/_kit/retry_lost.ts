/** What `--retry-lost` does: a device that is lost is requested again, and its task is run again from its files. */
import { setTimeout as wait } from "node:timers/promises";
import { ArgumentError, DeviceLostError, GpuUnavailableError } from "../../src/errors.ts";
import { type AdapterSummary, Gpu } from "../../src/gpu/device.ts";
import { describeAdapter } from "./adapter.ts";
import type { TaskContext } from "./context.ts";
import { warn } from "./events.ts";

/** How devices are requested and how time passes, for tests. */
export interface DeviceSource {
  /** Requests a device; {@linkcode Gpu.request} unless given. */
  request?(): Promise<Gpu>;
  /** Waits, and throws the reason of the signal as soon as that aborts. */
  sleep?(seconds: number, signal: AbortSignal): Promise<void>;
}

interface RetryOptions extends DeviceSource {
  readonly context: TaskContext;
  readonly json?: boolean;
  readonly force?: boolean;
  /** Maximum number of times a lost device is requested again; 0 unless given. */
  readonly retryLost?: number;
}

/** Seconds before the first request after a loss, and the most before any: a driver takes some to restart. */
const WAIT = { first: 1, max: 30 } as const;

/**
 * Runs something on a device, which is destroyed in the end; again on a new device of the same adapter as often as one is
 * lost and `retryLost` allows.
 *
 * @throws {ArgumentError} When it is to be retried, and `force` has each retry begin anew.
 * @throws {DeviceLostError} When a device is lost, or its adapter is not found again, and no retry is left.
 */
export async function withRetries(
  options: RetryOptions,
  run: (gpu: Gpu, requestTime: number) => Promise<number>,
): Promise<number> {
  const { context, force, retryLost = 0, sleep = sleepFor } = options;
  if (force && retryLost > 0) {
    throw new ArgumentError(
      "Cannot use --retry-lost with --force: each retry would discard what was done",
    );
  }
  let known: AdapterSummary | undefined;
  for (let attempt = 1;; attempt++) {
    try {
      const began = performance.now();
      const gpu = await requestOn(known, options);
      const requestTime = performance.now() - began;
      known = gpu.adapter;
      try {
        return await run(gpu, requestTime);
      } finally {
        gpu.destroy();
      }
    } catch (error) {
      const retried = error instanceof DeviceLostError && attempt <= retryLost;
      if (!retried || context.signal.aborted) throw error;
      context.progress("");
      const again = `requesting it again (attempt ${attempt} of ${retryLost})`;
      warn(context, `${error.message}; ${again}`, options);
      await sleep(Math.min(WAIT.first * 2 ** (attempt - 1), WAIT.max), context.signal);
    }
  }
}

/** Requests a device. After a loss it must be on the known adapter: another would not give the same bytes. */
async function requestOn(
  known: AdapterSummary | undefined,
  { request = () => Gpu.request() }: DeviceSource,
): Promise<Gpu> {
  if (known === undefined) return await request();
  const gpu = await request().catch((error) => {
    if (!(error instanceof GpuUnavailableError)) throw error;
    const reason = error.message.replace(/: install .*$/s, ""); // It is installed.
    throw new DeviceLostError(`Cannot get the lost device back: ${reason}`);
  });
  const { description, vendor } = gpu.adapter;
  if (description === known.description && vendor === known.vendor) return gpu;
  gpu.destroy();
  throw new DeviceLostError(
    `Cannot get the lost device back: the adapter is ${describeAdapter(gpu.adapter)}, ` +
      `expected ${describeAdapter(known)}`,
  );
}

async function sleepFor(seconds: number, signal: AbortSignal): Promise<void> {
  await wait(1000 * seconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}
