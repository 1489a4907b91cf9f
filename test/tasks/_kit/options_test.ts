import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../../src/errors.ts";
import { helpText } from "../../../tasks/_kit/help.ts";
import {
  checkTraining,
  choices,
  COMMON_OPTIONS,
  integer,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "../../../tasks/_kit/options.ts";

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...TRAINING_OPTIONS,
  repeat: integer({ min: 1, max: 9, default: 3, help: "how often" }),
};

const TASK: Task<Values<typeof OPTIONS>> = {
  name: "trial",
  summary: "Trains a network to try the options out.",
  options: OPTIONS,
  defaults: { batchNorm: "both" },
  quick: { halfCycle: 45, cycles: 1 },
  defaultTexts: { hidden: "both depths" },
  check: checkTraining,
  examples: [{ command: "deno task trial --quick", purpose: "in seconds" }],
};

/** The sentence that the arguments are refused with. */
function refusal(args: string[]): string {
  return assertThrows(() => parseOptions(TASK, args), ArgumentError).message;
}

Deno.test("parseOptions() gives every option its default when nothing is given", () => {
  const { options, given } = parseOptions(TASK, []);
  assertEquals(options, {
    help: false,
    seed: 1,
    out: "out/trial",
    data: undefined,
    label: undefined,
    quick: false,
    force: false,
    json: false,
    requireGpu: false,
    variant: undefined,
    hidden: [50, 50],
    batchNorm: "both",
    lambda: 0.005,
    batch: 100,
    etaMin: 1e-5,
    etaMax: 0.1,
    halfCycle: 2250,
    cycles: 2,
    init: "he",
    repeat: 3,
  });
  assertEquals(given.size, 0);
});

Deno.test("parseOptions() takes the quick defaults with --quick, except where an option is given", () => {
  const { options, given } = parseOptions(TASK, ["--quick", "--cycles", "7"]);
  assertEquals(options.out, "out/trial-quick");
  assertEquals(options.halfCycle, 45);
  assertEquals(options.cycles, 7);
  assertEquals([...given].sort(), ["cycles", "quick"]);
});

Deno.test("parseOptions() reads each option when its value follows a blank or an equals sign", () => {
  const cases: [name: keyof Values<typeof OPTIONS>, typed: string, text: string, value: unknown][] =
    [
      ["seed", "--seed", "4294967295", 4294967295],
      ["out", "--out", "-results", "-results"],
      ["out", "--out", "a=b", "a=b"],
      ["data", "--data", "synthetic", "synthetic"],
      ["variant", "--variant", "12", "12"],
      ["hidden", "--hidden", "50", [50]],
      ["hidden", "--hidden", "7, 5,3", [7, 5, 3]],
      ["batchNorm", "--batch-norm", "off", "off"],
      ["lambda", "--lambda", "-0", 0],
      ["lambda", "--lambda", "+3.51E-3", 0.00351],
      ["batch", "--batch", "2", 2],
      ["batch", "--batch", "1e3", 1000],
      ["etaMin", "--eta-min", ".01", 0.01],
      ["etaMax", "--eta-max", "1", 1],
      ["halfCycle", "--half-cycle", "900", 900],
      ["cycles", "--cycles", "1", 1],
      ["init", "--init", "xavier", "xavier"],
      ["init", "--init", "1e-4", 1e-4],
      ["repeat", "--repeat", "9", 9],
    ];
  for (const [name, typed, text, value] of cases) {
    for (const args of [[typed, text], [`${typed}=${text}`], ["--", typed, text]]) {
      const { options, given } = parseOptions(TASK, args);
      assertEquals(options[name], value, args.join(" "));
      assertEquals([...given], [name]);
    }
  }
});

Deno.test("parseOptions() takes --layers for the --hidden that it stands for", () => {
  const cases = { 3: "50,50", 6: "50,30,20,20,10", 9: "50,30,20,20,10,10,10,10" };
  for (const [layers, hidden] of Object.entries(cases)) {
    const expected = parseOptions(TASK, ["--hidden", hidden]);
    assertEquals(expected.options.hidden.length, Number(layers) - 1);
    for (const args of [["--layers", layers], [`--layers=${layers}`]]) {
      assertEquals(parseOptions(TASK, args), expected);
    }
  }
});

Deno.test("parseOptions() refuses --layers beside --hidden, and depths without a preset", () => {
  for (const args of [["--hidden", "50,50"], ["--hidden=7"]]) {
    for (const all of [[...args, "--layers", "3"], ["--layers=3", ...args]]) {
      assertEquals(
        refusal(all),
        "--layers 3 stands for --hidden 50,50: expected one of them, not both",
      );
    }
  }
  for (const layers of ["1", "4", "03", "3,9", ""]) {
    const given = layers === "" ? "nothing" : JSON.stringify(layers);
    assertEquals(refusal([`--layers=${layers}`]), `--layers expects 3, 6 or 9, not ${given}`);
  }
});

