import {
  assert,
  assertEquals,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { ArgumentError } from "../../../src/errors.ts";
import { Workers } from "../../../tasks/_kit/workers.ts";
import { WORK } from "../../../tasks/_run/work.ts";
import { runProgram } from "../../_tasks.ts";

const CONFIG = { task: "baseline", settings: { hidden: [5], batchNorm: "on" }, madeWith: {} };

/** What there is to draw. */
const CONFUSION = {
  confusion: { classNames: ["cat", "dog"], counts: [[3, 1], [0, 4]] },
  config: CONFIG,
};

const EVALUATION = { loss: 1, cost: 2, accuracy: 0.5 };
const ROW = { step: 0, epoch: 0, eta: null, training: EVALUATION, validation: EVALUATION };

/** The module of a thread that does what `body` says with the message `data`. */
function threadOf(body: string): URL {
  return new URL(`data:text/javascript,self.onmessage = async ({ data }) => { ${body} };`);
}

/** A thread that answers with a name of its own. */
const NAMED = threadOf(
  "self.own ??= crypto.randomUUID(); self.postMessage({ id: data.id, output: self.own });",
);

/** Runs a test with threads, which are ended after it. */
async function withWorkers(
  options: { threads?: number; module?: URL },
  test: (workers: Workers, stop: AbortController) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const workers = new Workers({ threads: 1, ...options, signal: stop.signal });
  try {
    await test(workers, stop);
  } finally {
    workers.destroy();
  }
}

Deno.test("Workers.do() gives the same from another thread as in this one", async () => {
  const expected = await WORK.drawConfusion(CONFUSION);
  for (const threads of [0, 1]) {
    await withWorkers({ threads }, async (workers) => {
      assertEquals(await workers.do("drawConfusion", CONFUSION), expected);
    });
  }
});

Deno.test("Workers.do() starts a thread where all others are busy, up to the number allowed", async () => {
  await withWorkers({ threads: 2, module: NAMED }, async (workers) => {
    const first = await workers.do("drawConfusion", CONFUSION);
    assertEquals(await workers.do("drawConfusion", CONFUSION), first);
    const [a, b, c] = await Promise.all(
      [1, 2, 3].map(() => workers.do("drawConfusion", CONFUSION)),
    );
    assertEquals(a, first);
    assertNotEquals(b, first);
    assert(c === a || c === b);
  });
});

Deno.test("Workers.do() fails with the error of the work itself", async () => {
  await withWorkers({}, async (workers) => {
    const nothing = { rows: [], config: CONFIG };
    await assertRejects(() => workers.do("drawRun", nothing), ArgumentError, "there are no rows");
    // The thread goes on.
    assertEquals(
      await workers.do("drawConfusion", CONFUSION),
      await WORK.drawConfusion(CONFUSION),
    );
  });
});

Deno.test("Workers.do() does the work in this thread where no other one starts, or where one dies", async () => {
  const expected = await WORK.drawConfusion(CONFUSION);
  const refused = new URL("data:text/javascript,");
  Object.defineProperty(refused, "href", {
    get() {
      throw new Error("no threads here");
    },
  });
  const modules = [
    refused,
    new URL("no_such_module.js", import.meta.url),
    new URL("data:text/javascript,throw new Error('broken');"),
    threadOf("throw new Error('broken');"),
    threadOf("self.postMessage({ id: data.id });"),
  ];
  for (const module of modules) {
    await withWorkers({ threads: 2, module }, async (workers) => {
      const asked = [1, 2, 3].map(() => workers.do("drawConfusion", CONFUSION));
      for (const found of await Promise.all(asked)) assertEquals(found, expected);
      assertEquals(await workers.do("drawConfusion", CONFUSION), expected);
    });
  }
});

Deno.test("Workers.do() starts no thread where the process may open too few files for one", async () => {
  const program = `
    import { Workers } from "${new URL("../../../tasks/_kit/workers.ts", import.meta.url)}";
    const workers = new Workers({ threads: 1, signal: new AbortController().signal });
    const drawn = await workers.do("drawConfusion", ${JSON.stringify(CONFUSION)});
    workers.destroy();
    console.log(drawn);
  `;
  const expected = { status: 0, output: await WORK.drawConfusion(CONFUSION) + "\n", errors: "" };
  // The runtime has some 20 open itself. With 26, a thread that is started ends the process.
  for (const files of [26, 64]) assertEquals(await runProgram(program, [], { files }), expected);
});

Deno.test("Workers.do() ends with the reason of the signal, whatever the threads do", async () => {
  await withWorkers({ threads: 2, module: threadOf("for (;;);") }, async (workers, stop) => {
    const asked = [1, 2, 3].map(() => workers.do("drawConfusion", CONFUSION));
    const reason = new Error("told to");
    stop.abort(reason);
    for (const result of await Promise.allSettled(asked)) {
      assertEquals(result.status, "rejected");
      assertStrictEquals((result as PromiseRejectedResult).reason, reason);
    }
    assertStrictEquals(await assertRejects(() => workers.do("drawConfusion", CONFUSION)), reason);
  });
});

Deno.test("Workers.do() does nothing more in this thread when the signal is aborted", async () => {
  await withWorkers({ threads: 0 }, async (workers, stop) => {
    const asked = workers.do("drawConfusion", CONFUSION);
    const reason = new Error("told to");
    stop.abort(reason);
    assertStrictEquals(await assertRejects(() => asked), reason);
  });
});

Deno.test("Workers.draw() draws the same only once, and again after it failed", async () => {
  const counting = threadOf(`
    self.count = (self.count ?? 0) + 1;
    self.postMessage({ id: data.id, output: String(self.count) });`);
  await withWorkers({ module: counting }, async (workers) => {
    const row = (loss: number) => ({ ...ROW, training: { ...ROW.training, loss } });
    const draw = (loss: number) =>
      workers.draw("drawRun", { rows: [row(loss)], config: { ...CONFIG } });
    assertEquals(await Promise.all([draw(1), draw(1)]), ["1", "1"]);
    // JSON makes null of both.
    assertEquals([await draw(NaN), await draw(Infinity), await draw(NaN)], ["2", "3", "2"]);
  });
  await withWorkers({ threads: 0 }, async (workers) => {
    const nothing = { rows: [], config: CONFIG };
    const first = await assertRejects(() => workers.draw("drawRun", nothing), ArgumentError);
    const second = await assertRejects(() => workers.draw("drawRun", nothing), ArgumentError);
    assertNotStrictEquals(first, second);
  });
});

Deno.test("Workers.idle() waits for everything that threads were asked", async () => {
  const late = threadOf("setTimeout(() => self.postMessage({ id: data.id, output: 'late' }), 50);");
  await withWorkers({ threads: 2, module: late }, async (workers) => {
    await workers.idle();
    let answered = 0;
    for (let i = 0; i < 3; i++) workers.do("drawConfusion", CONFUSION).then(() => answered++);
    await workers.idle();
    assertEquals(answered, 3);
  });
});
