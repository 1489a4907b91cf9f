/** Architectures, populations and images drawn from a seed, for properties that hold for all of them. */
import type { DataSet } from "../../src/data/dataset.ts";
import type { Initialisation } from "../../src/model/initialisation.ts";
import type { PopulationPlan } from "../../src/model/shape.ts";
import { Random } from "../../src/model/random.ts";
import type { PlannedNetwork } from "../../src/train/training_plan.ts";
import { createRandomData } from "../_gpu.ts";
import { pick } from "../_seeded.ts";

/** Widths at the edges of vectors, tiles and workgroups; half of all widths are one of these. */
const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 63, 64, 65];
const MAX_WIDTH = 70;

const MAX_LAYERS = 10;
const MAX_NETWORKS = 8;

/** Most inputs of ReLUs in a step, in all networks: of many more, one nearly always comes too close to 0. */
const MAX_RELUS = 40_000;

/** Hidden layers up to which networks without batch norm start at any weights: through more of them signals vanish. */
const FEW_HIDDEN = 2;

/** What is drawn. */
export interface Drawn extends Omit<PopulationPlan, "networks"> {
  readonly networks: readonly PlannedNetwork[];
  readonly source: DataSet;
}

/** Draws an architecture, a population of at least `networks`, and images for four batches. */
export async function draw(seed: number, attempt: number, networks = 1): Promise<Drawn> {
  const random = new Random(seed, "property", attempt);
  const inputs = width(random);
  const classes = Math.max(2, width(random));
  const batchNorm = random.below(2) === 1;
  const hidden = Array.from({ length: random.below(MAX_LAYERS) }, () => width(random));
  const batch = Math.max(batchNorm && hidden.length > 0 ? 2 : 1, width(random));
  const relus = batch * hidden.reduce((sum, own) => sum + own, 0);
  const most = Math.min(MAX_NETWORKS, Math.floor(MAX_RELUS / Math.max(relus, 1)));
  const P = networks + random.below(Math.max(most - networks, 0) + 1);
  const source = await createRandomData({ inputs, classes, training: 4 * batch + 3, seed });
  const any = batchNorm || hidden.length <= FEW_HIDDEN;
  const drawn = Array.from({ length: P }, (_, i) => network(random, { identity: i, any }));
  return { hidden, batchNorm, batch, networks: drawn, source };
}

/** Says what was drawn. */
export function describe({ hidden, batchNorm, batch, networks, source }: Drawn): string {
  const widths = [source.inputs, ...hidden, source.classes].join("-");
  const each = networks.map(({ lambda, etaMax, initialisation }) =>
    `${initialisation}, λ ${lambda}, η ${etaMax}`
  );
  return `${widths}, batch norm ${batchNorm ? "on" : "off"}, batch ${batch}, ` +
    `${networks.length} networks: ${each.join("; ")}`;
}

function width(random: Random): number {
  return random.below(2) === 0 ? pick(random, EDGES) : 1 + random.below(MAX_WIDTH);
}

function network(
  random: Random,
  { identity, any }: { identity: number; any: boolean },
): PlannedNetwork {
  const etaMax = pick(random, [0, 0.05, 0.1, 0.5, 1]);
  const scaled: readonly Initialisation[] = ["he", "xavier"];
  return {
    identity,
    lambda: pick(random, [0, 1e-5, 0.005, 0.5]),
    etaMin: pick(random, [0, etaMax / 3, etaMax]),
    etaMax,
    initialisation: pick(random, any ? [...scaled, 0.1, 1e-3, 1e-4] : scaled),
  };
}
