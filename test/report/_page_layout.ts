/// <reference lib="dom" />
/** What is wrong with the layout of a page as a browser has laid it out. Its functions run in the page. */
import type { Page } from "playwright-core";

/** The minimum size of a figure and of its letters in CSS pixels: smaller ones are unreadable. */
const LEAST = { width: 300, height: 120, letters: 6 };

/**
 * Looks for anything that is clipped, too small or overflows.
 *
 * @param page The page, at the width and for the medium to check.
 * @returns A sentence for each thing found.
 */
export async function findLayoutFaults(page: Page): Promise<string[]> {
  return await page.evaluate(lookAtPage, LEAST);
}

/** Runs in the page: it may use nothing outside itself. */
function lookAtPage(least: { width: number; height: number; letters: number }): string[] {
  const faults: string[] = [];
  // Positions are rounded in scaled drawings.
  const slack = 1;
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth} of ${clientWidth} wide`);

  const figures = [...document.querySelectorAll("svg")];
  for (const [i, figure] of figures.entries()) {
    const name = figure.querySelector("title")?.textContent ?? `figure ${i + 1}`;
    const box = figure.getBoundingClientRect();
    const size = `${Math.round(box.width)} × ${Math.round(box.height)}`;
    if (!figure.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
      faults.push(`${name} is not visible`);
    }
    if (box.width < least.width || box.height < least.height) {
      faults.push(`${name} is only ${size}`);
    }
    if (box.left < -slack || box.right > clientWidth + slack) {
      faults.push(
        `${name} sticks out of the window: ${box.left} to ${box.right} of ${clientWidth}`,
      );
    }
    for (let parent = figure.parentElement; parent !== null; parent = parent.parentElement) {
      const outer = parent.getBoundingClientRect();
      const inside = box.left >= outer.left - slack && box.right <= outer.right + slack &&
        box.top >= outer.top - slack && box.bottom <= outer.bottom + slack;
      if (!inside) faults.push(`${name} sticks out of its ${parent.tagName.toLowerCase()}`);
    }
    const letters = new Set<number>();
    for (const text of figure.querySelectorAll("text")) {
      const inner = text.getBoundingClientRect();
      const inside = inner.left >= box.left - slack && inner.right <= box.right + slack &&
        inner.top >= box.top - slack && inner.bottom <= box.bottom + slack;
      if (!inside) faults.push(`"${text.textContent}" sticks out of ${name}`);
      const { a, b } = text.getScreenCTM()!;
      letters.add(parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b));
    }
    const smallest = Math.min(...letters);
    if (smallest < least.letters) faults.push(`${name} has letters of ${smallest.toFixed(1)} px`);

    // The drawing, without backgrounds, must fill more than a corner.
    const drawn = [...figure.querySelectorAll("path, line, rect, circle")]
      .filter((shape) => !shape.matches(".background, .foreground"))
      .map((shape) => shape.getBoundingClientRect())
      .filter(({ width, height }) => width + height > 0);
    const width = Math.max(...drawn.map(({ right }) => right)) -
      Math.min(...drawn.map(({ left }) => left));
    const height = Math.max(...drawn.map(({ bottom }) => bottom)) -
      Math.min(...drawn.map(({ top }) => top));
    if (!(width > box.width / 2 && height > box.height / 2)) {
      faults.push(`${name} is all but empty`);
    }
  }

  // A table may be wider than a phone where it can be scrolled by itself; a cell's text must stay in its cell.
  for (const cell of document.querySelectorAll("td, th")) {
    if (cell.scrollWidth > cell.clientWidth + slack) {
      faults.push(`"${cell.textContent}" sticks out of its cell`);
    }
  }
  return faults;
}
