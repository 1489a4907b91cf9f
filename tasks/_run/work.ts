/** What other threads can do, by name: from plain data to plain data, always the same for the same. */
import { checkSetting, checkTrial } from "../../src/train/gradient_check.ts";
import {
  drawConfusion,
  drawPredictions,
  drawRates,
  drawRun,
  drawStage,
  drawStudy,
} from "./draw.ts";

export const WORK = {
  checkSetting,
  checkTrial,
  drawConfusion,
  drawPredictions,
  drawRates,
  drawRun,
  drawStage,
  drawStudy,
};
