// A step of 3072-50-50-10 with batch norm, batch 100, SGD with L2, by the algorithm of our variant fused-tail, in three
// launches: fused_norm, fused_tail and fused_input. Here the first two also update what ours leave to the last: the moving
// averages, and all parameters but the first layer's weights. cupy_step.py runs it.
//
// A tensor's features are in columns of four, padded with zeros: activations and gradients [columns][rows], weights
// [inputs][columns]. In the small layers a feature that is always 1 stands behind the last one, and the bias is its weight.
#define INPUTS 3072
#define WIDTH 50
#define CLASSES 10
#define ROWS 100
#define EPSILON 1e-5f
#define SLICES 96 // of the inputs
#define HIDDEN 13 // columns of a hidden layer
#define LAST 3    // of the last layer
#define NORM 800  // threads of a block
#define TAIL 352
#define INPUT 416
#define LANES 25               // threads of a column in the tail and in the second product
#define TILE (ROWS / LANES)    // rows of such a thread
#define ONE WIDTH              // the feature that is always 1
#define PARTS (NORM / ROWS)    // of the slices
#define TEXELS (INPUTS / 4)
#define DEPTH (TEXELS / SLICES) // texels of four inputs in a slice
#define SHARES 4               // of the rows in the first product
#define FETCHES 2              // texels that a thread fetches of a batch

typedef float4 Area[HIDDEN][ROWS + 1];

__device__ inline float4 splat(float v) { return make_float4(v, v, v, v); }
__device__ inline float4 operator+(float4 a, float4 b) { return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w); }
__device__ inline float4 operator-(float4 a, float4 b) { return make_float4(a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w); }
__device__ inline float4 operator*(float4 a, float4 b) { return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w); }
__device__ inline float4 operator*(float a, float4 b) { return splat(a) * b; }
__device__ inline float4 fma4(float4 a, float4 b, float4 sum) {
  return make_float4(fmaf(a.x, b.x, sum.x), fmaf(a.y, b.y, sum.y), fmaf(a.z, b.z, sum.z), fmaf(a.w, b.w, sum.w));
}
// sum + x W, for four rows of W
__device__ inline float4 times(float4 x, float4 w0, float4 w1, float4 w2, float4 w3, float4 sum) {
  return fma4(splat(x.w), w3, fma4(splat(x.z), w2, fma4(splat(x.y), w1, fma4(splat(x.x), w0, sum))));
}
__device__ inline float4 where_positive(float4 a, float4 v) {
  return make_float4(a.x > 0 ? v.x : 0, a.y > 0 ? v.y : 0, a.z > 0 ? v.z : 0, a.w > 0 ? v.w : 0);
}
__device__ inline float4 inverse_of(float4 variance) {
  return make_float4(1 / sqrtf(variance.x + EPSILON), 1 / sqrtf(variance.y + EPSILON), 1 / sqrtf(variance.z + EPSILON),
                     1 / sqrtf(variance.w + EPSILON));
}
__device__ inline float4 features(int c) { return c == WIDTH / 4 ? make_float4(1, 1, 0, 0) : splat(1); }
__device__ inline float4 activations(float4 n, float4 gamma, float4 beta, int c) {
  float4 a = fma4(gamma, n, beta), h = where_positive(a, a);
  if (c == ONE / 4) h.z = 1;
  return h;
}
__device__ inline void keep(float4* averages, int c, float4 mean, float4 variance) {
  averages[c] = 0.9f * averages[c] + 0.1f * mean;
  averages[HIDDEN + c] = 0.9f * averages[HIDDEN + c] + 0.1f * variance;
}

