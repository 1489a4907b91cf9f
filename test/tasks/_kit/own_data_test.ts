import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CIFAR10_NAME } from "../../../src/data/cifar10.ts";
import { ArgumentError, DataError } from "../../../src/errors.ts";
import { Random } from "../../../src/model/random.ts";
import { announceData, loadDataSet } from "../../../tasks/_kit/data.ts";
import { main as baseline } from "../../../tasks/baseline.ts";
import { main as gradientCheck } from "../../../tasks/gradient_check.ts";
import { main as initSensitivity } from "../../../tasks/init_sensitivity.ts";
import { main as lambdaSearch } from "../../../tasks/lambda_search.ts";
import { main as reproduce } from "../../../tasks/reproduce.ts";
import { CapturedContext } from "../../_context.ts";
import { exists, runInProcess } from "../../_tasks.ts";
import { idxFile } from "../../data/_idx.ts";

/** So many flowers of each of three species, one species after another: four numbers and a name. */
function flowers(each: number): string[] {
  const random = new Random(1, "flowers");
  const means = {
    setosa: [5, 3.4, 1.5, 0.2],
    versicolor: [5.9, 2.8, 4.3, 1.3],
    virginica: [6.6, 3, 5.6, 2],
  };
  return Object.entries(means).flatMap(([species, mean]) =>
    Array.from(
      { length: each },
      () => [...mean.map((value) => (value + 0.3 * random.normal()).toFixed(1)), species].join(),
    )
  );
}

const NAMES = "sepal_length,sepal_width,petal_length,petal_width,species";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeCsv(path: string, lines: readonly string[]): Promise<void> {
  await Deno.writeTextFile(path, [NAMES, ...lines, ""].join("\n"));
}

/** Images of 8 × 8 pixels whose margin is black, the left half bright in one class and the right in the other. */
async function writeIdx(folder: string): Promise<void> {
  const random = new Random(1, "halves");
  await Deno.mkdir(folder);
  for (const [split, count] of [["train", 200], ["t10k", 30]] as const) {
    const values = Array.from({ length: 64 * count }, (_, i) => {
      const [x, y, label] = [i % 8, Math.floor(i / 8) % 8, Math.floor(i / 64) % 2];
      if (x === 0 || y < 2) return 0;
      return random.below(100) + (x < 4 === (label === 0) ? 150 : 50);
    });
    const labels = Array.from({ length: count }, (_, i) => i % 2);
    await Deno.writeFile(`${folder}/${split}-images-idx3-ubyte`, idxFile([count, 8, 8], values));
    await Deno.writeFile(`${folder}/${split}-labels-idx1-ubyte`, idxFile([count], labels));
  }
}

