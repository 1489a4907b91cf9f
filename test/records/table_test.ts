import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { type Columns, CsvTable, type Kind, type Value } from "../../src/records/table.ts";
import { TRIALS_CSV } from "../../src/records/trials.ts";

function read(text: string, columns: Record<string, Kind>): Record<string, Value>[] {
  return new CsvTable(columns as Columns<Record<string, Value>>).decode(text, { name: "t.csv" });
}

Deno.test("CsvTable.encode() prints columns in their own order, quotes, empty cells and no last line", () => {
  const rows = [
    { b: null, a: 'say "hi", you', c: true },
    { a: "", b: 1e-300, c: false },
  ];
  assertEquals(
    new CsvTable<{ a: string; b: number | null; c: boolean }>({
      a: "text",
      b: "optional number",
      c: "boolean",
    }).encode(rows),
    'a,b,c\n"say ""hi"", you",,true\n,1e-300,false\n',
  );
  assertEquals(new CsvTable<{ a: string }>({ a: "text" }).encode([]), "a\n");
});

Deno.test("CsvTable.encode() refuses a text with a line break", () => {
  assertThrows(
    () => new CsvTable<{ a: string }>({ a: "text" }).encode([{ a: "two\nlines" }]),
    ArgumentError,
    '"two\\nlines" has a line break',
  );
});

Deno.test("CsvTable.decode() returns every float64 that encode() printed", () => {
  const numbers = [
    0,
    -0,
    0.1 + 0.2,
    Math.fround(0.1),
    5e-324,
    1.7976931348623157e308,
    -1e21,
    Number.MAX_SAFE_INTEGER,
    NaN,
    Infinity,
    -Infinity,
  ];
  const table = new CsvTable<{ x: number; tail: string }>({ x: "number", tail: "text" });
  const text = table.encode(numbers.map((x) => ({ x, tail: "" })));
  const back = table.decode(text, { name: "t.csv" });
  assertEquals(back.length, numbers.length);
  // assertEquals() takes -0 and 0 for different, and NaN for NaN, as Object.is() does.
  back.forEach(({ x }, i) => assertEquals(Object.is(x, numbers[i]), true, `${x}, ${numbers[i]}`));
});

Deno.test("CsvTable.decode() accepts a byte order mark, carriage returns and empty lines at the end", () => {
  assertEquals(read("\uFEFFa,b\r\n1,x\r\n\r\n", { a: "integer", b: "text" }), [{ a: 1, b: "x" }]);
  assertEquals(read("a,b", { a: "integer", b: "text" }), []);
  assertEquals(read("a,b\r1,x\r", { a: "integer", b: "text" }), [{ a: 1, b: "x" }]);
});

Deno.test("CsvTable.decode() accepts commas at the end of lines and of the file, as Excel leaves them", () => {
  const columns: Record<string, Kind> = { a: "integer", b: "boolean", c: "optional number" };
  const rows = [{ a: 1, b: true, c: null }, { a: 2, b: false, c: 0.5 }];
  for (
    const text of [
      "a,b,c,,\r\n1,TRUE,,,\r\n2,FALSE,0.5,,\r\n,,,,\r\n,,,,\r\n",
      // It leaves out cells at the end that are empty in several lines.
      "a,b,c\r\n1,TRUE\r\n2,FALSE,0.5\r\n",
    ]
  ) assertEquals(read(text, columns), rows);
});

Deno.test("CsvTable.decode() reads 115,000 rows in a time that grows with their number alone", () => {
  const lines = Array.from({ length: 115_000 }, (_, i) => `coarse,${i},0.5,1,2,3,0.5,2,3,0.5,\n`);
  const header = TRIALS_CSV.encode([]);
  const began = performance.now();
  assertEquals(TRIALS_CSV.decode(header + lines.join(""), { name: "t.csv" }).length, lines.length);
  // It takes half a second; comparing each row with all others took 48.
  assert(performance.now() - began < 10_000);
});

