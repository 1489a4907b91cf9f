// includes fused/layers, shared/images
//
// The last of a fused step's three dispatches: the first layer's weight gradient of this step, its update, and the product
// of the next step, for one slice of the inputs. Slices are independent, so one dispatch does all three:
//
//   dW = X^T dS + 2 lambda W,  W <- W - eta dW,  partial sums of S' = X' W over the slice
//   X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i];  X' the same with the next step's images
//
// A workgroup computes a slice of 4 SLICE inputs x 4 INPUT_COLUMNS outputs of one network, each thread 2 inputs x 4
// outputs, then 2 rows x 4 outputs. Rows are staged 32 at a time in workgroup memory, which holds 16 KiB at most.

// networks, parameters and gradients: shared/descent.wgsl; images, order and standard: shared/images.wgsl;
// places and arena: fused/layers.wgsl
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, slices, rows, columns] sums over each slice

override SLICE: u32; // texels of four inputs in a slice, at most ROWS / 4
override INPUT_COLUMNS: u32; // of four outputs: those of a workgroup
override UPDATE: u32; // bits of step.parts
override FORWARD: u32;

const ROWS = 32u; // staged at a time

var<workgroup> x_tile: array<vec4f, ROWS * SLICE>; // [ROWS, SLICE] pixels, standardised
var<workgroup> tile: array<vec4f, ROWS * INPUT_COLUMNS>; // dS [ROWS, INPUT_COLUMNS], later W [4 SLICE, INPUT_COLUMNS]

// Stages some rows of the slice's pixels; rows past the last are 0.
fn stage_images(first: u32, row: u32, slice: u32, thread: u32) {
  for (var i = thread; i < ROWS * SLICE; i += WORKGROUP) {
    let r = row + i / SLICE;
    let k = slice * SLICE + i % SLICE;
    var x = vec4f(0.0);
    if r < step.rows && k < layer.texels {
      x = pixels(k, place(order[first + r]), standard[k]);
    }
    x_tile[i] = x;
  }
}

// Stages the same rows of dS.
fn stage_gradients(network: u32, row: u32, column: u32, thread: u32) {
  let width = columns(layer.outputs);
  for (var i = thread; i < ROWS * INPUT_COLUMNS; i += WORKGROUP) {
    let r = row + i / INPUT_COLUMNS;
    let c = column + i % INPUT_COLUMNS;
    var g = vec4f(0.0);
    if r < step.rows && c < width {
      g = arena[network * ARENA + places[0].g + r * width + c];
    }
    tile[i] = g;
  }
}

// Two inputs of a staged row.
fn two_inputs(row: u32, pair: u32) -> vec2f {
  let x = x_tile[row * SLICE + pair / 2u];
  return select(x.xy, x.zw, pair % 2u == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn fused_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let slice = group.x;
  let first_column = group.y * INPUT_COLUMNS;
  let c = thread % INPUT_COLUMNS;
  let pair = thread / INPUT_COLUMNS; // of inputs, then of rows
  let column = first_column + c;
  let width = columns(layer.outputs);

  // The gradient of two inputs' weights to four outputs.
  var a = vec4f(0.0);
  var b = vec4f(0.0);
  if (step.parts & UPDATE) != 0u {
    for (var row = 0u; row < step.rows; row += ROWS) {
      stage_images(step.first, row, slice, thread);
      stage_gradients(group.z, row, first_column, thread);
      workgroupBarrier();
      for (var r = 0u; r < ROWS; r += 4u) {
        let x0 = two_inputs(r, pair);
        let x1 = two_inputs(r + 1u, pair);
        let x2 = two_inputs(r + 2u, pair);
        let x3 = two_inputs(r + 3u, pair);
        let g0 = tile[r * INPUT_COLUMNS + c];
        let g1 = tile[(r + 1u) * INPUT_COLUMNS + c];
        let g2 = tile[(r + 2u) * INPUT_COLUMNS + c];
        let g3 = tile[(r + 3u) * INPUT_COLUMNS + c];
        a += x0.x * g0 + x1.x * g1 + x2.x * g2 + x3.x * g3;
        b += x0.y * g0 + x1.y * g1 + x2.y * g2 + x3.y * g3;
      }
      workgroupBarrier();
    }
  }

  // The update; the new weights take the place of dS in workgroup memory.
  let input = 4u * slice * SLICE + 2u * pair;
  tile[2u * pair * INPUT_COLUMNS + c] = moved_weights(group.z, input, column, a);
  tile[(2u * pair + 1u) * INPUT_COLUMNS + c] = moved_weights(group.z, input + 1u, column, b);
  workgroupBarrier();
  if (step.parts & FORWARD) == 0u {
    return;
  }

  // The product of the next step.
  let count = (layer.texels + SLICE - 1u) / SLICE;
  let to = (group.z * count + slice) * step.rows * width + column;
  for (var row = 0u; row < step.rows; row += ROWS) {
    stage_images(step.next, row, slice, thread);
    workgroupBarrier();
    for (var r = 2u * pair; r < ROWS; r += 2u * WORKGROUP / INPUT_COLUMNS) {
      var s0 = vec4f(0.0);
      var s1 = vec4f(0.0);
      for (var k = 0u; k < SLICE; k++) {
        let w = mat4x4f(
          tile[4u * k * INPUT_COLUMNS + c],
          tile[(4u * k + 1u) * INPUT_COLUMNS + c],
          tile[(4u * k + 2u) * INPUT_COLUMNS + c],
          tile[(4u * k + 3u) * INPUT_COLUMNS + c],
        );
        s0 += w * x_tile[r * SLICE + k];
        s1 += w * x_tile[(r + 1u) * SLICE + k];
      }
      if column < width && row + r < step.rows {
        slices[to + (row + r) * width] = s0;
      }
      if column < width && row + r + 1u < step.rows {
        slices[to + (row + r + 1u) * width] = s1;
      }
    }
    workgroupBarrier();
  }
}

// Updates an input's weights to four outputs where the step has an update, and returns their new values.
fn moved_weights(network: u32, input: u32, column: u32, gradient: vec4f) -> vec4f {
  if input >= layer.inputs || column >= columns(layer.outputs) {
    return vec4f(0.0);
  }
  let at = layer.weight + input * layer.outputs;
  if (step.parts & UPDATE) == 0u {
    return parameters_at(network, at, column, layer.outputs);
  }
  return descend_four_weights(descent_of(network), at, column, layer.outputs, gradient);
}
