/**
 * `trials.csv` and `best.csv`: the networks of a λ search, and the best λ of it.
 *
 * @module
 */

import { DataError } from "../errors.ts";
import type { BestRow, TrialRow } from "../train/lambda_search.ts";
import { EVALUATION_COLUMNS } from "./metrics.ts";
import type { FileName } from "./names.ts";
import { CsvTable } from "./table.ts";

class TrialsCsv extends CsvTable<TrialRow> {
  /** Reads the rows, and checks that those of one trial share their λ. */
  override decode(text: string, file: FileName): TrialRow[] {
    const rows = super.decode(text, file);
    const known = new Map<string, number>();
    rows.forEach(({ stage, trial, lambda }, i) => {
      const name = `${stage} trial ${trial}`;
      const first = known.get(name) ?? lambda;
      known.set(name, first);
      if (lambda === first) return;
      throw new DataError(
        `Cannot read ${file.name}, line ${i + 2}, column lambda: it is ${lambda}, ` +
          `expected ${first} as in another line of ${name}`,
      );
    });
    return rows;
  }
}

/** The format of `trials.csv`, stage by stage. */
export const TRIALS_CSV: CsvTable<TrialRow> = new TrialsCsv({
  stage: {
    fits: (cell) => /^(coarse|fine|refine-[1-9]\d*)$/.test(cell),
    expected: "coarse, fine, or refine- and a number from 1",
  },
  trial: "integer",
  lambda: "positive",
  seed: "integer",
  validation: { prefix: "val", columns: EVALUATION_COLUMNS },
  training: { prefix: "train", columns: EVALUATION_COLUMNS },
  divergedAt: "optional integer",
});

/** The format of `best.csv`, first rank first. */
export const BEST_CSV: CsvTable<BestRow> = new CsvTable<BestRow>({
  rank: "integer",
  lambda: "positive",
  validationAccuracy: { name: "val_accuracy", kind: "share" },
  publishedLambda: "optional positive",
  publishedValidationAccuracy: { name: "published_val_accuracy", kind: "optional share" },
});
