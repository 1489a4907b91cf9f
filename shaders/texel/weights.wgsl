// includes shared/common
//
// Copies weights and their gradients from texels of four inputs to the flat vectors that are read back:
//
//   parameters[W[4k + j, o]] = weight_texels(o, k)[j],  gradients likewise
//
// A thread copies one texel.

@group(0) @binding(8) var<storage, read_write> parameters: array<f32>; // [P, layer.parameters]
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>; // [P, layer.parameters]
@group(0) @binding(21) var weight_texels: texture_2d_array<f32>; // texel (o, k), layer P: W[4k .. 4k + 3, o]
@group(0) @binding(23) var gradient_texels: texture_2d_array<f32>; // the same of d cost / d W

@compute @workgroup_size(WORKGROUP)
fn texel_weights(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let output = thread % layer.outputs;
  let k = thread / layer.outputs;
  if 4u * k >= layer.inputs {
    return;
  }
  let w = textureLoad(weight_texels, vec2u(output, k), id.z, 0);
  let g = textureLoad(gradient_texels, vec2u(output, k), id.z, 0);
  let first = id.z * layer.parameters + layer.weight + 4u * k * layer.outputs + output;
  for (var j = 0u; j < min(4u, layer.inputs - 4u * k); j++) {
    parameters[first + j * layer.outputs] = w[j];
    gradients[first + j * layer.outputs] = g[j];
  }
}
