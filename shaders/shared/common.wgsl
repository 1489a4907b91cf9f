// What every kernel knows, placed in front of each of the other files.
//
// The network is the z of the workgroup; where a file does not say otherwise, one thread does one tile. All tensors are row-major and have the
// network as their first axis. A name and its binding number mean the same in all files (src/gpu/bindings.ts lists them).

// Threads per workgroup: the same number feeds the dispatch.
override WORKGROUP: u32;

// A layer: sizes, and where its tensors begin in one network's flat vectors. Fixed when the population is made.
struct Layer {
  inputs: u32,
  outputs: u32,
  parameters: u32, // length of one network's parameters
  weights: u32, // how many of them, the first ones, are weights
  weight: u32, // W [inputs, outputs] begins here
  bias: u32, // b [outputs]
  gamma: u32, // [outputs]
  beta: u32, // [outputs]
  statistics: u32, // length of one network's moving averages
  mean: u32, // [outputs]
  variance: u32, // [outputs]
  texels: u32, // texels an image has in the texture: inputs / 4, rounded up
  images_per_layer: u32, // images a layer of the texture holds
  slices: u32, // parts that the sum over the inputs is split into
}

// One step or one part of an evaluation: what changes from one to the next.
struct Step {
  first: u32, // index in `order` of the first image
  rows: u32, // images in this batch
  rise: f32, // how far the learning rate has risen: 0 at eta_min, 1 at eta_max
  fresh: u32, // 1 for the first batch ever, which sets the moving averages
  slot: u32, // where sums that are read back later are put
  number: u32, // updates made before this one
  next: u32, // index in `order` of the first image of the next batch
  parts: u32, // of a kernel that does parts of two steps: 1 the update of this one, 2 the products of the next
}

// What may differ between the networks of a population.
struct Network {
  lambda: f32,
  eta_min: f32,
  eta_max: f32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;

// The index of this thread among those of its network. Dispatches too wide for one axis go on along y.
fn thread_index(id: vec3u, workgroups: vec3u) -> u32 {
  return id.x + id.y * workgroups.x * WORKGROUP;
}
