/** How long a baseline run trains, at which rate, and what it keeps, other than the report did. */
import type { DataSet } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { enumerate } from "../../src/lists.ts";
import type { TrainingOptions } from "../../src/train/training_options.ts";
import {
  choice,
  integer,
  MAX_STEPS,
  optional,
  optionName,
  real,
  type TrainingOptions as TaskOptions,
  type Values,
} from "./options.ts";

/** Options for the length of a training, its learning rate and its best network; all left out unless given. */
export const LENGTH_OPTIONS = {
  epochs: optional(integer({
    min: 1,
    default: 1,
    help: "epochs to train for, in place of --cycles",
  })),
  learningRate: optional(real({
    default: 0,
    help: "constant learning rate η, in place of the cycles; needs --epochs",
  })),
  earlyStop: optional(integer({
    min: 1,
    default: 1,
    help: "stop after so many epochs without a smaller validation loss",
  })),
  keep: choice(["best", "last"], {
    default: "last",
    help: "with best also write best.safetensors, the network at its smallest validation loss",
  }),
} as const;

export type LengthOptions = Values<typeof LENGTH_OPTIONS>;

/** The options of the cycle, of which a constant rate has none. */
export const CYCLE_OPTIONS = ["etaMin", "etaMax", "halfCycle", "cycles"] as const;

/** Refuses options that contradict each other on the command line. */
export function checkLength(
  { epochs, learningRate }: LengthOptions,
  given: { has(name: typeof CYCLE_OPTIONS[number]): boolean },
): void {
  if (learningRate !== undefined) {
    const others = CYCLE_OPTIONS.filter((name) => given.has(name)).map(optionName);
    if (others.length > 0) {
      throw new ArgumentError(
        `--learning-rate is a constant rate, expected without ${enumerate(others)}`,
      );
    }
    if (epochs === undefined) {
      throw new ArgumentError(
        "--learning-rate expects --epochs, too: without cycles, these have no length",
      );
    }
  } else if (epochs !== undefined && given.has("cycles")) {
    throw new ArgumentError("--epochs and --cycles are two lengths, expected one of them");
  }
}

/** Refuses to look for the smallest validation loss where there is none. */
export function checkStop(
  options: LengthOptions,
  { name, validation }: Pick<DataSet, "name" | "validation">,
): void {
  if (stopOf(options).stopAfter === undefined || validation.count > 0) return;
  const wanted = options.earlyStop === undefined ? "--keep best" : "--early-stop";
  throw new ArgumentError(
    `--data expects validation images for ${wanted}, and ${name} has none`,
  );
}

/** The length and the learning rates of a training. */
export function scheduleOf(
  options: Pick<TaskOptions, typeof CYCLE_OPTIONS[number]> & Partial<LengthOptions>,
): Partial<TrainingOptions> {
  const { etaMin, etaMax, halfCycle, cycles, epochs, learningRate } = options;
  if (learningRate !== undefined) return { learningRate, epochs };
  const length = epochs === undefined ? { cycles } : { epochs };
  return { etaMin, etaMax, halfCycle, ...length };
}

/**
 * The steps of a training.
 *
 * @throws {ArgumentError} If they are more than can be counted on a GPU.
 */
export function stepsOf(
  { epochs, halfCycle, cycles, batch }: TaskOptions & LengthOptions,
  images: number,
): number {
  if (epochs === undefined) return 2 * halfCycle * cycles;
  const steps = epochs * Math.floor(images / batch);
  if (steps <= MAX_STEPS) return steps;
  throw new ArgumentError(
    `--epochs ${epochs} with --batch ${batch} results in ${steps} steps, expected at most ${MAX_STEPS}`,
  );
}

/** When to stop, and whether the best parameters are kept: on the GPU, where that is asked for. */
export function stopOf(
  { earlyStop, keep = "last" }: Partial<LengthOptions>,
): Pick<TrainingOptions, "stopAfter"> {
  if (earlyStop === undefined && keep === "last") return {};
  // The last network is written in any case, and the best beside it.
  return { stopAfter: { patience: earlyStop ?? Infinity, restoreBest: false } };
}
