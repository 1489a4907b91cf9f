import { assert, assertEquals } from "@std/assert";
import { LAYER_PLACE } from "../../src/gpu/structs.ts";
import { FUSED_MAX_LAYERS, tiles } from "../../src/gpu/kernel_table.ts";
import { layout } from "../../src/model/network.ts";
import { packedLayout, packParameters } from "../../src/programs/packed.ts";
import { sharedGpu } from "../_gpu.ts";
import { toColumns, toPacked } from "../kernels/_fused.ts";
import { runKernel, sameWords } from "../kernels/_kernel.ts";

Deno.test("packParameters() places weights, bias, gamma and beta of a small network as known by hand", () => {
  const architecture = { inputs: 1, hidden: [2], classes: 2, batchNorm: true };
  // W1 [1, 2], W2 [2, 2], b1, b2, gamma1, beta1
  const flat = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
  const none = [0, 0, 0, 0];

  assertEquals(
    [...packParameters(layout(architecture), flat)],
    [
      ...[1, 2, 0, 0, ...none, ...none, ...none], // W1, its one input and three that are none
      ...[7, 8, 0, 0, 11, 12, 0, 0, 13, 14, 0, 0],
      ...[3, 4, 0, 0, 5, 6, 0, 0, ...none, ...none],
      ...[9, 10, 0, 0, ...none, ...none],
    ],
  );
  assertEquals(packedLayout([1, 2, 2]), {
    layers: [{ packed: 0, vectors: 4 }, { packed: 7, vectors: 11 }],
    size: 14,
  });
});

Deno.test("packedLayout() leaves no gap between layers", () => {
  for (const widths of [[3072, 50, 50, 10], [1, 1, 2], [33, 17, 30, 21, 10]]) {
    const { layers, size } = packedLayout(widths);
    let at = 0;
    for (const [layer, { packed, vectors }] of layers.entries()) {
      const columns = tiles(widths[layer + 1], 4);
      assertEquals(packed, at);
      assertEquals(vectors, packed + 4 * tiles(widths[layer], 4) * columns);
      at = vectors + 3 * columns;
    }
    assertEquals(size, at);
  }
});

for (const batchNorm of [true, false]) {
  Deno.test(`fused_unpack gives back what packParameters() packed, ${batchNorm ? "with" : "without"} batch norm`, async () => {
    for (const hidden of [[5], [17, 30, 21], [4, 8], [9, 1, 2, 3, 4, 5, 6, 7]]) {
      const architecture = { inputs: 33, hidden, classes: 10, batchNorm };
      const own = layout(architecture);
      const { widths, parameters } = own;
      const flat = Float32Array.from({ length: own.count }, (_, i) => i + 1);
      const packed = packParameters(own, flat);
      const { layers, size } = packedLayout(widths);
      for (const { kind, layer, offset, size } of parameters) {
        const values = flat.subarray(offset, offset + size);
        const columns = tiles(widths[layer + 1], 4);
        const place = layers[layer];
        const at = kind === "weight"
          ? place.packed
          : place.vectors + ["bias", "gamma", "beta"].indexOf(kind) * columns;
        const expected = kind === "weight"
          ? toPacked(values, widths[layer + 1])
          : toColumns(values, 1);
        assertEquals([...packed.subarray(4 * at, 4 * at + expected.length)], [...expected]);
      }

      const tensors = { h: 0, n: 0, g: 0, moments: 0, inverse: 0, gradients: 0 };
      const none = { mean: 0, variance: 0, ...tensors };
      const places = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4);
      places.set(LAYER_PLACE.encode(
        widths.slice(1).map((outputs, layer) => {
          const offset = (kind: string) =>
            parameters.find((tensor) => tensor.kind === kind && tensor.layer === layer)?.offset ??
              0;
          const [weight, bias] = [offset("weight"), offset("bias")];
          const [gamma, beta] = [offset("gamma"), offset("beta")];
          const flat = { inputs: widths[layer], outputs, weight, bias, gamma, beta };
          return { ...none, ...flat, ...layers[layer] };
        }),
      ));
      const found = await runKernel(await sharedGpu(), "fused_unpack", {
        shape: { rows: 1, inputs: 1, outputs: 1, slices: 1 },
        networks: 1,
        layer: { parameters: own.count },
        constants: {
          PACKED: size,
          ARENA: 1,
          ROWS: 1,
          LAYERS: widths.length - 1,
          BATCH_NORM: Number(batchNorm),
        },
        inputs: { places, packed, arena: new Float32Array(4) },
        outputs: { parameters: own.count },
      });
      assert(sameWords(found.parameters, flat), `${hidden}`);
    }
  });
}
