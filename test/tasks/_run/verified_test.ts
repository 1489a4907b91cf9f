/** What is remembered of variants that were verified, and that one that failed is not chosen. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { GpuError } from "../../../src/errors.ts";
import { Gpu } from "../../../src/gpu/device.ts";
import { defaultVariant, VARIANTS } from "../../../src/programs/variants.ts";
import {
  failedVariants,
  rememberVerified,
  soundVariant,
  warnIfFailed,
} from "../../../tasks/_run/verified.ts";
import { CapturedContext } from "../../_context.ts";
import { inDirectory, putPipe } from "../../_tasks.ts";

const VARIANT = "per-operation";

const SHAPE = {
  architecture: { inputs: 8, hidden: [4], classes: 10, batchNorm: true },
  batch: 20,
  networks: 2,
};

/** An adapter, which is all that is looked at. */
function adapterNamed(description: string) {
  return { adapter: { description, vendor: "4098", software: false } };
}

Deno.test("failedVariants() gives what was last remembered of the adapter", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/kept/verified.json`;
    const [one, other] = [adapterNamed("one"), adapterNamed("other")];
    assertEquals(await failedVariants(one, memory), []);
    assert(await rememberVerified(one, ["tiled"], memory));
    assert(await rememberVerified(other, ["fused-tail"], memory));
    assert(await rememberVerified(one, ["tiled", "per-operation"], memory));
    assertEquals(await failedVariants(one, memory), ["tiled", "per-operation"]);
    assertEquals(await failedVariants(other, memory), ["fused-tail"]);
    assert(await rememberVerified(one, [], memory));
    assertEquals(await failedVariants(one, memory), []);
    assertEquals(await failedVariants(other, memory), ["fused-tail"]);
  });
});

Deno.test("failedVariants() finds none in a damaged file, and replaces it", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = adapterNamed("one");
    await rememberVerified(gpu, ["tiled"], memory);
    const text = await Deno.readTextFile(memory);
    const { key } = JSON.parse(text)[0];
    for (
      const damaged of [
        text.slice(1),
        "",
        "null",
        '{"failed": ["tiled"]}',
        JSON.stringify([null, 1, { key }, { key, failed: "tiled" }, { key, failed: [1] }]),
      ]
    ) {
      await Deno.writeTextFile(memory, damaged);
      assertEquals(await failedVariants(gpu, memory), [], damaged);
    }
    await rememberVerified(gpu, ["tiled"], memory);
    assertEquals(await failedVariants(gpu, memory), ["tiled"]);
  });
});

Deno.test("rememberVerified() says when the file cannot be written", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(directory, "a file, where a folder has to be");
    assert(!await rememberVerified(adapterNamed("one"), ["tiled"], `${directory}/verified.json`));
  });
});

Deno.test("soundVariant() takes the first candidate that has not failed, and refuses when all have", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = await Gpu.request();
    try {
      const first = defaultVariant(gpu, SHAPE);
      assertEquals(await soundVariant(gpu, SHAPE, memory), first);
      for (const last of [VARIANT, "tiled"]) { // The second is not a candidate on a software driver.
        await rememberVerified(gpu, VARIANTS.filter((name) => name !== last), memory);
        assertEquals(await soundVariant(gpu, SHAPE, memory), last);
      }
      await rememberVerified(gpu, VARIANTS, memory);
      await assertRejects(
        () => soundVariant(gpu, SHAPE, memory),
        GpuError,
        "Cannot choose a kernel variant: every one",
      );
    } finally {
      gpu.destroy();
    }
  });
});

Deno.test("warnIfFailed() warns of a variant that failed and is requested nevertheless", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = adapterNamed("one");
    await rememberVerified(gpu, ["tiled"], memory);
    const context = new CapturedContext();
    await warnIfFailed(context, gpu, { variant: undefined, memory });
    await warnIfFailed(context, gpu, { variant: VARIANT, memory });
    assertEquals(context.errors, "");
    await warnIfFailed(context, gpu, { variant: "tiled", json: true, memory });
    const message = "tiled failed `deno task doctor --verify` on this adapter";
    assertEquals(context.errors, `warning: ${message}\n`);
    assertEquals(context.events, [{ event: "warning", message }]);
  });
});

Deno.test("failedVariants() remembers nothing where the file is a pipe, which is then replaced", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const memory = `${directory}/verified.json`;
    await putPipe(memory);
    const one = adapterNamed("one");
    assertEquals(await failedVariants(one, memory), []);
    assert(await rememberVerified(one, ["tiled"], memory));
    assertEquals(await failedVariants(one, memory), ["tiled"]);
  });
});