// The first layer behind its product: a block does a column, a thread a row and a part of the slices.
extern "C" __global__ void __launch_bounds__(NORM) fused_norm(
    const float4* __restrict__ slices, const float4* __restrict__ bias, const float4* __restrict__ gamma,
    const float4* __restrict__ beta, float4* n, float4* h, float4* inverses, float4* averages) {
  __shared__ float4 parts[PARTS][ROWS];
  __shared__ float4 sums[ROWS];
  __shared__ float4 means[10], squares[10]; // of ten rows each
  int t = threadIdx.x, column = blockIdx.x, row = t % ROWS, part = t / ROWS;
  const float4* from = slices + (column * SLICES + part * (SLICES / PARTS)) * ROWS + row;
  float4 sum = splat(0);
#pragma unroll
  for (int i = 0; i < SLICES / PARTS; i++) sum = sum + from[i * ROWS];
  parts[part][row] = sum;
  __syncthreads();
  float4 s = bias[column];
  if (t < ROWS) {
#pragma unroll
    for (int p = 0; p < PARTS; p++) s = s + parts[p][row];
    sums[row] = s;
  }
  __syncthreads();
  if (t < 10) {
    float4 m = splat(0), q = splat(0);
#pragma unroll
    for (int i = 0; i < 10; i++) m = m + sums[t * 10 + i];
    m = 0.1f * m;
#pragma unroll
    for (int i = 0; i < 10; i++) { float4 d = sums[t * 10 + i] - m; q = fma4(d, d, q); }
    means[t] = m;
    squares[t] = q;
  }
  __syncthreads();
  if (t >= ROWS) return;
  float4 mean = splat(0), all_squares = splat(0);
#pragma unroll
  for (int i = 0; i < 10; i++) { mean = mean + means[i]; all_squares = all_squares + squares[i]; }
  mean = 0.1f * mean;
#pragma unroll
  for (int i = 0; i < 10; i++) { float4 d = means[i] - mean; all_squares = fma4(10 * d, d, all_squares); }
  float4 variance = (1.0f / ROWS) * all_squares, inverse = inverse_of(variance);
  float4 own = (s - mean) * inverse;
  n[column * ROWS + row] = own;
  h[column * ROWS + row] = activations(own, gamma[column], beta[column], column);
  if (t == 0) {
    inverses[column] = inverse;
    keep(averages, column, mean, variance);
  }
}

// X W for the rows first + i stride; areas hold X as [column][row] and W as [column][input].
template <int COUNT>
__device__ void product(float4 (&s)[COUNT], const Area& x, const Area& w, int c, int first, int stride) {
#pragma unroll
  for (int k = 0; k < HIDDEN; k++) {
    float4 w0 = w[c][4 * k], w1 = w[c][4 * k + 1], w2 = w[c][4 * k + 2], w3 = w[c][4 * k + 3];
#pragma unroll
    for (int j = 0; j < COUNT; j++) s[j] = times(x[k][first + j * stride], w0, w1, w2, w3, s[j]);
  }
}

// Sums two values of a thread over the lanes of its column; both areas are overwritten.
__device__ void sums_of_lanes(float4& p, float4& q, Area& a, Area& b, float4 (&z)[HIDDEN][10], int c, int lane, bool owns) {
  int t = threadIdx.x;
  if (owns) { a[c][lane] = p; b[c][lane] = q; }
  __syncthreads();
  if (t < 5 * HIDDEN) {
    int column = t / 5, g = t % 5;
    float4 sum_p = splat(0), sum_q = splat(0);
#pragma unroll
    for (int i = 0; i < 5; i++) { sum_p = sum_p + a[column][5 * g + i]; sum_q = sum_q + b[column][5 * g + i]; }
    z[column][g] = sum_p;
    z[column][5 + g] = sum_q;
  }
  __syncthreads();
  p = z[c][0] + z[c][1] + z[c][2] + z[c][3] + z[c][4];
  q = z[c][5] + z[c][6] + z[c][7] + z[c][8] + z[c][9];
}

// Mean and squared differences of a column's rows, by Chan's combination; both areas are overwritten.
__device__ void statistics(const float4 (&s)[TILE], float4& mean, float4& variance, Area& a, Area& b,
                           float4 (&z)[HIDDEN][10], int c, int lane, bool owns) {
  int t = threadIdx.x;
  float4 m = splat(0), q = splat(0);
  for (int j = 0; j < TILE; j++) m = m + s[j];
  m = (1.0f / TILE) * m;
  for (int j = 0; j < TILE; j++) q = fma4(s[j] - m, s[j] - m, q);
  if (owns) { a[c][lane] = m; b[c][lane] = q; }
  __syncthreads();
  if (t < 5 * HIDDEN) {
    int column = t / 5, g = t % 5;
    float4 mm = splat(0), qq = splat(0);
#pragma unroll
    for (int i = 0; i < 5; i++) { mm = mm + a[column][5 * g + i]; qq = qq + b[column][5 * g + i]; }
    mm = 0.2f * mm;
#pragma unroll
    for (int i = 0; i < 5; i++) { float4 d = a[column][5 * g + i] - mm; qq = fma4(TILE * d, d, qq); }
    z[column][g] = mm;
    z[column][5 + g] = qq;
  }
  __syncthreads();
  mean = 0.2f * (z[c][0] + z[c][1] + z[c][2] + z[c][3] + z[c][4]);
  q = splat(0);
#pragma unroll
  for (int g = 0; g < 5; g++) { float4 d = z[c][g] - mean; q = fma4(5 * TILE * d, d, q + z[c][5 + g]); }
  variance = (1.0f / ROWS) * q;
}

