/**
 * Amounts of memory in sentences, and what to do where there is not enough.
 *
 * @module
 */

/** What a sentence about too little memory ends with. */
export const USE_LESS = "use smaller layers, smaller batches or fewer networks";

/** Each is 1024 of the one before. */
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/**
 * Shows an amount of memory.
 *
 * @param bytes The amount.
 * @returns At most four digits and a unit, as in "1.5 GiB".
 */
export function amount(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // Rounded, 1023.5 would be the unit that follows.
  for (; value >= 1023.5 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value < 1000 ? Number(value.toPrecision(3)) : Math.round(value)} ${UNITS[unit]}`;
}

/**
 * Shows an amount of memory to the byte, since two that differ may look the same in larger units.
 *
 * @param bytes The amount.
 * @returns As in "128 MiB (134217732 bytes)".
 */
export function exactAmount(bytes: number): string {
  return bytes < 1024 ? amount(bytes) : `${amount(bytes)} (${bytes} bytes)`;
}
