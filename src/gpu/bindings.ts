/**
 * All bindings of the kernels: each name has the same number and kind in all shader files.
 *
 * @module
 */

const UNIFORM: GPUBufferBindingLayout = { type: "uniform" };
const READ: GPUBufferBindingLayout = { type: "read-only-storage" };
const WRITE: GPUBufferBindingLayout = { type: "storage" };
const TEXELS: GPUTextureBindingLayout = {
  viewDimension: "2d-array",
  sampleType: "unfilterable-float",
};
const NEW_TEXELS: GPUStorageTextureBindingLayout = {
  viewDimension: "2d-array",
  format: "rgba32float",
  access: "write-only",
};

/** Number and kind of each binding. */
export const BINDINGS = {
  layer: { binding: 0, buffer: UNIFORM },
  step: { binding: 1, buffer: { ...UNIFORM, hasDynamicOffset: true } },
  networks: { binding: 2, buffer: READ }, // [P] lambda, eta_min, eta_max
  images: { binding: 3, texture: TEXELS },
  order: { binding: 4, buffer: READ }, // [images]
  standard: { binding: 5, buffer: READ }, // [texels] scale and shift of 4 pixels
  labels: { binding: 6, buffer: READ }, // [images]
  weights: { binding: 7, buffer: READ }, // [P, parameters], read only
  parameters: { binding: 8, buffer: WRITE }, // [P, parameters]
  gradients: { binding: 9, buffer: WRITE }, // [P, parameters]
  statistics: { binding: 10, buffer: WRITE }, // [P, statistics] moving averages
  x: { binding: 11, buffer: READ }, // [P, rows, inputs] input of the operation
  y: { binding: 12, buffer: WRITE }, // [P, rows, outputs] its output
  dy: { binding: 13, buffer: READ }, // [P, rows, outputs] gradient of the output
  dx: { binding: 14, buffer: WRITE }, // [P, rows, inputs] gradient of the input
  slices: { binding: 15, buffer: WRITE }, // [P, slices, rows, outputs]; in fused/ [P, columns, slices, rows] of vec4s
  normalised: { binding: 16, buffer: WRITE }, // [P, rows, outputs]
  inverse_deviation: { binding: 17, buffer: WRITE }, // [P, outputs]
  outcomes: { binding: 18, buffer: WRITE }, // [P, rows] loss, correct
  sums: { binding: 19, buffer: WRITE }, // [slots, P, SUM_PARTS] pairs
  diverged: { binding: 20, buffer: WRITE }, // [P] first step with a loss that is not finite
  weight_texels: { binding: 21, texture: TEXELS }, // [P] first layer's weights, four inputs a texel
  new_weight_texels: { binding: 22, storageTexture: NEW_TEXELS },
  // Output gradients of the first layer by rows in per_operation/, weight gradients by inputs in texel/.
  gradient_texels: { binding: 23, texture: TEXELS }, // [P] gradient of its outputs, four rows a texel
  new_gradient_texels: { binding: 24, storageTexture: NEW_TEXELS },
  predictions: { binding: 25, buffer: WRITE }, // [P, rows] predicted class
  product: { binding: 26, buffer: WRITE }, // [P, parts, rows, columns] of tiled/: a product, or parts of it
  x_texels: { binding: 27, texture: TEXELS }, // [P] input; here and below four rows a texel
  y_texels: { binding: 28, texture: TEXELS },
  new_y_texels: { binding: 29, storageTexture: NEW_TEXELS },
  dy_texels: { binding: 30, texture: TEXELS },
  new_dx_texels: { binding: 31, storageTexture: NEW_TEXELS },
  normalised_texels: { binding: 32, texture: TEXELS },
  new_normalised_texels: { binding: 33, storageTexture: NEW_TEXELS },
  places: { binding: 35, buffer: UNIFORM }, // [layers] where the tensors of each layer lie
  arena: { binding: 36, buffer: WRITE }, // [P, arena] tensors of a batch, in vec4s
  packed: { binding: 37, buffer: WRITE }, // [P, packed] parameters, in vec4s
  activations: { binding: 38, buffer: WRITE }, // [P, columns, rows] first layer's in an evaluation, in vec4s
} as const satisfies Record<string, Omit<GPUBindGroupLayoutEntry, "visibility">>;

/** The name of a binding. */
export type BindingName = keyof typeof BINDINGS;
