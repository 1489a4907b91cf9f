// includes tiled/tile, shared/images
//
// The affine map of the first layer, which reads images as bytes and standardises them as they are staged:
//
//   forward   S = X W + b      X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  dW = X^T dS + 2 lambda W,  W <- W - eta dW,  db = sum over rows of dS,  b <- b - eta db
//
// Both are products of the tile.

// networks, parameters and gradients: shared/descent.wgsl; images, order and standard: shared/images.wgsl; weights, dS and
// the product: tiled/tile.wgsl

// The indices of four images of the batch; past the last they repeat it.
fn four_images(rows: vec4u) -> vec4u {
  let at = step.first + min(rows, vec4u(step.rows - 1u));
  return vec4u(order[at.x], order[at.y], order[at.z], order[at.w]);
}

// Four pixels of each of four images; past the last pixel 0. A column is an image.
fn four_pixels(k: u32, images: vec4u) -> mat4x4f {
  if k >= layer.texels {
    return mat4x4f();
  }
  let s = standard[k];
  return mat4x4f(
    pixels(k, place(images.x), s),
    pixels(k, place(images.y), s),
    pixels(k, place(images.z), s),
    pixels(k, place(images.w), s),
  );
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.inputs);
  // A thread stages a texel of four rows, so four depths of them.
  let images = four_images(four_rows(p.row + thread / 4u, step.rows));
  let texel = thread % 4u;
  let first = group.z * layer.parameters + layer.weight;
  let at_b = first + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_b = thread / B_FOURS;
  var sums = biases(group.z, p, thread);
  var a = four_pixels(p.begin / 4u + texel, images);
  var b = weights_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(4u * texel * A_STRIDE + thread / 4u, A_STRIDE, transpose(a));
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    workgroupBarrier();
    a = four_pixels((k + DEPTH) / 4u + texel, images);
    b = weights_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.outputs, step.rows, layer.outputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}

// The four depths at which a thread stages the same texel.
fn four_depths(first: u32) -> vec4u {
  return first + vec4u(0u, 4u, 8u, 12u);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, step.rows);
  let texel = p.row / 4u + thread % A_FOURS;
  let first_b = group.z * step.rows * layer.outputs;
  let at_b = first_b + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread / A_FOURS;
  let k_b = thread / B_FOURS;
  var sums: Sums;
  var bias = vec4f(0.0);
  var a = four_pixels(texel, four_images(four_depths(p.begin + k_a)));
  var b = dy_across(at_b, p.begin + k_b);
  // Which images to read is known a stage ahead, so that no read of pixels waits for it.
  var images = four_images(four_depths(p.begin + DEPTH + k_a));
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread % A_FOURS, 4u * A_STRIDE, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    bias += b[0] + b[1];
    workgroupBarrier();
    a = four_pixels(texel, images);
    b = dy_across(at_b, k + DEPTH + k_b);
    images = four_images(four_depths(k + 2u * DEPTH + k_a));
    add_staged(&sums, thread);
  }
  // Four rows of this tile are the inputs of a texel.
  let rows = OwnRows(p.row + 4u * (thread / 8u), 1u, 2u * A_FOURS);
  finish_weights(group.z, p, rows, thread, sums, bias);
}
