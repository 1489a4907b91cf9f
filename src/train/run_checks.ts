/**
 * Checks of what the methods of a training are called with.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { checkNames, checkValue, isBoolean, oneOf, refused } from "../options.ts";

const SPLITS: readonly Split[] = ["training", "validation", "test"];

/** Refuses what is not the name of a split. */
export function checkSplit(split: unknown, action: string): void {
  checkValue("split", split, {
    action,
    accepts: oneOf(SPLITS),
    expected: '"training", "validation" or "test"',
  });
}

/** Refuses anything but a signal, and other options than that and those named. */
export function checkRun(options: unknown, action: string, others: readonly string[] = []): void {
  checkNames(options, { action, known: ["signal", ...others] });
  const { signal, ahead = false, onStep = () => {} } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw refused("signal", signal, { action, expected: "an AbortSignal" });
  }
  checkValue("ahead", ahead, { action, accepts: isBoolean, expected: "true or false" });
  if (typeof onStep !== "function") {
    throw refused("onStep", onStep, { action, expected: "a function" });
  }
}
