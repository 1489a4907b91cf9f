import { assertEquals, assertMatch, assertNotStrictEquals, assertRejects } from "@std/assert";
import { ArgumentError, DeviceLostError, GpuUnavailableError } from "../../../src/errors.ts";
import type { AdapterSummary, Gpu } from "../../../src/gpu/device.ts";
import { runMain, StoppedError } from "../../../tasks/_kit/main.ts";
import {
  COMMON_OPTIONS,
  RESUME_OPTIONS,
  type Task,
  type Values,
} from "../../../tasks/_kit/options.ts";
import { type DeviceSource, withRetries } from "../../../tasks/_kit/retry_lost.ts";
import { type DataCall, withData } from "../../../tasks/_kit/with_data.ts";
import { CapturedContext } from "../../_context.ts";

const CARD = { description: "NVIDIA H100 80GB HBM3", vendor: "4318", software: false };
const SOFTWARE = { description: "llvmpipe", vendor: "65541", software: true };

const NO_ADAPTER = new GpuUnavailableError("No GPU adapter was found: install a Vulkan driver");
const NO_DEVICE = new GpuUnavailableError("The GPU adapter gave no device: it is resetting");

/** Requests of devices that answer one after another, and all that happens to them. */
class Requests implements DeviceSource {
  readonly #answers: readonly (AdapterSummary | Error)[];
  readonly slept: number[] = [];
  /** Devices that were given and not destroyed. */
  open = 0;
  asked = 0;

  constructor(...answers: (AdapterSummary | Error)[]) {
    this.#answers = answers;
  }

  request = () => {
    const answer = this.#answers[this.asked++];
    if (answer instanceof Error) return Promise.reject(answer);
    this.open++;
    return Promise.resolve({ adapter: answer, destroy: () => this.open-- } as unknown as Gpu);
  };

  sleep = (seconds: number) => Promise.resolve(void this.slept.push(seconds));
}

/** Runs a task whose devices are lost as often as there are `losses`, and which is then done. */
async function runLosing(
  requests: Requests,
  { retryLost, losses = 1 }: { retryLost: number; losses?: number },
): Promise<{ status: number; lines: string[] }> {
  const context = new CapturedContext();
  const main = () =>
    withRetries({ ...requests, context, retryLost }, () => {
      assertEquals(requests.open, 1);
      return losses-- > 0
        ? Promise.reject(new DeviceLostError("The GPU device was lost: reset"))
        : Promise.resolve(0);
    });
  const status = await runMain(main, { args: [], context });
  assertEquals(requests.open, 0);
  return { status, lines: context.errors.trimEnd().split("\n") };
}

Deno.test("withRetries() requests a lost device again, after longer and longer waits", async () => {
  const requests = new Requests(...Array(9).fill(CARD));
  const { status, lines } = await runLosing(requests, { retryLost: 8, losses: 8 });
  assertEquals([status, requests.asked], [0, 9]);
  assertEquals(requests.slept, [1, 2, 4, 8, 16, 30, 30, 30]);
  assertEquals(
    lines[0],
    "warning: The GPU device was lost: reset; requesting it again (attempt 1 of 8)",
  );
  assertMatch(lines[7], /\(attempt 8 of 8\)$/);
});

Deno.test("withRetries() counts a request that finds no adapter as an attempt", async () => {
  const requests = new Requests(CARD, NO_ADAPTER, NO_DEVICE, CARD);
  assertEquals(await runLosing(requests, { retryLost: 3 }), {
    status: 0,
    lines: [
      "warning: The GPU device was lost: reset; requesting it again (attempt 1 of 3)",
      "warning: Cannot get the lost device back: No GPU adapter was found; " +
      "requesting it again (attempt 2 of 3)",
      "warning: Cannot get the lost device back: The GPU adapter gave no device: it is resetting; " +
      "requesting it again (attempt 3 of 3)",
    ],
  });
  assertEquals(requests.slept, [1, 2, 4]);
});

Deno.test("withRetries() ends with 75 when the adapter does not come back", async () => {
  const { status, lines } = await runLosing(
    new Requests(CARD, NO_ADAPTER, NO_ADAPTER),
    { retryLost: 2 },
  );
  assertEquals([status, lines.length], [75, 3]);
  assertEquals(lines[2], "error: Cannot get the lost device back: No GPU adapter was found");
});

