/** Reading a reproduction without its figures, which take longer than all else. */
import { readReproduction } from "../../../tasks/_report/read.ts";
import type { Workers } from "../../../tasks/_kit/workers.ts";

/** Whoever asks for a figure gets an empty one. */
const WORKERS = { draw: () => Promise.resolve("<svg></svg>") } as unknown as Workers;

/** Reads a directory as `report` does; throws what it refuses. */
export async function readWithoutFigures(directory: string): ReturnType<typeof readReproduction> {
  return await readReproduction(directory, WORKERS);
}
