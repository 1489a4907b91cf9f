/**
 * The colours of all figures.
 *
 * @module
 */

/** Text, and curves that stand alone. */
export const INK = "#222222";
/** Axes, and lines that mark a value. */
export const AXIS = "#888888";
export const GRID = "#e4e4e4";
export const PANEL_BORDER = "#cccccc";
export const CELL_BORDER = "#bbbbbb";

// Okabe and Ito's colours, told apart with any kind of colour vision; black and yellow are left out.
export const BLUE = "#0072B2";
export const VERMILION = "#D55E00";
const GREEN = "#009E73";
const PURPLE = "#CC79A7";
const SKY = "#56B4E9";
const ORANGE = "#E69F00";

/** Curves in one panel, in order: training is blue, validation vermilion. */
export const SERIES = [BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE];

/** A cell with a share of 1, in red, green and blue; a share of 0 is white, and others lie on a line between them. */
export const FULL_CELL = [0, 63, 125];
