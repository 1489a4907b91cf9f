import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { withoutLinkerVariables } from "../../tasks/_kit/children.ts";

/** What bootstrap.sh uses of any system. Everything else that it calls is a stand-in, or missing. */
const REAL_TOOLS = ["cat", "chmod", "cp", "dirname", "mkdir", "mktemp", "mv", "rm", "sh"];

/** A SHA-256 in bootstrap.sh. */
const DIGEST = /\b[0-9a-f]{64}\b/g;

/** What a machine has before bootstrap.sh runs on it. */
interface MachineOptions {
  /** The version of the Deno on its PATH, or null where there is none. */
  deno?: string | null;
  /** Which of npm, curl, unzip, 7z, the package managers and the programs that compute a SHA-256 it has. */
  tools?: string[];
  /** What Deno finds when it asks for an adapter. */
  adapter?: "hardware" | "software" | "none";
  /** What an installation of Vulkan packages makes Deno find. */
  adapterAfterInstall?: "hardware" | "software" | "none";
  /** Whether libvulkan.so.1 can be loaded. */
  loader?: boolean;
  /** Under which name it has a Chromium, or null where it has none. */
  browser?: string | null;
  /** A shell pattern of files that are there, of those in fixed places. */
  files?: string;
  /** Whether the user is root. */
  root?: boolean;
  /** Whether @std is in Deno's cache, and whether JSR answers. */
  std?: "cached" | "answers" | "silent";
  /** What `uname -s` and `uname -m` say. */
  system?: string;
  processor?: string;
  /** Whether the Deno that npm and dl.deno.land have is another than bootstrap.sh expects. */
  otherDeno?: boolean;
  /** The exit status of the task. */
  status?: number;
  /** The exit status of a package manager. */
  installStatus?: number;
}

/** What came of one run of bootstrap.sh. */
interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
  /** The stand-ins called in this run, with their arguments, without questions that change nothing. */
  calls: string[];
}