// dW = H^T dS + decay W and its update; ds is [column][row], h too, and holds W before the update afterwards. Two threads
// share the rows of four inputs to four outputs.
template <int OUTPUTS> __device__ void backward_weight(float4* weights, const Area& ds, Area& h, float eta, float decay) {
  int t = threadIdx.x, c = t % OUTPUTS, k = t / OUTPUTS % HIDDEN, half = t / (OUTPUTS * HIDDEN);
  bool first = half == 0, owns = half < 2;
  float4 v[4] = {splat(0), splat(0), splat(0), splat(0)}, w[4];
  if (first)
    for (int i = 0; i < 4; i++) w[i] = weights[(4 * k + i) * OUTPUTS + c];
  if (owns) {
#pragma unroll 5
    for (int row = half * (ROWS / 2); row < (half + 1) * (ROWS / 2); row++) {
      float4 x = h[k][row], g = ds[c][row];
      v[0] = fma4(splat(x.x), g, v[0]); v[1] = fma4(splat(x.y), g, v[1]);
      v[2] = fma4(splat(x.z), g, v[2]); v[3] = fma4(splat(x.w), g, v[3]);
    }
  }
  __syncthreads();
  if (owns && !first)
    for (int i = 0; i < 4; i++) h[c][4 * k + i] = v[i];
  __syncthreads();
  if (first)
    for (int i = 0; i < 4; i++) {
      int input = 4 * k + i;
      if (input <= ONE) {
        float4 g = fma4(splat(input == ONE ? 0 : decay), w[i], v[i] + h[c][input]);
        weights[input * OUTPUTS + c] = fma4(splat(-eta), g, w[i]);
      }
      h[c][input] = w[i];
    }
  __syncthreads();
}

// dS of a hidden layer from dS of the layer above and its W: back through the product, ReLU and batch norm, whose gamma and
// beta are updated. Both areas are free afterwards.
template <int OUTPUTS> __device__ void backward_hidden(
    float4 (&s)[TILE], const float4 (&n)[TILE], const float4 (&h)[TILE], float4 inverse, float4* gammas, float4* betas,
    Area& ds, Area& w, float4 (&z)[HIDDEN][10], int c, int lane, bool owns, float eta) {
  float4 gamma = gammas[c], beta = betas[c];
  for (int j = 0; j < TILE; j++) s[j] = splat(0);
#pragma unroll
  for (int m = 0; m < OUTPUTS; m++) {
    float4 u0 = w[m][4 * c], u1 = w[m][4 * c + 1], u2 = w[m][4 * c + 2], u3 = w[m][4 * c + 3];
    float4 w0 = make_float4(u0.x, u1.x, u2.x, u3.x), w1 = make_float4(u0.y, u1.y, u2.y, u3.y);
    float4 w2 = make_float4(u0.z, u1.z, u2.z, u3.z), w3 = make_float4(u0.w, u1.w, u2.w, u3.w);
#pragma unroll
    for (int j = 0; j < TILE; j++) s[j] = times(ds[m][lane + j * LANES], w0, w1, w2, w3, s[j]);
  }
  __syncthreads();
  float4 dbeta = splat(0), dgamma = splat(0);
  for (int j = 0; j < TILE; j++) {
    s[j] = where_positive(h[j], features(c) * s[j]);
    dbeta = dbeta + s[j];
    dgamma = fma4(s[j], n[j], dgamma);
  }
  sums_of_lanes(dbeta, dgamma, ds, w, z, c, lane, owns);
  float4 scale = gamma * inverse;
  for (int j = 0; j < TILE; j++) s[j] = scale * (s[j] - (1.0f / ROWS) * (dbeta + n[j] * dgamma));
  if (owns && lane == 0) {
    gammas[c] = fma4(splat(-eta), dgamma, gamma);
    betas[c] = fma4(splat(-eta), dbeta, beta);
  }
}

