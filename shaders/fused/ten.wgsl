// Ten vec4s that are read side by side. A loop makes its reads one after the other, and a turn costs as much as several of
// them, so sums are made of tens.

struct Ten {
  v0: vec4f,
  v1: vec4f,
  v2: vec4f,
  v3: vec4f,
  v4: vec4f,
  v5: vec4f,
  v6: vec4f,
  v7: vec4f,
  v8: vec4f,
  v9: vec4f,
}

fn sum_of_ten(t: Ten) -> vec4f {
  return (((t.v0 + t.v1) + (t.v2 + t.v3)) + ((t.v4 + t.v5) + (t.v6 + t.v7))) + (t.v8 + t.v9);
}

// The square of a difference; 0 where the value does not exist.
fn square_of(value: vec4f, mean: vec4f, there: bool) -> vec4f {
  let difference = value - mean;
  return select(vec4f(0.0), difference * difference, there);
}

// The sum of squared differences of the first `count` from their mean.
fn squares_of_ten(t: Ten, mean: vec4f, count: u32) -> vec4f {
  return sum_of_ten(Ten(
    square_of(t.v0, mean, count > 0u), square_of(t.v1, mean, count > 1u), square_of(t.v2, mean, count > 2u),
    square_of(t.v3, mean, count > 3u), square_of(t.v4, mean, count > 4u), square_of(t.v5, mean, count > 5u),
    square_of(t.v6, mean, count > 6u), square_of(t.v7, mean, count > 7u), square_of(t.v8, mean, count > 8u),
    square_of(t.v9, mean, count > 9u),
  ));
}
