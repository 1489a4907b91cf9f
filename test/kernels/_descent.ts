/** Kernels that compute gradients of parameters and update them. */
import { assert } from "@std/assert";
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { NetworkSettings } from "../../src/train/population.ts";
import type { Random } from "../../src/model/random.ts";
import {
  errorOfFlat,
  type Expected,
  FlatVectors,
  type KernelCase,
  type KernelRun,
  type LayerFields,
  ofNetworks,
  sameWords,
  type Written,
} from "./_kernel.ts";
import type { Sizes } from "./_cases.ts";
import { weightsOfTexels, weightTexels } from "./_texels.ts";

/** How far the learning rate has risen, exact in float32. */
export const RISES = [0, 0.25, 1];

/**
 * Rounding of θ - η g: four times in η, once each in the product and in the difference, so at most 5 units of |η g| and
 * one of the result, which is no larger than |θ| + |η g|.
 */
export const DESCENT_BOUND = 6;

/** The parameters of a layer in P networks, and one step of a kernel that updates them. */
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
   * Gives a run of the kernel, whose step is checked against the gradients that it found.
   *
   * @param options What it reads and writes beside the parameters; `weightTexels` where it finds and leaves the weights in
   * texels; and how what it wrote is measured, where weights and gradients that it left in texels are among the others.
   */
  case(
    kernel: KernelName,
    options:
      & Pick<KernelRun, "inputs" | "resources" | "texels" | "newTexels" | "constants" | "tile">
      & Pick<KernelCase, "measure">
      & {
        layer?: LayerFields;
        first?: number;
        outputs?: KernelRun["outputs"];
        weightTexels?: boolean;
      },
  ): KernelCase {
    const { flat } = this;
    const weights = options.weightTexels ? this.#weightTexels() : {};
    const { rows, inputs, outputs, networks, index } = this.#sizes;
    const rise = RISES[index % RISES.length];
    const settings = Float32Array.from(
      this.#settings.flatMap(({ lambda, etaMin, etaMax }) => [lambda, etaMin, etaMax]),
    );
    const run: KernelRun = {
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
    };
    return {
      kernel,
      run,
      measure: (ran) => {
        const found = options.weightTexels ? this.#withWeights(ran) : ran;
        const error = this.#errorOfStep(found, rise);
        assert(error <= DESCENT_BOUND, `step of ${error} units: ${JSON.stringify(this.#sizes)}`);
        return options.measure(found);
      },
    };
  }

  /** Measures the parameters after the step, given the gradients that the kernel computed. */
  #errorOfStep({ parameters, gradients }: Written, rise: number): number {
    const { flat } = this;
    const expected = this.#ofTensors((n, tensor) => {
      const { etaMin, etaMax } = this.#settings[n];
      const eta = (1 - rise) * etaMin + rise * etaMax;
      const values = flat.tensor(n, tensor);
      const magnitudes = new Float64Array(values.length);
      const found = flat.view(n, tensor, gradients);
      for (let i = 0; i < values.length; i++) {
        const step = eta * found[i];
        magnitudes[i] = Math.abs(values[i]) + Math.abs(step);
        values[i] -= step;
      }
      return { values, magnitudes };
    });
    return errorOfFlat(parameters, flat, { before: flat.values, expected });
  }

  /** Measures gradients against those of the loss, one network's after the other, to which L2 adds 2 λ W. */
  errorOfGradients(
    found: Float32Array,
    ofLoss: readonly Readonly<Record<Name, Expected>>[],
  ): number {
    const before = new Float32Array(found.length).fill(NaN);
    const expected = this.#ofTensors((n, tensor) => {
      if (tensor !== "weight") return ofLoss[n][tensor];
      const values = ofLoss[n][tensor].values.slice();
      const magnitudes = ofLoss[n][tensor].magnitudes.slice();
      const weights = this.flat.view(n, tensor);
      for (let i = 0; i < values.length; i++) {
        const penalty = 2 * this.#settings[n].lambda * weights[i];
        values[i] += penalty;
        magnitudes[i] += Math.abs(penalty);
      }
      return { values, magnitudes };
    });
    return errorOfFlat(found, this.flat, { before, expected });
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

  /** Texels hold the weights until the steps are done; the flat vectors stay as they were. */
  #withWeights(found: Written): Written {
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

  #ofTensors(
    reference: (network: number, tensor: Name) => Expected,
  ): Record<Name, Expected>[] {
    return ofNetworks(this.#sizes.networks, (n) => {
      const tensors = this.flat.names.map((tensor) => [tensor, reference(n, tensor)] as const);
      return Object.fromEntries(tensors) as Record<Name, Expected>;
    });
  }
}
