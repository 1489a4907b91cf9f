import { assert, assertEquals } from "@std/assert";
import { cutInputs, subset } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { BETWEEN, profileStep } from "../src/profile.ts";
import { profileFromCsv, profileToCsv } from "../src/profile_records.ts";
import { createSynthetic } from "../src/synthetic.ts";
import { main } from "../tasks/baseline.ts";
import { sharedGpu } from "./_gpu.ts";
import { eventsOf, inDirectory, runInProcess } from "./_tasks.ts";

Deno.test("profileStep() gives each kernel of a step in order, and what is between them", async () => {
  const gpu = await sharedGpu();
  const whole = subset(await createSynthetic({ training: 300, test: 20 }), { training: 200 });
  const data = new DeviceDataSet(gpu, cutInputs(whole, 10));
  const rows = await profileStep(gpu, data, {
    architecture: { inputs: 10, hidden: [4], classes: 10, batchNorm: false },
    networks: 2,
    batch: 20,
    variant: "fused-16-256",
    steps: 3,
  });
  data.destroy();

  assertEquals(
    rows.map(({ kernel, layer }) => [kernel, layer]),
    [["fused_norm", 1], ["fused_tail", 1], ["fused_input", 1], [BETWEEN, null]],
  );
  for (const { ms, ms_least, ms_most, share } of rows) {
    assert(ms >= 0 && share >= 0);
    assert((ms_least ?? ms) <= ms && ms <= (ms_most ?? ms));
  }
  assert(rows.some(({ ms }) => ms > 0));
  assertEquals(profileFromCsv(profileToCsv(rows), { name: "profile.csv" }), rows);
});

Deno.test("baseline profiles with --profile, and its results are those without", async () => {
  const args = ["--quick", "--data", "synthetic", "--hidden", "4,3", "--half-cycle", "2"];
  const small = [...args, "--batch-norm", "on", "--json"];
  await inDirectory(async (out) => {
    const model = `${out}/hidden-4-3-batch-norm/model.safetensors`;
    const plain = await runInProcess(main, [...small, "--out", out]);
    assertEquals(plain.status, 0, plain.errors);
    assertEquals(eventsOf(plain).filter(({ event }) => event === "profile"), []);
    const before = await Deno.readFile(model);

    const profiled = await runInProcess(main, [...small, "--profile", "--out", out]);
    assertEquals(profiled.status, 0, profiled.errors);
    assert(profiled.errors.includes("nothing to do"), profiled.errors);
    assertEquals(await Deno.readFile(model), before);
    const events = eventsOf(profiled).filter(({ event }) => event === "profile");
    const name = `${out}/hidden-4-3-batch-norm/profile.csv`;
    const rows = profileFromCsv(await Deno.readTextFile(name), { name });
    assertEquals(events.map(({ kernel }) => kernel), rows.map(({ kernel }) => kernel));
    assertEquals(rows[rows.length - 1].kernel, BETWEEN);
  });
});