Deno.test("loadDataSet() divides a CSV file 70/15/15, each class in proportion, always in the same way", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/${CIFAR10_NAME}.csv`;
    await writeCsv(path, flowers(40));
    const { dataset, description } = await loadDataSet(path);
    // Nothing of this name is compared with what is published of CIFAR-10.
    assertEquals(dataset.name, "CIFAR-10.csv");
    assertStringIncludes(description, "; 84 training, 18 validation, 18 test");
    for (const [split, each] of [["training", 28], ["validation", 6], ["test", 6]] as const) {
      const { labels } = dataset[split];
      assertEquals([0, 1, 2].map((label) => labels.filter((own) => own === label).length), [
        each,
        each,
        each,
      ]);
    }
    const again = (await loadDataSet(path)).dataset;
    assertEquals(again.test, dataset.test);
    assertEquals(again.sha256, dataset.sha256);
    // Quick runs have no more images than there are.
    const counts = { training: 2000, validation: 500, test: 10 };
    const quick = (await loadDataSet(path, { counts })).dataset;
    assertEquals([quick.training.count, quick.validation.count, quick.test.count], [84, 18, 10]);
  });
});

Deno.test("loadDataSet() reads a folder of CSV files, with validation.csv or without", async () => {
  await inFolder(async (folder) => {
    await writeCsv(`${folder}/train.csv`, flowers(20));
    await writeCsv(`${folder}/test.csv`, flowers(2).slice(0, 4));
    const { dataset } = await loadDataSet(folder, { label: "species" });
    assertEquals(dataset.name, `${folder.split("/").at(-1)} (CSV)`);
    const { training, validation, test } = dataset;
    assertEquals([training.count, validation.count, test.count], [54, 6, 4]);
    assertEquals(new Set(validation.labels).size, 3);
    const context = new CapturedContext();
    announceData(context, { dataset, description: "flowers" }, {});
    assertEquals(
      context.errors,
      'Data: flowers\nwarning: No test image is of the class "virginica"\n',
    );

    await writeCsv(`${folder}/validation.csv`, flowers(3));
    const own = (await loadDataSet(folder)).dataset;
    assertEquals([own.training.count, own.validation.count, own.test.count], [60, 9, 4]);

    await writeCsv(`${folder}/test.csv`, ["1,2,3,4,rose"]);
    const error = await assertRejects(() => loadDataSet(folder), DataError);
    assertStringIncludes(error.message, 'test.csv, line 2, column species: it is "rose"');
    await Deno.remove(`${folder}/test.csv`);
    await assertRejects(() => loadDataSet(folder), DataError, "test.csv: there is no such file");
  });
});

Deno.test("loadDataSet() refuses a label where there are no columns, and says what a folder may hold", async () => {
  await inFolder(async (folder) => {
    const expected = "--label expects a CSV file or a folder with train.csv as --data, not";
    const label = "species";
    await assertRejects(
      () => loadDataSet("synthetic", { label }),
      ArgumentError,
      `${expected} the synthetic set`,
    );
    await assertRejects(
      () => loadDataSet(folder, { label }),
      ArgumentError,
      `${expected} CIFAR-10`,
    );
    await assertRejects(
      () => loadDataSet(folder),
      DataError,
      "cifar-10-batches-bin, or IDX files (train-images-idx3-ubyte and others), or train.csv and test.csv",
    );
    await writeIdx(`${folder}/idx`);
    await assertRejects(
      () => loadDataSet(`${folder}/idx`, { label }),
      ArgumentError,
      `${expected} IDX files`,
    );
    const { dataset } = await loadDataSet(`${folder}/idx`);
    assertEquals([dataset.name, dataset.validation.count], ["idx (IDX)", 20]);
  });
});

Deno.test("loadDataSet() names a path that is no folder and leads to none", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const cases = [
      [`${folder}/file`, "CIFAR-10 from F/file: it is not a folder"],
      [`${folder}/file/below`, "CIFAR-10 from F/file/below: there is no such folder"],
      [`${folder}/none.csv`, "F/none.csv: there is no such file, expected a CSV file"],
    ];
    for (const [path, problem] of cases) {
      const error = await assertRejects(() => loadDataSet(path), DataError);
      assertStringIncludes(error.message.replaceAll(folder, "F"), `Cannot read ${problem}`);
    }
  });
});

Deno.test("loadDataSet() names a CSV file that is missing, a circle of links or a folder's", async () => {
  await inFolder(async (folder) => {
    const [missing, circle] = [`${folder}/flowers.csv`, `${folder}/circle.csv`];
    await Deno.symlink("circle.csv", circle);
    await assertRejects(
      () => loadDataSet(missing),
      DataError,
      `Cannot read ${missing}: there is no such file, expected a CSV file`,
    );
    await assertRejects(() => loadDataSet(circle), DataError, `Cannot read ${circle}: `);
    await Deno.symlink("train.csv", `${folder}/train.csv`);
    await assertRejects(() => loadDataSet(folder), DataError, folder);
  });
});

Deno.test("every experiment runs on a small CSV file, and the page of all is made", async () => {
  await inFolder(async (folder) => {
    const data = `${folder}/flowers.csv`;
    await writeCsv(data, flowers(50));
    const out = `${folder}/out`;
    const args = ["--quick", "--data", data, "--label", "species", "--out", out];
    const { status, output, errors } = await runInProcess(reproduce, args);
    assertEquals(status, 0, errors);
    assertStringIncludes(output, "first 4 inputs");
    assertStringIncludes(errors, "; 104 training, 23 validation, 23 test");
    const page = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(page, "--data PATH --label species");
    const config = JSON.parse(
      await Deno.readTextFile(`${out}/baseline/seed-1/3-layer/config.json`),
    );
    assertEquals([config.settings.data, config.settings.label], ["flowers.csv", "species"]);
  });
});

Deno.test("gradient-check takes values that change from images with a black margin", async () => {
  await inFolder(async (folder) => {
    await writeIdx(`${folder}/halves`);
    const args = ["--quick", "--data", `${folder}/halves`, "--out", `${folder}/out`];
    const { status, output, errors } = await runInProcess(gradientCheck, args);
    assertEquals(status, 0, errors);
    assertStringIncludes(output, "inputs 18 to 27");
  });
});

Deno.test("baseline and init-sensitivity run without validation images, and lambda-search says why not", async () => {
  await inFolder(async (folder) => {
    const data = `${folder}/few`;
    await Deno.mkdir(data);
    await writeCsv(`${data}/train.csv`, flowers(1));
    await writeCsv(`${data}/test.csv`, flowers(1));
    const args = ["--quick", "--data", data, "--batch", "3", "--half-cycle", "5", "--hidden", "4"];
    const run = (main: typeof baseline, name: string) =>
      runInProcess(main, [...args, "--out", `${folder}/${name}`]);
    const trained = await run(baseline, "baseline");
    assertEquals(trained.status, 0, trained.errors);
    assertStringIncludes(trained.errors, "10 steps in");
    const runs = `${folder}/baseline/hidden-4`;
    const [, first] = (await Deno.readTextFile(`${runs}/metrics.csv`)).split("\n");
    assertEquals(first.endsWith(",,,"), true, first);
    const summary = JSON.parse(await Deno.readTextFile(`${runs}/summary.json`));
    assertEquals([summary.val.loss, summary.diverged_at], [null, null]);
    const figure = await Deno.readTextFile(`${runs}/metrics.svg`);
    assertEquals(/validation|diverged/i.test(figure), false);

    for (const wanted of [["--keep", "best"], ["--early-stop", "2"]]) {
      const out = `${folder}/kept`;
      const kept = await runInProcess(baseline, [...args, ...wanted, "--out", out]);
      assertEquals(kept.status, 2, kept.errors);
      assertStringIncludes(kept.errors, `--data expects validation images for ${wanted[0]}`);
      assertEquals(await exists(out), false);
    }
    const studied = await run(initSensitivity, "study");
    assertEquals(studied.status, 0, studied.errors);
    const searched = await run(lambdaSearch, "search");
    assertEquals(searched.status, 2);
    assertStringIncludes(
      searched.errors,
      "--data expects validation and test images for a search, and few (CSV) has 0 and 3",
    );
  });
});
