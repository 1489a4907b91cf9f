/** An adapter with lower limits than the real one. */

/** The limits that WebGPU promises on every adapter (table of `GPUSupportedLimits`), of those that are requested. */
export const PROMISED = {
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxTextureDimension2D: 8192,
  maxTextureArrayLayers: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxStorageBuffersPerShaderStage: 8,
  minUniformBufferOffsetAlignment: 256,
};

/** Some of the limits. */
export type Limits = Partial<typeof PROMISED>;

/**
 * Runs something where every adapter and device has lower limits. Above those that WebGPU promises the driver enforces
 * them; below, where it would give more, they are only said.
 */
export async function withLimits<T>(lower: Limits, story: () => Promise<T>): Promise<T> {
  const { gpu } = navigator;
  const lowered = (limits: GPUSupportedLimits) =>
    new Proxy(limits, {
      get: (limits, name: keyof GPUSupportedLimits) => lower[name as keyof Limits] ?? limits[name],
    });
  async function requestAdapter(options?: GPURequestAdapterOptions) {
    const adapter = (await gpu.requestAdapter(options))!;
    async function requestDevice(descriptor: GPUDeviceDescriptor) {
      const device = await adapter.requestDevice(descriptor);
      Object.defineProperty(device, "limits", { value: lowered(device.limits) });
      return device;
    }
    const { features, info } = adapter;
    return { limits: lowered(adapter.limits), features, info, requestDevice };
  }
  Object.defineProperty(navigator, "gpu", { value: { requestAdapter }, configurable: true });
  try {
    return await story();
  } finally {
    delete (navigator as { gpu?: unknown }).gpu;
  }
}
