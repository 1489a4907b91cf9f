import { assertEquals, assertThrows } from "@std/assert";
import configuration from "../../deno.json" with { type: "json" };
import { DataError } from "../../src/errors.ts";
import { CONFIG_JSON, PACKAGE_NAME, type RunConfig } from "../../src/records/config.ts";

const CONFIG: RunConfig = {
  task: "baseline",
  settings: { hidden: [50, 50], batchNorm: "on", etaMin: 1e-5, variant: null, dataSha256: "ab" },
  madeWith: { packageVersion: "0.1.0", software: true },
};

const TEXT = `{
  "package": "@headless/mlp",
  "task": "baseline",
  "settings": {
    "hidden": [
      50,
      50
    ],
    "batch_norm": "on",
    "eta_min": 0.00001,
    "variant": null,
    "data_sha256": "ab"
  },
  "made_with": {
    "package_version": "0.1.0",
    "software": true
  }
}
`;

Deno.test("PACKAGE_NAME is that of deno.json", () => {
  assertEquals(PACKAGE_NAME, configuration.name);
});

Deno.test("CONFIG_JSON.encode() names the package, and settings in snake_case", () => {
  assertEquals(CONFIG_JSON.encode(CONFIG), TEXT);
});

Deno.test("CONFIG_JSON.decode() returns what encode() was given", () => {
  assertEquals(CONFIG_JSON.decode(TEXT, { name: "config.json" }), CONFIG);
});

Deno.test("CONFIG_JSON.decode() takes a setting by the name of something that every object has", () => {
  const text = TEXT.replace("batch_norm", "constructor").replace("variant", "to_string");
  const { settings } = CONFIG_JSON.decode(text, { name: "config.json" });
  assertEquals([settings.constructor, Object.hasOwn(settings, "toString")], ["on", true]);
});

Deno.test("CONFIG_JSON.decode() refuses what another program wrote, and names file and field", () => {
  const cases: [from: string, to: string, message: string][] = [
    ["@headless/mlp", "other", 'package is "other", expected "@headless/mlp"'],
    ['"baseline"', "7", "task is 7, expected a text"],
    ["made_with", "made", "made_with is missing, expected an object"],
    ['"on"', '{"toString": 1}', 'settings.batch_norm is {"toString":1}, expected a text, a number'],
    ['"on"', "[[50]]", "settings.batch_norm is [[50]], expected a text, a number, true, false, nu"],
    ['"on"', "1e999", "settings.batch_norm is Infinity, expected a text, a number, true, false"],
    ['"software": true', '"software": {}', "made_with.software is {}, expected a text, a num"],
    ["batch_norm", "__proto__", 'the name of one of settings is "__proto__", expected one as in'],
    ["batch_norm", "<b>", 'the name of one of settings is "<b>", expected one as in batch_norm'],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => CONFIG_JSON.decode(TEXT.replace(from, to), { name: "out/config.json" }),
      DataError,
      `Cannot read out/config.json: ${message}`,
    );
  }
});