Deno.test("withRetries() resumes on no other adapter, and waits for its own", async () => {
  const refusal =
    "Cannot get the lost device back: the adapter is llvmpipe, driver Mesa, software, " +
    "expected NVIDIA H100 80GB HBM3, driver NVIDIA, hardware";
  const gone = await runLosing(new Requests(CARD, SOFTWARE), { retryLost: 1 });
  assertEquals([gone.status, gone.lines[1]], [75, `error: ${refusal}`]);

  const back = await runLosing(new Requests(CARD, SOFTWARE, CARD), { retryLost: 2 });
  assertEquals([back.status, back.lines.length], [0, 2]);
  assertEquals(back.lines[1], `warning: ${refusal}; requesting it again (attempt 2 of 2)`);

  const otherDriver = { ...CARD, vendor: "65541" };
  assertEquals((await runLosing(new Requests(CARD, otherDriver), { retryLost: 1 })).status, 75);
});

Deno.test("withRetries() requests once where there is no adapter, and where nothing is lost", async () => {
  const none = new Requests(NO_ADAPTER);
  const { status, lines } = await runLosing(none, { retryLost: 3 });
  assertEquals([status, lines], [1, [`error: ${NO_ADAPTER.message}`]]);
  const failing = new Requests(CARD);
  // As where --require-gpu refuses the adapter, or it has no timestamps.
  await assertRejects(
    () =>
      withRetries(
        { ...failing, context: new CapturedContext(), retryLost: 3 },
        () => Promise.reject(NO_ADAPTER),
      ),
    GpuUnavailableError,
  );
  assertEquals([none.asked, failing.asked, none.slept, failing.slept], [1, 1, [], []]);
});

Deno.test("withRetries() retries nothing unless it is asked to", async () => {
  const requests = new Requests(CARD);
  const { status, lines } = await runLosing(requests, { retryLost: 0 });
  assertEquals([status, lines], [75, ["error: The GPU device was lost: reset"]]);
  assertEquals(requests.slept, []);
});

Deno.test("withRetries() stops waiting as soon as it is told to stop", async () => {
  const context = new CapturedContext();
  const requests = new Requests(CARD, CARD);
  const { request } = requests;
  const main = () =>
    withRetries({ context, request, retryLost: 3 }, () => {
      setTimeout(() => context.abort(new StoppedError("SIGTERM")), 10);
      return Promise.reject(new DeviceLostError("lost"));
    });
  assertEquals(await runMain(main, { args: [], context }), 75);
  assertEquals([requests.asked, requests.open], [1, 0]);
  assertMatch(context.errors, /\nerror: stopped by SIGTERM before it was done; .*\n$/);
});

Deno.test("withRetries() refuses --force with --retry-lost, before it requests a device", async () => {
  const requests = new Requests();
  const context = new CapturedContext();
  await assertRejects(
    () =>
      withRetries({ ...requests, context, force: true, retryLost: 1 }, () => Promise.resolve(0)),
    ArgumentError,
    "Cannot use --retry-lost with --force: each retry would discard what was done",
  );
  assertEquals(requests.asked, 0);
});

const OPTIONS = { ...COMMON_OPTIONS, ...RESUME_OPTIONS };

const TASK: Task<Values<typeof OPTIONS>> = {
  name: "trial",
  summary: "Tries.",
  options: OPTIONS,
  quickCounts: { training: 20, validation: 10, test: 5 },
  examples: [],
};

Deno.test("withData() uploads to the new device, and destroys what was on the lost one", async () => {
  const calls: DataCall<Values<typeof OPTIONS>>[] = [];
  const out = await Deno.makeTempDir();
  const args = ["--quick", "--data", "synthetic", "--retry-lost", "1", "--out", `${out}/trial`];
  const status = await withData(TASK, args, new CapturedContext(), async (call) => {
    calls.push(call);
    const { labels } = await call.data.part("training");
    if (calls.length === 1) call.gpu.device.destroy();
    return new Uint8Array(await call.gpu.read(labels)).length > 0 ? 0 : 1;
  }, { sleep: () => Promise.resolve() });
  assertEquals([status, calls.length], [0, 2]);
  const [lost, next] = calls;
  assertNotStrictEquals(lost.gpu, next.gpu);
  assertNotStrictEquals(lost.data, next.data);
  for (const { data, gpu } of calls) {
    await assertRejects(() => data.part("training"), ArgumentError, "destroyed");
    await gpu.device.lost;
  }
  await Deno.remove(out, { recursive: true });
});
