// The affine map of every layer but the first:
//
//   forward   Y = X W + b
//   backward  dX = dY W^T,  dW = X^T dY + 2 lambda W,  db = sum over rows of dY
//
// A thread does a tile of 4 x 4 results. Reading past an edge is clamped to it, and what comes of it is not stored.

// layer, step, networks, parameters and gradients: descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, inputs] X
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] Y
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d Y
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, inputs] d cost / d X

const TILE = 4u;

fn tiles(size: u32) -> u32 {
  return (size + TILE - 1u) / TILE;
}

// Four neighbours, none past the last.
fn neighbours(first: u32, size: u32) -> vec4u {
  return min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(size - 1u));
}

fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

@compute @workgroup_size(WORKGROUP)
fn affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if row >= step.rows {
    return;
  }
  let r = (id.z * step.rows + neighbours(row, step.rows)) * layer.inputs;
  let o = id.z * layer.parameters + layer.weight + neighbours(output, layer.outputs);
  var sums = mat4x4f(); // one row of the tile in each column of the matrix
  for (var i = 0u; i < layer.inputs; i++) {
    let x4 = vec4f(x[r.x + i], x[r.y + i], x[r.z + i], x[r.w + i]);
    let at = i * layer.outputs;
    sums += outer(x4, vec4f(weights[o.x + at], weights[o.y + at], weights[o.z + at], weights[o.w + at]));
  }
  for (var j = 0u; j < TILE; j++) {
    for (var k = 0u; k < TILE; k++) {
      if row + j < step.rows && output + k < layer.outputs {
        let b = weights[id.z * layer.parameters + layer.bias + output + k];
        y[(id.z * step.rows + row + j) * layer.outputs + output + k] = sums[j][k] + b;
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_input(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.inputs) * TILE;
  let input = thread % tiles(layer.inputs) * TILE;
  if row >= step.rows {
    return;
  }
  let r = (id.z * step.rows + neighbours(row, step.rows)) * layer.outputs;
  let i = id.z * layer.parameters + layer.weight + neighbours(input, layer.inputs) * layer.outputs;
  var sums = mat4x4f();
  for (var o = 0u; o < layer.outputs; o++) {
    let dy4 = vec4f(dy[r.x + o], dy[r.y + o], dy[r.z + o], dy[r.w + o]);
    sums += outer(dy4, vec4f(weights[i.x + o], weights[i.y + o], weights[i.z + o], weights[i.w + o]));
  }
  for (var j = 0u; j < TILE; j++) {
    for (var k = 0u; k < TILE; k++) {
      if row + j < step.rows && input + k < layer.inputs {
        dx[(id.z * step.rows + row + j) * layer.inputs + input + k] = sums[j][k];
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_weight(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let input = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if input >= layer.inputs {
    return;
  }
  let i = neighbours(input, layer.inputs);
  let o = neighbours(output, layer.outputs);
  var sums = mat4x4f();
  for (var row = 0u; row < step.rows; row++) {
    let xi = (id.z * step.rows + row) * layer.inputs + i;
    let yo = (id.z * step.rows + row) * layer.outputs + o;
    sums += outer(vec4f(x[xi.x], x[xi.y], x[xi.z], x[xi.w]), vec4f(dy[yo.x], dy[yo.y], dy[yo.z], dy[yo.w]));
  }
  for (var j = 0u; j < TILE; j++) {
    for (var k = 0u; k < TILE; k++) {
      if input + j < layer.inputs && output + k < layer.outputs {
        descend_weight(id.z, layer.weight + (input + j) * layer.outputs + output + k, sums[j][k]);
      }
    }
  }
}

// One thread does one output; the first layer uses it too.
@compute @workgroup_size(WORKGROUP)
fn affine_backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let output = thread_index(id, workgroups);
  if output >= layer.outputs {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    sum += dy[(id.z * step.rows + row) * layer.outputs + output];
  }
  descend(id.z, layer.bias + output, sum);
}
