import {
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { DataError } from "../../../src/errors.ts";
import { announceData, loadDataSet, type LoadOptions } from "../../../tasks/_kit/data.ts";
import { CapturedContext } from "../../_context.ts";

const COUNTS = { training: 20, validation: 10, test: 5 };

Deno.test("loadDataSet() creates as much of the synthetic set as requested", async () => {
  const context = new CapturedContext();
  const loaded = await loadDataSet("synthetic", { counts: COUNTS });
  const { dataset } = loaded;
  announceData(context, loaded, { json: true });
  assertEquals(dataset.name, "synthetic");
  assertEquals(dataset.training.count, 20);
  assertEquals(dataset.validation.count, 10);
  assertEquals(dataset.test.count, 5);
  assertEquals(
    context.errors,
    "Data: the built-in synthetic set; 20 training, 10 validation, 5 test\n" +
      `warning: ${dataset.warnings[0]}\n`,
  );
  assertEquals(context.events, [{
    event: "data",
    data: "synthetic",
    data_sha256: dataset.sha256,
    train_records: 20,
    val_records: 10,
    test_records: 5,
  }, { event: "warning", message: dataset.warnings[0] }]);
});

Deno.test("loadDataSet() says so when it falls back to the synthetic set", async () => {
  const usual = "data/there-is-no-such-folder";
  const { dataset, description } = await loadDataSet(undefined, { counts: COUNTS, usual });
  assertEquals(dataset.name, "synthetic");
  assertEquals(
    description,
    'the built-in synthetic set, since CIFAR-10 is not here ("deno task data" downloads it); ' +
      "20 training, 10 validation, 5 test",
  );
});

Deno.test("loadDataSet() names the folder when it is missing", async () => {
  const missing = "data/there-is-no-such-folder";
  await assertRejects(() => loadDataSet(missing), DataError, missing);
});

Deno.test("loadDataSet() does not fall back when the usual folder exists but is incomplete", async () => {
  const usual = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${usual}/data_batch_1.bin`, new Uint8Array(10));
    const load = () => loadDataSet(undefined, { usual });
    await assertRejects(load, DataError, "data_batch_1.bin");
  } finally {
    await Deno.remove(usual, { recursive: true });
  }
});

Deno.test("loadDataSet() creates a data set once for callers that share it", async () => {
  const read = new Map();
  const load = (options: LoadOptions) => loadDataSet("synthetic", { counts: COUNTS, ...options });
  const [first, second] = [await load({ read }), await load({ read })];
  // The bytes themselves: what each gets is a part of what was made.
  assertStrictEquals(
    first.dataset.training.images.buffer,
    second.dataset.training.images.buffer,
  );
  assertEquals(second.description, first.description);

  const other = await load({ counts: { ...COUNTS, training: 200 }, read });
  assertEquals(other.dataset.training.count, 200);
  const alone = await load({});
  assertNotStrictEquals(
    alone.dataset.training.images.buffer,
    first.dataset.training.images.buffer,
  );
});
