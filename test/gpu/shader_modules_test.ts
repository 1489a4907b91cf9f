import { assertEquals, assertRejects } from "@std/assert";
import { GpuError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { compileModule, composeSource, oneLine } from "../../src/gpu/shader_modules.ts";

Deno.test("oneLine() leaves the code and its frame out of a compiler's message", () => {
  const parsing = [
    "",
    "Shader 'per_operation/relu' parsing error: the type of `y` is expected to be `u32`, but got `f32`",
    "  ┌─ wgsl:4:6",
    "  │",
    "4 │  let y: u32 = 1.5f; }",
    "  │      ^ definition of `y`",
    "",
    "",
  ];
  assertEquals(
    oneLine(parsing.join("\n")),
    "the type of `y` is expected to be `u32`, but got `f32`",
  );
  const validation = [
    "",
    "Shader validation error: Function [0] 'b' is invalid",
    "  ┌─ x/y:2:1",
    "  │  ",
    "2 │ ╭ fn b() {",
    "4 │ │   x = 1u; }",
    "  │ │   ^ writing to this location is not permitted",
    "  │  ",
    "  = Expression [3] is invalid",
    "  = Type mismatch",
  ];
  assertEquals(
    oneLine(validation.join("\n")),
    "Function [0] 'b' is invalid: Expression [3] is invalid: Type mismatch",
  );
  assertEquals(oneLine("unresolved value 'z'"), "unresolved value 'z'");
});

/** A device whose compiler gives the message of an error for a line. */
function refusing(lineNum: number): Gpu {
  const messages = [{ type: "warning", message: "slow", lineNum: 1 }, {
    type: "error",
    message: "unresolved value 'z'",
    lineNum,
  }];
  const device = {
    pushErrorScope() {},
    popErrorScope: () => Promise.resolve(null),
    createShaderModule: () => ({ getCompilationInfo: () => Promise.resolve({ messages }) }),
  };
  const orLost = <T>(promise: Promise<T>) => promise;
  return { device, orLost } as unknown as Gpu;
}

Deno.test("compileModule() names the file and the line in it, and the kernel's own file where there is no line", async () => {
  const source = composeSource(
    { "a/b": "// includes c/d\nfn b() {\n  z;\n}\n", "c/d": "z;\n" },
    "a/b",
  );
  for (
    const [line, sentence] of [
      [1, "shaders/c/d.wgsl, line 1: unresolved value 'z' in \"z;\""],
      [5, "shaders/a/b.wgsl, line 3: unresolved value 'z' in \"z;\""],
      [0, "shaders/a/b.wgsl: unresolved value 'z'"],
    ] as const
  ) {
    const { message } = await assertRejects(() => compileModule(refusing(line), source), GpuError);
    assertEquals(message, `Cannot compile ${sentence}`);
  }
});
