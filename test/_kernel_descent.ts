/** Kernels that find the gradient of parameters and move them. */
import { assert } from "@std/assert";
import type { KernelName } from "../src/kernel_table.ts";
import type { NetworkSettings } from "../src/population.ts";
import type { Random } from "../src/random.ts";
import { sharedGpu } from "./_gpu.ts";
import {
  errorOfFlat,
  type Expected,
  FlatVectors,
  type KernelRun,
  type LayerFields,
  runKernel,
  sameWords,
} from "./_kernel.ts";
import type { Sizes } from "./_kernel_cases.ts";
import { weightsOfTexels, weightTexels } from "./_texels.ts";

/** How far the learning rate has risen, exact in float32. */
const RISES = [0, 0.25, 1];

/**
 * Rounding of θ - η g: four times in η, once each in the product and in the difference, so at most 5 units of |η g| and
 * one of the result, which is no larger than |θ| + |η g|.
 */
const DESCENT_BOUND = 6;

/** The parameters of a layer in P networks, and one step of a kernel that moves them. */
export class Descent<Name extends string> {
  readonly flat: FlatVectors<Name>;
  readonly #sizes: Sizes;
  readonly #settings: NetworkSettings[];

  constructor(sizes: Sizes, random: Random, tensors: Readonly<Record<Name, number>>) {
    this.#sizes = sizes;
    this.#settings = Array.from({ length: sizes.networks }, () => ({
      lambda: Math.fround(random.uniform()),
      etaMin: Math.fround(random.uniform() / 100),
      etaMax: Math.fround(random.uniform()),
    }));
    this.flat = new FlatVectors(sizes.networks, tensors);
    for (const name of this.flat.names) this.flat.fill(name, () => random.normal());
  }

  /**
   * Runs the kernel and checks the step that it took against the gradients that it found.
   *
   * @param options What it reads and writes beside the parameters; `weightTexels` where it finds and leaves the weights in
   * texels.
   * @returns What it wrote; weights and gradients that it left in texels are among the others.
   */
  async run(
    name: KernelName,
    options:
      & Pick<KernelRun, "inputs" | "resources" | "texels" | "newTexels" | "constants" | "tile">
      & {
        layer?: LayerFields;
        first?: number;
        outputs?: KernelRun["outputs"];
        weightTexels?: boolean;
      },
  ): Promise<Record<string, Float32Array>> {
    const { flat } = this;
    const weights = options.weightTexels ? this.#weightTexels() : {};
    const { rows, inputs, outputs, networks, index } = this.#sizes;
    const rise = RISES[index % RISES.length];
    const settings = Float32Array.from(
      this.#settings.flatMap(({ lambda, etaMin, etaMax }) => [lambda, etaMin, etaMax]),
    );
    const ran = await runKernel(await sharedGpu(), name, {
      shape: { rows, inputs, outputs, slices: 1 },
      networks,
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets, ...options.layer },
      step: { first: options.first, rise },
      inputs: { ...options.inputs, networks: settings },
      resources: options.resources,
      texels: { ...options.texels, ...weights.texels },
      newTexels: { ...options.newTexels, ...weights.newTexels },
      constants: options.constants,
      tile: options.tile,
      outputs: { ...options.outputs, parameters: flat.values, gradients: flat.values.length },
    });
    const found = options.weightTexels ? this.#withWeights(ran) : ran;
    const error = this.#errorOf(found.parameters, flat.values, (n, tensor) => {
      const { etaMin, etaMax } = this.#settings[n];
      const eta = (1 - rise) * etaMin + rise * etaMax;
      const step = Float64Array.from(flat.view(n, tensor, found.gradients), (g) => eta * g);
      const theta = flat.tensor(n, tensor);
      return {
        values: theta.map((value, i) => value - step[i]),
        magnitudes: theta.map((value, i) => Math.abs(value) + Math.abs(step[i])),
      };
    });
    assert(error <= DESCENT_BOUND, `step of ${error} units: ${JSON.stringify(this.#sizes)}`);
    return found;
  }

  /** Measures gradients against those of the loss, to which L2 adds 2 λ W. */
  errorOfGradients(
    found: Float32Array,
    reference: (network: number) => Record<Name, Expected>,
  ): number {
    const poison = new Float32Array(found.length).fill(NaN);
    return this.#errorOf(found, poison, (n, tensor) => {
      const { values, magnitudes } = reference(n)[tensor];
      if (tensor !== "weight") return { values, magnitudes };
      const penalty = this.flat.tensor(n, tensor).map((w) => 2 * this.#settings[n].lambda * w);
      return {
        values: values.map((value, i) => value + penalty[i]),
        magnitudes: magnitudes.map((value, i) => value + Math.abs(penalty[i])),
      };
    });
  }

  #weightTexels(): Pick<KernelRun, "texels" | "newTexels"> {
    const texels = weightTexels(this.#sizes, (n) => this.flat.view(n, "weight" as Name));
    const { width, height, layers } = texels;
    const size = { width, height, layers };
    return {
      texels: { weight_texels: texels },
      newTexels: { new_weight_texels: size, new_gradient_texels: size },
    };
  }

  /** Texels hold the weights until the steps are done; what is in the flat vectors stays as it was. */
  #withWeights(found: Record<string, Float32Array>): Record<string, Float32Array> {
    const { flat } = this;
    const parameters = found.parameters.slice();
    const gradients = found.gradients.slice();
    const moved = weightsOfTexels(found.new_weight_texels, this.#sizes);
    const own = weightsOfTexels(found.new_gradient_texels, this.#sizes);
    for (let n = 0; n < this.#sizes.networks; n++) {
      const weight = "weight" as Name;
      const before = flat.view(n, weight);
      assert(sameWords(flat.view(n, weight, parameters), before), "flat weights were written");
      assert(flat.view(n, weight, gradients).every(Number.isNaN), "flat gradients were written");
      flat.view(n, weight, parameters).set(moved[n]);
      flat.view(n, weight, gradients).set(own[n]);
    }
    return { ...found, parameters, gradients };
  }

  #errorOf(
    found: Float32Array,
    before: Float32Array,
    reference: (network: number, tensor: Name) => Expected,
  ): number {
    const { flat } = this;
    return errorOfFlat(found, flat, {
      before,
      networks: this.#sizes.networks,
      reference: (n) =>
        Object.fromEntries(
          flat.names.map((tensor) => [tensor, reference(n, tensor)]),
        ) as Record<Name, Expected>,
    });
  }
}
