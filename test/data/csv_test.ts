import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseCsv, type ParseCsvOptions, readCsv } from "../../src/data/csv.ts";
import { DataError } from "../../src/errors.ts";

const FLOWERS = "petal,sepal,species\n1.5,5,setosa\n-4.5e-1,+6.25,versicolor\n.5,7.,setosa\n";

/** What a text is refused for, behind the name of the file. */
function refusal(text: string, options: Partial<ParseCsvOptions> = {}): string {
  const error = assertThrows(() => parseCsv(text, { name: "x.csv", ...options }), DataError);
  const start = "Cannot read x.csv";
  assertEquals(error.message.slice(0, start.length), start);
  return error.message.slice(start.length + 2);
}

Deno.test("parseCsv() reads numbers as float32, and the classes of the last column in order", () => {
  const { images, labels, count, classNames, columns } = parseCsv(FLOWERS, { name: "x.csv" });
  assertEquals(images, Float32Array.of(1.5, 5, -0.45, 6.25, 0.5, 7));
  assertEquals(labels, Uint8Array.of(0, 1, 0));
  assertEquals(count, 3);
  assertEquals(classNames, ["setosa", "versicolor"]);
  assertEquals(columns, ["petal", "sepal"]);
});

Deno.test("parseCsv() takes a first line with a number in it for a record", () => {
  const all = parseCsv("1,2,b\n3,4,a\n", { name: "x.csv" });
  assertEquals([all.count, [...all.labels]], [2, [1, 0]]);
  assertEquals(all.columns, ["column 1", "column 2"]);
  // Names that are numbers must be announced.
  const named = parseCsv("1990,2000,b\n3,4,a\n", { name: "x.csv", header: true });
  assertEquals([named.count, named.columns], [1, ["1990", "2000"]]);
});

Deno.test("parseCsv() finds the column of classes by its name, wherever it is", () => {
  const text = "label,p0,p1\n10,1,2\n9,3,4\n10,5,6\n";
  const { images, labels, classNames } = parseCsv(text, { name: "x.csv", label: "label" });
  assertEquals(images, Float32Array.of(1, 2, 3, 4, 5, 6));
  // Numbers are sorted as numbers.
  assertEquals(classNames, ["9", "10"]);
  assertEquals([...labels], [1, 0, 1]);
});

Deno.test("parseCsv() copes with what spreadsheets write", () => {
  const text =
    '\uFEFF"petal", sepal,"the species, as named"\r\n\r\n 1.5 ,"5", "Iris, ""setosa"""\r\n2,3,b';
  const { images, classNames, columns } = parseCsv(text, { name: "x.csv" });
  assertEquals(images, Float32Array.of(1.5, 5, 2, 3));
  assertEquals(classNames, ['Iris, "setosa"', "b"]);
  assertEquals(columns, ["petal", "sepal"]);
});

Deno.test("parseCsv() gives records the classes of others, and refuses unknown ones", () => {
  const like = parseCsv(FLOWERS, { name: "train.csv" });
  const test = parseCsv("petal,sepal,kind\n1,2,versicolor\n", { name: "x.csv", like });
  assertEquals([[...test.labels], test.classNames], [[1], like.classNames]);
  assertEquals(
    refusal("petal,sepal,species\n1,2,virginica\n", { like }),
    'line 2, column species: it is "virginica", expected a class of the training records: "setosa", "versicolor"',
  );
  assertEquals(
    refusal("sepal,petal,species\n1,2,setosa\n", { like }),
    'line 1: number 1 of a record is called "sepal", expected "petal" as in the training records',
  );
  assertEquals(
    refusal("petal,sepal,width,species\n1,2,3,setosa\n", { like }),
    'line 1: number 3 of a record is called "width", expected no more as in the training records',
  );
});

Deno.test("parseCsv() names line and column of what it cannot read", () => {
  const columns = "a,b,kind\n1,2,x\n";
  for (
    const [text, expected] of [
      ["", "it is empty, expected a line for each record"],
      ["\n \n", "it is empty, expected a line for each record"],
      ["a,b,kind\n", "it has names of columns alone, expected records"],
      ["x\n", "line 1: it has 1 cells, expected at least one number and a class"],
      ["a;b;kind\n", "line 1: it is separated by semicolons, expected commas"],
      ["a\tb\tkind\n", "line 1: it is separated by tabs, expected commas"],
      [`${columns}\n3,4\n`, "line 4: it has 2 cells, expected 3 as in line 1"],
      [`${columns}3,,y\n`, 'line 3, column b: it is "", expected a number'],
      [`${columns}NaN,4,y\n`, 'line 3, column a: it is "NaN", expected a number'],
      [`${columns}0x10,4,y\n`, 'line 3, column a: it is "0x10", expected a number'],
      [
        `${columns}1e39,4,y\n`,
        'line 3, column a: it is "1e39", expected a number between -3.4e38 and 3.4e38',
      ],
      [`${columns}3,4,\n`, 'line 3, column kind: it is "", expected the name of a class'],
      [
        `${columns}3,4,"y\n`,
        "line 3: it is not CSV, expected the quotes around a cell to be closed",
      ],
      ["1,2,x\n3,four,y\n", 'line 2, column 2: it is "four", expected a number'],
    ]
  ) assertEquals(refusal(text), expected);
  assertEquals(
    refusal(columns, { label: "species" }),
    'line 1: no column is called "species", expected it among "a", "b", "kind"',
  );
  assertEquals(
    refusal("kind,a,kind\n1,2,3\n", { label: "kind" }),
    'line 1: columns 1 and 3 are called "kind", expected one',
  );
  assertEquals(
    refusal("1,2,x\n", { label: "species", header: false }),
    'it has no names of columns, expected one called "species"',
  );
  const many = Array.from({ length: 257 }, (_, i) => `${i},${i / 7}`).join("\n");
  assertEquals(
    refusal(many),
    `line 257, column 2: it is the name of class 257, expected at most 256 classes`,
  );
});

Deno.test("readCsv() names a file that is missing, too large or not a text", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/x.csv`;
  const refuses = async (expected: string) => {
    const { message } = await assertRejects(() => readCsv(path), DataError);
    assertEquals(message, `Cannot read ${path}: ${expected}`);
  };
  try {
    await refuses("there is no such file, expected a CSV file");
    await Deno.mkdir(path);
    await refuses("it is not a file, expected a CSV file");
    await Deno.remove(path);
    await Deno.writeFile(path, Uint8Array.of(0x31, 0xff, 0x2c));
    await refuses("it is not UTF-8 text, expected a CSV file");
    // The file has no bytes on the disk.
    await Deno.truncate(path, 2 ** 28 + 1);
    await refuses("it has 268435457 bytes, expected at most 268435456");
    await Deno.writeTextFile(path, FLOWERS);
    assert((await readCsv(path)).count === 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
