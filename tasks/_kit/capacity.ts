/** Whether the data and the adapter allow a training, which is checked before anything is written. */
import { ArgumentError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { type PopulationPlan, shapeOf } from "../../src/model/shape.ts";
import { type NetworkSettings, Population } from "../../src/train/population.ts";
import { count } from "./table.ts";

export interface Plan extends PopulationPlan {
  /** The kernel variant to train with; the default one unless given. */
  readonly variant?: string;
}

/** As in "1 network, hidden 50,50, batch norm on". */
export function describePlan({ networks, hidden, batchNorm }: Plan): string {
  return `${count(networks, "network")}, hidden ${hidden.join(",")}, ` +
    `batch norm ${batchNorm ? "on" : "off"}`;
}

/** Allocates the memory of a training on the adapter and frees it; throws as {@linkcode createPopulation} does. */
export async function checkCapacity(gpu: Gpu, data: DeviceDataSet, plan: Plan): Promise<void> {
  const settings = { lambda: 0, etaMin: 0, etaMax: 0 };
  (await createPopulation(gpu, data, { ...plan, settings })).destroy();
}

/**
 * Creates the networks of a training, all with the same settings.
 *
 * @throws {ArgumentError} When a batch is larger than the data, or the adapter cannot hold the networks; the message
 * names the options.
 */
export async function createPopulation(
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
