/**
 * The lines of `--json`: one JSON object each on standard output, told apart by `event`.
 *
 * @module
 */
import type { TaskContext } from "./context.ts";

/** The events that tasks share. A task may add its own in snake_case. */
export type EventName =
  | "adapter"
  | "data"
  | "part"
  | "start"
  | "evaluation"
  | "progress"
  | "done"
  | "finished_before"
  | "warning"
  | "error"
  | "result"
  | "gradient"
  | "comparison"
  | "trial"
  | "profile"
  | "variant"
  | "verification"
  | "startup"
  | "peak"
  | "regression"
  | "peer";

/** Further fields of an event: snake_case, as the columns of the CSV files. NaN and infinity are written as null. */
export type EventFields = { readonly [name: string]: unknown };

/**
 * Writes one event as a line of JSON.
 *
 * @param context Where standard output is.
 * @param event What happened.
 * @param fields What there is to know about it.
 */
export function writeEvent(
  context: TaskContext,
  event: EventName,
  fields: EventFields = {},
): void {
  context.stdout(JSON.stringify({ event, ...fields }));
}
