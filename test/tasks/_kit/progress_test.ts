import { assertEquals } from "@std/assert";
import { Progress } from "../../../tasks/_kit/progress.ts";
import { warn, writeEvent } from "../../../tasks/_kit/events.ts";
import { CapturedContext } from "../../_context.ts";

/** An evaluation whose numbers are told apart at a glance. */
function row(step: number) {
  return {
    step,
    epoch: step / 100,
    eta: step === 0 ? null : 0.5,
    training: { loss: 1, cost: 2, accuracy: 0.25 },
    validation: { loss: NaN, cost: 4, accuracy: 0.432 },
  };
}

/** What a terminal shows in its last line after each rewrite. */
function rewrites(text: string): string[] {
  return text.split("\r\x1b[2K").slice(1);
}

Deno.test("Progress rewrites one line on a terminal and removes it at the end", () => {
  const context = new CapturedContext({ isTerminal: true });
  let time = 5000;
  const progress = new Progress(context, { now: () => time });
  progress.start("3-layer", 400);
  time += 10_000;
  progress.step(100);
  time += 50; // too soon to be drawn
  progress.step(101);
  time += 9_950;
  progress.evaluation(row(200));
  time += 3_700_000;
  progress.step(399);
  progress.done();
  assertEquals(rewrites(context.errors), [
    "3-layer: 0/400 steps, 0 %, 0 s",
    "3-layer: 100/400 steps, 25 %, 10 s, 30 s left",
    "3-layer: 200/400 steps, 50 %, 20 s, 20 s left, validation accuracy 43.2 %",
    // One less than the 80 columns that are assumed off a terminal.
    "3-layer: 399/400 steps, 99 %, 1 h 2 min, 9 s left, validation accuracy 43.2 %",
    "3-layer: 399 steps in 1 h 2 min, validation accuracy 43.2 %\n",
  ]);
  assertEquals(context.output, "");
});

Deno.test("Progress cuts its line where the terminal ends", () => {
  const context = new CapturedContext({ isTerminal: true });
  new Progress(context, { now: () => 0 }).start("x".repeat(200), 1);
  assertEquals(rewrites(context.errors), ["x".repeat(context.columns - 1)]);
});

Deno.test("Progress writes a plain line for an evaluation off a terminal, at most one a second", () => {
  const context = new CapturedContext();
  let time = 0;
  const progress = new Progress(context, { now: () => time });
  progress.start("9-layer", 400);
  progress.evaluation(row(0));
  time = 29_000;
  progress.step(50); // says nothing: evaluations say it all
  time = 82_000;
  progress.evaluation(row(100));
  time += 999;
  progress.evaluation(row(200)); // too soon
  time += 1;
  progress.evaluation(row(300));
  progress.evaluation(row(400)); // too soon, but the last one
  progress.done();
  assertEquals(context.errors.split("\n"), [
    "9-layer: 0/400 steps, 0 %, 0 s, validation accuracy 43.2 %",
    "9-layer: 100/400 steps, 25 %, 1 min 22 s, 4 min 6 s left, validation accuracy 43.2 %",
    "9-layer: 300/400 steps, 75 %, 1 min 23 s, 28 s left, validation accuracy 43.2 %",
    "9-layer: 400/400 steps, 100 %, 1 min 23 s, validation accuracy 43.2 %",
    "9-layer: 400 steps in 1 min 23 s, validation accuracy 43.2 %",
    "",
  ]);
});

Deno.test("Progress says that a network diverged, or that all did, in place of the accuracy", () => {
  const lost = { ...row(400), validation: { loss: NaN, cost: NaN, accuracy: NaN } };
  for (
    const [fields, whose, result] of [
      [{ diverged_at: 12 }, "", "diverged at step 12"],
      [{ diverged_at: 0 }, "", "diverged at step 0"],
      [{ diverged_at: 12 }, "best ", "all diverged"],
      [{}, "", "training accuracy 25.0 %"], // There are no validation images.
    ] as const
  ) {
    const context = new CapturedContext();
    const progress = new Progress(context, { now: () => 0 });
    progress.start("fine", 400);
    progress.evaluation(lost, fields, whose);
    progress.done();
    assertEquals(context.errors.split("\n"), [
      `fine: 400/400 steps, 100 %, 0 s, ${result}`,
      `fine: 400 steps in 0 s, ${result}`,
      "",
    ]);
  }
});

Deno.test("Progress reports steps alone after half a minute without an evaluation", () => {
  for (const json of [false, true]) {
    const context = new CapturedContext();
    let time = 0;
    const progress = new Progress(context, { json, now: () => time });
    progress.start("coarse", 400);
    for (time = 10_000; time <= 70_000; time += 10_000) progress.step(time / 1000);
    progress.evaluation(row(100), {}, "best ");
    time += 29_000;
    progress.step(101);
    if (json) {
      const told = context.events.filter(({ event }) => event === "progress");
      assertEquals(told.map(({ step, seconds }) => [step, seconds]), [[30, 30], [60, 60]]);
      continue;
    }
    assertEquals(context.errors.split("\n"), [
      "coarse: 30/400 steps, 7 %, 30 s, 6 min 10 s left",
      "coarse: 60/400 steps, 15 %, 1 min 0 s, 5 min 40 s left",
      "coarse: 100/400 steps, 25 %, 1 min 20 s, 4 min 0 s left, best validation accuracy 43.2 %",
      "",
    ]);
  }
});

