/**
 * How tasks print numbers.
 *
 * @module
 */

/**
 * Prints a share as a percentage with one digit.
 *
 * @param share The share, 0 to 1.
 * @returns As in "52.5 %"; "NaN %" for NaN.
 */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
