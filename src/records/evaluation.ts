/**
 * The columns of an evaluation, which several tables have.
 *
 * @module
 */

import type { Evaluation } from "../model/metrics.ts";
import type { Columns } from "./table.ts";

/** The columns of an evaluation, behind the name of its split. */
export const EVALUATION: Columns<Evaluation> = {
  loss: "number",
  cost: "number",
  accuracy: "share",
};