/** A temporary project on a machine made of stand-ins, removed after use. */
class Machine implements AsyncDisposable {
  readonly directory: string;
  #bin: string;
  #log: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.#bin = join(directory, "bin");
    this.#log = join(directory, "log");
  }

  static async create(options: MachineOptions = {}): Promise<Machine> {
    const {
      deno = "2.9.6",
      tools = ["npm", "curl", "unzip", "apt-get", "sha256sum"],
      adapter = "hardware",
      adapterAfterInstall = "software",
      loader = true,
      browser = "chromium",
      files = "nothing",
      root = true,
      std = "answers",
      system = "Linux",
      processor = "x86_64",
      otherDeno = false,
      status = 0,
      installStatus = 0,
    } = options;
    const machine = new Machine(await Deno.makeTempDir({ prefix: "bootstrap test " }));
    const { directory } = machine;
    await Deno.mkdir(machine.#bin);
    await Deno.mkdir(join(directory, "project", "tasks"), { recursive: true });
    await Deno.mkdir(join(directory, "project", "test"));
    for (const script of ["tasks/bootstrap.sh", "test/_chromium.sh"]) {
      await Deno.copyFile(
        new URL(`../../${script}`, import.meta.url),
        `${directory}/project/${script}`,
      );
    }
    for (const tool of REAL_TOOLS) {
      const path = ["/usr/bin", "/bin"].map((folder) => join(folder, tool)).find(isFile);
      assert(path !== undefined, `expected ${tool} in /usr/bin or /bin`);
      await Deno.symlink(path, join(machine.#bin, tool));
    }

    const state = join(directory, "adapter");
    await Deno.writeTextFile(state, adapter);
    const jsrStatus = std === "answers" ? 0 : 1;
    const denoText = (version: string) => `
      case "$*" in
        --version) echo "deno ${version} (stable, release)" ;;
        *requestAdapter*) cat "${state}" ;;
        *dlopen*) exit ${loader ? 0 : 1} ;;
        *--cached-only*) exit ${std === "cached" ? 0 : 1} ;;
        *--no-prompt*) echo "ask JSR" >>"${machine.#log}"; exit ${jsrStatus} ;;
        *config.tasks*) case "$*" in *nope) exit 1 ;; esac ;;
        *)
          echo "deno ${version} $*" >>"${machine.#log}"
          echo "ARGUMENTS=$#"
          echo "STD_MAP=\${STD_MAP-unset}"
          echo "DENO_WEBGPU_BACKEND=\${DENO_WEBGPU_BACKEND-unset}"
          echo "VK_DRIVER_FILES=\${VK_DRIVER_FILES-unset}"
          echo "XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR-unset}"
          exit ${status}
      esac`;
    if (deno !== null) await machine.#standIn("deno", denoText(deno));
    await machine.#standIn("uname", `[ "$1" = -m ] && echo ${processor} || echo ${system}`);
    await machine.#standIn("id", `echo ${root ? 0 : 1000}`);
    await machine.#standIn("ls", `case $2 in ${files}) exit 0 ;; esac; exit 1`);

    const chromium = `[ "$*" = --version ] && echo "Chromium 1.2.3"`;
    if (browser !== null) await machine.#standIn(browser, chromium);
    const newBrowser = join(directory, "new-chromium");
    await machine.#write(newBrowser, chromium);
    const newDeno = join(directory, "new-deno");
    await machine.#write(newDeno, denoText("2.9.6"));
    if (!otherDeno) await machine.#expect(newDeno);
    const log = (name: string) => `echo "${name} $*" >>"${machine.#log}"\n`;
    const standIns: { [tool: string]: string } = {
      "npm": `${log("npm")} mkdir -p "$3/node_modules/@deno/any"
        cp "${newDeno}" "$3/node_modules/@deno/any/deno"`,
      "broken-npm": `${log("npm")} exit 1`,
      "curl": `${log("curl")} cp "${newDeno}" "$3"`,
      "broken-curl": `${log("curl")} echo half >"$3"; exit 22`,
      "unzip": `${log("unzip")} cat "$2"`,
      "7z": `${log("7z")} cat "$3"`,
      "sha256sum": `exec ${findDigester()}`,
      "shasum": `[ "$*" = "-a 256" ] && exec ${findDigester()}`,
      "openssl": `[ "$*" = "dgst -sha256 -r" ] && exec ${findDigester()}`,
      "sudo": `${log("sudo")} exec "$@"`,
      "nvidia-smi": "exit 0",
    };
    for (const manager of ["apt-get", "dnf", "apk"]) {
      standIns[manager] = `${log(manager)} [ "$1" = update ] && exit 0
        [ ${installStatus} -eq 0 ] || exit ${installStatus}
        case "$*" in
          *chromium) cp "${newBrowser}" "${machine.#bin}/chromium" ;;
          *) echo ${adapterAfterInstall} >"${state}" ;;
        esac`;
    }
    for (const tool of tools) {
      await machine.#standIn(tool.replace("broken-", ""), standIns[tool]);
    }
    return machine;
  }

  /** Makes the stand-in for `tool` do something else. */
  async replace(tool: string, text: string): Promise<void> {
    await this.#standIn(tool, text);
  }

  /** Runs bootstrap.sh, from the folder above the project. */
  async run(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
    await Deno.writeTextFile(this.#log, "");
    const settings = Object.entries({ PATH: this.#bin, ...env }).map(([k, v]) => `${k}=${v}`);
    // Through a shell: with this PATH of its own, Deno would look for the program there and refuse it.
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'exec /usr/bin/env -i "$@"', "sh", ...settings]
        .concat("/bin/sh", "project/tasks/bootstrap.sh", args),
      cwd: this.directory,
      env: withoutLinkerVariables(),
    }).output();
    const calls = (await Deno.readTextFile(this.#log)).split("\n").filter((line) => line !== "");
    const decoder = new TextDecoder();
    return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), calls };
  }

  /** Has bootstrap.sh expect this program as its Deno. */
  async #expect(program: string): Promise<void> {
    const digest = new Uint8Array(
      await crypto.subtle.digest("SHA-256", await Deno.readFile(program)),
    );
    const script = join(this.directory, "project", "tasks", "bootstrap.sh");
    const text = await Deno.readTextFile(script);
    await Deno.writeTextFile(script, text.replace(DIGEST, digest.toHex()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }

  async #standIn(name: string, text: string): Promise<void> {
    await this.#write(join(this.#bin, name), text);
  }

  async #write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A command that computes a SHA-256, on any system that the tests run on. */
function findDigester(): string {
  const known = { sha256sum: "", shasum: " -a 256", openssl: " dgst -sha256 -r" };
  for (const [name, options] of Object.entries(known)) {
    for (const folder of ["/usr/bin", "/bin"]) {
      if (isFile(join(folder, name))) return join(folder, name) + options;
    }
  }
  throw new Error("expected sha256sum, shasum or openssl in /usr/bin or /bin");
}

/** The names in a folder, sorted. */
async function list(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

/** The files in a folder and below. */
async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await filesBelow(join(folder, name)));
    else found.push(join(folder, name));
  }
  return found;
}

/** The calls that install something. */
function installations(outcome: Outcome): string[] {
  return outcome.calls.filter((call) => /^(npm|curl|unzip|7z|sudo|apt-get|dnf|apk) /.test(call));
}

Deno.test("bootstrap.sh uses the Deno on the PATH when it is new enough", async () => {
  for (const deno of ["2.8.0", "2.10.1", "3.0.0"]) {
    await using machine = await Machine.create({ deno });
    const outcome = await machine.run(["baseline", "--out", "a b", "$x"]);
    assertEquals(outcome.status, 0);
    assertEquals(outcome.calls, ["ask JSR", `deno ${deno} task baseline --out a b $x`]);
    assertStringIncludes(outcome.stdout, "ARGUMENTS=5\n");
  }
});

Deno.test("bootstrap.sh installs Deno from npm once when it is missing or too old", async () => {
  for (const deno of [null, "1.46.3", "2.7.14", "nonsense"]) {
    await using machine = await Machine.create({ deno });
    const first = await machine.run(["baseline"]);
    assertEquals(first.status, 0, first.stderr);
    assertEquals(installations(first).length, 1);
    assertMatch(first.calls[0], /^npm install --prefix .* deno@2\.9\.6$/);
    assertEquals(first.calls.at(-1), "deno 2.9.6 task baseline");
    assertEquals(await list(join(machine.directory, "project", ".deno")), ["bin", "run"]);

    const second = await machine.run(["baseline"]);
    assertEquals(installations(second), []);
    assertEquals(second.calls.at(-1), "deno 2.9.6 task baseline");
  }
});

Deno.test("bootstrap.sh installs Deno from its archive when npm is missing or fails", async () => {
  const targets = [
    { system: "Linux", processor: "x86_64", target: "x86_64-unknown-linux-gnu" },
    { system: "Linux", processor: "aarch64", target: "aarch64-unknown-linux-gnu" },
    { system: "Darwin", processor: "x86_64", target: "x86_64-apple-darwin" },
    { system: "Darwin", processor: "arm64", target: "aarch64-apple-darwin" },
  ];
  for (const { target, ...machineOptions } of targets) {
    for (const npm of [[], ["broken-npm"]]) {
      const unpacker = npm.length > 0 ? "unzip" : "7z";
      const tools = [...npm, "curl", unpacker, "sha256sum"];
      await using machine = await Machine.create({ deno: null, tools, ...machineOptions });
      const outcome = await machine.run(["baseline"]);
      assertEquals(outcome.status, 0, outcome.stderr);
      const [curl, unpack] = outcome.calls.slice(npm.length);
      assertMatch(curl, /^curl -fsSL -o \S+\/deno\.zip https:/);
      assertStringIncludes(curl, ` https://dl.deno.land/release/v2.9.6/deno-${target}.zip`);
      // Of all that is in the archive, only the program, and that to standard output.
      assertMatch(unpack, /^(unzip -p|7z x -so) \S+\/deno\.zip deno$/);
      assertEquals(outcome.calls.at(-1), "deno 2.9.6 task baseline");
      assertEquals(await list(join(machine.directory, "project", ".deno", "bin")), ["deno"]);
    }
  }
});

Deno.test("bootstrap.sh says what to install when it cannot install Deno", async () => {
  const unable = [
    { tools: [] },
    { tools: ["curl", "sha256sum"] },
    { tools: ["broken-npm", "broken-curl", "unzip", "sha256sum"] },
    { tools: ["curl", "unzip", "sha256sum"], processor: "riscv64" },
  ];
  for (const options of unable) {
    await using machine = await Machine.create({ deno: null, ...options });
    const outcome = await machine.run(["baseline"]);
    assertEquals(outcome.status, 1);
    assert(!outcome.calls.some((call) => call.startsWith("deno")));
    assertStringIncludes(outcome.stderr, "no Deno 2.8 or newer: install npm, or curl and unzip");
    assertEquals(await filesBelow(join(machine.directory, "project", ".deno")), []);
  }
});

Deno.test("bootstrap.sh refuses a Deno with another SHA-256, runs nothing of it and leaves nothing behind", async () => {
  const sources = [["npm", ["npm"]], ["dl.deno.land", ["curl", "unzip"]]] as const;
  for (const [source, tools] of sources) {
    await using machine = await Machine.create({
      deno: null,
      tools: [...tools, "sha256sum"],
      otherDeno: true,
    });
    const { status, stdout, stderr, calls } = await machine.run(["baseline"]);
    assertEquals([status, stdout], [1, ""]);
    assertEquals(calls.map((call) => call.split(" ")[0]), [...tools]);
    const [, sentence, ...others] = stderr.trimEnd().split("\n");
    assertMatch(
      sentence,
      new RegExp(
        `^bootstrap: cannot use the Deno from ${source}: its SHA-256 is [0-9a-f]{64}, expected that of ` +
          "Deno 2\\.9\\.6 in tasks/bootstrap\\.sh$",
      ),
    );
    assertEquals(others, []);
    assertEquals(await filesBelow(join(machine.directory, "project", ".deno")), []);
  }
});

Deno.test("bootstrap.sh verifies Deno by sha256sum, shasum or openssl, and refuses it without one", async () => {
  for (const digester of ["sha256sum", "shasum", "openssl"]) {
    await using machine = await Machine.create({ deno: null, tools: ["npm", digester] });
    const { status, stderr } = await machine.run(["baseline"]);
    assertEquals(status, 0, stderr);
  }
  await using machine = await Machine.create({ deno: null, tools: ["npm"] });
  const { status, stderr } = await machine.run(["baseline"]);
  assertEquals(status, 1);
  assertStringIncludes(
    stderr,
    "cannot verify the Deno from npm: there is no sha256sum, shasum or openssl, expected one of them",
  );
  assertEquals(await filesBelow(join(machine.directory, "project", ".deno")), []);
});

Deno.test("bootstrap.sh knows a SHA-256 of Deno for each system", async () => {
  const script = await Deno.readTextFile(new URL("../../tasks/bootstrap.sh", import.meta.url));
  const digests = script.match(DIGEST)!;
  assertEquals([digests.length, new Set(digests).size], [4, 4]);
});

Deno.test("bootstrap.sh leaves nothing half installed when it is ended", async () => {
  await using machine = await Machine.create({ deno: null });
  const npm = `cp "$0" "$3/half"; kill -TERM $PPID`;
  for (const signal of ["TERM", "HUP", "INT"]) {
    await machine.replace("npm", npm.replace("TERM", signal));
    const { status, calls } = await machine.run(["baseline"]);
    assert(status !== 0);
    assert(!calls.some((call) => call.startsWith("deno")));
    assertEquals(await filesBelow(join(machine.directory, "project", ".deno")), []);
  }
});

Deno.test("bootstrap.sh runs no program of the current folder or the project, whatever the PATH", async () => {
  await using machine = await Machine.create();
  const { directory } = machine;
  const evil = `#!/bin/sh\necho evil >>"${directory}/log"\n`;
  for (const folder of [directory, join(directory, "project")]) {
    for (const name of ["deno", "dirname", "npm", "sha256sum", "uname"]) {
      await Deno.writeTextFile(join(folder, name), evil, { mode: 0o755 });
    }
  }
  const bin = join(directory, "bin");
  for (const path of [`.:${bin}`, `:${bin}`, `project::${bin}`, `..:./:${bin}:`]) {
    const { status, stderr, calls } = await machine.run(["baseline"], { PATH: path });
    assertEquals(status, 0, stderr);
    assertEquals(calls, ["ask JSR", "deno 2.9.6 task baseline"]);
  }
});

Deno.test("bootstrap.sh gives what it asks JSR for no permission", async () => {
  await using machine = await Machine.create();
  await machine.replace(
    "deno",
    `case "$*" in
      --version) echo "deno 2.9.6" ;;
      *--cached-only*) exit 1 ;;
      *--no-prompt*) echo "$*" >>"${machine.directory}/log" ;;
    esac`,
  );
  assertEquals((await machine.run(["check"])).calls, ["run --no-lock --no-prompt -"]);
});

Deno.test("bootstrap.sh passes the task's exit status on", async () => {
  for (const status of [0, 1, 2, 3, 75]) {
    await using machine = await Machine.create({ status });
    assertEquals((await machine.run(["baseline"])).status, status);
  }
});

Deno.test("bootstrap.sh refuses an unknown task or option with status 2", async () => {
  await using machine = await Machine.create({ adapter: "none" });
  for (const [argument, sentence] of [["nope", "no task is called nope"], ["-x", "option -x"]]) {
    const outcome = await machine.run([argument]);
    assertEquals(outcome.status, 2);
    assertEquals(outcome.calls, []);
    assertStringIncludes(outcome.stderr, sentence);
  }
});

Deno.test("bootstrap.sh installs a driver once as root when there is none", async () => {
  const expected: [manager: string, calls: string[]][] = [
    ["apt-get", [
      "apt-get update",
      "apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers",
    ]],
    ["dnf", ["dnf install -y vulkan-loader mesa-vulkan-drivers"]],
    ["apk", ["apk add vulkan-loader mesa-vulkan-swrast"]],
  ];
  for (const [manager, calls] of expected) {
    await using machine = await Machine.create({ adapter: "none", tools: [manager] });
    const first = await machine.run(["test"]);
    assertEquals(first.status, 0, first.stderr);
    assertEquals(installations(first), calls);
    assertEquals(first.calls.at(-1), "deno 2.9.6 task test");
    assertEquals(installations(await machine.run(["test"])), []);
  }
});

Deno.test("bootstrap.sh prints the command and runs no task when it is not root", async () => {
  await using machine = await Machine.create({ adapter: "none", root: false, tools: ["apt-get"] });
  const outcome = await machine.run(["baseline"]);
  assertEquals(outcome.status, 1);
  assertEquals(outcome.calls, ["ask JSR"]);
  assertStringIncludes(outcome.stderr, "apt-get install -y");
  assertStringIncludes(outcome.stderr, "libvulkan1 mesa-vulkan-drivers");
  assertStringIncludes(outcome.stderr, "--install");
});

Deno.test("bootstrap.sh installs with sudo when --install is given", async () => {
  await using machine = await Machine.create({
    adapter: "none",
    root: false,
    tools: ["apt-get", "sudo"],
  });
  const outcome = await machine.run(["--install", "baseline"]);
  assertEquals(outcome.status, 0, outcome.stderr);
  assertEquals(installations(outcome).map((call) => call.split(" ")[0]), [
    "sudo",
    "apt-get",
    "apt-get",
  ]);
  assertEquals(outcome.calls.at(-1), "deno 2.9.6 task baseline");
});

Deno.test("bootstrap.sh stops when an installation fails or yields no adapter", async () => {
  for (
    const { status, ...failure } of [
      { installStatus: 100, status: 100 },
      { adapterAfterInstall: "none", status: 1 },
    ] as const
  ) {
    await using machine = await Machine.create({ adapter: "none", ...failure });
    const outcome = await machine.run(["baseline"]);
    assertEquals(outcome.status, status);
    assert(!outcome.calls.some((call) => call.startsWith("deno")));
  }
});

Deno.test("bootstrap.sh installs no driver for tasks that need no GPU", async () => {
  await using machine = await Machine.create({ adapter: "none" });
  const tasks = [["check"], ["data"], ["diagram"], ["doctor"], ["report"], ["shaders"], []];
  const onCpu = ["predict", "--model", "model.safetensors", "--cpu"];
  for (const args of [...tasks, onCpu, ["baseline", "--help"]]) {
    const outcome = await machine.run(args);
    assertEquals(outcome.status, 0);
    assertEquals(installations(outcome), []);
    assertEquals(outcome.calls.at(-1), ["deno 2.9.6 task", ...args].join(" "));
  }
});

Deno.test("bootstrap.sh installs Chromium once as root for the tests when there is none", async () => {
  const expected: [manager: string, calls: string[]][] = [
    ["apt-get", ["apt-get update", "apt-get install -y --no-install-recommends chromium"]],
    ["dnf", ["dnf install -y chromium"]],
    ["apk", ["apk add chromium"]],
  ];
  for (const [manager, calls] of expected) {
    await using machine = await Machine.create({ browser: null, tools: [manager] });
    const first = await machine.run(["test"]);
    assertEquals(first.status, 0, first.stderr);
    assertEquals(installations(first), calls);
    assertEquals(first.calls.at(-1), "deno 2.9.6 task test");
    assertEquals(installations(await machine.run(["test"])), []);
  }
});

Deno.test("bootstrap.sh installs no Chromium beside one of another name, or for tasks that open no page", async () => {
  for (const browser of ["chromium", "chromium-browser", "google-chrome"]) {
    await using machine = await Machine.create({ browser });
    assertEquals(installations(await machine.run(["test"])), []);
  }
  await using machine = await Machine.create({ browser: null });
  for (const args of [["check"], ["baseline"], ["report"], ["test", "--help"], []]) {
    const outcome = await machine.run(args);
    assertEquals(outcome.status, 0, outcome.stderr);
    assertEquals(installations(outcome), []);
  }
});

Deno.test("bootstrap.sh skips a chromium that only says how to install one", async () => {
  await using machine = await Machine.create({ tools: ["apt-get"] });
  await machine.replace("chromium", "exit 1");
  const outcome = await machine.run(["test"]);
  assertEquals(outcome.status, 0, outcome.stderr);
  assertEquals(
    installations(outcome).at(-1),
    "apt-get install -y --no-install-recommends chromium",
  );
});

Deno.test("bootstrap.sh tells a user how to install Chromium, or installs it with sudo", async () => {
  const options = { browser: null, root: false, tools: ["apt-get", "sudo"] };
  await using machine = await Machine.create(options);
  const refused = await machine.run(["test"]);
  assertEquals(refused.status, 1);
  assertEquals(refused.calls, ["ask JSR"]);
  assertStringIncludes(refused.stderr, "no Chromium. As root, run: apt-get update");
  const allowed = await machine.run(["--install", "test"]);
  assertEquals(allowed.status, 0, allowed.stderr);
  assertEquals(installations(allowed)[0].split(" ")[0], "sudo");
});

Deno.test("bootstrap.sh says what to do where Chromium cannot be installed", async () => {
  for (const tools of [["apt-get"], []]) {
    await using machine = await Machine.create({ browser: null, tools, installStatus: 100 });
    const { status, calls, stderr } = await machine.run(["test"]);
    assertEquals(status, 1);
    assert(!calls.some((call) => call.startsWith("deno")));
    assertStringIncludes(
      stderr,
      tools.length > 0 ? "install Google Chrome" : "no Chromium, and no",
    );
  }
  await using machine = await Machine.create({ browser: null });
  await machine.replace("apt-get", "exit 0");
  const { status, stderr } = await machine.run(["test"]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "Chromium is installed, but does not run");
});

Deno.test("bootstrap.sh never installs a software driver beside an NVIDIA device", async () => {
  for (const tools of [["apt-get"], ["apt-get", "nvidia-smi"]]) {
    const files = tools.includes("nvidia-smi") ? "nothing" : "/dev/nvidia*";
    for (const loader of [true, false]) {
      const options = {
        adapter: "none",
        adapterAfterInstall: "none",
        loader,
        files,
        tools,
      } as const;
      await using machine = await Machine.create({ ...options, tools: [...tools] });
      const outcome = await machine.run(["baseline"]);
      assertEquals(outcome.status, 1);
      assertEquals(
        installations(outcome),
        loader ? [] : [
          "apt-get update",
          "apt-get install -y --no-install-recommends libvulkan1",
        ],
      );
      assertStringIncludes(outcome.stderr, "NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics");
    }
  }
});

Deno.test("bootstrap.sh installs the Vulkan loader for an NVIDIA device when only that is missing", async () => {
  await using machine = await Machine.create({
    adapter: "none",
    adapterAfterInstall: "hardware",
    loader: false,
    files: "/dev/nvidia*",
  });
  const outcome = await machine.run(["baseline"]);
  assertEquals(outcome.status, 0);
  assert(!outcome.stderr.includes("NVIDIA_DRIVER_CAPABILITIES"));
  assertEquals(outcome.calls.at(-1), "deno 2.9.6 task baseline");
});

Deno.test("bootstrap.sh says so when a software driver stands in for an NVIDIA device", async () => {
  await using machine = await Machine.create({ adapter: "software", files: "/dev/nvidia*" });
  const outcome = await machine.run(["baseline"]);
  assertEquals(outcome.status, 0);
  assertEquals(installations(outcome), []);
  assertStringIncludes(outcome.stderr, "going on with the software driver");
});

Deno.test("bootstrap.sh points Vulkan at an NVIDIA driver mounted by a container's host", async () => {
  const mounted = "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json";
  {
    await using machine = await Machine.create({ files: mounted });
    assertStringIncludes((await machine.run(["doctor"])).stdout, `VK_DRIVER_FILES=${mounted}\n`);
    const { stdout } = await machine.run(["doctor"], { VK_DRIVER_FILES: "/mine.json" });
    assertStringIncludes(stdout, "VK_DRIVER_FILES=/mine.json\n");
  }
  await using machine = await Machine.create({
    files: `${mounted} | /usr/share/vulkan/icd.d/*nvidia*.json`,
  });
  assertStringIncludes((await machine.run(["doctor"])).stdout, "VK_DRIVER_FILES=unset\n");
});

Deno.test("bootstrap.sh chooses npm's copy of @std when JSR does not answer", async () => {
  const map = "--import-map=tasks/std_npm.json --lock=tasks/std_npm.lock --frozen";
  for (
    const [std, expected, asks] of [
      ["silent", map, true],
      ["answers", "unset", true],
      ["cached", "unset", false],
    ] as const
  ) {
    await using machine = await Machine.create({ std });
    const { stdout, calls } = await machine.run(["check"]);
    assertStringIncludes(stdout, `STD_MAP=${expected}\n`);
    assertEquals(calls.includes("ask JSR"), asks);
  }
});

Deno.test("bootstrap.sh keeps a choice of @std that was made before", async () => {
  for (const choice of ["", "--import-map=mine.json"]) {
    await using machine = await Machine.create({ std: "silent" });
    const { stdout, calls } = await machine.run(["check"], { STD_MAP: choice });
    assertStringIncludes(stdout, `STD_MAP=${choice}\n`);
    assert(!calls.includes("ask JSR"));
  }
});

Deno.test("bootstrap.sh waits a few seconds for a JSR that accepts and stays silent", async () => {
  await using machine = await Machine.create();
  const project = join(machine.directory, "project");
  const configuration = fromFileUrl(new URL("../../deno.json", import.meta.url));
  await Deno.copyFile(configuration, join(project, "deno.json"));
  const temporary = join(machine.directory, "tmp");
  await Deno.mkdir(temporary);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  await machine.replace(
    "deno",
    `case "$*" in
      --version) echo "deno 2.9.6" ;;
      *--cached-only* | *--no-prompt*) exec "${Deno.execPath()}" "$@" ;;
      *requestAdapter*) echo hardware ;;
      task*) echo "STD_MAP=$STD_MAP" ;;
    esac`,
  );
  const start = performance.now();
  const { stdout } = await machine.run(["check"], {
    HOME: machine.directory,
    TMPDIR: temporary,
    JSR_URL: `http://127.0.0.1:${listener.addr.port}/`,
  });
  const seconds = (performance.now() - start) / 1000;
  listener.close();
  for (const connection of connections) connection.close();
  await accepting;
  assert(connections.length > 0, "expected Deno to ask the JSR that JSR_URL names");
  assert(seconds > 4 && seconds < 9, `expected an answer after about 5 s, not ${seconds}`);
  assertStringIncludes(stdout, "STD_MAP=--import-map=tasks/std_npm.json");
  assertEquals(await list(project), [".deno", "deno.json", "tasks", "test"]);
  assertEquals(await list(temporary), []);
});

Deno.test("bootstrap.sh sets what Deno and Mesa need from the environment on Linux only", async () => {
  {
    await using machine = await Machine.create();
    const { stdout } = await machine.run(["doctor"]);
    assertStringIncludes(stdout, "DENO_WEBGPU_BACKEND=vulkan\n");
    const folder = stdout.match(/XDG_RUNTIME_DIR=(.*)/)![1];
    assertEquals(folder, join(await Deno.realPath(machine.directory), "project", ".deno", "run"));
    assertEquals((await Deno.stat(folder)).mode! & 0o777, 0o700);
    const env = { DENO_WEBGPU_BACKEND: "gl", XDG_RUNTIME_DIR: "/run/user/7" };
    const kept = await machine.run(["doctor"], env);
    assertStringIncludes(kept.stdout, "DENO_WEBGPU_BACKEND=gl\n");
    assertStringIncludes(kept.stdout, "XDG_RUNTIME_DIR=/run/user/7\n");
  }
  await using machine = await Machine.create({ system: "Darwin", adapter: "none" });
  const { stdout, calls } = await machine.run(["baseline"]);
  assertStringIncludes(stdout, "DENO_WEBGPU_BACKEND=unset\n");
  assertEquals(calls, ["ask JSR", "deno 2.9.6 task baseline"]);
});
