import { assert, assertEquals } from "@std/assert";
import { distinct } from "../src/lists.ts";
import { entryPoints, examplesOf } from "../tasks/_check/examples.ts";
import { runDeno } from "../tasks/_kit/children.ts";
import { STD_MAP } from "./_std_map.ts";

/** What this test reads of the answer of `deno doc --json`. */
interface Doc {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly Exported[] }>>;
}

interface Exported {
  readonly name: string;
  readonly declarations: readonly (Callable & { readonly declarationKind: string })[];
}

interface Callable {
  readonly kind?: string;
  readonly name?: string;
  readonly accessibility?: string;
  readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly Tag[] };
  readonly def?: Partial<Signature> & {
    readonly constructors?: readonly Callable[];
    readonly methods?: readonly (Callable & { readonly functionDef: Signature })[];
  };
  readonly params?: readonly Parameter[];
}

interface Tag {
  readonly kind: string;
  readonly name?: string;
  readonly doc?: string;
}

interface Signature {
  readonly params: readonly Parameter[];
  readonly returnType?: { readonly repr: string; readonly value?: unknown };
}

interface Parameter {
  readonly kind: string;
  readonly name?: string;
  readonly left?: Parameter;
}

/** Says what the docs of a function lack: a tag for each parameter, and for what it returns. */
function missingTags({ jsDoc }: Callable, { params, returnType }: Signature): string[] {
  const { tags = [] } = jsDoc ?? {};
  const told = tags.filter(({ kind }) => kind === "param").map(({ name }) => name);
  const names = params.map(({ left, name }) => left?.name ?? name);
  const missing = names.filter((name) => name !== undefined && !told.includes(name));
  // Parameters that are taken apart have no name of their own.
  if (missing.length === 0 && told.length < params.length) missing.push("of an object");
  const nothing = returnType === undefined || /"(void|this)"/.test(JSON.stringify(returnType));
  return [
    ...missing.map((name) => `@param ${name}`),
    ...nothing || tags.some(({ kind }) => kind === "return") ? [] : ["@returns"],
  ];
}

/** Says what the examples of a function or class lack. */
function missingExample({ jsDoc }: Callable): string[] {
  const examples = (jsDoc?.tags ?? []).filter(({ kind }) => kind === "example")
    .flatMap(({ doc = "" }) => examplesOf(doc));
  if (examples.length === 0) return ["@example"];
  return examples.flatMap((example) => [
    .../from "@headless\/mlp/.test(example) ? [] : ["import of the package in @example"],
    .../from "\./.test(example) ? ["import by the package's name in @example"] : [],
    .../^import .* from "@std\/assert";$/m.test(example) ? [] : ["assertion in @example"],
  ]);
}

/** Lists what a function or class lacks, its public methods included, as in "Gpu.read() lacks @returns". */
function lacking(name: string, declared: Callable): string[] {
  const { kind, def } = declared;
  if (kind === "function") {
    const missing = [...missingTags(declared, def as Signature), ...missingExample(declared)];
    return missing.map((what) => `${name}() lacks ${what}`);
  }
  const members = [
    ...(def?.constructors ?? []).map((made) => (
      { own: made, signature: { params: made.params ?? [] }, called: `new ${name}` }
    )),
    ...(def?.methods ?? []).map((method) => (
      { own: method, signature: method.functionDef, called: `${name}.${method.name}` }
    )),
  ];
  return [
    ...missingExample(declared).map((what) => `${name} lacks ${what}`),
    ...members.filter(({ own }) => own.accessibility !== "private" && own.kind !== "getter")
      .flatMap((
        { own, signature, called },
      ) => missingTags(own, signature).map((what) => `${called}() lacks ${what}`)),
  ];
}

/** Reads the docs of modules, one list of exported symbols for each. */
async function readDocs(...modules: string[]): Promise<(readonly Exported[])[]> {
  const { success, stdout, stderr } = await runDeno("doc", "--json", ...STD_MAP, ...modules);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { nodes }: Doc = JSON.parse(new TextDecoder().decode(stdout));
  return Object.values(nodes).map(({ symbols }) => symbols);
}

/** Lists what the exported functions and classes lack, and counts them. */
function judge(symbols: readonly Exported[]): { count: number; problems: string[] } {
  const called = symbols.flatMap(({ name, declarations }) =>
    declarations.filter(({ kind, declarationKind }) =>
      declarationKind === "export" && (kind === "function" || kind === "class")
    ).map((declared) => ({ name, declared }))
  );
  const problems = called.flatMap(({ name, declared }) => lacking(name, declared));
  return { count: called.length, problems };
}

Deno.test("every exported function and class tells parameters and results, and has an example that asserts", async () => {
  const entries = Object.values(await entryPoints());
  const modules = await readDocs(...entries);
  assertEquals(modules.length, entries.length);
  const { count, problems } = judge(modules.flat());
  assert(count > 80, `${count} functions and classes, expected more`);
  assertEquals(distinct(problems).sort(), []);
});

Deno.test("judge() finds a parameter, a result, an example, an import and an assertion that are missing", async () => {
  const source = `
/**
 * Adds.
 *
 * @param a A number.
 */
export function add(a: number, b: number): number { return a + b; }
/**
 * Holds.
 *
 * @example Usage
 * \`\`\`ts
 * import { Box } from "./box.ts";
 * new Box(1);
 * \`\`\`
 */
export class Box {
  /** Makes it. */
  constructor(value: number) {}
  /** Not for others. */
  private hide(): number { return 1; }
  /** Gives it. */
  get value(): number { return 1; }
  /** Waits. */
  async done(): Promise<void> {}
  /** Reads it. */
  read(): number { return 1; }
}
`;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, source);
    assertEquals(judge((await readDocs(path)).flat()), {
      count: 2,
      problems: [
        "add() lacks @param b",
        "add() lacks @returns",
        "add() lacks @example",
        "Box lacks import of the package in @example",
        "Box lacks import by the package's name in @example",
        "Box lacks assertion in @example",
        "new Box() lacks @param value",
        "Box.read() lacks @returns",
      ],
    });
  } finally {
    await Deno.remove(path);
  }
});
