import { assert, assertEquals, assertMatch } from "@std/assert";
import { DeviceDataSet } from "../../../src/gpu/device_data.ts";
import { Gpu } from "../../../src/gpu/device.ts";
import { BETWEEN } from "../../../src/measure/profile.ts";
import { PROFILE_CSV } from "../../../src/records/profile.ts";
import { profileAll } from "../../../tasks/_run/profile.ts";
import { main as baseline } from "../../../tasks/baseline.ts";
import { main as initSensitivity } from "../../../tasks/init_sensitivity.ts";
import { main as lambdaSearch } from "../../../tasks/lambda_search.ts";
import { CapturedContext } from "../../_context.ts";
import { createRandomData } from "../../_gpu.ts";
import { eventsOf, exists, filesIn, inDirectory, runInProcess } from "../../_tasks.ts";

/** Networks and trainings as small as can be. */
const SMALL = ["--quick", "--data", "synthetic", "--hidden", "4,3", "--half-cycle", "2"];

/** The profiles that each task leaves, by the run that each is of. */
const TASKS = [
  {
    main: baseline,
    args: SMALL,
    profiles: {
      "hidden-4-3": "hidden-4-3/profile.csv",
      "hidden-4-3-batch-norm": "hidden-4-3-batch-norm/profile.csv",
    },
    networks: [1, 1],
  },
  {
    main: lambdaSearch,
    args: [...SMALL, "--coarse-count", "3", "--fine-count", "2"],
    profiles: {
      coarse: "profile-coarse.csv",
      fine: "profile-fine.csv",
      final: "final/profile.csv",
    },
    networks: [3, 2, 1],
  },
  {
    main: initSensitivity,
    args: [...SMALL, "--inits", "he,0.1"],
    profiles: {
      "without-batch-norm": "profile-without-batch-norm.csv",
      "with-batch-norm": "profile-with-batch-norm.csv",
    },
    networks: [2, 2],
  },
];

for (const { main, args, profiles, networks } of TASKS) {
  const [first] = Object.values(profiles);
  Deno.test(`tasks that train write ${first} with --profile, and the same results as without`, async () => {
    await inDirectory(async (parent) => {
      const plain = await runInProcess(main, [...args, "--out", `${parent}/plain`]);
      assertEquals(plain.status, 0, plain.errors);
      const out = `${parent}/profiled`;
      const profiled = await runInProcess(main, [...args, "--profile", "--json", "--out", out]);
      assertEquals(profiled.status, 0, profiled.errors);

      const files = await filesIn(out);
      for (const path of Object.values(profiles)) assert(files.delete(path), path);
      assertEquals(files, await filesIn(`${parent}/plain`));

      const events = eventsOf(profiled).filter(({ event }) => event === "profile");
      const runs = Map.groupBy(events, ({ run }) => run);
      assertEquals([...runs.keys()], Object.keys(profiles));
      assertEquals([...runs.values()].map(([event]) => event.networks), networks);
      for (const [run, name] of Object.entries(profiles)) {
        const rows = PROFILE_CSV.decode(await Deno.readTextFile(`${out}/${name}`), { name });
        assertEquals(rows[rows.length - 1].kernel, BETWEEN);
        assert(rows.some(({ kernel, ms }) => kernel !== BETWEEN && ms > 0));
        const told = runs.get(run)!.map(({ event: _, run: __, networks: ___, ...rest }) => rest);
        const [{ variant, quick }] = told;
        assertEquals([typeof variant, quick], ["string", true]);
        assertEquals(told, rows.map((row) => ({ variant, quick, ...PROFILE_CSV.cells(row) })));
      }
    });
  });
}

Deno.test("baseline profiles a run that is finished, without training it again", async () => {
  await inDirectory(async (out) => {
    const args = [...SMALL, "--batch-norm", "on", "--out", out];
    assertEquals((await runInProcess(baseline, args)).status, 0);
    const before = await filesIn(out);
    const again = await runInProcess(baseline, [...args, "--profile"]);
    assertEquals(again.status, 0, again.errors);
    assertMatch(again.errors, /holds the finished results of these settings: nothing to do/);
    const heading = /^A step of hidden-4-3-batch-norm \(quick\), 1 network, variant \S+:$/m;
    assertMatch(again.output, heading);
    assertMatch(again.output, /^kernel +layer +ms\/step +min +max +share$/m);
    assertMatch(again.output, /^between kernels +\d+\.\d{3} +\d+\.\d %$/m);

    const path = "hidden-4-3-batch-norm/profile.csv";
    const after = await filesIn(out);
    assert(after.delete(path));
    assertEquals(after, before);
  });
});

Deno.test("tasks that train leave no profile of a run that they replace", async () => {
  for (const { main, args, profiles } of TASKS) {
    await inDirectory(async (out) => {
      const profiled = await runInProcess(main, [...args, "--profile", "--out", out]);
      assertEquals(profiled.status, 0, profiled.errors);
      const forced = await runInProcess(main, [...args, "--force", "--seed", "2", "--out", out]);
      assertEquals(forced.status, 0, forced.errors);
      for (const path of Object.values(profiles)) {
        assertEquals(await exists(`${out}/${path}`), false);
      }
    });
  }
});

Deno.test("profileAll() says once that the adapter has no timestamps, and does not fail", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const gpu = new Gpu(await adapter!.requestDevice());
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 10 }));
  const plan = { hidden: [4], batchNorm: false, batch: 20, networks: 1 };
  await inDirectory(async (out) => {
    const populations = ["one", "two"].map((name) => ({ plan, name, path: `${out}/${name}.csv` }));
    for (const json of [false, true]) {
      const context = new CapturedContext();
      await profileAll(context, { gpu, data }, { populations, json });
      const sentence =
        /^warning: Nothing is profiled: The adapter .* has no timestamps to measure kernels by\n$/;
      assertMatch(context.errors, sentence);
      const message = context.errors.trimEnd().replace("warning: ", "");
      assertEquals(context.events, json ? [{ event: "warning", message }] : []);
      assertEquals(await exists(out), false);
    }
  });
  data.destroy();
  gpu.destroy();
});
