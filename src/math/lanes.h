/* lanes.h - a vector of W floats and the few things that differ between instruction sets. All else is GNU C vector arithmetic.
 * Each operation rounds as IEEE 754 says, lane by lane, so the same formula has the same bits for any W. */
#ifndef REIN_LANES_H
#define REIN_LANES_H
#include "rein/math.h"
#include <math.h>
#include <string.h>
#define INLINE static inline __attribute__((always_inline, unused))

#if defined RN_ISA_avx512
#include <immintrin.h>
enum { W = 16 };
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
INLINE vf all(float x) { return _mm512_set1_ps(x); }
INLINE vf load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store(float *p, vf x) { _mm512_storeu_ps(p, x); }
INLINE __mmask16 below(size_t n) { return (__mmask16)((1u << n) - 1); }
INLINE vf load_part(const float *p, size_t n) { return _mm512_maskz_loadu_ps(below(n), p); }
INLINE void store_part(float *p, vf x, size_t n) { _mm512_mask_storeu_ps(p, below(n), x); }
typedef __mmask16 edge;                                 // how much of a row's last vector there is: here masks cost nothing
INLINE edge edge_of(int n) { return below((size_t)n); }
INLINE vf load_edge(const float *p, edge e) { return _mm512_maskz_loadu_ps(e, p); }
INLINE void store_edge(float *p, vf x, edge e) { _mm512_mask_storeu_ps(p, e, x); }
typedef __mmask16 truth;                                // a bit a lane: gcc 12 takes a vector of 0 and -1 the long way round
#define LESS(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define SAME(a, b) _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)
#define HAS_BIT(x, bit) _mm512_test_epi32_mask((__m512i)(x), _mm512_set1_epi32(bit))
INLINE vf pick(truth mask, vf yes, vf no) { return _mm512_mask_blend_ps(mask, no, yes); }
INLINE vf smaller(vf a, vf b) { return _mm512_min_ps(a, b); }           // a < b ? a : b
INLINE vf larger(vf a, vf b) { return _mm512_max_ps(a, b); }            // a > b ? a : b
INLINE bool any(truth mask) { return mask != 0; }
INLINE vf keep_some(vf x, size_t n) { return n >= W ? x : _mm512_maskz_mov_ps(below(n), x); }        // zeros after n
INLINE vf root(vf x) { return _mm512_sqrt_ps(x); }
INLINE vf as_float(vi x) { return _mm512_cvtepi32_ps((__m512i)x); }
// four floats each from p, p + 4 ld, p + 8 ld, p + 12 ld
INLINE vf quads(const float *p, ptrdiff_t ld) {
  __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p));
  x = _mm512_mask_broadcast_f32x4(x, 0x00f0, _mm_loadu_ps(p + 4 * ld));
  x = _mm512_mask_broadcast_f32x4(x, 0x0f00, _mm_loadu_ps(p + 8 * ld));
  return _mm512_mask_broadcast_f32x4(x, 0xf000, _mm_loadu_ps(p + 12 * ld));
}
#define UNPACK_LOW(a, b) _mm512_unpacklo_ps(a, b)
#define UNPACK_HIGH(a, b) _mm512_unpackhi_ps(a, b)
#define HALVES(a, b, which) _mm512_shuffle_ps(a, b, which)
INLINE void wide_product(vu a, uint32_t m, vu *high, vu *low) {         // 32 x 32 bits
  __m512i x = (__m512i)a, by = _mm512_set1_epi32((int)m);
  __m512i even = _mm512_mul_epu32(x, by), odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), by);
  *high = (vu)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  *low = (vu)_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}
#elif defined RN_ISA_avx2
#include <immintrin.h>
enum { W = 8 };
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
INLINE vf all(float x) { return _mm256_set1_ps(x); }
INLINE vf load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void store(float *p, vf x) { _mm256_storeu_ps(p, x); }
INLINE __m256i below(size_t n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
INLINE vf load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, below(n)); }
INLINE void store_part(float *p, vf x, size_t n) { _mm256_maskstore_ps(p, below(n), x); }
typedef vi truth;
#define LESS(a, b) ((vi)_mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define SAME(a, b) ((vi)_mm256_cmp_ps(a, b, _CMP_EQ_OQ))
#define HAS_BIT(x, bit) (((x) & (bit)) != 0)
INLINE vf pick(truth mask, vf yes, vf no) { return _mm256_blendv_ps(no, yes, (__m256)mask); }
INLINE vf smaller(vf a, vf b) { return _mm256_min_ps(a, b); }
INLINE vf larger(vf a, vf b) { return _mm256_max_ps(a, b); }
INLINE vf keep_some(vf x, size_t n) { return n >= W ? x : _mm256_and_ps((__m256)below(n), x); }
INLINE vf root(vf x) { return _mm256_sqrt_ps(x); }
INLINE vf as_float(vi x) { return _mm256_cvtepi32_ps((__m256i)x); }
INLINE bool any(truth mask) { return _mm256_movemask_ps((__m256)mask) != 0; }
INLINE vf quads(const float *p, ptrdiff_t ld) { return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 4 * ld), 1); }
#define UNPACK_LOW(a, b) _mm256_unpacklo_ps(a, b)
#define UNPACK_HIGH(a, b) _mm256_unpackhi_ps(a, b)
#define HALVES(a, b, which) _mm256_shuffle_ps(a, b, which)
INLINE void wide_product(vu a, uint32_t m, vu *high, vu *low) {
  __m256i x = (__m256i)a, by = _mm256_set1_epi32((int)m);
  __m256i even = _mm256_mul_epu32(x, by), odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), by);
  *high = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  *low = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
