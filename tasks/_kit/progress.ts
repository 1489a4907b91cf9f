/** The progress of runs: one line rewritten in place on a terminal, plain lines elsewhere, events with `--json`. */
import { hasValidation, type MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { TaskContext } from "./context.ts";
import { type EventFields, type EventName, writeEvent } from "./events.ts";
import { percent } from "./table.ts";

/** Minimum time between two redraws on a terminal, in milliseconds: as fast as the eye follows. */
const REDRAW = 100;

/** Minimum time between two plain lines, in milliseconds, so that a quick run does not flood a log. */
const LINE = 1000;

/** Time without an evaluation after which a plain line or an event reports the steps alone, in milliseconds. */
const QUIET = 30_000;

/** Fields of the event `evaluation` besides those of the row. */
interface EvaluationFields extends EventFields {
  /** The step at which the network diverged; null or missing if it has not. */
  readonly diverged_at?: number | null;
}

/** Reports the progress of the runs of a task, one after another. Lines and events of a quick run say so. */
export class Progress {
  readonly #context: TaskContext;
  readonly #json: boolean;
  readonly #quick: { readonly quick?: true };
  readonly #now: () => number;
  #run = "";
  #steps = 0;
  #done = 0;
  #first = 0; // steps done before this process
  #began = 0;
  #told = -Infinity; // when the line was last written
  #heard = 0; // when an event, or a line off a terminal, was last written
  #result: string | undefined; // of the last evaluation, in words

  /** `json` writes events to standard output instead of lines; `now` is a clock in milliseconds, for tests. */
  constructor(
    context: TaskContext,
    options: { json?: boolean; quick?: boolean; now?: () => number } = {},
  ) {
    this.#context = context;
    this.#json = options.json ?? false;
    this.#quick = options.quick ? { quick: true } : {};
    this.#now = options.now ?? (() => performance.now());
  }

  /** A run of so many steps starts, or is resumed after `done` of them. Event: `start` with `run`, `steps` and the fields given. */
  start(run: string, steps: number, fields: EventFields = {}, done = 0): void {
    this.#run = run;
    this.#steps = steps;
    this.#done = done;
    this.#first = done;
    this.#began = this.#now();
    this.#told = -Infinity;
    this.#heard = this.#began;
    this.#result = undefined;
    this.#event("start", { run, steps, ...fields });
    this.#redraw();
  }

  /**
   * So many steps of the run are done. Event, every half minute: `progress` with `run`, `step`, `steps` and `seconds`
   * since the start.
   */
  step(done: number): void {
    this.#done = done;
    if (this.#now() - this.#told >= REDRAW) this.#redraw();
    if (this.#now() - this.#heard < QUIET) return;
    this.#heard = this.#now();
    const [run, steps, seconds] = [this.#run, this.#steps, this.#seconds()];
    this.#event("progress", { run, step: done, steps, seconds });
    if (!this.#json && !this.#context.isTerminal) this.#context.stderr(this.#line());
  }

  /**
   * The network was evaluated, or of several the best, which `whose` says before "validation accuracy", as in "best ".
   * Without validation images it is the training accuracy.
   * If the best has diverged, all have. Event: `evaluation` with `run`, `steps`, `seconds`, the columns of `metrics.csv`
   * and the fields given.
   */
  evaluation(row: MetricRow, fields: EvaluationFields = {}, whose = ""): void {
    this.#done = row.step;
    this.#heard = this.#now();
    this.#result = resultText(row, fields.diverged_at ?? null, whose);
    this.#event("evaluation", {
      run: this.#run,
      steps: this.#steps,
      seconds: this.#seconds(),
      ...METRICS_CSV.cells(row),
      ...fields,
    });
    if (this.#context.isTerminal) {
      this.#redraw();
    } else if (!this.#json && (this.#now() - this.#told >= LINE || row.step === this.#steps)) {
      this.#told = this.#now();
      this.#context.stderr(this.#line());
    }
  }

  /** The run is over. Event: `done` with `run`, `steps` done, `seconds` and the fields given. */
  done(fields: EventFields = {}): void {
    const seconds = this.#seconds();
    this.#context.progress("");
    this.#event("done", { run: this.#run, steps: this.#done, seconds, ...fields });
    if (this.#json) return;
    const result = this.#result === undefined ? "" : `, ${this.#result}`;
    this.#context.stderr(`${this.#name()}: ${this.#done} steps in ${duration(seconds)}${result}`);
  }

  #event(event: EventName, fields: EventFields): void {
    if (this.#json) writeEvent(this.#context, event, { ...fields, ...this.#quick });
  }

  #name(): string {
    return this.#quick.quick ? `${this.#run} (quick)` : this.#run;
  }

  #seconds(): number {
    return (this.#now() - this.#began) / 1000;
  }

  #redraw(): void {
    if (!this.#context.isTerminal) return;
    this.#told = this.#now();
    // A line as wide as the terminal would wrap, and could not be removed.
    this.#context.progress(this.#line().slice(0, this.#context.columns - 1));
  }

  /** As in "3-layer: 450/9000 steps, 5 %, 12 s, 3 min 48 s left, validation accuracy 43.2 %". */
  #line(): string {
    const seconds = this.#seconds();
    const share = this.#steps === 0 ? 1 : this.#done / this.#steps;
    const parts = [
      `${this.#name()}: ${this.#done}/${this.#steps} steps`,
      `${Math.floor(share * 100)} %`,
      duration(seconds),
    ];
    const own = this.#done - this.#first;
    if (own > 0 && share < 1) {
      parts.push(`${duration(seconds / own * (this.#steps - this.#done))} left`);
    }
    if (this.#result !== undefined) parts.push(this.#result);
    return parts.join(", ");
  }
}

/** As in "best validation accuracy 43.2 %", "diverged at step 12" and "all diverged". */
function resultText(row: MetricRow, divergedAt: number | null, whose: string): string {
  if (divergedAt === null) {
    const split = hasValidation([row]) ? "validation" : "training";
    return `${whose}${split} accuracy ${percent(row[split].accuracy)}`;
  }
  return whose === "" ? `diverged at step ${divergedAt}` : "all diverged";
}

/** As in "41 s", "1 min 22 s" or "2 h 5 min". */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
