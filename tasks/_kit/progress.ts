/**
 * How far a run is: one line rewritten in place on a terminal, plain lines elsewhere, events with `--json`.
 *
 * @module
 */
import type { MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { TaskContext } from "./context.ts";
import { type EventFields, type EventName, writeEvent } from "./events.ts";
import { percent } from "./table.ts";

/** Least time between two redraws on a terminal, in milliseconds: as fast as the eye follows. */
const REDRAW = 100;

/** Least time between two plain lines, in milliseconds, so that a quick run does not flood a log. */
const LINE = 1000;

/** Time without an evaluation after which a plain line, or an event, tells of the steps alone, in milliseconds. */
const QUIET = 30_000;

/** Tells people and programs how the runs of a task are going, one run after another, and that a quick try is one. */
export class Progress {
  readonly #context: TaskContext;
  readonly #json: boolean;
  readonly #quick: { readonly quick?: true };
  readonly #now: () => number;
  #run = "";
  #steps = 0;
  #done = 0;
  #began = 0;
  #told = -Infinity; // when the line was last written
  #heard = 0; // when an event, or a line off a terminal, last told how far the run is
  #accuracy: string | undefined;

  /**
   * Says nothing yet.
   *
   * @param context Where to write.
   * @param options `json`: write events to standard output instead of plain lines; `quick`: say of every run, in lines
   * and events, that it is a quick try; `now`: a clock in milliseconds, for tests.
   */
  constructor(
    context: TaskContext,
    options: { json?: boolean; quick?: boolean; now?: () => number } = {},
  ) {
    this.#context = context;
    this.#json = options.json ?? false;
    this.#quick = options.quick ? { quick: true } : {};
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * A run starts. Event: `start` with `run`, `steps` and the fields given.
   *
   * @param run Its name.
   * @param steps How many steps it will make.
   * @param fields More fields for the event.
   */
  start(run: string, steps: number, fields: EventFields = {}): void {
    this.#run = run;
    this.#steps = steps;
    this.#done = 0;
    this.#began = this.#now();
    this.#told = -Infinity;
    this.#heard = this.#began;
    this.#accuracy = undefined;
    this.#event("start", { run, steps, ...fields });
    this.#redraw();
  }

  /**
   * Steps were done: moves the line on a terminal. Event, every half minute: `progress` with `run`, `step`, `steps` and
   * `seconds` since the start.
   *
   * @param done How many steps of the run are done by now.
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
   * The network was evaluated. Event: `evaluation` with `run`, `steps`, `seconds` since the start, the
   * columns of `metrics.csv` and the fields given.
   *
   * @param row The evaluation; where several networks train together, that of the best.
   * @param fields More fields for the event.
   * @param whose What the line says before "validation accuracy", as in "best ".
   */
  evaluation(row: MetricRow, fields: EventFields = {}, whose = ""): void {
    this.#done = row.step;
    this.#heard = this.#now();
    this.#accuracy = `${whose}validation accuracy ${percent(row.validation.accuracy)}`;
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

  /**
   * The run is over: takes the line away and says how it went. Event: `done` with `run`, `steps` done,
   * `seconds` and the fields given.
   *
   * @param fields More fields for the event.
   */
  done(fields: EventFields = {}): void {
    const seconds = this.#seconds();
    this.#context.progress("");
    this.#event("done", { run: this.#run, steps: this.#done, seconds, ...fields });
    if (this.#json) return;
    const accuracy = this.#accuracy === undefined ? "" : `, ${this.#accuracy}`;
    this.#context.stderr(
      `${this.#name()}: ${this.#done} steps in ${duration(seconds)}${accuracy}`,
    );
  }

  /**
   * Something that does not stop the task but should be known. Event: `warning` with `message`.
   *
   * @param message A sentence.
   */
  warning(message: string): void {
    this.#context.stderr(`warning: ${message}`);
    if (this.#json) writeEvent(this.#context, "warning", { message });
  }

  /** Writes an event of the run where events are wanted; that of a quick try says so. */
  #event(event: EventName, fields: EventFields): void {
    if (this.#json) writeEvent(this.#context, event, { ...fields, ...this.#quick });
  }

  /** What lines call the run. */
  #name(): string {
    return this.#quick.quick ? `${this.#run} (quick)` : this.#run;
  }

  /** Seconds since the run's start. */
  #seconds(): number {
    return (this.#now() - this.#began) / 1000;
  }

  /** Shows the line in place, as much of it as fits. */
  #redraw(): void {
    if (!this.#context.isTerminal) return;
    this.#told = this.#now();
    // A line as long as the terminal is wide would wrap, and could not be taken back.
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
    if (share > 0 && share < 1) parts.push(`${duration(seconds / share - seconds)} left`);
    if (this.#accuracy !== undefined) parts.push(this.#accuracy);
    return parts.join(", ");
  }
}

/** As in "41 s", "1 min 22 s" or "2 h 5 min". */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
