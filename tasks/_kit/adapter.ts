/**
 * The first line of every task that uses the GPU: which adapter, whose driver, software or hardware.
 *
 * @module
 */
import { GpuUnavailableError } from "../../src/errors.ts";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import type { TaskContext } from "./context.ts";
import { writeEvent } from "./events.ts";

/** PCI vendor numbers, and above 0x10000 those that Khronos gives out (vk.xml, `vendorids`). */
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
 * Says which adapter is used, and refuses a software one where a GPU is required.
 *
 * @param context Where to say it.
 * @param adapter The adapter.
 * @param options `json`: write an event too; `requireGpu`: refuse a software adapter.
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
      `--require-gpu asks for a hardware adapter, and the only one found is ${description}, which is software`,
    );
  }
}

/**
 * Describes an adapter in one line, for people.
 *
 * @param adapter The adapter.
 * @returns As in "llvmpipe (LLVM 15.0.6, 256 bits), driver Mesa, software".
 */
export function describeAdapter(adapter: AdapterSummary): string {
  const { description, software } = adapter;
  return `${description}, driver ${vendorName(adapter.vendor)}, ${
    software ? "software" : "hardware"
  }`;
}

/**
 * The name of a vendor.
 *
 * @param vendor A name or a Vulkan vendor number in decimal.
 * @returns The name that belongs to the number where it is known, otherwise what was given.
 */
export function vendorName(vendor: string): string {
  return VENDORS[Number(vendor || NaN)] ?? (vendor || "unknown");
}
