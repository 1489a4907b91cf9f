/** Work for the CPU that other threads do while this one feeds the GPU: comparisons with float64 and figures. */
import type { WORK } from "../_run/work.ts";

type Work = typeof WORK;

/** What a kind of work is given: plain data. */
type Input<Name extends keyof Work> = Parameters<Work[Name]>[0];

type Output<Name extends keyof Work> = Awaited<ReturnType<Work[Name]>>;

type Drawing = Extract<keyof Work, `draw${string}`>;

/** What a thread is sent. */
export interface Job {
  readonly id: number;
  readonly name: keyof Work;
  readonly input: unknown;
}

/** What it sends back; without `output`, the work failed. */
export interface Answer {
  readonly id: number;
  readonly output?: unknown;
}

/** The module that threads run. */
const THREAD = new URL("../_run/thread.ts", import.meta.url);

/**
 * How many more files this process must be able to open before a thread is started: a thread opens 8 (Deno 2.9 on Linux),
 * and this one others meanwhile. Where a thread finds none left, the runtime ends the process.
 */
const FILES_LEFT = 16;

export interface WorkersOptions {
  /** The most threads; with 0, all work is done in this one. */
  readonly threads: number;
  /** Ends all work. */
  readonly signal: AbortSignal;
  /** The module that threads run, for tests. */
  readonly module?: URL;
}

/** Threads that are started when there is work for them. */
export class Workers {
  readonly #signal: AbortSignal;
  readonly #module: URL;
  #max: number;
  #threads: Thread[] = [];
  /** The figures of this process, by what they were drawn from. */
  readonly #figures = new Map<string, Promise<string>>();

  constructor({ threads, signal, module = THREAD }: WorkersOptions) {
    this.#max = threads;
    this.#signal = signal;
    this.#module = module;
    signal.addEventListener("abort", () => this.destroy(signal.reason));
  }

  /**
   * Does some work in the thread that has the least to do. The promise may be awaited late, or never.
   *
   * Where no thread can be started, or where the work fails, this thread does it: it then fails with the same error as
   * without other threads.
   *
   * @throws The reason of the signal, as soon as it is aborted.
   */
  do<Name extends keyof Work>(name: Name, input: Input<Name>): Promise<Output<Name>> {
    const done = this.#do(name, input);
    done.catch(() => {});
    return done;
  }

  async #do<Name extends keyof Work>(name: Name, input: Input<Name>): Promise<Output<Name>> {
    this.#signal.throwIfAborted();
    const answer = await this.#leastBusy()?.ask(name, input);
    if (answer !== undefined && "output" in answer) return answer.output as Output<Name>;
    const { WORK } = await import("../_run/work.ts");
    this.#signal.throwIfAborted();
    const work = WORK[name] as (input: Input<Name>, signal: AbortSignal) => unknown;
    return await work(input, this.#signal) as Output<Name>;
  }

  /** Draws a figure as {@linkcode do} does, unless it was drawn before: the page shows figures that were just drawn. */
  async draw<Name extends Drawing>(name: Name, input: Input<Name>): Promise<string> {
    // JSON has no NaN, which is another figure than infinity.
    const exact = (_: string, value: unknown) => typeof value === "number" ? `${value}` : value;
    const key = JSON.stringify([name, input], exact);
    const drawn = this.#figures.get(key) ?? this.do(name, input);
    this.#figures.set(key, drawn);
    try {
      return await drawn;
    } catch (error) {
      this.#figures.delete(key);
      throw error;
    }
  }

  /** Waits until the threads have nothing to do, so that they take no time from what is measured. */
  async idle(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.idle()));
  }

  /** Ends all threads; what they were doing fails with the reason. */
  destroy(reason: unknown = new Error("the threads were ended")): void {
    this.#max = 0;
    for (const thread of this.#threads.splice(0)) thread.end(reason);
  }

  /** A new thread while there may be more and all others are busy. */
  #leastBusy(): Thread | undefined {
    const [first] = this.#threads.toSorted((a, b) => a.busy - b.busy);
    if (this.#threads.length >= this.#max || first?.busy === 0) return first;
    try {
      checkFilesLeft();
      const thread: Thread = new Thread(this.#module, () => this.#lose(thread));
      this.#threads.push(thread);
      return thread;
    } catch {
      this.#max = 0;
      return first;
    }
  }

  /** Goes on without a thread, and starts no others: what broke one would break the next. */
  #lose(lost: Thread): void {
    this.#max = 0;
    this.#threads = this.#threads.filter((thread) => thread !== lost);
  }
}

/** Throws the system's error where a new thread would find too few files left to open. */
function checkFilesLeft(): void {
  const own = new URL(import.meta.url);
  const files: Deno.FsFile[] = [];
  try {
    for (let i = 0; i < FILES_LEFT; i++) files.push(Deno.openSync(own));
  } finally {
    for (const file of files) file.close();
  }
}

/** One thread, and what it has been asked. */
class Thread {
  readonly #worker: Worker;
  readonly #asked = new Map<number, PromiseWithResolvers<Answer | undefined>>();
  #next = 0;

  /** @param broken Called when the thread has died, for instance because its module cannot be loaded. */
  constructor(module: URL, broken: () => void) {
    const worker = new Worker(module.href, { type: "module" });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#asked.get(data.id)?.resolve(data);
      this.#asked.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // Otherwise this process ends, too.
      broken();
      for (const { resolve } of this.#asked.values()) resolve(undefined);
      this.#asked.clear();
    };
  }

  get busy(): number {
    return this.#asked.size;
  }

  /** Undefined where the thread died. */
  ask(name: keyof Work, input: unknown): Promise<Answer | undefined> {
    const id = this.#next++;
    const asked = Promise.withResolvers<Answer | undefined>();
    this.#worker.postMessage({ id, name, input } satisfies Job);
    this.#asked.set(id, asked);
    return asked.promise;
  }

  async idle(): Promise<void> {
    await Promise.allSettled([...this.#asked.values()].map(({ promise }) => promise));
  }

  end(reason: unknown): void {
    this.#worker.terminate();
    for (const { reject } of this.#asked.values()) reject(reason);
    this.#asked.clear();
  }
}
