import { assert, assertEquals } from "@std/assert";
import configuration from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url);
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "data/README.md",
  "docs/architecture.md",
  "docs/numerics.md",
  "docs/performance.md",
  "docs/module.md",
  "docs/pytorch.md",
];

/** Lists all files that git could track, by their paths from the root. */
async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || ".", ROOT))) {
    if (/^\.(?!ci$)|^(out|node_modules|cifar-10-batches-bin)$/.test(name)) continue;
    if (isDirectory) yield* filesIn(`${folder}${name}/`);
    else yield `${folder}${name}`;
  }
}

const FILES = await Array.fromAsync(filesIn(""));

/** Finds the file, or a file in the folder, whose path is or ends with this. */
function find(path: string): string | undefined {
  const end = path.endsWith("/") ? "" : "$"; // the name of a folder ends with a slash
  const pattern = new RegExp(`(^|/)${RegExp.escape(path)}${end}`);
  return FILES.find((file) => pattern.test(file));
}

for (const document of DOCUMENTS) {
  Deno.test(`${document} names files and folders that exist`, async () => {
    const text = await Deno.readTextFile(new URL(document, ROOT));
    const code = [...text.matchAll(/`([\w./-]+)`/g)].map(([, path]) => path);
    const named = code.filter((path) => !path.includes("NAME")).filter((path) =>
      /\w\.(ts|wgsl|md|sh)$/.test(path) || /^(src|shaders|tasks|test|docs)\//.test(path)
    );
    assertEquals(named.filter((path) => find(path) === undefined), []);
    const folder = new URL(document, ROOT);
    const links = [...text.matchAll(/\]\(([^):#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
    const targets = links.map((link) => new URL(link, folder).pathname.slice(ROOT.pathname.length));
    assertEquals(targets.filter((path) => find(path) === undefined), []);
  });
}

Deno.test("README.md has its pictures at addresses that JSR shows", async () => {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  const pictures = [...text.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, address]) => address);
  assert(pictures.length > 0);
  // JSR takes what is relative from the repository that a package is linked to, otherwise from the package itself; what
  // begins with a slash it leaves as it is.
  for (const address of pictures) {
    assert(/^[\w-]/.test(address) && !address.includes(":"), address);
    assert(configuration.publish.include.includes(address), address);
  }
});

Deno.test("publish.yml publishes what was tried, from a tag that names the version", async () => {
  const text = await Deno.readTextFile(new URL(".github/workflows/publish.yml", ROOT));
  const [tried, published] = text.split(/^ {2}publish:$/m);
  assert(tried.includes("run: deno publish --dry-run\n"));
  assert(!tried.includes("id-token: write"));
  const steps = [
    "needs: dry-run",
    "id-token: write",
    'run: test "$GITHUB_REF_NAME" = "v$(',
    "run: deno publish\n",
  ];
  const places = ["if: startsWith(github.ref, 'refs/tags/v')", ...steps].map((step) =>
    published.indexOf(step)
  );
  assertEquals(places.filter((place) => place < 0), []);
  assertEquals(places, places.toSorted((a, b) => a - b));
});

Deno.test("docs/architecture.md names what is in the file that it names", async () => {
  const text = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));
  const named = [...text.matchAll(/`([\w./-]+\.\w+)` \(((?:`[^`]+`(?:, )?)+)\)/g)];
  assert(named.length > 10);
  for (const [, path, symbols] of named) {
    const source = await Deno.readTextFile(new URL(find(path)!, ROOT));
    for (const [, symbol] of symbols.matchAll(/`([^`()]+)(?:\(\))?`/g)) {
      assert(source.includes(symbol), `${path} does not mention ${symbol}`);
    }
  }
});

Deno.test("every task of deno.json is documented", async () => {
  const texts = await Promise.all(
    ["README.md", "CONTRIBUTING.md"].map((path) => Deno.readTextFile(new URL(path, ROOT))),
  );
  const missing = Object.keys(configuration.tasks).filter((task) =>
    !texts.join("\n").includes(`\`deno task ${task}`)
  );
  assertEquals(missing, []);
});
