/** Sets as someone outside the package might have them, made from fixed seeds: flowers, digits and byte images. */
import type { Records } from "@headless/mlp";
import { Random } from "@headless/mlp/reference";

/** A set before it is split. */
export interface Own {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly records: Records;
}

/** Three kinds of flowers, each measured in four lengths in centimetres; two of them overlap. */
export function flowers(): Own {
  const centres = [[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]];
  const records = floats(centres, { count: 1500, spread: 0.5, seed: 1 });
  return { name: "flowers", classNames: ["setosa", "versicolor", "virginica"], records };
}

/** Ten digits, each of 8 x 8 counts from 0 to 16. */
export function digits(): Own {
  const random = new Random(2, "digits");
  const templates = Array.from(
    { length: 10 },
    () => Array.from({ length: 64 }, () => random.below(17)),
  );
  const records = floats(templates, { count: 2000, spread: 7, seed: 2 });
  return { name: "digits", classNames: "0123456789".split(""), records };
}

/** Four kinds of images of 9 x 7 bytes: a width that is no multiple of 4. */
export function images(): Own {
  const random = new Random(3, "images");
  const templates = Array.from(
    { length: 4 },
    () => Array.from({ length: 63 }, () => random.below(256)),
  );
  const { images, labels } = floats(templates, { count: 1500, spread: 130, seed: 3 });
  const bytes = Uint8Array.from(images, (value) => Math.min(255, Math.max(0, Math.round(value))));
  return { name: "images", classNames: ["a", "b", "c", "d"], records: { images: bytes, labels } };
}

/** Records around a centre for each class, the classes in turn. */
function floats(
  centres: readonly (readonly number[])[],
  { count, spread, seed }: { count: number; spread: number; seed: number },
): { images: Float32Array; labels: number[] } {
  const random = new Random(seed, "records");
  const labels = Array.from({ length: count }, (_, i) => i % centres.length);
  const values = labels.flatMap((label) =>
    (centres[label] ?? []).map((centre) => centre + spread * random.normal())
  );
  return { images: Float32Array.from(values), labels };
}
