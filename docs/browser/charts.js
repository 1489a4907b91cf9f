/** The pictures of the page. */
import { GRID } from "./spirals.js";

const SVG = "http://www.w3.org/2000/svg";

// Of a chart, in pixels of its own.
const WIDTH = 480;
const HEIGHT = 210;
const LEFT = 44;
const RIGHT = 12;
const TOP = 28;
const BOTTOM = 28;

/** The colour of a variable in style.css, which follows the scheme. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}

/**
 * Draws the points, and behind them what the network says of every place.
 *
 * @param canvas Where to draw.
 * @param data The data set; its training images are the points.
 * @param classes The class of each place of the grid, or undefined before there is a network.
 */
export function drawRegions(canvas, data, classes) {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const unit = side / 256;
  classes?.forEach((own, i) => {
    const [x, y] = [i % GRID, Math.floor(i / GRID)];
    const cell = (at) => Math.round(at * side / GRID);
    context.fillStyle = colour(own === 0 ? "first-region" : "second-region");
    context.fillRect(cell(x), cell(y), cell(x + 1) - cell(x), cell(y + 1) - cell(y));
  });
  const { images, labels, count } = data.training;
  for (let i = 0; i < count; i++) {
    const [x, y] = [images[2 * i] * unit, images[2 * i + 1] * unit];
    context.fillStyle = colour(labels[i] === 0 ? "first" : "second");
    context.beginPath();
    if (labels[i] === 0) context.arc(x, y, 1.6 * unit, 0, 2 * Math.PI);
    else context.rect(x - 1.4 * unit, y - 1.4 * unit, 2.8 * unit, 2.8 * unit);
    context.fill();
  }
}

/**
 * Draws a quantity of the training and validation images by step.
 *
 * @param svg Where to draw.
 * @param rows The rows so far.
 * @param options `name` is the quantity, `steps` the end of the axis, `max` the end of the other, at least.
 */
export function drawChart(svg, rows, { name, steps, max }) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const values = rows.flatMap(({ training, validation }) => [training[name], validation[name]]);
  const top = Math.max(max, ...values.filter(Number.isFinite));
  const x = (step) => LEFT + (WIDTH - LEFT - RIGHT) * step / steps;
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;
  const title = name[0].toUpperCase() + name.slice(1);
  const parts = [text(title, { x: LEFT, y: 16, class: "title" })];
  for (const share of [0, 0.5, 1]) {
    const at = y(share * top);
    parts.push(
      element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
      text((share * top).toFixed(2), { x: LEFT - 6, y: at + 4, "text-anchor": "end" }),
      text(Math.round(share * steps), {
        x: x(share * steps),
        y: HEIGHT - 8,
        "text-anchor": ["start", "middle", "end"][2 * share],
      }),
    );
  }
  for (const split of ["training", "validation"]) {
    const points = rows.filter((row) => Number.isFinite(row[split][name])).map((row) =>
      `${x(row.step).toFixed(1)},${y(row[split][name]).toFixed(1)}`
    );
    parts.push(element("polyline", { class: split, points: points.join(" ") }));
  }
  svg.replaceChildren(...parts);
  const last = rows.at(-1);
  svg.setAttribute(
    "aria-label",
    last
      ? `${title} after ${last.step} of ${steps} steps: training ${
        last.training[name].toFixed(3)
      }, ` +
        `validation ${last.validation[name].toFixed(3)}`
      : `${title} by step: nothing yet`,
  );
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function text(content, attributes) {
  const made = element("text", attributes);
  made.textContent = content;
  return made;
}