Deno.test("CsvTable.decode() accepts each kind of cell and refuses what is not of that kind", () => {
  const cases: { kind: Kind; good: [string, Value][]; bad: string[] }[] = [
    { kind: "text", good: [["", ""], [" a ", " a "], ["7", "7"]], bad: [] },
    {
      kind: "date",
      good: [["2026-08-31", "2026-08-31"], ["2026-08-31T09:00:00Z", "2026-08-31T09:00:00Z"]],
      bad: ["", "31.08.2026", "2026-13-01", "8"],
    },
    {
      kind: "boolean",
      good: [["true", true], ["false", false], ["TRUE", true], ["FALSE", false]],
      bad: ["", "1", "yes"],
    },
    { kind: "integer", good: [["0", 0], ["9000", 9000]], bad: ["", "-1", "1.5", "1e3", "9e99"] },
    {
      kind: "number",
      good: [["1e-5", 1e-5], ["-.5", -0.5], ["3.", 3], ["-Infinity", -Infinity], ["+2E2", 200]],
      bad: ["", " ", "0x10", "1e999", "nan", "1,5", "12 ", "five", "e5", "."],
    },
    {
      kind: "positive",
      good: [["5e-324", 5e-324], ["3.51e-3", 3.51e-3]],
      bad: ["", "0", "-0.1", "NaN", "Infinity", "few"],
    },
    {
      kind: "amount",
      good: [["0", 0], ["1e-9", 1e-9]],
      bad: ["", "-1e-9", "NaN", "Infinity"],
    },
    {
      kind: "share",
      // Earlier versions have written NaN where there is none.
      good: [["0", 0], ["1", 1], ["", NaN], ["NaN", NaN]],
      bad: ["53.8", "-0.1", "Infinity", " "],
    },
    { kind: "optional integer", good: [["", null], ["5", 5]], bad: ["-5", "NaN"] },
    { kind: "optional number", good: [["", null], ["NaN", NaN]], bad: ["-"] },
    { kind: "optional positive", good: [["", null], ["2", 2]], bad: ["0", "NaN"] },
    { kind: "optional amount", good: [["", null], ["0", 0]], bad: ["-2", "NaN"] },
    { kind: "optional share", good: [["", null], ["0.5", 0.5]], bad: ["2"] },
    {
      kind: { fits: (cell) => cell.startsWith("a"), expected: "a word that begins with a" },
      good: [["a", "a"], ["an apple", "an apple"]],
      bad: ["", "pear"],
    },
  ];
  for (const { kind, good, bad } of cases) {
    for (const [cell, value] of good) {
      assertEquals(read(`x,y\n"${cell}",\n`, { x: kind, y: "text" })[0].x, value);
    }
    for (const cell of bad) {
      const error = assertThrows(
        () => read(`x,y\n"${cell}",\n`, { x: kind, y: "text" }),
        DataError,
        "Cannot read t.csv, line 2, column x: it is ",
      );
      assertEquals(error.message.includes(JSON.stringify(cell)), true, error.message);
    }
  }
});

Deno.test("CsvTable.decode() says which texts it expects", () => {
  const size = { fits: (cell: string) => cell === "S" || cell === "L", expected: "S or L" };
  assertThrows(
    () => read("step,size\n0,S\n1,M\n", { step: "integer", size }),
    DataError,
    'Cannot read t.csv, line 3, column size: it is "M", expected S or L',
  );
});

Deno.test("CsvTable.decode() names file, line and column of what is wrong", () => {
  const columns: Record<string, Kind> = { step: "integer", eta: "number" };
  const cases: [text: string, message: string][] = [
    ["", 'line 1: the name of column 1 is missing, expected "step"'],
    ["step,rate\n", 'line 1: the name of column 2 is "rate", expected "eta"'],
    ["step\n", 'line 1: the name of column 2 is missing, expected "eta"'],
    ["step,eta,x\n", 'line 1: the name of column 3 is "x", expected no more columns'],
    ["step,eta\n0,1\n1\n", "line 3: it has 1 cells, expected 2 (step to eta)"],
    ["step,eta\n0,1\n1,2,3\n", "line 3: it has 3 cells, expected 2"],
    ["step,eta\n0,1\n1,2,,3\n", "line 3: it has 4 cells, expected 2"],
    ["step,eta\n0,1\n\n2,1\n", "line 3: it has 0 cells, expected 2"],
    ["step,eta\n0,1\n,\n2,1\n", 'line 3, column step: it is "", expected a whole number'],
    ['step,eta\n0,1\n1,"2\n', "line 3: it is not CSV"],
    ["step,eta\n0,1\n1,1\n2,x1\n", 'line 4, column eta: it is "x1", expected a number'],
    [
      `${"x".repeat(1e6)}\n`,
      `line 1: the name of column 1 is "${"x".repeat(39)}…, expected "step"`,
    ],
    [
      `step,eta\n${"x".repeat(1e6)},1\n`,
      `line 2, column step: it is "${"x".repeat(39)}…, expected a`,
    ],
    ["step;eta\n0;1\n", "line 1: it is separated by semicolons, expected commas"],
    ["step\teta\n0\t1\n", "line 1: it is separated by tabs, expected commas"],
    [
      'step,eta\n0,"0,5"\n',
      'line 2, column eta: it is "0,5", expected a number, with a point for the comma',
    ],
  ];
  for (const [text, message] of cases) {
    assertThrows(() => read(text, columns), DataError, `Cannot read t.csv, ${message}`);
  }
});

Deno.test("CsvTable.decode() gives later columns that are missing the cells of earlier versions, or null", () => {
  type Row = { a: number; b: string; c: number | null };
  const table = new CsvTable<Row>({ a: "integer", b: "text", c: "optional number" }, {
    first: 1,
    earlier: { b: "x" },
  });
  assertEquals(table.decode("a\n1\n", { name: "t.csv" }), [{ a: 1, b: "x", c: null }]);
  assertEquals(table.decode("a,b,c\n1,y,2\n", { name: "t.csv" }), [{ a: 1, b: "y", c: 2 }]);
  assertThrows(
    () => table.decode("a,b\n1,y\n", { name: "t.csv" }),
    DataError,
    "column 3 is missing",
  );
});