Deno.test("parseOptions() reads each flag", () => {
  for (const name of ["quick", "force", "json", "requireGpu"] as const) {
    const typed = name === "requireGpu" ? "--require-gpu" : `--${name}`;
    const { options, given } = parseOptions(TASK, [typed]);
    assertEquals(options[name], true);
    assertEquals([...given], [name]);
  }
});

Deno.test("parseOptions() ignores all other arguments when help is requested", () => {
  for (const typed of ["--help", "-h"]) {
    assertEquals(parseOptions(TASK, ["--seed", "x", "--nonsense", typed]).options.help, true);
  }
});

Deno.test("parseOptions() asks for no other option when help is requested", () => {
  const check = () => {
    throw new ArgumentError("--data is missing");
  };
  assertThrows(() => parseOptions({ ...TASK, check }, []), ArgumentError, "missing");
  assertEquals(parseOptions({ ...TASK, check }, ["--help"]).options.help, true);
});

Deno.test("parseOptions() names option, value and expectation when a value is not accepted", () => {
  const wholeFrom1 = "a whole number from 1 to 2147483647";
  const seed = "a whole number from 0 to 4294967295";
  const real = "0 or a number from 1.2e-38 to 3.4e38";
  const widths = "whole numbers from 1, separated by commas, as in 50,50";
  const init = "he, xavier or a number from 1.2e-38 to 3.4e38";
  const cases: [typed: string, expects: string, texts: string[]][] = [
    ["--seed", seed, ["-1", "4294967296", "1.5", "one", "NaN", "Infinity", "0x10", "1_000", "1 "]],
    ["--lambda", real, [
      "-1e-3",
      "NaN",
      "-NaN",
      "Infinity",
      "-Infinity",
      "1e39",
      "1e400",
      "1,5",
      "1e-50",
      "1.1e-38",
    ]],
    ["--eta-min", real, ["-1", "low", "1e-60"]],
    ["--eta-max", real, ["-0.1", "inf", "1e39"]],
    ["--batch", wholeFrom1, ["0", "-100", "99.5", "2147483648"]],
    ["--half-cycle", wholeFrom1, ["0", "2.5"]],
    ["--cycles", wholeFrom1, ["0", "0.5", "1e300"]],
    ["--hidden", widths, ["0", "50,0", "50,,50", "50;50", "-5", "1.5", "a"]],
    ["--batch-norm", "on, off or both", ["yes", "ON", "true"]],
    ["--init", init, ["0", "-1", "He", "1e-60", "1e-40", "1e39", "NaN"]],
    ["--repeat", "a whole number from 1 to 9", ["10"]],
  ];
  for (const [typed, expects, texts] of cases) {
    for (const text of texts) {
      const sentence = `${typed} expects ${expects}, not ${JSON.stringify(text)}`;
      assertEquals(refusal([typed, text]), sentence);
      assertEquals(refusal([`${typed}=${text}`]), sentence);
    }
  }
});

Deno.test("parseOptions() says what value it expects when there is none", () => {
  const expects = "a whole number from 0 to 4294967295";
  for (const args of [["--seed"], ["--seed", "--quick"], ["--seed="], ["--seed", ""]]) {
    assertEquals(refusal(args), `--seed expects ${expects}, not nothing`);
  }
  assertEquals(refusal(["--out", ""]), "--out expects a directory to write into, not nothing");
});

Deno.test("parseOptions() refuses a value for a flag", () => {
  assertEquals(refusal(["--quick=false"]), '--quick expects no value, not "false"');
  assertEquals(
    refusal(["--quick", "true"]),
    'trial takes options only, not "true"; "deno task trial --help" lists its options',
  );
});

Deno.test("parseOptions() refuses an option that is given twice", () => {
  assertEquals(
    refusal(["--seed", "1", "--quick", "--seed=2"]),
    "--seed is expected once, not 2 times (1, 2)",
  );
  assertEquals(refusal(["--json", "--json"]), "--json is expected once, not 2 times");
});

Deno.test("parseOptions() suggests the nearest option when one is unknown", () => {
  const cases: [typed: string, near: string][] = [
    ["--sede", "--seed"],
    ["--batchnorm", "--batch-norm"],
    ["--half_cycle", "--half-cycle"],
    ["--eta", "--eta-min"],
    ["--lamda", "--lambda"],
    ["--Hidden", "--hidden"],
    ["-seed", "--seed"],
  ];
  for (const [typed, near] of cases) {
    const sentence = `trial has no option ${typed}; did you mean ${near}?`;
    assertEquals(refusal([typed, "1"]), sentence);
    assertEquals(refusal([`${typed}=1`]), sentence);
  }
});

