import { assertEquals } from "@std/assert";
import { doubledName } from "../../src/model/doubled_name.ts";

Deno.test("doubledName() finds a name that an object has twice, at any depth and however written", () => {
  const cases: [json: string, name: string | undefined][] = [
    ["{}", undefined],
    ['["a", "a", {"a": "a"}, {"a": "a"}]', undefined],
    ['{"a": {"a": {"b": 1}}, "b": "a", "c": ["b"]}', undefined],
    ['{"a": ":", "b": "a\\":", "c": "{"}', undefined],
    ['{"a": 1, "b": 2, "a": 3}', "a"],
    ['{"x": [{"a": 1, "\\u0061" : 2}]}', "a"],
    ['{"__proto__": 1, "constructor": 2, "__proto__": 3}', "__proto__"],
    ['{"a\\\\": 1, "a\\\\"\n:2}', "a\\"],
    ['{"": {"": 1}, "": 2}', ""],
  ];
  for (const [json, name] of cases) {
    JSON.parse(json);
    assertEquals(doubledName(json), name, json);
  }
});
