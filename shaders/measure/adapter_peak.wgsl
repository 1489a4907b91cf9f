// The peak speeds of the adapter, to compare the speed of training with:
//
//   multiply_add  s = s a + b, over and over
//   copy          y = x
//
// A thread keeps twelve independent sums: with a and b they fill most of 16 registers, and they keep the pipelines of CPUs
// and GPUs full. An iteration of the loop costs a CPU as much as dozens of operations, so it does many. A copying thread
// takes several pieces of 16 bytes, each beside its neighbours'.

override WORKGROUP: u32; // threads per workgroup

@group(0) @binding(11) var<storage, read> x: array<vec4f>; // the input; a and b come first, which no compiler knows
@group(0) @binding(12) var<storage, read_write> y: array<vec4f>; // the copy, or the sums of each thread

override ROUNDS: u32; // of 32 x 12 multiply-adds
override PIECES: u32; // of 16 bytes that a thread copies

fn once(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return mat3x4f(fma(s[0], a, b), fma(s[1], a, b), fma(s[2], a, b));
}

fn four_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return once(once(once(once(s, a, b), a, b), a, b), a, b);
}

fn many_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  let half = four_times(four_times(four_times(four_times(s, a, b), a, b), a, b), a, b);
  return four_times(four_times(four_times(four_times(half, a, b), a, b), a, b), a, b);
}

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(x[0].x);
  let b = vec4f(x[0].y);
  let first = vec4f(f32(id.x % 1024u));
  var s = mat3x4f(first, first + 1.0, first + 2.0);
  for (var i = 0u; i < ROUNDS; i++) {
    s = many_times(s, a, b);
  }
  y[id.x] = s[0] + s[1] + s[2];
}

@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let threads = workgroups.x * WORKGROUP;
  for (var i = 0u; i < PIECES; i++) {
    y[id.x + i * threads] = x[id.x + i * threads];
  }
}
