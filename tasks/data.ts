/** The task `data`: downloads the binary version of CIFAR-10, verifies and unpacks it. */
import { join } from "@std/path";
import {
  CIFAR10_FILE_SIZE,
  CIFAR10_FILES,
  CIFAR10_FOLDER,
  readCifar10,
} from "../src/data/cifar10.ts";
import type { DataSet } from "../src/data/dataset.ts";
import { DataError } from "../src/errors.ts";
import { type Archive, download } from "./_data/download.ts";
import { unpackFiles } from "./_data/tar.ts";
import type { TaskContext } from "./_kit/context.ts";
import { warn, writeEvent } from "./_kit/events.ts";
import { inOut } from "./_kit/files.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, flag, type Option, type Task, type Values } from "./_kit/options.ts";

/** CIFAR-10 as its authors publish it, which never changes. */
const CIFAR10: Archive = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
  size: 170_052_171,
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
};

const OPTIONS = {
  from: url({ help: "where to download the archive from, in place of its authors' site" }),
  out: COMMON_OPTIONS.out,
  force: flag({ help: "download again even if there is a valid copy" }),
  json: COMMON_OPTIONS.json,
  help: COMMON_OPTIONS.help,
} as const;

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "data",
  summary: `Downloads CIFAR-10 (${megabytes(CIFAR10.size)}), verifies its size and SHA-256, and ` +
    `unpacks it into ${CIFAR10_FOLDER} within --out. Running the task again resumes an interrupted ` +
    "download; a valid copy is left alone.",
  options: OPTIONS,
  defaults: { out: "data" },
  examples: [
    { command: "deno task data", purpose: "CIFAR-10 into data/, where tasks look for it" },
    {
      command: "deno task data --from file:///mnt/cifar-10-binary.tar.gz",
      purpose: "from a copy on a disk",
    },
  ],
};

/** Minimum time between two updates of the progress on a terminal and elsewhere, in milliseconds. */
const REDRAW = 100;
const LINE = 10_000;

/** Runs the task, and returns the exit status; tests pass another archive. */
export async function main(
  args: readonly string[],
  context: TaskContext,
  archive: Archive = CIFAR10,
): Promise<number> {
  return await withOptions(TASK, args, context, ({ options }) => run(options, context, archive));
}

async function run(
  options: Options,
  context: TaskContext,
  archive: Archive,
): Promise<number> {
  const folder = join(options.out, CIFAR10_FOLDER);
  const present = options.force
    ? undefined
    : await inOut(options.out, () => findValidCopy(folder, context));
  if (present !== undefined) {
    context.stderr(`${folder} is complete, nothing to do; --force downloads it again`);
    if (options.json) {
      writeEvent(context, "finished_before", { folder, data_sha256: present.sha256 });
    }
    return EXIT.done;
  }
  await fetchData({ ...archive, url: options.from ?? archive.url }, context, options);
  return EXIT.done;
}

/** The data set in a folder; undefined, with the reason printed, where it is missing or invalid. */
async function findValidCopy(folder: string, context: TaskContext): Promise<DataSet | undefined> {
  try {
    await Deno.stat(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    return await readCifar10(folder);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    context.stderr(error.message);
    return undefined;
  }
}

async function fetchData(
  archive: Archive,
  context: TaskContext,
  options: Options,
): Promise<void> {
  const { json, out } = options;
  const folder = join(out, CIFAR10_FOLDER);
  const file = join(out, "cifar-10-binary.tar.gz");
  const { signal } = context;
  await inOut(out, () => Deno.mkdir(out, { recursive: true }));

  const began = performance.now();
  if (json) writeEvent(context, "start", { from: archive.url, bytes: archive.size });
  const hint = options.from === undefined ? " (--from takes it from a disk: data/README.md)" : "";
  context.stderr(`Downloading ${archive.url}${hint}`);
  await download(archive, file, {
    signal,
    onProgress: reporter(archive.size, context),
    onRetry: (message) => warn(context, message, options),
  });

  context.progress("Unpacking");
  const content = { names: CIFAR10_FILES, folder: CIFAR10_FOLDER, size: CIFAR10_FILE_SIZE };
  await unpackFiles(file, folder, { ...content, signal });
  const dataset = await readCifar10(folder);
  await Deno.remove(file);
  context.progress("");

  const seconds = (performance.now() - began) / 1000;
  context.stderr(`${folder}: 50000 training and 10000 test images, verified`);
  if (json) writeEvent(context, "done", { folder, seconds, data_sha256: dataset.sha256 });
}

/** Shows the progress of the download: a line in place on a terminal, a plain line now and then elsewhere. */
function reporter(size: number, context: TaskContext): (done: number) => void {
  let first: { done: number; time: number } | undefined;
  let told = 0;
  return (done) => {
    const time = performance.now();
    if (first === undefined) {
      if (done > 0) context.stderr(`Resuming from ${megabytes(done)}`);
      told = time;
    }
    // A server without ranges starts over.
    if (first === undefined || done < first.done) first = { done, time };
    if (time - told < (context.isTerminal ? REDRAW : LINE)) return;
    told = time;
    const rate = (done - first.done) / Math.max(1, time - first.time);
    const parts = [
      `${megabytes(done)} of ${megabytes(size)}`,
      `${Math.floor(done / size * 100)} %`,
      `${(rate / 1000).toFixed(1)} MB/s`,
    ];
    if (rate > 0 && done < size) parts.push(`${Math.ceil((size - done) / rate / 1000)} s left`);
    const line = parts.join(", ");
    if (context.isTerminal) context.progress(line.slice(0, context.columns - 1));
    else context.stderr(line);
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** An address that `fetch` can read from. */
function url(options: { help: string }): Option<string | undefined> {
  return {
    placeholder: "URL",
    ...options,
    expects: "an address that starts with https:, http: or file:",
    default: undefined,
    parse: (text) => {
      const protocol = URL.parse(text)?.protocol ?? "";
      return ["https:", "http:", "file:"].includes(protocol) ? text : undefined;
    },
  };
}

if (import.meta.main) await runTask(main);
