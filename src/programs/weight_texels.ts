/**
 * Weight matrices as textures, four inputs a texel.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import type { Parameter } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";

/** Whether textures of a width, with a row for each four images and a layer for each network, fit a device. */
export function texturesFit({ device }: Gpu, shape: PopulationShape, width: number): boolean {
  const { maxTextureArrayLayers, maxTextureDimension2D } = device.limits;
  return shape.networks <= maxTextureArrayLayers &&
    Math.max(width, Math.ceil(shape.batch / 4)) <= maxTextureDimension2D;
}

/**
 * Writes a weight matrix as texels: texel (o, k) of a network's layer holds W[4k … 4k + 3, o], with 0 past the last input.
 *
 * @param gpu The device.
 * @param to The texture, and the network, which is its layer.
 * @param from The weight matrix, and the parameters of the network, [layout.count].
 */
export function writeWeights(
  { device }: Gpu,
  to: { readonly texture: GPUTexture; readonly network: number },
  from: { readonly weight: Parameter; readonly parameters: Float32Array },
): void {
  const { texture, network } = to;
  const { weight: { shape: [inputs, outputs], offset }, parameters } = from;
  const texels = new Float32Array(texture.width * texture.height * 4);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      texels[(Math.floor(i / 4) * outputs + o) * 4 + i % 4] = parameters[offset + i * outputs + o];
    }
  }
  device.queue.writeTexture(
    { texture, origin: [0, 0, network] },
    texels,
    { bytesPerRow: 16 * texture.width, rowsPerImage: texture.height },
    [texture.width, texture.height, 1],
  );
}
