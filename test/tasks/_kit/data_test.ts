import {
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { DataError } from "../../../src/errors.ts";
import { loadDataSet, shareDataSets } from "../../../tasks/_kit/data.ts";
import { CapturedContext } from "../../_context.ts";

const COUNTS = { training: 20, validation: 10, test: 5 };

Deno.test("loadDataSet() makes as much of the synthetic set as is asked for", async () => {
  const context = new CapturedContext();
  const dataset = await loadDataSet("synthetic", context, { counts: COUNTS, json: true });
  assertEquals(dataset.name, "synthetic");
  assertEquals(dataset.training.count, 20);
  assertEquals(dataset.validation.count, 10);
  assertEquals(dataset.test.count, 5);
  assertEquals(
    context.errors,
    "Data: the built-in synthetic set; 20 training, 10 validation, 5 test\n",
  );
  assertEquals(context.events, [{
    event: "data",
    data: "synthetic",
    data_sha256: dataset.sha256,
    train_records: 20,
    val_records: 10,
    test_records: 5,
  }]);
});

Deno.test("loadDataSet() says so when it falls back to the synthetic set", async () => {
  const context = new CapturedContext();
  const usual = "data/there-is-no-such-folder";
  const dataset = await loadDataSet(undefined, context, { counts: COUNTS, usual });
  assertEquals(dataset.name, "synthetic");
  assertEquals(
    context.errors,
    'Data: the built-in synthetic set, since CIFAR-10 is not here ("deno task data" brings it); ' +
      "20 training, 10 validation, 5 test\n",
  );
});

Deno.test("loadDataSet() names the folder when it is missing", async () => {
  const context = new CapturedContext();
  const missing = "data/there-is-no-such-folder";
  await assertRejects(() => loadDataSet(missing, context), DataError, missing);
  assertEquals(context.errors, "");
});

Deno.test("loadDataSet() does not fall back when the usual folder is there but not whole", async () => {
  const usual = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${usual}/data_batch_1.bin`, new Uint8Array(10));
    const load = () => loadDataSet(undefined, new CapturedContext(), { usual });
    await assertRejects(load, DataError, "data_batch_1.bin");
  } finally {
    await Deno.remove(usual, { recursive: true });
  }
});

Deno.test("loadDataSet() makes a data set once for contexts that share theirs", async () => {
  const contexts = [new CapturedContext(), new CapturedContext()];
  shareDataSets(contexts);
  const load = (context: CapturedContext, counts = COUNTS) =>
    loadDataSet("synthetic", context, { counts });
  const [first, second] = [await load(contexts[0]), await load(contexts[1])];
  // The bytes themselves: what each gets is a part of what was made.
  assertStrictEquals(first.training.images.buffer, second.training.images.buffer);
  assertEquals(contexts[1].errors, contexts[0].errors);

  const other = await load(contexts[1], { ...COUNTS, training: 200 });
  assertEquals(other.training.count, 200);
  const alone = await load(new CapturedContext());
  assertNotStrictEquals(alone.training.images.buffer, first.training.images.buffer);
});
