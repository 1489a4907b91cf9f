import {
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { ArgumentError, DeviceLostError } from "../../../src/errors.ts";
import { COMMON_OPTIONS, type CommonOptions, type Task } from "../../../tasks/_kit/options.ts";
import {
  type DataCall,
  planOn,
  type Rest,
  restOf,
  type RunContext,
  runPlanned,
  SharedData,
  withData,
} from "../../../tasks/_kit/with_data.ts";
import { CapturedContext } from "../../_context.ts";
import { sharedGpu } from "../../_gpu.ts";
import { exists, inDirectory } from "../../_tasks.ts";

const TASK: Task<CommonOptions> = {
  name: "trial",
  summary: "Tries.",
  options: COMMON_OPTIONS,
  quickCounts: { training: 20, validation: 10, test: 5 },
  examples: [],
};
const ARGS = ["--quick", "--data", "synthetic"];

type Call = DataCall<CommonOptions>;

Deno.test("withData() passes device and data, and destroys both at the end", async () => {
  const calls: Call[] = [];
  const status = await withData(TASK, ARGS, new CapturedContext(), async (call) => {
    calls.push(call);
    assertEquals((await call.data.part("training")).count, 20);
    return 3;
  });
  assertEquals(status, 3);
  const [{ gpu, data }] = calls;
  await assertRejects(() => data.part("training"), ArgumentError, "destroyed");
  await gpu.device.lost; // Settles once the device was destroyed.
});

Deno.test("withData() requests no device when help or a wrong option is given", async () => {
  const context = new CapturedContext();
  const refuse = () => Promise.reject(new Error("expected no call"));
  assertEquals(await withData(TASK, ["--help"], context, refuse), 0);
  assertEquals(context.output.split("\n")[0], "deno task trial [options]");
  await assertRejects(
    () => withData(TASK, ["--variant", "magic"], context, refuse),
    ArgumentError,
    "magic",
  );
  assertEquals(context.errors, "");
});

Deno.test("runPlanned() ends with the exit status that the rest of a task reports", async () => {
  const task = {
    TASK,
    plan: (call: Call) => Promise.resolve(call),
    run: ({ options }: Call) =>
      Promise.resolve(restOf(Promise.resolve(options.seed), (seed) => seed + 2)),
  };
  assertEquals(await runPlanned(task, ARGS, new CapturedContext()), 3);
});

Deno.test("runPlanned() and planOn() keep the folder of a task that failed until its figures are drawn", async () => {
  const shared = new SharedData(await sharedGpu());
  await inDirectory(async (out) => {
    const said: string[] = [];
    const task = {
      TASK,
      plan: (call: Call) => Promise.resolve(call),
      run: async (_: Call, { figures }: RunContext): Promise<Rest> => {
        const results = {
          directory: out,
          write: async (name: string) => void said.push(`${name}: ${await exists(`${out}/.lock`)}`),
        };
        figures.add(results, "metrics.svg", async () => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return "<svg/>";
        });
        return await Promise.reject(new DeviceLostError("lost"));
      },
    };
    const args = [...ARGS, "--out", out];
    await assertRejects(() => runPlanned(task, args, new CapturedContext()), DeviceLostError);
    const run = await planOn(task, args, shared);
    await assertRejects(() => run(new CapturedContext()), DeviceLostError);
    assertEquals(said, ["metrics.svg: true", "metrics.svg: true"]);
    assertEquals(await exists(out), false);
  });
  shared.destroy();
});

Deno.test("restOf() is over when the work is, and fails only where it is reported", async () => {
  const error = new Error("damaged");
  const failed = restOf(Promise.reject(error), () => 0);
  assertStrictEquals(await assertRejects(() => failed.over), error);
  assertStrictEquals(await assertRejects(() => failed.report()), error);
  // Nobody asks: no test would end well otherwise.
  restOf(Promise.reject(error), () => 0);
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("planOn() shares data among tasks, and prints nothing before they run", async () => {
  const shared = new SharedData(await sharedGpu());
  const calls: Call[] = [];
  const task = {
    TASK,
    plan: (call: Call) => Promise.resolve(call),
    run: (call: Call) => Promise.resolve(restOf(Promise.resolve(calls.push(call)), () => 0)),
  };
  const runs = [await planOn(task, ARGS, shared), await planOn(task, ARGS, shared)];
  const more = {
    ...task,
    TASK: { ...TASK, quickCounts: { training: 30, validation: 10, test: 5 } },
  };
  runs.push(await planOn(more, ARGS, shared));
  const alone = new CapturedContext();
  await withData(TASK, ARGS, alone, () => Promise.resolve(0));
  for (const run of runs.slice(0, 2)) {
    const context = new CapturedContext();
    await run(context);
    assertEquals(context.errors, alone.errors);
  }
  await runs[2](new CapturedContext());
  assertEquals(calls.length, 3);
  assertStrictEquals(calls[0].data, calls[1].data);
  assertNotStrictEquals(calls[0].data, calls[2].data);
  shared.destroy();
});