#else
enum { W = 4 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
INLINE vf FMA(vf a, vf b, vf c) { return (vf){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3])}; }
INLINE vf all(float x) { return (vf){x, x, x, x}; }
INLINE vf load(const float *p) {
  vf x;
  memcpy(&x, p, sizeof x);
  return x;
}
INLINE void store(float *p, vf x) { memcpy(p, &x, sizeof x); }
INLINE vf load_part(const float *p, size_t n) {
  vf x = {0};
  memcpy(&x, p, n * sizeof *p);
  return x;
}
INLINE void store_part(float *p, vf x, size_t n) { memcpy(p, &x, n * sizeof *p); }
typedef vi truth;
#define LESS(a, b) ((a) < (b))
#define SAME(a, b) ((a) == (b))
#define HAS_BIT(x, bit) (((x) & (bit)) != 0)
INLINE vf pick(truth mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf smaller(vf a, vf b) { return pick(a < b, a, b); }
INLINE vf larger(vf a, vf b) { return pick(a > b, a, b); }
INLINE vf keep_some(vf x, size_t n) {
  for (size_t i = n; i < W; i++) x[i] = 0;
  return x;
}
INLINE vf root(vf x) { return (vf){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])}; }
INLINE vf as_float(vi x) { return __builtin_convertvector(x, vf); }
INLINE bool any(truth mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }
INLINE vf quads(const float *p, ptrdiff_t ld) {
  (void)ld;
  return load(p);
}
#define UNPACK_LOW(a, b) ((vf){(a)[0], (b)[0], (a)[1], (b)[1]})
#define UNPACK_HIGH(a, b) ((vf){(a)[2], (b)[2], (a)[3], (b)[3]})
#define HALVES(a, b, which) ((which) == 0x44 ? (vf){(a)[0], (a)[1], (b)[0], (b)[1]} : (vf){(a)[2], (a)[3], (b)[2], (b)[3]})
INLINE void wide_product(vu a, uint32_t m, vu *high, vu *low) {
  for (int i = 0; i < W; i++) {
    uint64_t p = (uint64_t)a[i] * m;
    (*high)[i] = (uint32_t)(p >> 32), (*low)[i] = (uint32_t)p;
  }
}
#endif

INLINE vi whole(int32_t x) { return (vi){0} + x; }
INLINE vi minus(vi x, vi y) { return (vi)((vu)x - (vu)y); }     // wraps, where a NaN's bits come by
INLINE vf magnitude(vf x) { return (vf)((vi)x & whole(0x7fffffff)); }
INLINE vf signed_as(vf x, vf sign) { return (vf)(((vi)x & whole(0x7fffffff)) | ((vi)sign & whole(INT32_MIN))); }
INLINE vf load_some(const float *p, size_t n) { return n >= W ? load(p) : load_part(p, n); }
INLINE void store_some(float *p, vf x, size_t n) {
  if (n >= W) store(p, x);
  else store_part(p, x, n);
}
#ifndef RN_ISA_avx512
typedef size_t edge;
INLINE edge edge_of(int n) { return (size_t)n; }
INLINE vf load_edge(const float *p, edge e) { return load_some(p, e); }
INLINE void store_edge(float *p, vf x, edge e) { store_some(p, x, e); }
#endif

// W rows of four floats, b[j*ld + 0..3], become four vectors over j
INLINE void turn_quads(const float *b, ptrdiff_t ld, vf out[4]) {
  vf r0 = quads(b, ld), r1 = quads(b + ld, ld), r2 = quads(b + 2 * ld, ld), r3 = quads(b + 3 * ld, ld);
  vf a = UNPACK_LOW(r0, r1), c = UNPACK_HIGH(r0, r1), e = UNPACK_LOW(r2, r3), g = UNPACK_HIGH(r2, r3);
  out[0] = HALVES(a, e, 0x44), out[1] = HALVES(a, e, 0xee), out[2] = HALVES(c, g, 0x44), out[3] = HALVES(c, g, 0xee);
}

/* Sixteen lanes, whatever W is: lane l of the sums holds the terms l, l+16, ... */
enum { LANES = 16, VECTORS = LANES / W };
typedef struct { vf v[VECTORS]; } lanes;
INLINE lanes no_lanes(void) {
  lanes s;
  for (int i = 0; i < VECTORS; i++) s.v[i] = all(0);
  return s;
}
// the one tree: lane l takes l+8, then l+4, l+2, l+1
typedef float four __attribute__((vector_size(16)));
INLINE float tree(lanes s) {
#if defined RN_ISA_avx512
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(s.v[0]), _mm512_extractf32x8_ps(s.v[0], 1));
  const four x = (four)_mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
#elif defined RN_ISA_avx2
  const __m256 eight = _mm256_add_ps(s.v[0], s.v[1]);
  const four x = (four)_mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
#else
  const four x = (s.v[0] + s.v[2]) + (s.v[1] + s.v[3]);
#endif
  return (x[0] + x[2]) + (x[1] + x[3]);
}
#endif
