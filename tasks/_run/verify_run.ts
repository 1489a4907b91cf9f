/** `doctor --verify`: every kernel variant through every check; those that fail are remembered. */
import { Gpu } from "../../src/gpu/device.ts";
import { VARIANTS } from "../../src/programs/variants.ts";
import {
  createVariantCheckData,
  VARIANT_CHECK_SETTINGS,
  type VariantCheckRow,
  verifyVariant,
} from "../../src/train/variant_check.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn, writeEvent } from "../_kit/events.ts";
import { failedVariants, rememberVerified } from "./verified.ts";

export interface VerifyRun {
  /** The only variant to verify; all of them unless given. */
  readonly variant?: string;
  readonly json: boolean;
  /** Where failures are remembered; the usual file unless given. */
  readonly memory?: string;
}

interface Verified {
  /** The variants that ran some check. */
  readonly ran: readonly string[];
  /** Those that failed one. */
  readonly failed: readonly string[];
}

const OUTCOMES = { "passed": "ok", "failed": "FAILED", "not run": "not run" } as const;

/** Widths of the columns: the longest name of each. */
const COLUMNS = {
  variant: Math.max(...VARIANTS.map((name) => name.length)),
  check: Math.max(...VARIANT_CHECK_SETTINGS.map(({ check }) => check.length)), // the other checks have shorter names
  outcome: 7,
};

/**
 * Verifies kernel variants, with a line or a `verification` event for each check.
 *
 * @throws {GpuUnavailableError} When the adapter no longer gives a device.
 */
export async function verifyVariants(context: TaskContext, run: VerifyRun): Promise<Verified> {
  const { memory } = run;
  const variants = run.variant === undefined ? VARIANTS : [run.variant];
  const dataset = await createVariantCheckData();
  let gpu = await Gpu.request();
  try {
    const known = new Set(await failedVariants(gpu, memory));
    const ran: string[] = [];
    const failed: string[] = [];
    let remembered = true;
    for (const variant of variants) {
      const outcomes = new Set<VariantCheckRow["outcome"]>();
      const { signal } = context;
      for await (const row of verifyVariant(gpu, { dataset, variant, signal })) {
        outcomes.add(row.outcome);
        say(context, { ...row, variant }, run);
      }
      if (outcomes.has("passed") || outcomes.has("failed")) ran.push(variant);
      if (outcomes.has("failed")) {
        failed.push(variant);
        known.add(variant);
      } else if (outcomes.has("passed")) {
        known.delete(variant);
      }
      // At once: the next variant may crash the driver, and this process with it.
      remembered = await rememberVerified(gpu, [...known], memory);
      if (!outcomes.has("failed")) continue;
      gpu.destroy();
      gpu = await Gpu.request();
    }
    if (failed.length > 0 && !remembered) {
      warn(context, "Cannot write .cache/verified.json: tasks may still choose what failed", run);
    }
    return { ran, failed };
  } finally {
    gpu.destroy();
  }
}

function say(
  context: TaskContext,
  row: VariantCheckRow & { variant: string },
  { json }: VerifyRun,
): void {
  if (json) return writeEvent(context, "verification", { ...row });
  const { variant, check, outcome, detail } = row;
  context.stdout([
    variant.padEnd(COLUMNS.variant),
    check.padEnd(COLUMNS.check),
    OUTCOMES[outcome].padEnd(COLUMNS.outcome),
    detail,
  ].join("  "));
}