Deno.test("parseOptions() points to the help text when no option is near", () => {
  const advice = '"deno task trial --help" lists its options';
  for (const typed of ["--x", "--optimiser", "--no-quick", "-x", "--__proto__", "--seed.x"]) {
    assertEquals(
      refusal([typed, "1"]),
      `trial has no option ${typed}; ${typed === "--seed.x" ? "did you mean --seed?" : advice}`,
    );
  }
  for (const word of ["baseline", "7", "-", "--"]) {
    assertEquals(
      refusal(["--quick", "--", word]),
      `trial takes options only, not "${word}"; ${advice}`,
    );
  }
});

Deno.test("parseOptions() suggests the option when its dashes are missing", () => {
  assertEquals(
    refusal(["seed", "1"]),
    'trial takes options only, not "seed"; did you mean --seed?',
  );
});

Deno.test("choices() accepts different words in any order, and sorts them", () => {
  const { parse, expects } = choices(["red", "green", "blue"], { default: ["red"], help: "" });
  assertEquals(parse("blue, red"), ["red", "blue"]);
  assertEquals(parse("green"), ["green"]);
  for (const text of ["", "red,", "red,red", "red,pink", "Red"]) {
    assertEquals(parse(text), undefined, text);
  }
  assertEquals(expects, "some of red, green and blue, each once, separated by commas");
});

Deno.test("checkTraining() names both options when they contradict each other", () => {
  assertEquals(
    refusal(["--eta-min", "0.2"]),
    "--eta-max expects at least --eta-min, which is 0.2, not 0.1",
  );
  assertEquals(
    refusal(["--half-cycle", "1000000000", "--cycles", "2"]),
    "--half-cycle 1000000000 with --cycles 2 results in 4000000000 steps, expected at most 2147483647",
  );
  assertEquals(parseOptions(TASK, ["--eta-min", "0.1"]).options.etaMin, 0.1);
});

Deno.test("checkTraining() refuses a batch of 1 unless batch normalisation is off", () => {
  const sentence =
    "--batch expects at least 2 with batch normalisation, not 1: a single image has no deviation";
  assertEquals(refusal(["--batch", "1"]), sentence);
  assertEquals(refusal(["--batch", "1", "--batch-norm", "on"]), sentence);
  assertEquals(parseOptions(TASK, ["--batch", "1", "--batch-norm", "off"]).options.batch, 1);
});

Deno.test("helpText() explains every option with its defaults in lines of at most 92 characters", () => {
  const help = helpText(TASK);
  const lines = help.split("\n");
  assert(lines.every((line) => line.length <= 92), help);
  assertEquals(lines[0], "deno task trial [options]");
  assertEquals(lines[2], "Trains a network to try the options out.");
  for (
    const line of [
      "  --repeat N                how often (default 3)",
      "  --hidden LIST             widths of the hidden layers (default both depths)",
      "  --layers 3|6|9            in place of --hidden: 50,50; 50,30,20,20,10;",
      "  --batch-norm on|off|both  batch normalisation (default both)",
      "  --eta-min X               lowest learning rate η of a cycle (default 1e-5)",
      "  --cycles N                cycles of 2 n_s steps each (default 2, with --quick 1)",
      "  --data PATH|synthetic     folder of the CIFAR-10 .bin files or its parent, of IDX files as",
      "                            with --quick out/trial-quick)",
      "  --require-gpu             refuse a software adapter",
      "  75                        try again: the device was lost, the task was interrupted, or",
      "  deno task trial --quick   in seconds",
    ]
  ) {
    assert(lines.includes(line), `${line}\nis not in\n${help}`);
  }
});

Deno.test("helpText() leaves out what the task does not have", () => {
  const help = helpText({
    name: "plain",
    summary: "Does little.",
    options: { help: COMMON_OPTIONS.help, out: COMMON_OPTIONS.out },
    examples: [],
  });
  assertEquals(
    help.split("\n").filter((line) => !line.startsWith(" ")),
    [
      "deno task plain [options]",
      "",
      "Does little.",
      "",
      "Options of every task:",
      "",
      "Exit status:",
    ],
  );
  assert(help.includes("results are written into (default out/plain)"), help);
});

Deno.test("parseOptions() takes a directory whose name begins with a dash", () => {
  const out = (...args: string[]) => parseOptions(TASK, args).options.out;
  assertEquals(out("--out", "-rf"), "-rf");
  assertEquals(out("--out=--force"), "--force");
});
