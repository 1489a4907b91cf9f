import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { encodeNetwork } from "../../src/model/checkpoint.ts";
import { classify } from "../../src/model/reference/trained.ts";
import type { TrainedNetwork } from "../../src/model/trained_network.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import {
  CLASSES_CSV,
  PREDICTION_SUMMARY_JSON,
  PREDICTIONS_CSV,
} from "../../src/records/predictions.ts";
import { main as baseline } from "../../tasks/baseline.ts";
import { main } from "../../tasks/predict.ts";
import {
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "../_tasks.ts";
import { drawNetwork } from "../_trained.ts";

const DATA = ["--quick", "--data", "synthetic"];

const FILES = [
  ...["classes.csv", "config.json", "confusion.csv", "confusion.svg", "finished.json"],
  ...["predictions.csv", "summary.json"],
];

/** A network for the synthetic images that knows nothing. */
const UNTRAINED = drawNetwork({ inputs: 3072, hidden: [3], batchNorm: true, input: "bytes" });

/** Runs a test with the file of a network, and the name of a directory beside it. */
async function withModel(
  network: TrainedNetwork,
  test: (model: string, out: string) => Promise<void>,
): Promise<void> {
  await inDirectory(async (out) => {
    const model = `${out}-model.safetensors`;
    await Deno.writeFile(model, encodeNetwork(network));
    await test(model, out);
  });
}

async function readTable<Row>(
  path: string,
  format: { decode(text: string, file: { name: string }): Row },
) {
  return format.decode(await Deno.readTextFile(path), { name: path });
}

Deno.test("predict finds the test accuracy of the run whose model it is given, and writes all its files", async () => {
  await inDirectory(async (out) => {
    const small = [...DATA, "--hidden", "6", "--batch-norm", "on", "--half-cycle", "20"];
    const run = await runInProcess(baseline, [...small, "--out", `${out}/run`]);
    assertEquals(run.status, 0, run.errors);
    const [folder] = (await Array.fromAsync(Deno.readDir(`${out}/run`)))
      .filter(({ isDirectory }) => isDirectory);
    const trained = JSON.parse(await Deno.readTextFile(`${out}/run/${folder.name}/summary.json`));

    const model = `${out}/run/${folder.name}/model.safetensors`;
    const args = [...DATA, "--model", model, "--out", `${out}/predict`];
    const { status, output, errors } = await runInProcess(main, args);
    assertEquals(status, 0, errors);
    assertEquals([...(await filesIn(`${out}/predict`)).keys()], FILES);
    const summary = await readTable(`${out}/predict/summary.json`, PREDICTION_SUMMARY_JSON);
    assertEquals([summary.split, summary.records], ["test", 500]);
    assertEquals(summary.accuracy, trained.test.accuracy);
    assertAlmostEquals(summary.loss, trained.test.loss, 1e-5);
    assertMatch(output, /^synthetic, test: 500 records \(quick\)\nAccuracy \d+\.\d %, loss /);
    assertMatch(output, /\nConfusion matrix: /);

    const rows = await readTable(`${out}/predict/predictions.csv`, PREDICTIONS_CSV);
    assertEquals(rows.map(({ record }) => record), Array.from({ length: 500 }, (_, i) => i));
    assert(rows.every(({ probability }) => probability >= 0.1 && probability <= 1));
    const { classNames, counts } = await readTable(`${out}/predict/confusion.csv`, CONFUSION_CSV);
    assertEquals(
      counts,
      classNames.map((label) =>
        classNames.map((predicted) =>
          rows.filter((row) => row.label === label && row.predicted === predicted).length
        )
      ),
    );
    const classes = await readTable(`${out}/predict/classes.csv`, CLASSES_CSV);
    assertEquals(
      classes.map(({ records }) => records),
      counts.map((row) => row.reduce((a, b) => a + b)),
    );
    const figure = await Deno.readTextFile(`${out}/predict/confusion.svg`);
    assertMatch(figure, /Predictions for the test records/);

    const before = await filesIn(`${out}/predict`);
    assertEquals((await runInProcess(main, args)).status, 0);
    assertEquals(await filesIn(`${out}/predict`), before);
  });
});

Deno.test("predict --cpu gives the same answers without an adapter, for all splits, as events", async () => {
  await withModel(UNTRAINED, async (model, out) => {
    const args = [...DATA, "--model", model, "--split", "all", "--json"];
    const gpu = await runInProcess(main, [...args, "--out", `${out}-gpu`]);
    const cpu = await runWithoutAdapter("predict", [...args, "--cpu", "--out", out]);
    assertEquals([gpu.status, cpu.status], [0, 0], gpu.errors + cpu.errors);
    const [a, b] = [gpu, cpu].map((ended) =>
      eventsOf(ended).filter(({ event }) => event === "class" || event === "result")
    );
    assertEquals(a.length, 11);
    assertEquals(a.slice(0, 10), b.slice(0, 10));
    const [{ loss, ...found }, { loss: expected, ...others }] = [a[10], b[10]];
    assertAlmostEquals(Number(loss), Number(expected), 1e-5);
    assertEquals([found.records, found.accuracy], [3000, others.accuracy]);
    assertEquals(found.confusion, others.confusion);
    const rows = await readTable(`${out}/predictions.csv`, PREDICTIONS_CSV);
    const counts = ["training", "validation", "test"].map((split) =>
      rows.filter((row) => row.split === split).length
    );
    assertEquals(counts, [2000, 500, 500]);
    assertMatch(await Deno.readTextFile(`${out}/config.json`), /CPU, in float64/);
  });
});

Deno.test("predict --split all reads a CSV file in its order, with the classes of the model", async () => {
  const drawn = drawNetwork({
    ...{ inputs: 2, hidden: [3], batchNorm: true, classes: 3 },
    input: "floats",
  });
  const network = { ...drawn, classNames: ["c", "a", "b"] };
  await withModel(network, async (model, out) => {
    const data = `${out}-flowers.csv`;
    // None is of class c, and the others are not in the order of their numbers.
    const labels = Array.from({ length: 20 }, (_, i) => i % 3 ? "b" : "a");
    const lines = labels.map((label, i) => `${label},${i},${-i}`);
    await Deno.writeTextFile(data, ["kind,width,length", ...lines].join("\n"));
    const args = ["--model", model, "--data", data, "--cpu", "--out", out, "--split", "all"];
    const refused = await runInProcess(main, args);
    assertEquals(refused.status, 2, refused.errors);
    const { status, errors } = await runInProcess(main, [...args, "--label", "kind"]);
    assertEquals(status, 0, errors);
    const rows = await readTable(`${out}/predictions.csv`, PREDICTIONS_CSV);
    assertEquals(
      rows.map(({ split, record, label }) => [split, record, label]),
      labels.map((label, i) => ["all", i, label]),
    );
    const images = Float32Array.from(labels.flatMap((_, i) => [i, -i]));
    const expected = Array.from(classify(network, images), (answer) => network.classNames[answer]);
    assertEquals(rows.map(({ predicted }) => predicted), expected);
    const classes = await readTable(`${out}/classes.csv`, CLASSES_CSV);
    assertEquals(classes.map(({ className, records }) => [className, records]), [
      ["c", 0],
      ["a", 7],
      ["b", 13],
    ]);
    const { settings } = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
    assertEquals(settings.label, "kind");

    await Deno.writeTextFile(data, "kind,width,length\nd,1,2\n");
    const other = await runInProcess(main, [...args, "--label", "kind"]);
    assertEquals(other.status, 2);
    assertMatch(other.errors, /line 2, column kind: it is "d", expected a class of/);
  });
});

Deno.test("predict refuses a model that does not fit the data, with status 2 and one sentence", async () => {
  const draw = (change: { inputs?: number; classes?: number; input?: "floats" }) =>
    drawNetwork({ inputs: 3072, hidden: [], batchNorm: false, input: "bytes", ...change });
  const whole = draw({});
  const cases: [TrainedNetwork, RegExp][] = [
    [draw({ inputs: 12 }), /: the data has 3072 values in a record, expected 12\n/],
    [draw({ classes: 3 }), /: the data has 10 classes, expected 3\n/],
    [draw({ input: "floats" }), /: the data has records of bytes, expected records of floats\n/],
    [{ ...whole, parameters: whole.parameters.with(0, NaN) }, /W1\[0\] is NaN, expected a finite/],
  ];
  for (const [network, message] of cases) {
    await withModel(network, async (model, out) => {
      const args = [...DATA, "--model", model, "--out", out, "--cpu"];
      const { status, errors, output } = await runInProcess(main, args);
      assertEquals([status, output], [2, ""], errors);
      assertMatch(errors, message);
      assert(!await exists(`${out}/config.json`));
    });
  }
});

Deno.test("predict refuses a missing or damaged model, and options that contradict each other", async () => {
  await inDirectory(async (out) => {
    const missing = `${out}-none.safetensors`;
    const damaged = `${out}-damaged.safetensors`;
    await Deno.writeTextFile(damaged, "not a model");
    const cases: [string[], RegExp][] = [
      [[], /--model expects the model\.safetensors of a trained network/],
      [["--model", missing], /none\.safetensors: it is missing, expected the model/],
      [["--model", damaged], /Cannot read .*damaged\.safetensors: /],
      [["--model", `${out}/..`], /it is a folder, expected a file/],
      [["--model", damaged, "--cpu", "--require-gpu"], /--cpu expects neither --require-gpu/],
    ];
    for (const [args, message] of cases) {
      const { status, errors } = await runInProcess(main, [...DATA, "--out", out, ...args]);
      assertEquals(status, 2, errors);
      assertMatch(errors, message);
    }
  });
});

Deno.test("predict warns where model and data name their classes differently", async () => {
  await withModel(UNTRAINED, async (model, out) => {
    const args = [...DATA, "--model", model, "--out", out, "--cpu"];
    const { status, errors } = await runInProcess(main, args);
    assertEquals(status, 0, errors);
    assertMatch(errors, /warning: class 0 is called "class 0" in the model and ".+" in the data/);
  });
});
