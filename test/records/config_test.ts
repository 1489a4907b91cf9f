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

Deno.test("CONFIG_JSON.decode() refuses what another program wrote, and names file and field", () => {
  const cases: [from: string, to: string, message: string][] = [
    ["@headless/mlp", "other", 'package is "other", expected "@headless/mlp"'],
    ['"baseline"', "7", "task is 7, expected a text"],
    ["made_with", "made", "made_with is missing, expected an object"],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => CONFIG_JSON.decode(TEXT.replace(from, to), { name: "out/config.json" }),
      DataError,
      `Cannot read out/config.json: ${message}`,
    );
  }
});
