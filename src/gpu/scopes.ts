/**
 * WebGPU's error scopes, one action at a time.
 *
 * @module
 */

/** What went wrong in a scope; null if nothing did. */
export interface ScopeErrors {
  readonly outOfMemory: GPUError | null;
  /** May be set together with `outOfMemory`: using an object that could not be made is invalid. */
  readonly invalid: GPUError | null;
}

/**
 * Runs something in error scopes of its own. They close before anything else can happen on the device: its scopes are a
 * stack, and one that stays open while its owner waits catches the errors of others.
 *
 * @param device The device.
 * @param action What to run, synchronously.
 * @returns What it returned, and what went wrong.
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
    return { outOfMemory: null, invalid: null }; // The device was lost, which `Gpu` reports.
  }
}
