import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CIFAR10_CLASSES,
  CIFAR10_FILE_SIZE,
  CIFAR10_FILES,
  CIFAR10_FOLDER,
  CIFAR10_MD5,
  hasCifar10Form,
  nameCifar10,
  parseCifar10,
  readCifar10,
} from "../../src/data/cifar10.ts";
import { subset } from "../../src/data/dataset.ts";
import { DataError } from "../../src/errors.ts";
import { putPipe } from "../_tasks.ts";
import { patch, writeBlack } from "./_black.ts";

const RECORD = 3073;

async function withFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await action(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("parseCifar10() separates labels from pixels", () => {
  const bytes = Uint8Array.from({ length: 3 * RECORD }, (_, i) => i % 251);
  for (let i = 0; i < 3; i++) bytes[i * RECORD] = 9 - i;
  const { images, labels, count } = parseCifar10(bytes, "three.bin");
  assertEquals(count, 3);
  assertEquals(labels, Uint8Array.of(9, 8, 7));
  assertEquals(images.length, 3 * 3072);
  for (let i = 0; i < 3; i++) {
    assertEquals(
      images.subarray(i * 3072, (i + 1) * 3072),
      bytes.subarray(i * RECORD + 1, (i + 1) * RECORD),
    );
  }
});

Deno.test("parseCifar10() refuses bytes that are not a whole number of records", () => {
  for (const length of [0, 1, RECORD - 1, RECORD + 1, 2 * RECORD - 1]) {
    assertThrows(
      () => parseCifar10(new Uint8Array(length), "part.bin"),
      DataError,
      `Cannot read part.bin: it has ${length} bytes, expected whole records of 3073`,
    );
  }
});

Deno.test("parseCifar10() refuses a label above 9 and says where", () => {
  const bytes = new Uint8Array(3 * RECORD);
  bytes[2 * RECORD] = 10;
  assertThrows(
    () => parseCifar10(bytes, "odd.bin"),
    DataError,
    "Cannot read odd.bin: record 2 (from 0) has label 10, expected 0 to 9",
  );
});

Deno.test("readCifar10() reads the files in order, from their folder or its parent", async () => {
  await withFolder(async (parent) => {
    const folder = `${parent}/${CIFAR10_FOLDER}`;
    await writeBlack(folder);
    // The first and last record of a file: a label, then as first pixel twice the file's number plus 0 or 1.
    for (const [i, file] of CIFAR10_FILES.entries()) {
      await patch(`${folder}/${file}`, 0, [i, 2 * i]);
      await patch(`${folder}/${file}`, 9999 * RECORD, [i + 1, 2 * i + 1]);
    }
    await Deno.writeTextFile(`${folder}/batches.meta.txt`, "not asked for\n");
    const dataset = await readCifar10(folder);
    assertEquals(dataset.name, `CIFAR-10 (unverified: digest ${dataset.sha256.slice(0, 8)}…)`);
    assertEquals(dataset.classNames, CIFAR10_CLASSES);
    assertEquals([dataset.inputs, dataset.classes], [3072, 10]);
    const { training, validation, test } = dataset;
    assertEquals([training.count, validation.count, test.count], [45_000, 5000, 10_000]);
    for (let i = 0; i < 5; i++) {
      assertEquals(training.labels[i * 10_000], i);
      assertEquals(training.images[i * 10_000 * 3072], 2 * i);
      if (i === 4) continue;
      assertEquals(training.labels[i * 10_000 + 9999], i + 1);
      assertEquals(training.images[(i * 10_000 + 9999) * 3072], 2 * i + 1);
    }
    assertEquals(validation.labels[4999], 5);
    assertEquals(validation.images[4999 * 3072], 9);
    assertEquals([test.labels[0], test.images[0]], [5, 10]);
    assertEquals([test.labels[9999], test.images[9999 * 3072]], [6, 11]);
    assertEquals(dataset.std[3071], 1);

    assertEquals((await readCifar10(parent)).sha256, dataset.sha256);
    assertEquals(subset(dataset, { training: 10 }).name, dataset.name);
  });
});

Deno.test("readCifar10() names the folder or the file that is missing", async () => {
  await withFolder(async (parent) => {
    const refuses = (directory: string, message: string) =>
      assertRejects(() => readCifar10(directory), DataError, message);
    await refuses(
      `${parent}/no`,
      `Cannot read CIFAR-10 from ${parent}/no: there is no such folder`,
    );
    await refuses(parent, `${parent}: expected data_batch_1.bin to test_batch.bin in it or in its`);
    await Deno.writeTextFile(`${parent}/file`, "");
    await refuses(`${parent}/file`, "it is not a folder");

    const folder = `${parent}/${CIFAR10_FOLDER}`;
    await writeBlack(folder);
    await Deno.remove(`${folder}/data_batch_2.bin`);
    await refuses(parent, `Cannot read ${folder}/data_batch_2.bin: there is no such file`);
    await Deno.mkdir(`${folder}/data_batch_2.bin`);
    await refuses(parent, `Cannot read ${folder}/data_batch_2.bin: it is not a file`);
    await Deno.remove(`${folder}/data_batch_1.bin`);
    await refuses(folder, `Cannot read ${folder}/data_batch_1.bin: there is no such file`);
  });
});

Deno.test("readCifar10() refuses a file that is cut short, too long or empty", async () => {
  await withFolder(async (folder) => {
    await writeBlack(folder);
    const path = `${folder}/data_batch_1.bin`;
    for (
      const [size, problem] of [
        [0, "it is empty"],
        [CIFAR10_FILE_SIZE - 1, "it is cut short with 30729999 bytes"],
        [CIFAR10_FILE_SIZE - RECORD, "it is cut short with 30726927 bytes"],
        [CIFAR10_FILE_SIZE + 1, "it is too long with 30730001 bytes"],
      ] as const
    ) {
      await Deno.truncate(path, size);
      await assertRejects(
        () => readCifar10(folder),
        DataError,
        `Cannot read ${path}: ${problem}, expected 30730000 (10000 records of 3073)`,
      );
    }
  });
});

Deno.test("readCifar10() refuses a pipe in place of a file, and does not wait", async () => {
  await withFolder(async (folder) => {
    await writeBlack(folder);
    const path = `${folder}/data_batch_1.bin`;
    await putPipe(path);
    await assertRejects(
      () => readCifar10(folder),
      DataError,
      `Cannot read ${path}: it is not a file, expected 10000 CIFAR-10 records`,
    );
  });
});

Deno.test("readCifar10() refuses a label above 9 and names file and record", async () => {
  await withFolder(async (folder) => {
    await writeBlack(folder);
    await patch(`${folder}/data_batch_2.bin`, 123 * RECORD, [255]);
    await assertRejects(
      () => readCifar10(folder),
      DataError,
      `Cannot read ${folder}/data_batch_2.bin: record 123 (from 0) has label 255, expected 0 to 9`,
    );
  });
});

Deno.test("readCifar10() names the version of CIFAR-10 that it does not read, and an archive", async () => {
  await withFolder(async (parent) => {
    const refuses = async (path: string, message: string, directory = parent) => {
      await Deno.writeTextFile(`${parent}/${path}`, "");
      const error = await assertRejects(() => readCifar10(directory), DataError);
      assertEquals(error.message, `Cannot read CIFAR-10 from ${directory}: ${message}`);
      await Deno.remove(`${parent}/${path}`);
    };
    const binary = "expected the binary version (cifar-10-binary.tar.gz), " +
      'which "deno task data" downloads';
    for (const file of ["data_batch_1", "batches.meta", "cifar-10-batches-py"]) {
      await refuses(file, `it is the Python version, ${binary}`);
    }
    for (const file of ["data_batch_1.mat", "batches.meta.mat", "cifar-10-batches-mat"]) {
      await refuses(file, `it is the MATLAB version, ${binary}`);
    }
    const archive = `${parent}/cifar-10-binary.tar.gz`;
    const unpacks = "it is an archive, expected its files, " +
      `which "deno task data --archive ${archive}" unpacks`;
    await refuses("cifar-10-binary.tar.gz", unpacks);
    await refuses("cifar-10-binary.tar.gz", unpacks, archive);
  });
});

Deno.test("nameCifar10() calls the published files CIFAR-10, and no others", () => {
  const sha256 = "1234abcd".padEnd(64, "0");
  assertEquals(nameCifar10(CIFAR10_MD5, sha256), "CIFAR-10");
  for (const file of CIFAR10_FILES) {
    const name = nameCifar10({ ...CIFAR10_MD5, [file]: "0".repeat(32) }, sha256);
    assertEquals(name, "CIFAR-10 (unverified: digest 1234abcd…)");
    assert(hasCifar10Form(name));
  }
  assert(hasCifar10Form("CIFAR-10"));
  assert(!hasCifar10Form("CIFAR-100"));
});

Deno.test("data/README.md lists the digests as md5sum checks them", async () => {
  const text = await Deno.readTextFile(new URL("../../data/README.md", import.meta.url));
  for (const file of CIFAR10_FILES) {
    assertStringIncludes(text, `    ${CIFAR10_MD5[file]}  ${file}\n`);
  }
});

Deno.test({
  name: "readCifar10() waits for no pipe and reads no device",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withFolder(async (folder) => {
      await writeBlack(folder);
      const pipe = `${folder}/pipe`;
      const { success } = await new Deno.Command("sh", { args: ["-c", `mkfifo '${pipe}'`] })
        .output();
      assert(success);
      const refuses = (directory: string, message: string) =>
        assertRejects(() => readCifar10(directory), DataError, message);
      await refuses(pipe, `Cannot read CIFAR-10 from ${pipe}: it is not a folder`);
      await refuses("/dev/zero", "Cannot read CIFAR-10 from /dev/zero: it is not a folder");
      for (const target of [pipe, "/dev/zero"]) {
        await Deno.remove(`${folder}/data_batch_1.bin`);
        await Deno.symlink(target, `${folder}/data_batch_1.bin`);
        await refuses(folder, `Cannot read ${folder}/data_batch_1.bin: it is not a file`);
      }
    });
  },
});
