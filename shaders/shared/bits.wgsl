// Decisions that NaN and infinities could affect, made by their bits.
//
// WGSL lets a compiler assume that no float is NaN or infinite. NVIDIA's makes select(v, 0.0, v < 0.0) a floating-point
// maximum, which is 0 where v is NaN: a diverged network then looks healthy. A compiler may not assume anything
// of integers, so here both the comparison and the selection use them.
//
// As an unsigned integer, a positive float lies between 0 (+0) and 0x7f800000 (+infinity), a negative one between
// 0x80000000 (-0) and 0xff800000 (-infinity). NaN lies beyond either infinity. Functions whose names end with 4 do the
// same for each of four.

const INFINITY_BITS = 0x7f800000u; // the exponent alone; of a finite number some of its bits are 0
const NEGATIVE_INFINITY_BITS = 0xff800000u;
const MAGNITUDE_BITS = 0x7fffffffu; // all but the sign
const NAN_BITS = 0x7fc00000u;

fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & INFINITY_BITS) != INFINITY_BITS;
}

fn is_finite4(value: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(value) & vec4u(INFINITY_BITS)) != vec4u(INFINITY_BITS);
}

fn is_nan(value: f32) -> bool {
  return (bitcast<u32>(value) & MAGNITUDE_BITS) > INFINITY_BITS;
}

fn is_nan4(value: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(value) & vec4u(MAGNITUDE_BITS)) > vec4u(INFINITY_BITS);
}

// Whether a > b; false where either is NaN.
fn is_greater(a: f32, b: f32) -> bool {
  return a > b && !is_nan(a) && !is_nan(b);
}

fn is_greater4(a: vec4f, b: vec4f) -> vec4<bool> {
  return (a > b) & !(is_nan4(a) | is_nan4(b));
}

// The value where it is valid, else NaN.
fn or_nan(value: f32, valid: bool) -> f32 {
  return bitcast<f32>(select(NAN_BITS, bitcast<u32>(value), valid));
}

fn or_nan4(value: vec4f, valid: vec4<bool>) -> vec4f {
  return bitcast<vec4f>(select(vec4u(NAN_BITS), bitcast<vec4u>(value), valid));
}

// max(0, S), where NaN stays NaN. Negative numbers are those from 0x80000001 to 0xff800000; -0 stays -0.
fn relu(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  return bitcast<f32>(select(bits, 0u, bits - 0x80000001u < INFINITY_BITS));
}

fn relu4(value: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(value);
  return bitcast<vec4f>(select(bits, vec4u(0u), bits - vec4u(0x80000001u) < vec4u(INFINITY_BITS)));
}

// dS of a ReLU from dH and H: 0 where H is 0, dH where H is positive or NaN. H is never negative.
fn relu_gradient(dh: f32, h: f32) -> f32 {
  return bitcast<f32>(select(bitcast<u32>(dh), 0u, (bitcast<u32>(h) & MAGNITUDE_BITS) == 0u));
}

fn relu_gradient4(dh: vec4f, h: vec4f) -> vec4f {
  let closed = (bitcast<vec4u>(h) & vec4u(MAGNITUDE_BITS)) == vec4u(0u);
  return bitcast<vec4f>(select(bitcast<vec4u>(dh), vec4u(0u), closed));
}

// Whether a logit makes its row's softmax NaN: NaN or +infinity. A class whose logit is -infinity has probability 0.
fn has_no_softmax(logit: f32) -> bool {
  return !is_finite(logit) && bitcast<u32>(logit) != NEGATIVE_INFINITY_BITS;
}

fn has_no_softmax4(logit: vec4f) -> vec4<bool> {
  return !is_finite4(logit) & (bitcast<vec4u>(logit) != vec4u(NEGATIVE_INFINITY_BITS));
}
