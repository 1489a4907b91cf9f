// includes shared/common
//
// Images of a batch, kept as bytes and standardised as they are read:
//
//   X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//
// A texel is four pixels (rgba8unorm, so a channel is byte / 255). An image's last texel is padded with channels whose scale
// and shift are 0. Measured numbers are standardised before: their texels are rgba32float, with scale 1 and shift 0.

@group(0) @binding(3) var images: texture_2d_array<f32>; // texel (k, n % images_per_layer), layer n / images_per_layer
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] index of the image at each place
@group(0) @binding(5) var<storage, read> standard: array<Standard>; // [texels of an image]

struct Standard {
  scale: vec4f, // 1 / standard deviation, of pixels / 255
  shift: vec4f, // - mean / standard deviation
}

// Where an image lies in the texture: row and layer.
fn place(image: u32) -> vec2u {
  return vec2u(image % layer.images_per_layer, image / layer.images_per_layer);
}

// Pixels 4k to 4k + 3 of an image, divided by 255.
fn raw_pixels(k: u32, at: vec2u) -> vec4f {
  return textureLoad(images, vec2u(k, at.x), at.y, 0);
}

fn standardised(raw: vec4f, s: Standard) -> vec4f {
  return fma(raw, s.scale, s.shift);
}

fn pixels(k: u32, at: vec2u, s: Standard) -> vec4f {
  return standardised(raw_pixels(k, at), s);
}
