/** Trains a network on two spirals while one watches, and can be stopped and resumed. */
import { Gpu, Training } from "@headless/mlp";
import { drawChart, drawRegions } from "./charts.js";
import { createSpirals } from "./spirals.js";

const OPTIONS = {
  hidden: [40, 40],
  batchNorm: true,
  networks: [{ identity: "spirals", lambda: 0, etaMin: 1e-3, etaMax: 0.3 }],
  batch: 50,
  halfCycle: 800,
  cycles: 1,
  evaluateEvery: 40,
};

const [toggle, status, adapter, regions, loss, accuracy] = [
  "toggle",
  "status",
  "adapter",
  "regions",
  "loss",
  "accuracy",
].map((id) => document.getElementById(id));

const data = await createSpirals();
let rows = [];
let classes;
let training;
let stop;

function draw() {
  const steps = 2 * OPTIONS.halfCycle * OPTIONS.cycles;
  drawRegions(regions, data, classes);
  drawChart(loss, rows, { name: "loss", steps, max: Math.LN2 });
  drawChart(accuracy, rows, { name: "accuracy", steps, max: 1 });
}

/** Shows the row of the step just reached, and what the network says there. */
async function show(row) {
  rows.push(row);
  [classes] = await training.predict("test");
  const percent = (100 * row.validation.accuracy).toFixed(1);
  const summary = `validation accuracy ${percent} % after ${row.step} steps`;
  status.textContent = `Step ${row.step} of ${training.steps}, ${summary.split(" after")[0]}`;
  regions.setAttribute("aria-label", `Points of two spirals and the network's regions: ${summary}`);
  draw();
}

/** Trains until the end, or until it is told to stop; another call resumes, or starts again after the end. */
async function train(gpu) {
  // Before anything is awaited: a second click stops this training rather than start another.
  stop = new AbortController();
  toggle.textContent = "Stop";
  if (training === undefined) {
    rows = [];
    status.textContent = "Compiling the kernels …";
    training = await Training.create(gpu, data, OPTIONS);
  }
  try {
    for await (const [row] of training.run({ signal: stop.signal })) await show(row);
    toggle.textContent = "Start again";
    status.textContent = `Done: ${status.textContent}`;
    training.destroy();
    training = undefined;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    toggle.textContent = "Resume";
    status.textContent = `Stopped at step ${training.step} of ${training.steps}`;
  }
  stop = undefined;
}

function fail(error) {
  status.textContent = error.message;
  toggle.disabled = true;
}

draw();
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

try {
  const gpu = await Gpu.request();
  const { vendor, description, software } = gpu.adapter;
  const kind = software ? " (computes on the CPU: some seconds to compile, then slow)" : "";
  adapter.textContent = `GPU: ${vendor} ${description}${kind}`;
  status.textContent = "Ready";
  toggle.disabled = false;
  toggle.addEventListener("click", () => {
    if (stop) stop.abort();
    else train(gpu).catch(fail);
  });
} catch (error) {
  fail(error);
}
