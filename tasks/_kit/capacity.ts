/**
 * Whether data and adapter can hold what is asked for, found out before anything is written.
 *
 * @module
 */
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type PopulationPlan, shapeOf } from "../../src/model/shape.ts";
import { type NetworkSettings, Population } from "../../src/train/population.ts";

/** What is going to be trained. */
export interface Plan extends PopulationPlan {
  /** The kernel variant to train with; the default one unless given. */
  readonly variant?: string;
}

/**
 * Describes what is going to be trained, in one line for people.
 *
 * @param plan It.
 * @returns As in "1 network, hidden 50,50, batch norm on".
 */
export function describePlan({ networks, hidden, batchNorm }: Plan): string {
  return `${networks} ${networks === 1 ? "network" : "networks"}, hidden ${hidden.join(",")}, ` +
    `batch norm ${batchNorm ? "on" : "off"}`;
}

/**
 * Takes the memory for a training on the adapter, and gives it back.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param plan What is going to be trained.
 * @throws {ArgumentError} When a batch is larger than the data, or the adapter cannot hold the networks; the message
 * names the options.
 */
export async function checkCapacity(gpu: Gpu, data: DeviceDataSet, plan: Plan): Promise<void> {
  const settings = { lambda: 0, etaMin: 0, etaMax: 0 };
  (await takePopulation(gpu, data, { ...plan, settings })).destroy();
}

/**
 * Makes the networks of a training, or says why it cannot by the names of the options.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param plan What is going to be trained, and the settings of every network.
 * @returns The networks.
 * @throws {ArgumentError} When a batch is larger than the data, or the adapter cannot hold the networks; the message
 * names the options.
 */
export async function takePopulation(
  gpu: Gpu,
  data: DeviceDataSet,
  plan: Plan & { readonly settings: NetworkSettings },
): Promise<Population> {
  const { hidden, batch, networks, settings, variant } = plan;
  const { training } = data.source;
  if (batch > training.count) {
    throw new ArgumentError(
      `--batch expects at most ${training.count}, the number of training images, not ${batch}`,
    );
  }
  try {
    return await Population.create(gpu, {
      ...shapeOf(plan, data.source),
      networks: Array.from({ length: networks }, () => settings),
      data,
      variant,
    });
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const together = networks === 1 ? "" : ` and ${networks} networks`;
    throw new ArgumentError(
      `--hidden ${hidden.join(",")} with --batch ${batch}${together}: ${error.message}`,
    );
  }
}
