/** Files of the form of CIFAR-10. */
import { CIFAR10_FILE_SIZE, CIFAR10_FILES } from "../../src/data/cifar10.ts";

/** Writes six files of black airplanes, whose zeros take no room on a disk that knows sparse files. */
export async function writeBlack(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const file of CIFAR10_FILES) {
    await Deno.create(`${folder}/${file}`).then((file) => file.close());
    await Deno.truncate(`${folder}/${file}`, CIFAR10_FILE_SIZE);
  }
}

/** Overwrites a part of a file. */
export async function patch(path: string, offset: number, bytes: readonly number[]): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.seek(offset, Deno.SeekMode.Start);
  await file.write(Uint8Array.from(bytes));
}
