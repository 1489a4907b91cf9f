/** Damage from a seed, for tests of what refuses damaged files. */
import type { Random } from "../src/model/random.ts";

/** One of these, at random. */
export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)];
}

/** Ways to damage bytes, by name; each returns damaged bytes of its own. */
export const DAMAGES: {
  readonly [name: string]: (bytes: Uint8Array, random: Random) => Uint8Array<ArrayBuffer>;
} = {
  cut: (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  flip: (bytes, random) => {
    const flipped = bytes.slice();
    for (let i = 0; i <= random.below(4); i++) {
      flipped[random.below(flipped.length)] ^= 1 << random.below(8);
    }
    return flipped;
  },
  swap: (bytes, random) => {
    const swapped = bytes.slice();
    const [size, blocks] = [512, Math.floor(bytes.length / 512)];
    const [from, to] = [size * random.below(blocks), size * random.below(blocks)];
    swapped.set(bytes.subarray(from, from + size), to);
    swapped.set(bytes.subarray(to, to + size), from);
    return swapped;
  },
  append: (bytes, random) => {
    const longer = new Uint8Array(bytes.length + 1 + random.below(2000));
    longer.set(bytes);
    for (let i = bytes.length; i < longer.length; i++) longer[i] = random.below(256);
    return longer;
  },
};
