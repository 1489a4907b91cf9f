/**
 * The layout of the structs that the host writes and the kernels read. The WGSL struct of the same name says what each
 * field means; a test compares the two.
 *
 * @module
 */

/** The type of a field. */
type FieldType = "u32" | "f32";

/** Size and alignment of a field of any type, in bytes. */
const FIELD_BYTES = 4;

/** Field types by name, in the order of the struct. */
type Fields = Readonly<Record<string, FieldType>>;

/** A number for each field of a struct. */
export type StructValues<S> = S extends Struct<infer F> ? Readonly<Record<keyof F, number>> : never;

/** The byte layout of a WGSL struct. */
export class Struct<const F extends Fields> {
  /** The name of the WGSL struct. */
  readonly name: string;
  /** Each field in order: `imagesPerLayer` here is `images_per_layer` in WGSL. */
  readonly fields: readonly {
    readonly name: keyof F & string;
    readonly type: FieldType;
    /** Bytes from the start of the struct. */
    readonly offset: number;
  }[];
  /** Bytes of one struct, and from one to the next in an array. */
  readonly size: number;

  /**
   * @param name The name of the WGSL struct.
   * @param fields The type of each field, in order.
   */
  constructor(name: string, fields: F) {
    this.name = name;
    this.fields = Object.entries(fields).map(([field, type], i) => {
      return { name: field, type, offset: i * FIELD_BYTES };
    });
    this.size = this.fields.length * FIELD_BYTES;
  }

  /**
   * Encodes structs one after another.
   *
   * @param values A number for each field of each struct.
   * @param stride Bytes from one struct to the next, at least {@linkcode size}.
   * @returns The words; those between two structs are 0.
   */
  encode(
    values: readonly Readonly<Record<keyof F, number>>[],
    stride: number = this.size,
  ): Uint32Array<ArrayBuffer> {
    const bytes = new ArrayBuffer(values.length * stride);
    const words = { u32: new Uint32Array(bytes), f32: new Float32Array(bytes) };
    for (const [i, own] of values.entries()) {
      for (const { name, type, offset } of this.fields) {
        words[type][(i * stride + offset) / FIELD_BYTES] = own[name];
      }
    }
    return words.u32;
  }
}

/** Sizes of a layer, and where its tensors begin in one network's flat vectors. */
export const LAYER = new Struct("Layer", {
  inputs: "u32",
  outputs: "u32",
  parameters: "u32",
  weights: "u32",
  weight: "u32",
  bias: "u32",
  gamma: "u32",
  beta: "u32",
  statistics: "u32",
  mean: "u32",
  variance: "u32",
  texels: "u32",
  imagesPerLayer: "u32",
  slices: "u32",
  index: "u32",
});

/** What changes from one step, or one part of an evaluation, to the next. */
export const STEP = new Struct("Step", {
  first: "u32",
  rows: "u32",
  rise: "f32",
  fresh: "u32",
  slot: "u32",
  number: "u32",
  next: "u32",
  parts: "u32",
});

/** Bits of `Step.parts`, for kernels that do parts of two steps: the update of this one, the product of the next. */
export const UPDATE = 1;
export const FORWARD = 2;
/** A bit of `Step.parts`: the gradients of this step are stored. */
export const GRADIENTS = 4;

/** What may differ between the networks of a population. */
export const NETWORK = new Struct("Network", { lambda: "f32", etaMin: "f32", etaMax: "f32" });

/**
 * Sizes of a layer of the fused variants, and where its tensors begin in a network's flat vectors, packed parameters and
 * arena.
 */
export const LAYER_PLACE = new Struct("LayerPlace", {
  inputs: "u32",
  outputs: "u32",
  weight: "u32",
  bias: "u32",
  gamma: "u32",
  beta: "u32",
  mean: "u32",
  variance: "u32",
  packed: "u32",
  vectors: "u32",
  h: "u32",
  n: "u32",
  g: "u32",
  moments: "u32",
  inverse: "u32",
  gradients: "u32",
});