Deno.test("Progress writes events in place of plain lines with json", () => {
  const context = new CapturedContext();
  let time = 0;
  const progress = new Progress(context, { json: true, now: () => time });
  progress.start("3-layer", 400, { data: "synthetic" });
  time = 1500;
  progress.evaluation(row(0), { network: 2 });
  warn(context, "it is late", { json: true });
  progress.done({ test_accuracy: 0.5 });
  assertEquals(context.events, [
    { event: "start", run: "3-layer", steps: 400, data: "synthetic" },
    {
      event: "evaluation",
      run: "3-layer",
      steps: 400,
      seconds: 1.5,
      step: 0,
      epoch: 0,
      eta: null,
      train_loss: 1,
      train_cost: 2,
      train_accuracy: 0.25,
      val_loss: null,
      val_cost: 4,
      val_accuracy: 0.432,
      network: 2,
    },
    { event: "warning", message: "it is late" },
    { event: "done", run: "3-layer", steps: 0, seconds: 1.5, test_accuracy: 0.5 },
  ]);
  assertEquals(context.errors, "warning: it is late\n");
});

Deno.test("Progress marks every quick run, in lines and in events", () => {
  const told = (options: { json?: boolean; isTerminal?: boolean }) => {
    const { json, isTerminal } = options;
    const context = new CapturedContext({ isTerminal });
    let time = 0;
    const progress = new Progress(context, { json, quick: true, now: () => time });
    progress.start("coarse", 400);
    time = 30_000;
    progress.step(100);
    progress.evaluation(row(100), {}, "best ");
    progress.done();
    return context;
  };
  const half = "100/400 steps, 25 %, 30 s, 1 min 30 s left";
  const accuracy = "best validation accuracy 43.2 %";
  assertEquals(told({}).errors.split("\n"), [
    `coarse (quick): ${half}`,
    `coarse (quick): ${half}, ${accuracy}`,
    `coarse (quick): 100 steps in 30 s, ${accuracy}`,
    "",
  ]);
  assertEquals(rewrites(told({ isTerminal: true }).errors), [
    "coarse (quick): 0/400 steps, 0 %, 0 s",
    `coarse (quick): ${half}`,
    `coarse (quick): ${half}, ${accuracy}`.slice(0, 79),
    `coarse (quick): 100 steps in 30 s, ${accuracy}\n`,
  ]);
  assertEquals(told({ json: true }).events.map(({ event, run, quick }) => [event, run, quick]), [
    ["start", "coarse", true],
    ["progress", "coarse", true],
    ["evaluation", "coarse", true],
    ["done", "coarse", true],
  ]);
});

Deno.test("Progress starts afresh with each run", () => {
  const context = new CapturedContext();
  let time = 0;
  const progress = new Progress(context, { now: () => time });
  progress.start("a", 1);
  progress.evaluation(row(1));
  time = 10;
  progress.start("b", 0);
  progress.done();
  assertEquals(context.errors.split("\n").at(-2), "b: 0 steps in 0 s");
});

Deno.test("StreamContext puts lines above the progress line", () => {
  const context = new CapturedContext({ isTerminal: true });
  context.progress("half way");
  context.stderr("note");
  context.stdout("result");
  context.progress("");
  const shown = "\r\x1b[2Khalf way";
  const erased = "\r\x1b[2K";
  assertEquals(context.errors, shown + erased + "note\n" + shown + erased + shown + erased);
  assertEquals(context.output, "result\n");
});

Deno.test("StreamContext shows no progress line off a terminal", () => {
  const context = new CapturedContext();
  context.progress("half way");
  context.stderr("note");
  assertEquals(context.errors, "note\n");
});

Deno.test("StreamContext spells out what would direct a terminal, but for line breaks and tabs", () => {
  const context = new CapturedContext({ isTerminal: true });
  context.stdout("\x1b]0;title\x07\tλ\n\x00\x7f");
  context.stderr("over\rwritten \x9b31m");
  context.progress("x".repeat(70) + "\x1b[2J\n\x1b[2J");
  assertEquals(context.output, "\\x1b]0;title\\x07\tλ\n\\x00\\x7f\n");
  assertEquals(context.errors.split("\r\x1b[2K"), [
    "over\\x0dwritten \\x9b31m\n",
    // Cut where the terminal ends, or it could not be removed.
    "x".repeat(70) + "\\x1b[2J\\x",
  ]);
});

Deno.test("writeEvent() writes JSON without control characters, which reads as before", () => {
  const context = new CapturedContext();
  const name = "\x1b[2J\x7f\x80\x9b\n\tλ";
  writeEvent(context, "result", { name });
  assertEquals(
    context.output,
    '{"event":"result","name":"\\u001b[2J\\u007f\\u0080\\u009b\\n\\tλ"}\n',
  );
  assertEquals(context.events, [{ event: "result", name }]);
});
