// includes fused/layers
//
// The last of a fused step's three dispatches: the first layer's weight gradient of this step, its update, and the product
// of the next step, for one slice of the inputs. A slice needs nothing of the others, so no dispatch stands between the three:
//
//   dW = X^T dS + 2 lambda W,  W <- W - eta dW,  partial sums of S' = X' W over the slice
//   X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i];  X' the same with the next step's images
//
// A workgroup does a slice of 4 SLICE inputs x 64 outputs of one network with 32 SLICE threads, each of them 2 inputs x 4
// outputs, then 2 rows x 4 outputs. Rows are staged 32 at a time in workgroup memory, which holds 16 KiB at most.

// layer, step, networks, parameters and gradients: descent.wgsl; places and arena: fused_layers.wgsl
@group(0) @binding(3) var images: texture_2d_array<f32>; // texel (k, n % images_per_layer), layer n / images_per_layer
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] which image comes when
@group(0) @binding(5) var<storage, read> standard: array<Standard>; // [texels]
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, slices, rows, columns] sums over each slice

override SLICE: u32; // texels of four inputs in a slice, at most ROWS / 4

struct Standard {
  scale: vec4f, // 1 / standard deviation, of pixels / 255
  shift: vec4f, // - mean / standard deviation
}

const ROWS = 32u; // staged at a time
const COLUMNS = 16u; // of four outputs: those of a workgroup

var<workgroup> x_tile: array<vec4f, ROWS * SLICE>; // [ROWS, SLICE] pixels, standardised
var<workgroup> tile: array<vec4f, ROWS * COLUMNS>; // dS [ROWS, COLUMNS], later W [4 SLICE, COLUMNS]

// Stages some rows of the slice's pixels; rows past the last are 0.
fn stage_images(first: u32, row: u32, slice: u32, thread: u32) {
  for (var i = thread; i < ROWS * SLICE; i += WORKGROUP) {
    let r = row + i / SLICE;
    let k = slice * SLICE + i % SLICE;
    var x = vec4f(0.0);
    if r < step.rows && k < layer.texels {
      let image = order[first + r];
      let at = vec2u(k, image % layer.images_per_layer);
      let s = standard[k];
      x = fma(textureLoad(images, at, image / layer.images_per_layer, 0), s.scale, s.shift);
    }
    x_tile[i] = x;
  }
}

// Stages the same rows of dS.
fn stage_gradients(network: u32, row: u32, column: u32, thread: u32) {
  let width = columns(layer.outputs);
  for (var i = thread; i < ROWS * COLUMNS; i += WORKGROUP) {
    let r = row + i / COLUMNS;
    let c = column + i % COLUMNS;
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
  let first_column = group.y * COLUMNS;
  let c = thread % COLUMNS;
  let pair = thread / COLUMNS; // of inputs, then of rows
  let column = first_column + c;
  let width = columns(layer.outputs);

  // The gradient of two inputs' weights to four outputs.
  var a = vec4f(0.0);
  var b = vec4f(0.0);
  if (step.parts & 1u) != 0u {
    for (var row = 0u; row < step.rows; row += ROWS) {
      stage_images(step.first, row, slice, thread);
      stage_gradients(group.z, row, first_column, thread);
      workgroupBarrier();
      for (var r = 0u; r < ROWS; r += 4u) {
        let x0 = two_inputs(r, pair);
        let x1 = two_inputs(r + 1u, pair);
        let x2 = two_inputs(r + 2u, pair);
        let x3 = two_inputs(r + 3u, pair);
        let g0 = tile[r * COLUMNS + c];
        let g1 = tile[(r + 1u) * COLUMNS + c];
        let g2 = tile[(r + 2u) * COLUMNS + c];
        let g3 = tile[(r + 3u) * COLUMNS + c];
        a += x0.x * g0 + x1.x * g1 + x2.x * g2 + x3.x * g3;
        b += x0.y * g0 + x1.y * g1 + x2.y * g2 + x3.y * g3;
      }
      workgroupBarrier();
    }
  }

  // The update; the weights as they are now take the place of dS in workgroup memory.
  let input = 4u * slice * SLICE + 2u * pair;
  tile[2u * pair * COLUMNS + c] = moved_weights(group.z, input, column, a);
  tile[(2u * pair + 1u) * COLUMNS + c] = moved_weights(group.z, input + 1u, column, b);
  workgroupBarrier();
  if (step.parts & 2u) == 0u {
    return;
  }

  // The product of the next step.
  let count = (layer.texels + SLICE - 1u) / SLICE;
  let to = (group.z * count + slice) * step.rows * width + column;
  for (var row = 0u; row < step.rows; row += ROWS) {
    stage_images(step.next, row, slice, thread);
    workgroupBarrier();
    for (var r = 2u * pair; r < ROWS; r += 2u * WORKGROUP / COLUMNS) {
      var s0 = vec4f(0.0);
      var s1 = vec4f(0.0);
      for (var k = 0u; k < SLICE; k++) {
        let w = mat4x4f(
          tile[4u * k * COLUMNS + c],
          tile[(4u * k + 1u) * COLUMNS + c],
          tile[(4u * k + 2u) * COLUMNS + c],
          tile[(4u * k + 3u) * COLUMNS + c],
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

// Moves an input's weights to four outputs where this step is to be made, and gives them as they are then.
fn moved_weights(network: u32, input: u32, column: u32, gradient: vec4f) -> vec4f {
  if input >= layer.inputs || column >= columns(layer.outputs) {
    return vec4f(0.0);
  }
  let at = layer.weight + input * layer.outputs;
  if (step.parts & 1u) == 0u {
    return parameters_at(network, at, column, layer.outputs);
  }
  return descend_four_weights(descent_of(network), at, column, layer.outputs, gradient);
}
