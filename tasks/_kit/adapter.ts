/** The first line of every task that uses the GPU: which adapter, whose driver, software or hardware. */
import { GpuUnavailableError } from "../../src/errors.ts";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import type { TaskContext } from "./context.ts";
import { writeEvent } from "./events.ts";

/** PCI vendor numbers; those above 0x10000 are assigned by Khronos (vk.xml, `vendorids`). */
const VENDORS: { readonly [number: number]: string | undefined } = {
  0x1002: "AMD",
  0x1010: "Imagination",
  0x106b: "Apple",
  0x10de: "NVIDIA",
  0x13b5: "ARM",
  0x14e4: "Broadcom",
  0x1ae0: "Google",
  0x5143: "Qualcomm",
  0x8086: "Intel",
  0x10005: "Mesa",
};

/**
 * Prints which adapter is used.
 *
 * @throws {GpuUnavailableError} When a GPU is required and the adapter is software.
 */
export function announceAdapter(
  context: TaskContext,
  adapter: AdapterSummary,
  options: { json?: boolean; requireGpu?: boolean } = {},
): void {
  const { description, software } = adapter;
  const vendor = vendorName(adapter.vendor);
  context.stderr(`Adapter: ${describeAdapter(adapter)}`);
  if (options.json) writeEvent(context, "adapter", { adapter: description, vendor, software });
  if (options.requireGpu && software) {
    throw new GpuUnavailableError(
      `--require-gpu expects a hardware adapter, and the only one found is ${description}, which is software`,
    );
  }
}

/** As in "llvmpipe (LLVM 15.0.6, 256 bits), driver Mesa, software". */
export function describeAdapter(adapter: AdapterSummary): string {
  const { description, software } = adapter;
  return `${description}, driver ${vendorName(adapter.vendor)}, ${
    software ? "software" : "hardware"
  }`;
}

/** The name of a vendor, from a name or a number in decimal as WebGPU gives it. */
export function vendorName(vendor: string): string {
  return VENDORS[Number(vendor || NaN)] ?? (vendor || "unknown");
}
