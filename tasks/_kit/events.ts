/** The lines of `--json`: one JSON object each on standard output, distinguished by `event`. */
import type { TaskContext } from "./context.ts";

export type EventName =
  | "adapter"
  | "data"
  | "part"
  | "part_results"
  | "start"
  | "evaluation"
  | "progress"
  | "checkpoint"
  | "resumed"
  | "done"
  | "finished_before"
  | "warning"
  | "error"
  | "result"
  | "gradient"
  | "comparison"
  | "trial"
  | "class"
  | "profile"
  | "variant"
  | "verification"
  | "operation"
  | "startup"
  | "peak"
  | "regression"
  | "peer";

/** Fields of an event: snake_case, as in the CSV files. NaN and infinity are written as null. */
export type EventFields = { readonly [name: string]: unknown };

export function writeEvent(
  context: TaskContext,
  event: EventName,
  fields: EventFields = {},
): void {
  // JSON leaves these as they are, and the context would spell them out as no JSON has them.
  const json = JSON.stringify({ event, ...fields }).replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
  context.stdout(json);
}

/** Warns of something that does not stop the task. Event: `warning` with `message`. */
export function warn(
  context: TaskContext,
  message: string,
  { json }: { readonly json?: boolean },
): void {
  context.stderr(`warning: ${message}`);
  if (json) writeEvent(context, "warning", { message });
}
