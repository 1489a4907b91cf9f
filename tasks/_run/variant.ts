/**
 * Which kernel variant a task uses: the one that is asked for, the one that results were begun with, the one found the
 * fastest on this adapter before, or the one found now by measuring.
 *
 * @module
 */
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type PopulationShape, shapeOf } from "../../src/model/shape.ts";
import { measureVariants, type VariantTime } from "../../src/measure/tuning.ts";
import { checkVariant, variantFits, VARIANTS } from "../../src/programs/variants.ts";
import { describePlan, type Plan } from "../_kit/capacity.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { adapterKey, cachePath, readEntries, writeEntries } from "../_kit/remembered.ts";
import { readVariant } from "../_kit/results.ts";
import { failedVariants, soundVariants, warnIfFailed } from "./verified.ts";

/** What was measured before, which is safe to delete: it is measured again then. */
const MEMORY = cachePath("variants.json");

/**
 * How it is measured. What was remembered by another method is measured again: before the second, waits counted as work,
 * and on a fast GPU the choice was chance.
 */
const METHOD = 2;

/** Shorter trainings would be over before measuring had paid for itself. */
const WORTHWHILE_STEPS = 2000;

/** What is remembered of a shape on an adapter. */
interface Entry {
  /** How it was measured. */
  readonly method: number;
  /** Adapter, driver, versions and shape. */
  readonly key: string;
  /** The variants that could have run. */
  readonly candidates: readonly string[];
  /** What was measured, the one to train with first. */
  readonly measured: readonly VariantTime[];
  /** When. */
  readonly date: string;
}

/** What the choice depends on. */
export interface VariantChoice {
  /** What is going to be trained. */
  readonly plan: Plan;
  /** Steps that it is going to take. */
  readonly steps: number;
  /** Where the results go: results begun there are continued with the same variant. */
  readonly directory?: string;
  /** Milliseconds that measuring may take; enough to be sure unless given. */
  readonly budget?: number;
}

/** Chooses kernel variants for a task. */
export class VariantChooser {
  readonly #context: TaskContext;
  readonly #gpu: Gpu;
  readonly #data: DeviceDataSet;
  readonly #options: { variant?: string; force?: boolean; json?: boolean };
  readonly #memory: string;
  readonly #verified: string | undefined;
  #warned = false;

  /**
   * Chooses nothing yet.
   *
   * @param context Where to say what was chosen.
   * @param on The device, and the data on it.
   * @param options `variant` asked for, `force` and `json` as the task has them; `memory` is the file to remember in,
   * and `verified` the one that tells which variants failed their check on this adapter.
   */
  constructor(
    context: TaskContext,
    on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
    options: {
      variant?: string;
      force?: boolean;
      json?: boolean;
      memory?: string;
      verified?: string;
    },
  ) {
    this.#context = context;
    this.#gpu = on.gpu;
    this.#data = on.data;
    this.#options = options;
    this.#memory = options.memory ?? MEMORY;
    this.#verified = options.verified;
  }

  /**
   * Chooses a variant.
   *
   * @param choice What it depends on.
   * @returns Its name.
   * @throws {ArgumentError} If there is no such variant, or none has room for what is going to be trained.
   * @throws {GpuError} When the device refused an operation, or every variant failed its check on this adapter.
   * @throws {DeviceLostError} When the device went away.
   */
  async choose(choice: VariantChoice): Promise<string> {
    const { plan, steps, directory, budget } = choice;
    const asked = checkVariant(this.#options.variant);
    if (asked !== undefined) {
      if (!this.#warned) {
        const { json } = this.#options;
        await warnIfFailed(this.#context, this.#gpu, {
          variant: asked,
          json,
          memory: this.#verified,
        });
      }
      this.#warned = true; // Once for all that this chooses.
      return asked;
    }
    const shape = shapeOf(plan, this.#data.source);
    const possible = await soundVariants(this.#gpu, shape, this.#verified);
    if (directory !== undefined && !this.#options.force) {
      const begun = await readVariant(directory, this.#gpu.adapter);
      const failed = await failedVariants(this.#gpu, this.#verified);
      // Also one that is not worth trying here any more: what was begun ends as it began.
      const runs = begun !== undefined && VARIANTS.includes(begun) && !failed.includes(begun) &&
        variantFits(begun, this.#gpu, shape);
      if (runs) return begun;
    }
    // A task that is only to find out whether its arguments will do is told to stop before it begins.
    const { aborted } = this.#context.signal;
    if (steps < WORTHWHILE_STEPS || aborted) return possible[0];
    const key = keyOf(this.#gpu, shape);
    const entries = await readEntries(this.#memory, isEntry);
    const known = entries.find((entry) =>
      entry.key === key && entry.candidates.join() === possible.join()
    );
    if (known) return known.measured[0].variant;
    this.#context.stderr(`Measuring kernel variants for ${describePlan(plan)}`);
    const measured = await measureVariants(this.#gpu, this.#data, {
      ...shape,
      variants: possible,
      budget,
      signal: this.#context.signal,
    });
    this.#say(measured);
    // With no time to measure more than one, that one is not known to be the fastest.
    if (measured.length < Math.min(2, possible.length)) return measured[0].variant;
    const date = new Date().toISOString();
    const entry: Entry = { method: METHOD, key, candidates: possible, measured, date };
    // Where nothing can be written, it is measured again next time.
    await writeEntries(this.#memory, [...entries.filter((other) => other.key !== key), entry]);
    return measured[0].variant;
  }

  #say(measured: readonly VariantTime[]): void {
    const times = measured.map(({ variant, msPerStep }) =>
      `${variant} ${msPerStep.toPrecision(3)} ms a step`
    );
    this.#context.stderr(
      `Kernel variant: ${times[0]}${
        times.length > 1 ? `; others: ${times.slice(1).join(", ")}` : ""
      }`,
    );
    if (!this.#options.json) return;
    writeEvent(this.#context, "variant", {
      variant: measured[0].variant,
      measured: measured.map(({ variant, msPerStep }) => ({ variant, ms_per_step: msPerStep })),
    });
  }
}

/** What a measurement is remembered by. */
function keyOf({ adapter }: Gpu, { architecture, networks, batch }: PopulationShape): string {
  const { inputs, hidden, classes, batchNorm } = architecture;
  return [
    adapterKey(adapter),
    [inputs, ...hidden, classes].join("-"),
    batchNorm ? "batch norm" : "no batch norm",
    `batch ${batch}`,
    `networks ${networks}`,
  ].join(", ");
}

/** Whether it was written here, by this method; a name that is not one of the candidates was not. */
function isEntry(value: unknown): value is Entry {
  const { method, key, candidates, measured } = Object(value);
  return method === METHOD && typeof key === "string" && Array.isArray(candidates) &&
    Array.isArray(measured) && measured.length > 0 &&
    measured.map(Object).every(({ variant, msPerStep }) =>
      candidates.includes(variant) && Number.isFinite(msPerStep) && msPerStep > 0
    );
}