// Everything from the first layer's activations to its dS: one block. A thread of a hidden layer owns four rows of a column.
extern "C" __global__ void __launch_bounds__(TAIL) fused_tail(
    const unsigned* __restrict__ order, const unsigned* __restrict__ labels, const float4* __restrict__ n_of,
    const float4* __restrict__ h_of, const float4* __restrict__ inverses, float4* bias1, float4* gamma1, float4* beta1,
    float4* weight2, float4* gamma2, float4* beta2, float4* averages2, float4* weight3, float4* ds1, int first, float eta,
    float decay) {
  __shared__ Area a, b;
  __shared__ float4 z[HIDDEN][10];
  int t = threadIdx.x, c = min(t / LANES, HIDDEN - 1), lane = t % LANES;
  bool owns = t < LANES * HIDDEN;
  unsigned label = labels[order[first + min(t, ROWS - 1)]];
  float4 h1[TILE], n1[TILE], h2[TILE], n2[TILE], s[TILE], inverse1 = inverses[c];
  for (int i = t; i < (WIDTH + 2) * HIDDEN; i += TAIL) b[i % HIDDEN][i / HIDDEN] = weight2[i];
  for (int j = 0; j < TILE; j++) {
    int row = lane + j * LANES;
    h1[j] = h_of[c * ROWS + row];
    n1[j] = n_of[c * ROWS + row];
    s[j] = splat(0);
    if (owns) a[c][row] = h1[j];
  }
  float4 w3 = weight3[min(t, (WIDTH + 2) * LAST - 1)];
  __syncthreads();
  product(s, a, b, c, lane, LANES);
  __syncthreads();
  float4 mean, variance;
  statistics(s, mean, variance, a, b, z, c, lane, owns);
  float4 inverse2 = inverse_of(variance);
  for (int j = 0; j < TILE; j++) {
    n2[j] = (s[j] - mean) * inverse2;
    h2[j] = activations(n2[j], gamma2[c], beta2[c], c);
    if (owns) b[c][lane + j * LANES] = h2[j];
  }
  if (owns && lane == 0) keep(averages2, c, mean, variance);
  if (t < (WIDTH + 2) * LAST) a[t % LAST][t / LAST] = w3;
  __syncthreads();
  float4 logits[1] = {splat(0)};
  if (t < LAST * ROWS) product(logits, b, a, t / ROWS, t % ROWS, 0);
  __syncthreads();
  if (t < LAST * ROWS) a[t / ROWS][t % ROWS] = logits[0];
  __syncthreads();
  if (t < ROWS) {
    float4 l[LAST] = {a[0][t], a[1][t], a[2][t]};
    float e[CLASSES] = {l[0].x, l[0].y, l[0].z, l[0].w, l[1].x, l[1].y, l[1].z, l[1].w, l[2].x, l[2].y};
    float largest = e[0], sum = 0;
    for (int i = 1; i < CLASSES; i++) largest = fmaxf(largest, e[i]);
    for (int i = 0; i < CLASSES; i++) sum += e[i] = expf(e[i] - largest);
    for (int i = 0; i < CLASSES; i++) e[i] = (e[i] / sum - (i == label)) / ROWS;
    a[0][t] = make_float4(e[0], e[1], e[2], e[3]);
    a[1][t] = make_float4(e[4], e[5], e[6], e[7]);
    a[2][t] = make_float4(e[8], e[9], 0, 0);
  }
  __syncthreads();
  backward_weight<LAST>(weight3, a, b, eta, decay);
  backward_hidden<LAST>(s, n2, h2, inverse2, gamma2, beta2, a, b, z, c, lane, owns, eta);
  for (int j = 0; j < TILE; j++)
    if (owns) { a[c][lane + j * LANES] = s[j]; b[c][lane + j * LANES] = h1[j]; }
  __syncthreads();
  backward_weight<HIDDEN>(weight2, a, b, eta, decay);
  backward_hidden<HIDDEN>(s, n1, h1, inverse1, gamma1, beta1, a, b, z, c, lane, owns, eta);
  float4 dbias = splat(0), unused = splat(0);
  for (int j = 0; j < TILE; j++) {
    if (owns) ds1[c * ROWS + lane + j * LANES] = s[j];
    dbias = dbias + s[j];
  }
  sums_of_lanes(dbias, unused, a, b, z, c, lane, owns);
  if (owns && lane == 0) bias1[c] = fma4(splat(-eta), dbias, bias1[c]);
}

