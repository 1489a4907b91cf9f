/** A device that runs out of memory when it is asked for a certain buffer or texture. */

/**
 * Lets a device run out of memory: what it makes then is invalid, as it is when memory really has run out, and the scope
 * around it is told.
 *
 * @param device The device, whose functions are replaced.
 * @param label What is asked for when it runs out, by its beginning.
 * @returns Gives the device its memory back.
 */
export function withoutMemory(device: GPUDevice, label: string): () => void {
  const { createBuffer, createTexture, popErrorScope } = device;
  let missing = false;
  device.createBuffer = (descriptor) => {
    if (!descriptor.label?.startsWith(label)) return createBuffer.call(device, descriptor);
    missing = true;
    return createBuffer.call(device, { ...descriptor, usage: 0 });
  };
  device.createTexture = (descriptor) => {
    if (!descriptor.label?.startsWith(label)) return createTexture.call(device, descriptor);
    missing = true;
    return createTexture.call(device, { ...descriptor, usage: 0 });
  };
  device.popErrorScope = async () => {
    const told = missing;
    missing = false; // The inner scope is the one for memory.
    const error = await popErrorScope.call(device);
    return told ? { message: "Not enough memory left." } : error;
  };
  return () => Object.assign(device, { createBuffer, createTexture, popErrorScope });
}
