/** `doctor --measure`: a table of what operations cost on the adapter. */
import { GpuUnavailableError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import {
  measureOperations,
  type OperationCost,
  type OperationCostOptions,
} from "../../src/measure/operation_costs.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn, writeEvent } from "../_kit/events.ts";
import { printTable, short } from "../_kit/table.ts";

/** How long to measure, and whether programs read the results. */
export interface MeasureRun extends Omit<OperationCostOptions, "signal"> {
  readonly json: boolean;
}

/** Units as people write them. */
const UNITS = { us: "µs", ms: "ms", "GFLOP/s": "GFLOP/s", "GB/s": "GB/s" } as const;

/**
 * Measures what operations cost, and prints a table or an `operation` event for each. Without timestamps on the adapter,
 * it says so.
 */
export async function measureAdapter(
  context: TaskContext,
  gpu: Gpu,
  { json, ...options }: MeasureRun,
): Promise<void> {
  const { signal } = context;
  const costs: OperationCost[] = [];
  context.progress("Measuring operations");
  try {
    for await (const cost of measureOperations(gpu, { ...options, signal })) {
      costs.push(cost);
      context.progress(`Measuring operations: ${costs.length} done`);
      if (json) writeEvent(context, "operation", { ...cost });
    }
  } catch (error) {
    if (!(error instanceof GpuUnavailableError)) throw error;
    context.progress("");
    warn(context, `Operations are not measured: ${error.message}`, { json });
    return;
  }
  context.progress("");
  if (json) return;
  const rows = costs.map(({ operation, setting, value, unit }) => [
    operation,
    setting,
    short(value),
    UNITS[unit],
  ]);
  printTable(context, [["operation", "setting", "cost", "unit"], ...rows]);
}