__device__ inline float4 standardised(unsigned p, float4 scale, float4 shift) {
  float4 bytes = make_float4(p & 255, p >> 8 & 255, p >> 16 & 255, p >> 24);
  return fma4((1.0f / 255) * bytes, scale, shift);
}

// A slice of the first layer: dW of this step, the update, and the slice's share of the next step's product.
extern "C" __global__ void __launch_bounds__(INPUT) fused_input(
    const unsigned* __restrict__ order, const unsigned* __restrict__ images, const float4* __restrict__ standard,
    const float4* __restrict__ ds1, float4* weight1, float4* slices, int first, int next, float eta, float decay) {
  __shared__ float4 xs[ROWS][DEPTH + 1];
  __shared__ float4 gs[ROWS + 4 * DEPTH][HIDDEN]; // dS, then sums of the shares; behind it W
  int t = threadIdx.x, slice = blockIdx.x, texel = slice * DEPTH + t % DEPTH;
  float4 scale = standard[2 * texel], shift = standard[2 * texel + 1];
  unsigned now[FETCHES], then[FETCHES];
#pragma unroll
  for (int i = 0; i < FETCHES; i++) {
    int row = min((t + i * INPUT) / DEPTH, ROWS - 1);
    now[i] = images[order[first + row] * TEXELS + texel];
    then[i] = images[order[next + row] * TEXELS + texel];
  }
  // Of the first product: texel, column and share of the rows. A thread owns the weight of one of its four inputs.
  int q = t % DEPTH, c = t / DEPTH % HIDDEN, share = t / (DEPTH * HIDDEN), own = 4 * q + share;
  float4* at = weight1 + (4 * DEPTH * slice + own) * HIDDEN + c;
  float4 w = *at;
  for (int i = t; i < ROWS * HIDDEN; i += INPUT) gs[i % ROWS][i / ROWS] = ds1[i];
#pragma unroll
  for (int i = 0; i < FETCHES; i++) {
    int id = t + i * INPUT;
    if (id < ROWS * DEPTH) xs[id / DEPTH][id % DEPTH] = standardised(now[i], scale, shift);
  }
  __syncthreads();
  float4 sum[4] = {splat(0), splat(0), splat(0), splat(0)};
#pragma unroll 5
  for (int row = share * (ROWS / SHARES); row < (share + 1) * (ROWS / SHARES); row++) {
    float4 x = xs[row][q], g = gs[row][c];
    sum[0] = fma4(splat(x.x), g, sum[0]); sum[1] = fma4(splat(x.y), g, sum[1]);
    sum[2] = fma4(splat(x.z), g, sum[2]); sum[3] = fma4(splat(x.w), g, sum[3]);
  }
  __syncthreads();
  float4 mine = splat(0);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (i == share) mine = sum[i];
    else gs[((share - i - 1) & 3) * 4 * DEPTH + 4 * q + i][c] = sum[i];
  }
#pragma unroll
  for (int i = 0; i < FETCHES; i++) {
    int id = t + i * INPUT;
    if (id < ROWS * DEPTH) xs[id / DEPTH][id % DEPTH] = standardised(then[i], scale, shift);
  }
  __syncthreads();
  for (int i = 0; i < SHARES - 1; i++) mine = mine + gs[i * 4 * DEPTH + own][c];
  w = fma4(splat(-eta), fma4(splat(decay), w, mine), w);
  *at = w;
  gs[ROWS + own][c] = w;
  __syncthreads();
  // Of the second product: a column and four rows.
  int column = t / LANES, lane = t % LANES;
  if (column >= HIDDEN) return;
  float4 s[TILE] = {splat(0), splat(0), splat(0), splat(0)};
#pragma unroll
  for (int k = 0; k < DEPTH; k++) {
    float4 w0 = gs[ROWS + 4 * k][column], w1 = gs[ROWS + 4 * k + 1][column];
    float4 w2 = gs[ROWS + 4 * k + 2][column], w3 = gs[ROWS + 4 * k + 3][column];
#pragma unroll
    for (int j = 0; j < TILE; j++) s[j] = times(xs[lane + j * LANES][k], w0, w1, w2, w3, s[j]);
  }
  for (int j = 0; j < TILE; j++) slices[(column * SLICES + slice) * ROWS + lane + j * LANES] = s[j];
}
