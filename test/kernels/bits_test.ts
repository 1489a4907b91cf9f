/** What shared/bits.wgsl makes of every kind of float, bit by bit. */
import { assertEquals } from "@std/assert";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { sharedGpu } from "../_gpu.ts";

/** Bit patterns on both sides of every border, and NaN of either sign: x86 makes negative ones. */
const KINDS = {
  "0": 0x00000000,
  "the smallest normal number": 0x00800000,
  "1": 0x3f800000,
  "the largest number": 0x7f7fffff,
  "infinity": 0x7f800000,
  "the first NaN": 0x7f800001,
  "NaN": 0x7fc00000,
  "the last NaN": 0x7fffffff,
  "-0": 0x80000000,
  "minus the smallest normal number": 0x80800000,
  "-1": 0xbf800000,
  "minus the largest number": 0xff7fffff,
  "-infinity": 0xff800000,
  "the first negative NaN": 0xff800001,
  "negative NaN": 0xffc00000,
  "the last negative NaN": 0xffffffff,
};

const WORDS = Uint32Array.from(Object.values(KINDS));
const COUNT = WORDS.length;

/** The bits of 2, which stand for a gradient. */
const TWO = 0x40000000;

/** What a new NaN is made of. */
const NAN = 0x7fc00000;

/** Runs an expression of `a` and `b`, each of every kind, and gives its words: [COUNT of a, COUNT of b]. */
async function evaluate(expression: string): Promise<Uint32Array> {
  const gpu = await sharedGpu();
  const { device } = gpu;
  const code = `${SHADERS["shared/bits"]}
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> found: array<u32>;

@compute @workgroup_size(${COUNT})
fn evaluate(@builtin(global_invocation_id) id: vec3u) {
  let a = bitcast<f32>(words[id.y]);
  let b = bitcast<f32>(words[id.x]);
  found[id.y * ${COUNT}u + id.x] = ${expression};
}`;
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  const words = gpu.upload("words", WORDS);
  const found = gpu.upload("found", new Uint32Array(COUNT * COUNT));
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [words, found].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1, COUNT);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const result = new Uint32Array(await gpu.read(found));
  for (const buffer of [words, found]) buffer.destroy();
  return result;
}

function floatOf(word: number): number {
  return new Float32Array(Uint32Array.of(word).buffer)[0];
}

/** Each function of one float alone and of four, as the bits of what it gives; and what it should give for a word. */
const FUNCTIONS: Record<string, { expressions: string[]; expected: (word: number) => number }> = {
  is_finite: {
    expressions: ["u32(is_finite(a))", "u32(is_finite4(vec4f(b, a, b, b)).y)"],
    expected: (word) => Number(Number.isFinite(floatOf(word))),
  },
  is_nan: {
    expressions: ["u32(is_nan(a))", "u32(is_nan4(vec4f(b, b, a, b)).z)"],
    expected: (word) => Number(Number.isNaN(floatOf(word))),
  },
  relu: {
    expressions: ["bitcast<u32>(relu(a))", "bitcast<u32>(relu4(vec4f(b, b, b, a)).w)"],
    expected: (word) => floatOf(word) < 0 ? 0 : word,
  },
  relu_gradient: {
    expressions: [
      "bitcast<u32>(relu_gradient(2.0, relu(a)))",
      "bitcast<u32>(relu_gradient4(vec4f(2.0), relu4(vec4f(a, b, b, b))).x)",
    ],
    expected: (word) => floatOf(word) <= 0 ? 0 : TWO,
  },
  or_nan: {
    expressions: [
      "bitcast<u32>(or_nan(a, true))",
      "bitcast<u32>(or_nan4(vec4f(a), vec4<bool>(true)).y)",
    ],
    expected: (word) => word,
  },
  "or_nan of what is not valid": {
    expressions: [
      "bitcast<u32>(or_nan(a, false))",
      "bitcast<u32>(or_nan4(vec4f(a), vec4<bool>(true, true, false, true)).z)",
    ],
    expected: () => NAN,
  },
  has_no_softmax: {
    expressions: ["u32(has_no_softmax(a))", "u32(has_no_softmax4(vec4f(a, b, b, b)).x)"],
    expected: (word) => Number(!(floatOf(word) < Infinity)),
  },
};

for (const [name, { expressions, expected }] of Object.entries(FUNCTIONS)) {
  Deno.test(`${name} decides every kind of float by its bits`, async () => {
    for (const expression of expressions) {
      const found = await evaluate(expression);
      for (const [i, kind] of Object.keys(KINDS).entries()) {
        for (let j = 0; j < COUNT; j++) {
          assertEquals(found[i * COUNT + j], expected(WORDS[i]), `${expression} of ${kind}`);
        }
      }
    }
  });
}

Deno.test("is_greater compares every kind of float, and NaN with nothing", async () => {
  for (const expression of ["u32(is_greater(a, b))", "u32(is_greater4(vec4f(a), vec4f(b)).w)"]) {
    const found = await evaluate(expression);
    for (const [i, a] of Object.keys(KINDS).entries()) {
      for (const [j, b] of Object.keys(KINDS).entries()) {
        const expected = Number(floatOf(WORDS[i]) > floatOf(WORDS[j]));
        assertEquals(found[i * COUNT + j], expected, `${expression}: ${a} and ${b}`);
      }
    }
  }
});
