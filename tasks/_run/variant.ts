/**
 * Which kernel variant a task uses: the one asked for, the one that results were begun with, the one that was fastest on
 * this adapter before, or the one that is fastest now.
 */
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { measureVariants, type VariantTime } from "../../src/measure/tuning.ts";
import { type PopulationShape, shapeOf } from "../../src/model/shape.ts";
import { checkVariant, variantFits, VARIANTS } from "../../src/programs/variants.ts";
import { describePlan, type Plan } from "../_kit/capacity.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { adapterKey, cachePath, readEntries, writeEntry } from "../_kit/remembered.ts";
import { readVariant } from "../_kit/results.ts";
import { failedVariants, soundVariants, warnIfFailed } from "./verified.ts";

/** Earlier measurements. If deleted, they are made again. */
const MEMORY = cachePath("variants.json");

/** How variants are measured; entries of another method are ignored. The first counted waits as work. */
const METHOD = 2;

/** For shorter trainings measuring does not pay. */
const WORTHWHILE_STEPS = 2000;

interface Entry {
  readonly method: number;
  /** Adapter, driver, versions and shape. */
  readonly key: string;
  readonly candidates: readonly string[];
  /** The times, the variant to train with first. */
  readonly measured: readonly VariantTime[];
  readonly date: string;
}

/** What the choice depends on. */
export interface VariantChoice {
  readonly plan: Plan;
  /** Steps of the training. */
  readonly steps: number;
  /** Where the results go: results begun there keep their variant. */
  readonly directory?: string;
  /** Maximum milliseconds of measuring; enough to be sure unless given. */
  readonly budget?: number;
}

/** The options that a choice depends on, and other files than the usual ones, for tests. */
interface ChooserOptions {
  readonly variant?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  /** Where measurements are remembered. */
  readonly memory?: string;
  /** Where failed checks are remembered. */
  readonly verified?: string;
}

export class VariantChooser {
  readonly #gpu: Gpu;
  readonly #data: DeviceDataSet;
  readonly #options: ChooserOptions;
  readonly #memory: string;
  #warned = false;

  constructor(
    { gpu, data }: { readonly gpu: Gpu; readonly data: DeviceDataSet },
    options: ChooserOptions,
  ) {
    this.#gpu = gpu;
    this.#data = data;
    this.#options = options;
    this.#memory = options.memory ?? MEMORY;
  }

  /**
   * The variant that would be chosen without measuring. If {@linkcode choose} measures and finds another, the adapter
   * has just held that one.
   *
   * @throws {ArgumentError} If there is no such variant.
   * @throws {GpuError} When every variant failed its check on this adapter.
   */
  async expect(choice: VariantChoice): Promise<string> {
    return (await this.#look(choice)).variant;
  }

  /**
   * Chooses a variant, by measuring where that pays and was not done before, and prints the times.
   *
   * @throws {ArgumentError} If there is no such variant, or no variant can hold the training.
   * @throws {GpuError} When every variant failed its check on this adapter.
   */
  async choose(choice: VariantChoice, context: TaskContext): Promise<string> {
    const { json, verified } = this.#options;
    const { variant, candidates } = await this.#look(choice);
    if (variant === this.#options.variant && !this.#warned) {
      this.#warned = true; // Once for all choices.
      await warnIfFailed(context, this.#gpu, { variant, json, memory: verified });
    }
    if (candidates === undefined) return variant;
    const { plan, budget } = choice;
    const shape = shapeOf(plan, this.#data.source);
    // A software driver computes on the processors that other threads would take.
    if (this.#gpu.adapter.software) await context.workers.idle();
    context.stderr(`Measuring kernel variants for ${describePlan(plan)}`);
    const measured = await measureVariants(this.#gpu, this.#data, {
      ...shape,
      variants: candidates,
      budget,
      signal: context.signal,
    });
    this.#say(measured, context);
    // If there was time for one only, it is not known to be the fastest.
    if (measured.length < Math.min(2, candidates.length)) return measured[0].variant;
    const [key, date] = [keyOf(this.#gpu, shape), new Date().toISOString()];
    // If nothing can be written, it is measured again next time.
    await writeEntry(this.#memory, { method: METHOD, key, candidates, measured, date }, isEntry);
    return measured[0].variant;
  }

  /** The variant as far as it is known; `candidates` where they are worth measuring. */
  async #look(
    { plan, steps, directory }: VariantChoice,
  ): Promise<{ variant: string; candidates?: string[] }> {
    const { variant, force, verified } = this.#options;
    const asked = checkVariant(variant);
    if (asked !== undefined) return { variant: asked };
    const shape = shapeOf(plan, this.#data.source);
    const candidates = await soundVariants(this.#gpu, shape, verified);
    if (directory !== undefined && !force) {
      const begun = await readVariant(directory, this.#gpu.adapter);
      const failed = await failedVariants(this.#gpu, verified);
      // Also one that is no longer a candidate: results keep the variant that they were begun with.
      const runs = begun !== undefined && VARIANTS.includes(begun) && !failed.includes(begun) &&
        variantFits(begun, this.#gpu, shape);
      if (runs) return { variant: begun };
    }
    if (steps < WORTHWHILE_STEPS) return { variant: candidates[0] };
    const key = keyOf(this.#gpu, shape);
    const known = (await readEntries(this.#memory, isEntry)).find((entry) =>
      entry.key === key && entry.candidates.join() === candidates.join()
    );
    if (known !== undefined) return { variant: known.measured[0].variant };
    return { variant: candidates[0], candidates };
  }

  #say(measured: readonly VariantTime[], context: TaskContext): void {
    const times = measured.map(({ variant, msPerStep }) =>
      `${variant} ${msPerStep.toPrecision(3)} ms a step`
    );
    context.stderr(
      `Kernel variant: ${times[0]}${
        times.length > 1 ? `; others: ${times.slice(1).join(", ")}` : ""
      }`,
    );
    if (!this.#options.json) return;
    writeEvent(context, "variant", {
      variant: measured[0].variant,
      measured: measured.map(({ variant, msPerStep }) => ({ variant, ms_per_step: msPerStep })),
    });
  }
}

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

function isEntry(value: unknown): value is Entry {
  const { method, key, candidates, measured } = Object(value);
  return method === METHOD && typeof key === "string" && Array.isArray(candidates) &&
    candidates.every((name) => VARIANTS.includes(name)) && Array.isArray(measured) &&
    measured.length > 0 &&
    measured.map(Object).every(({ variant, msPerStep }) =>
      candidates.includes(variant) && Number.isFinite(msPerStep) && msPerStep > 0
    );
}
