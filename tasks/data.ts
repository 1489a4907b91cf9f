/** The task `data`: downloads the binary version of CIFAR-10, verifies and unpacks it. */
import { join } from "@std/path";
import {
  CIFAR10_FILE_SIZE,
  CIFAR10_FILES,
  CIFAR10_FOLDER,
  CIFAR10_NAME,
  readCifar10,
} from "../src/data/cifar10.ts";
import { CIFAR10_ARCHIVE } from "../src/data/cifar10_versions.ts";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError, DataError } from "../src/errors.ts";
import { type Archive, checkArchive } from "./_data/archive.ts";
import { download } from "./_data/download.ts";
import { unpackFiles } from "./_data/tar.ts";
import type { TaskContext } from "./_kit/context.ts";
import { warn, writeEvent } from "./_kit/events.ts";
import { removeIfThere, removeTemporaries, statIfThere } from "./_kit/files.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, flag, type Option, type Task, text, type Values } from "./_kit/options.ts";

/** An archive, and the name of the data set in it. */
interface Source extends Archive {
  readonly dataSet: string;
}

/** CIFAR-10 as its authors publish it, which never changes. */
const CIFAR10: Source = {
  dataSet: CIFAR10_NAME,
  url: `https://www.cs.toronto.edu/~kriz/${CIFAR10_ARCHIVE}`,
  size: 170_052_171,
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
};

const OPTIONS = {
  from: url({ help: "where to download the archive from, in place of its authors' site" }),
  archive: text({
    placeholder: "FILE",
    expects: `the path of ${CIFAR10_ARCHIVE}`,
    default: undefined,
    help: "an archive that is already here, in place of a download; it is only read",
  }),
  out: COMMON_OPTIONS.out,
  force: flag({ help: "replace what is there, even a valid copy" }),
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
      command: `deno task data --archive /mnt/${CIFAR10_ARCHIVE}`,
      purpose: "from a copy on a disk, without a network",
    },
  ],
  check: ({ archive, from }) => {
    if (archive === undefined || from === undefined) return;
    throw new ArgumentError("--archive and --from exclude each other: expected one of them");
  },
};

/** Minimum time between two updates of the progress on a terminal and elsewhere, in milliseconds. */
const REDRAW = 100;
const LINE = 10_000;

/** Runs the task, and returns the exit status; tests pass another source. */
export async function main(
  args: readonly string[],
  context: TaskContext,
  source: Source = CIFAR10,
): Promise<number> {
  return await withOptions(TASK, args, context, ({ options }) => run(options, context, source));
}

async function run(options: Options, context: TaskContext, source: Source): Promise<number> {
  const { out } = options;
  const folder = join(out, CIFAR10_FOLDER);
  const part = join(out, `${CIFAR10_ARCHIVE}.part`);
  for (const place of [out, folder]) {
    await removeTemporaries(place, (name) => CIFAR10_FILES.includes(name));
  }
  const present = await findCopy(folder, context, options);
  if (present === undefined) {
    await fetchData(source, context, { ...options, folder, part });
    return EXIT.done;
  }
  if (present.name !== source.dataSet) {
    throw new DataError(
      `Cannot put CIFAR-10 into ${folder}: it is ${present.name}, expected the published files ` +
        "or none; --force replaces it",
    );
  }
  if (options.archive === undefined) await removeIfThere(part);
  context.stderr(`${folder} is complete, nothing to do; --force replaces it`);
  if (options.json) {
    writeEvent(context, "finished_before", { folder, data_sha256: present.sha256 });
  }
  return EXIT.done;
}

/** The data set in a folder; undefined, with the reason printed, where it is missing, invalid or to be replaced. */
async function findCopy(
  folder: string,
  context: TaskContext,
  { force }: Options,
): Promise<DataSet | undefined> {
  const info = await statIfThere(folder);
  if (info !== undefined && !info.isDirectory) {
    throw new DataError(`Cannot put CIFAR-10 into ${folder}: it is not a folder, expected one`);
  }
  if (info === undefined || force) return undefined;
  try {
    return await readCifar10(folder);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    context.stderr(error.message);
    return undefined;
  }
}

interface FetchOptions extends Options {
  /** Where the files go. */
  readonly folder: string;
  /** Where the download is kept until they are there. */
  readonly part: string;
}

async function fetchData(
  source: Source,
  context: TaskContext,
  options: FetchOptions,
): Promise<void> {
  const { archive, folder, json, part } = options;
  const { signal } = context;
  await Deno.mkdir(options.out, { recursive: true });

  const began = performance.now();
  const from = archive ?? options.from ?? source.url;
  if (json) writeEvent(context, "start", { from, bytes: source.size });
  if (archive === undefined) await downloadTo(part, { ...source, url: from }, context, options);
  else await checkArchive(source, archive, signal);

  context.progress("Unpacking");
  const content = { names: CIFAR10_FILES, folder: CIFAR10_FOLDER, size: CIFAR10_FILE_SIZE };
  await unpackFiles(archive ?? part, folder, { ...content, signal });
  const dataset = await readCifar10(folder);
  if (archive === undefined) await Deno.remove(part);
  context.progress("");

  const seconds = (performance.now() - began) / 1000;
  context.stderr(`${folder}: ${dataset.name}, 50000 training and 10000 test images`);
  if (json) writeEvent(context, "done", { folder, seconds, data_sha256: dataset.sha256 });
}

async function downloadTo(
  part: string,
  archive: Archive,
  context: TaskContext,
  options: Options,
): Promise<void> {
  const hint = options.from === undefined ? " (--archive takes a copy that is here)" : "";
  context.stderr(`Downloading ${archive.url}${hint}`);
  await download(archive, part, {
    signal: context.signal,
    onProgress: reporter(archive.size, context),
    onRetry: (message) => warn(context, message, options),
  });
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
