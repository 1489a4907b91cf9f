/**
 * WebGPU's error scopes, one action at a time.
 *
 * @module
 */

/** What went wrong in a scope; null where nothing did. */
export interface ScopeErrors {
  readonly outOfMemory: GPUError | null;
  /** What uses what could not be made is invalid, too, but that is not what went wrong. */
  readonly invalid: GPUError | null;
}

/**
 * Does something in error scopes of its own. They are closed before anything else can happen on the device: its scopes
 * are a stack, and one that is open while its owner waits catches what others do wrong.
 *
 * @param device The device.
 * @param action What to do; it waits for nothing.
 * @returns What it gave, and what went wrong.
 */
export function scoped<T>(
  device: GPUDevice,
  action: () => T,
): { value: T; errors: Promise<ScopeErrors> } {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  try {
    const value = action();
    return { value, errors: close(device) };
  } catch (error) {
    close(device);
    throw error;
  }
}

async function close(device: GPUDevice): Promise<ScopeErrors> {
  try {
    const [outOfMemory, invalid] = await Promise.all([
      device.popErrorScope(),
      device.popErrorScope(),
    ]);
    return { outOfMemory, invalid };
  } catch {
    return { outOfMemory: null, invalid: null }; // The device went away, which `Gpu` tells.
  }
}
