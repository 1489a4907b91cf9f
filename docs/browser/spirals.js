/** Points of two spirals as a data set: two bytes a point, as an image of two pixels. */
import { createDataSet } from "@headless/mlp";

/** Places of the grid along a side: what the network says of each is drawn. */
export const GRID = 64;

const TURNS = 1.75;
const NOISE = 3; // bytes
const TRAINING = 800;
const VALIDATION = 200;

/** A generator of numbers from 0 to 1 with a seed, so that the page shows the same each time (mulberry32). */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws points, of each spiral every other one. */
function drawPoints(count) {
  const random = createRandom(7);
  const images = new Uint8Array(2 * count);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = i % 2;
    const along = Math.sqrt(random());
    const angle = 2 * Math.PI * TURNS * along + Math.PI * labels[i];
    const radius = 8 + 108 * along;
    images[2 * i] = Math.round(128 + radius * Math.cos(angle) + NOISE * (2 * random() - 1));
    images[2 * i + 1] = Math.round(128 + radius * Math.sin(angle) + NOISE * (2 * random() - 1));
  }
  return { images, labels, count };
}

/** The middle of every place of the grid, row by row; what they are labelled with is never looked at. */
function gridPoints() {
  const count = GRID * GRID;
  const images = new Uint8Array(2 * count);
  for (let i = 0; i < count; i++) {
    images[2 * i] = (i % GRID + 0.5) * 256 / GRID;
    images[2 * i + 1] = (Math.floor(i / GRID) + 0.5) * 256 / GRID;
  }
  return { images, labels: new Uint8Array(count), count };
}

/** Makes the data set: its test images are the places of the grid. */
export async function createSpirals() {
  return await createDataSet(drawPoints(TRAINING + VALIDATION), gridPoints(), {
    name: "two spirals",
    classNames: ["first", "second"],
    validation: VALIDATION,
  });
}
