/** The program of the threads of `tasks/_kit/workers.ts`. */
import type { Answer, Job } from "../_kit/workers.ts";
import { WORK } from "./work.ts";

/** This thread as it looks from within, which is not what the types of Deno's main thread say. */
const THREAD = self as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage(answer: Answer): void;
};

THREAD.onmessage = async ({ data: { id, name, input } }) => {
  const work = WORK[name] as (input: unknown) => unknown;
  try {
    THREAD.postMessage({ id, output: await work(input) });
  } catch {
    // The thread that asked does it again, and has the error with its class and stack.
    THREAD.postMessage({ id });
  }
};
