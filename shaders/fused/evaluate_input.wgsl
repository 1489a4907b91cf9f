// includes fused/evaluate, shared/images
//
// The first layer of an evaluation: H of fused/evaluate.wgsl from
//
//   X[r, i] = byte[first + r, i] / 255 * scale[i] + shift[i]
//
// A workgroup computes IMAGES images x COLUMNS columns of one network, a thread eight images x one column. Images and
// weights are staged CHUNK texels of four inputs at a time, in that order of the data set, and the next chunk is read
// while the products of this one are computed. Threads without a column only stage.

// images and standard: shared/images.wgsl; places and packed: fused/layers.wgsl; activations: fused/evaluate.wgsl

override LANES: u32; // threads of a column
override COLUMNS: u32; // of a workgroup; WORKGROUP is at least LANES COLUMNS
override CHUNK: u32; // an even number; a chunk has at most 5 WORKGROUP texels and 2 WORKGROUP columns of weights
override IMAGES: u32 = 8u * LANES;
override TURN: u32 = WORKGROUP / CHUNK; // images of which all threads together stage a texel each
override X_STRIDE: u32 = CHUNK + 1u; // from one image to the next: no multiple of 8, for the banks of workgroup memory

var<workgroup> x: array<vec4f, IMAGES * X_STRIDE>; // X [IMAGES, X_STRIDE]
var<workgroup> w: array<vec4f, 4u * CHUNK * COLUMNS>; // W [4 CHUNK, COLUMNS]

// Where the images lie that a thread stages texels of.
struct Places {
  first: vec2u,
  second: vec2u,
  third: vec2u,
  fourth: vec2u,
  fifth: vec2u,
}

// What a thread stages of a chunk: a texel of each image, before standardisation, and two columns of weights.
struct Fetched {
  first: vec4f,
  second: vec4f,
  third: vec4f,
  fourth: vec4f,
  fifth: vec4f,
  standard: Standard,
  w0: vec4f,
  w1: vec4f,
}

// Eight images of a column.
struct Products {
  a: mat4x4f,
  b: mat4x4f,
}

fn place_of(image: u32) -> vec2u {
  return place(step.first + min(image, step.rows - 1u));
}

// The texel `k` of an image; where IMAGES are staged in fewer turns, nothing.
fn fetch_texel(turn: u32, k: u32, at: vec2u) -> vec4f {
  if turn * TURN >= IMAGES {
    return vec4f(0.0);
  }
  return textureLoad(images, vec2u(k, at.x), at.y, 0);
}

// Weights of input `i` in the chunk that begins with `texel`; 0 behind the last input.
fn fetch_weight(network: u32, texel: u32, first_column: u32, i: u32) -> vec4f {
  let width = columns(layer.outputs);
  let input = 4u * texel + i / COLUMNS;
  let inputs = 4u * layer.texels;
  let column = min(first_column + i % COLUMNS, width - 1u);
  let value = packed[packed_weight(network, 0u) + min(input, inputs - 1u) * width + column];
  return select(vec4f(0.0), value, input < inputs);
}

fn fetch(network: u32, texel: u32, first_column: u32, thread: u32, at: Places) -> Fetched {
  let k = min(texel + thread % CHUNK, layer.texels - 1u); // behind the last texel the weights are 0
  return Fetched(
    fetch_texel(0u, k, at.first),
    fetch_texel(1u, k, at.second),
    fetch_texel(2u, k, at.third),
    fetch_texel(3u, k, at.fourth),
    fetch_texel(4u, k, at.fifth),
    standard[k],
    fetch_weight(network, texel, first_column, thread),
    fetch_weight(network, texel, first_column, thread + WORKGROUP),
  );
}

fn stage_texel(turn: u32, thread: u32, pixels: vec4f, s: Standard) {
  let image = turn * TURN + thread / CHUNK;
  if image < IMAGES {
    x[image * X_STRIDE + thread % CHUNK] = fma(pixels, s.scale, s.shift);
  }
}

fn stage(f: Fetched, thread: u32) {
  stage_texel(0u, thread, f.first, f.standard);
  stage_texel(1u, thread, f.second, f.standard);
  stage_texel(2u, thread, f.third, f.standard);
  stage_texel(3u, thread, f.fourth, f.standard);
  stage_texel(4u, thread, f.fifth, f.standard);
  if thread < 4u * CHUNK * COLUMNS {
    w[thread] = f.w0;
  }
  if thread + WORKGROUP < 4u * CHUNK * COLUMNS {
    w[thread + WORKGROUP] = f.w1;
  }
}

// Adds the products of a staged texel.
fn add_texel(s: Products, lane: u32, column: u32, k: u32) -> Products {
  let at = 4u * k * COLUMNS + column;
  let four = mat4x4f(w[at], w[at + COLUMNS], w[at + 2u * COLUMNS], w[at + 3u * COLUMNS]);
  let first = lane * X_STRIDE + k;
  let next = LANES * X_STRIDE; // from one of the thread's images to the next
  return Products(
    mat4x4f(
      add_product(s.a[0], x[first], four),
      add_product(s.a[1], x[first + next], four),
      add_product(s.a[2], x[first + 2u * next], four),
      add_product(s.a[3], x[first + 3u * next], four),
    ),
    mat4x4f(
      add_product(s.b[0], x[first + 4u * next], four),
      add_product(s.b[1], x[first + 5u * next], four),
      add_product(s.b[2], x[first + 6u * next], four),
      add_product(s.b[3], x[first + 7u * next], four),
    ),
  );
}

fn store(at: u32, image: u32, e: Ending, product: vec4f) {
  if image < step.rows {
    activations[at + image] = activation(e, product);
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_evaluate_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let first = group.x * IMAGES;
  let first_column = group.y * COLUMNS;
  if first >= step.rows {
    return;
  }
  let image = first + thread / CHUNK;
  let at = Places(
    place_of(image),
    place_of(image + TURN),
    place_of(image + 2u * TURN),
    place_of(image + 3u * TURN),
    place_of(image + 4u * TURN),
  );
  let lane = thread % LANES;
  let c = thread / LANES;
  var fetched = fetch(network, 0u, first_column, thread, at);
  var s: Products;
  for (var texel = 0u; texel < layer.texels; texel += CHUNK) {
    workgroupBarrier(); // The chunk before has been read.
    stage(fetched, thread);
    workgroupBarrier();
    fetched = fetch(network, texel + CHUNK, first_column, thread, at);
    if c < COLUMNS {
      for (var k = 0u; k < CHUNK; k += 2u) {
        s = add_texel(s, lane, c, k);
        s = add_texel(s, lane, c, k + 1u);
      }
    }
  }
  let width = columns(layer.outputs);
  let column = first_column + c;
  if c < COLUMNS && column < width {
    let e = ending_of(network, 0u, column);
    let to = (network * width + column) * step.rows;
    store(to, first + lane, e, s.a[0]);
    store(to, first + lane + LANES, e, s.a[1]);
    store(to, first + lane + 2u * LANES, e, s.a[2]);
    store(to, first + lane + 3u * LANES, e, s.a[3]);
    store(to, first + lane + 4u * LANES, e, s.b[0]);
    store(to, first + lane + 5u * LANES, e, s.b[1]);
    store(to, first + lane + 6u * LANES, e, s.b[2]);
    store(to, first + lane + 7u * LANES, e, s.b[3]);
  }
}
