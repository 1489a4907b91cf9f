// Shared by every kernel of a training: its layer, its step, and the index of its thread.
//
// The network is the z of the workgroup; one thread computes one tile unless a file says otherwise. All tensors are row-major
// and have the network as their first axis. A binding has the same name and number in all files (src/gpu/bindings.ts lists
// them). src/gpu/structs.ts lays the structs out for the host.

// Threads per workgroup; the number of workgroups is computed from the same value.
override WORKGROUP: u32;

// Sizes of a layer, and where its tensors begin in one network's flat vectors.
struct Layer {
  inputs: u32,
  outputs: u32,
  parameters: u32, // length of one network's parameters
  weights: u32, // how many of them are weights, which come first
  weight: u32, // W [inputs, outputs] begins here
  bias: u32, // b [outputs]
  gamma: u32, // [outputs]
  beta: u32, // [outputs]
  statistics: u32, // length of one network's moving averages
  mean: u32, // [outputs]
  variance: u32, // [outputs]
  texels: u32, // texels of an image in the texture: inputs / 4, rounded up
  images_per_layer: u32, // images in a layer of the texture
  slices: u32, // parts that the sum over the inputs is split into
  index: u32, // which layer, counted from 0
}

// What changes from one step, or one part of an evaluation, to the next.
struct Step {
  first: u32, // index in `order` of the first image
  rows: u32, // images in the batch
  rise: f32, // how far the learning rate has risen: 0 at eta_min, 1 at eta_max
  fresh: u32, // 1 for the first batch ever, which sets the moving averages
  slot: u32, // where this step writes in `sums`
  number: u32, // updates made before this one
  next: u32, // index in `order` of the first image of the next batch
  parts: u32, // for a kernel that does parts of two steps: the bits UPDATE (of this one) and FORWARD (the product of the next)
}

// What may differ between the networks of a population.
struct Network {
  lambda: f32,
  eta_min: f32,
  eta_max: f32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;

// The index of this thread among those of its network. A dispatch too wide for one axis continues along y.
fn thread_index(id: vec3u, workgroups: vec3u) -> u32 {
  return id.x + id.y * workgroups.x * WORKGROUP;
}
