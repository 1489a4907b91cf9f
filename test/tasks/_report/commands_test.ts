import { assertEquals } from "@std/assert";
import type { Setting } from "../../../src/records/config.ts";
import type { Part } from "../../../src/report/data.ts";
import { withoutLinkerVariables } from "../../../tasks/_kit/children.ts";
import { commandsFor } from "../../../tasks/_report/commands.ts";

/** A part of a reproduction whose files name these settings. */
function part(settings: { readonly [name: string]: Setting }, task = "baseline"): Part {
  return { seed: 1, folder: "", config: { task, settings, madeWith: {} } };
}

/** The words of a command as a shell reads them. */
async function wordsOf(command: string): Promise<string[]> {
  const script = `deno() { printf '%s\\0' "$@"; }\n${command}`;
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script],
    env: withoutLinkerVariables(),
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

/** Texts that a shell would take for more than a word. */
const HOSTILE = [
  "$(echo a)",
  "`echo a`",
  "a b",
  "'\"",
  "a\nb",
  "a;b&c|d>e",
  "*",
  "~",
  "#a",
  "!a",
  "\\",
];

Deno.test("commandsFor() quotes what files say for a shell, and leaves plain words alone", async () => {
  for (const text of HOSTILE) {
    const { all, parts: [command] } = commandsFor([part({ variant: text, init: text }, text)]);
    assertEquals((await wordsOf(all)).slice(-2), ["--variant", text]);
    const words = await wordsOf(command);
    assertEquals(words.slice(0, 6), ["task", text, "--seed", "1", "--variant", text]);
  }
  const { parts } = commandsFor([part({ variant: "texel-20x10", init: "he", hidden: [50, 30] })]);
  assertEquals(parts[0].includes("'"), false);
  assertEquals(parts[0].includes("--variant texel-20x10"), true);
});

Deno.test("commandsFor() lets no setting of a file pass for an option", async () => {
  const { parts: [command] } = commandsFor([part({ init: "--force $(echo a)" })]);
  assertEquals((await wordsOf(command)).filter((word) => word.includes("force")), [
    "--init=--force $(echo a)",
  ]);
});
