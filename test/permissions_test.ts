import { assert, assertEquals } from "@std/assert";
import configuration from "../deno.json" with { type: "json" };

/** Deno itself, which need not be on the PATH. */
const DENO = "$(deno eval --no-config 'console.log(Deno.execPath())')";

/** Where results and data lie is the user's choice, and a lock says which host holds it. */
const RESULTS = ["--allow-read", "--allow-write", "--allow-sys=hostname"];

/** Variables that would load code into children, to be emptied for them; others seem unset. */
const LINKER = ["--allow-env=LD_*,DYLD_*", "--ignore-env"];

/** All that each task may do. SECURITY.md says why. */
const PERMISSIONS: { readonly [task: string]: readonly string[] } = {
  "gradient-check": RESULTS,
  "baseline": RESULTS,
  "find-lr": RESULTS,
  "lambda-search": RESULTS,
  "init-sensitivity": RESULTS,
  "reproduce": RESULTS,
  "predict": RESULTS,
  "report": RESULTS,
  "bench": RESULTS,
  "peers": [...RESULTS, ...LINKER, `--allow-run=${DENO},env,python3`],
  "scaling": RESULTS,
  "data": [...RESULTS, "--allow-net=www.cs.toronto.edu,cave.cs.toronto.edu"],
  "doctor": ["--allow-read", "--allow-write=.cache", "--allow-env=DENO_WEBGPU_BACKEND"],
  "browser": ["--allow-read=mod.ts,src/,docs/browser/", "--allow-net=127.0.0.1"],
  "test": [
    "--allow-read",
    "--allow-write",
    "--allow-net=127.0.0.1",
    `--allow-run=${DENO},env,sh,test/_chromium.sh`,
    "--allow-env=PATH,TMPDIR,LD_*,DYLD_*",
    "--ignore-env",
    "--ignore-read=/proc/sys/fs/binfmt_misc/WSLInterop",
    "--allow-sys=homedir,osRelease,hostname",
  ],
  "check": [
    "--allow-read",
    "--allow-write",
    "--allow-env=STD_MAP,LD_*,DYLD_*",
    "--ignore-env",
    `--allow-run=${DENO}`,
  ],
  "shaders": [
    "--allow-read=src/gpu/shaders.gen.ts,shaders/",
    "--allow-write=src/gpu/shaders.gen.ts,shaders/",
  ],
  "diagram": [
    "--allow-read=mod.ts,src/,tasks/,docs/figures/architecture.svg",
    "--allow-write=docs/figures/architecture.svg",
  ],
};

/** What is no permission in the command of a task; a task asks for no other at a terminal. */
const COMMAND = ["deno", "run", "test", "--no-prompt", "$STD_MAP", "--parallel", "--peers"];

/** The words of a command, without the quotes around them. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
}

Deno.test("deno.json gives each task the permissions that it needs, and no others", () => {
  const given = Object.entries(configuration.tasks).map(([task, { command }]) => {
    const words = wordsOf(command).filter((word) => !/^tasks\/\w+\.ts$/.test(word));
    return [task, words.filter((word) => !COMMAND.includes(word)).sort()];
  });
  const expected = Object.entries(PERMISSIONS).map(([task, words]) => [task, words.toSorted()]);
  assertEquals(given, expected);
});

Deno.test("deno.json has no task ask for another permission at a terminal", () => {
  for (const { command } of Object.values(configuration.tasks)) {
    assertEquals(wordsOf(command).slice(2, 4), ["--no-prompt", "$STD_MAP"]);
  }
});

Deno.test("the lock files have a digest of every package from npm", async () => {
  for (const path of ["../deno.lock", "../tasks/std_npm.lock"]) {
    const lock = JSON.parse(await Deno.readTextFile(new URL(path, import.meta.url)));
    const digests: [string, { integrity?: string }][] = Object.entries(lock.npm);
    assert(digests.length > 10);
    assertEquals(digests.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? "")), []);
  }
});
