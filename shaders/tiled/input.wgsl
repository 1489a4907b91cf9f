// includes shared/descent, shared/images
//
// The affine map of the first layer with its operands staged in workgroup memory:
//
//   forward   S = X W + b      X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  dW = X^T dS + 2 lambda W,  W <- W - eta dW
//
// A workgroup computes SIDE rows x SIDE outputs, or SIDE inputs x SIDE outputs, each thread 4 x 4 of them. Values past
// an edge are staged as 0 and not stored.

// networks, parameters and gradients: shared/descent.wgsl; images, order and standard: shared/images.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] S
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] dS

override SIDE: u32; // rows, inputs and outputs of a workgroup
override COLUMNS: u32 = SIDE / 4u; // fours of a side
const DEPTH = 8u; // texels of four inputs staged at a time forward
const ROWS = 16u; // rows staged at a time backward

var<workgroup> left: array<vec4f, SIDE * DEPTH>; // pixels: forward [SIDE rows, DEPTH], backward [ROWS, COLUMNS]
var<workgroup> right: array<vec4f, 4u * DEPTH * COLUMNS>; // forward W [4 DEPTH, COLUMNS], backward dS [ROWS, COLUMNS]

fn pixels_of(row: u32, k: u32) -> vec4f {
  if row >= step.rows || k >= layer.texels {
    return vec4f(0.0);
  }
  return pixels(k, place(order[step.first + row]), standard[k]);
}

// Four numbers of a row of width `layer.outputs`; past the last 0.
fn weights_at(network: u32, input: u32, output: u32) -> vec4f {
  var four = vec4f(0.0);
  if input >= layer.inputs {
    return four;
  }
  let first = network * layer.parameters + layer.weight + input * layer.outputs + output;
  for (var i = 0u; i < 4u && output + i < layer.outputs; i++) {
    four[i] = weights[first + i];
  }
  return four;
}

fn gradients_at(network: u32, row: u32, output: u32) -> vec4f {
  var four = vec4f(0.0);
  if row >= step.rows {
    return four;
  }
  let first = (network * step.rows + row) * layer.outputs + output;
  for (var i = 0u; i < 4u && output + i < layer.outputs; i++) {
    four[i] = dy[first + i];
  }
  return four;
}

// Four results of a row.
fn store_row(network: u32, row: u32, output: u32, sums: vec4f) {
  if row >= step.rows {
    return;
  }
  let first = (network * step.rows + row) * layer.outputs + output;
  let bias = network * layer.parameters + layer.bias + output;
  for (var i = 0u; i < 4u && output + i < layer.outputs; i++) {
    y[first + i] = sums[i] + weights[bias + i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * SIDE;
  let output = group.y * SIDE;
  let c = thread % COLUMNS;
  let r = thread / COLUMNS * 4u;
  var s0 = vec4f(0.0);
  var s1 = vec4f(0.0);
  var s2 = vec4f(0.0);
  var s3 = vec4f(0.0);
  for (var k = 0u; k < layer.texels; k += DEPTH) {
    for (var i = thread; i < SIDE * DEPTH; i += WORKGROUP) {
      left[i] = pixels_of(row + i / DEPTH, k + i % DEPTH);
    }
    for (var i = thread; i < 4u * DEPTH * COLUMNS; i += WORKGROUP) {
      right[i] = weights_at(group.z, 4u * k + i / COLUMNS, output + i % COLUMNS * 4u);
    }
    workgroupBarrier();
    for (var q = 0u; q < DEPTH; q++) {
      let at = 4u * q * COLUMNS + c;
      let w = mat4x4f(right[at], right[at + COLUMNS], right[at + 2u * COLUMNS], right[at + 3u * COLUMNS]);
      s0 += w * left[r * DEPTH + q];
      s1 += w * left[(r + 1u) * DEPTH + q];
      s2 += w * left[(r + 2u) * DEPTH + q];
      s3 += w * left[(r + 3u) * DEPTH + q];
    }
    workgroupBarrier();
  }
  store_row(group.z, row + r, output + 4u * c, s0);
  store_row(group.z, row + r + 1u, output + 4u * c, s1);
  store_row(group.z, row + r + 2u, output + 4u * c, s2);
  store_row(group.z, row + r + 3u, output + 4u * c, s3);
}

// Updates the weights of an input to four outputs.
fn move_row(d: Descent, input: u32, output: u32, gradient: vec4f) {
  if input >= layer.inputs {
    return;
  }
  let first = layer.weight + input * layer.outputs + output;
  for (var i = 0u; i < 4u && output + i < layer.outputs; i++) {
    _ = descend_weight(d, first + i, gradient[i]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let k = group.x * COLUMNS; // in texels
  let output = group.y * SIDE;
  let c = thread % COLUMNS;
  let q = thread / COLUMNS;
  var w0 = vec4f(0.0); // of the first of four inputs, to four outputs
  var w1 = vec4f(0.0);
  var w2 = vec4f(0.0);
  var w3 = vec4f(0.0);
  for (var row = 0u; row < step.rows; row += ROWS) {
    left[thread] = pixels_of(row + thread / COLUMNS, k + thread % COLUMNS);
    right[thread] = gradients_at(group.z, row + thread / COLUMNS, output + thread % COLUMNS * 4u);
    workgroupBarrier();
    for (var r = 0u; r < ROWS; r++) {
      let x = left[r * COLUMNS + q];
      let g = right[r * COLUMNS + c];
      w0 += x.x * g;
      w1 += x.y * g;
      w2 += x.z * g;
      w3 += x.w * g;
    }
    workgroupBarrier();
  }
  let d = descent_of(group.z);
  let input = 4u * (k + q);
  move_row(d, input, output + 4u * c, w0);
  move_row(d, input + 1u, output + 4u * c, w1);
  move_row(d, input + 2u, output + 4u * c, w2);
  move_row(d, input + 3u, output + 4u * c, w3);
}
