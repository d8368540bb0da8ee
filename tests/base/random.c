/* Random keys: the published cipher, streams that know no order, laws. */
#include "rein/math.h"
#include "test.h"

TEST(philox_gives_the_published_vectors) {                      // Random123's kat_vectors, philox4x32 10
  static const uint32_t known[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < RN_COUNT(known); i++) {
    uint32_t out[4];
    rn_philox(known[i], known[i] + 4, out);
    CHECK_THAT(memcmp(out, known[i] + 6, sizeof out) == 0, "vector %d", i);
  }
}

TEST(a_stream_is_its_key_and_nothing_else) {
  rn_key a = rn_key_new(1, "p", 2, 3), b = rn_key_new(9, "q", 2, 3);
  uint64_t first[10], other[10];
  for (int i = 0; i < 10; i++) first[i] = rn_bits(&a);
  for (int i = 0; i < 10; i++) other[i] = rn_bits(&b);
  a = rn_key_new(1, "p", 2, 3), b = rn_key_new(9, "q", 2, 3);
  for (int i = 0; i < 10; i++) {                                // now in turns, the other one first
    CHECK(rn_bits(&b) == other[i]);
    CHECK(rn_bits(&a) == first[i]);
  }
  a = rn_key_new(1, "p", 2, 3), a.draw = 7;
  CHECK(rn_bits(&a) == first[7]);
}

TEST(each_part_of_a_key_counts) {
  rn_key keys[] = {rn_key_new(0, "", 0, 0), rn_key_new(1, "", 0, 0), rn_key_new(0, "a", 0, 0), rn_key_new(0, "", 1, 0), rn_key_new(0, "", 1ull << 32, 0),
                   rn_key_new(0, "", 0, 1), rn_key_new(0, "", 0, 1ull << 32), rn_key_new(0, "b", 0, 0), rn_key_new(1ull << 63, "", 0, 0), rn_key_new(2, "", 0, 0)};
  for (int i = 0; i < RN_COUNT(keys); i++)
    for (int j = 0; j < i; j++) {
      rn_key a = keys[i], b = keys[j];
      CHECK_THAT(rn_bits(&a) != rn_bits(&b), "keys %d and %d are one stream", i, j);
    }
}

TEST(numbers_below_n_are_equally_likely) {
  static const int64_t n[] = {1, 2, 3, 7, 10, 97};
  for (int k = 0; k < RN_COUNT(n); k++) {
    rn_key key = rn_key_new(5, "below", (uint64_t)k, 0);
    int times[97] = {0}, draws = 20000;
    for (int i = 0; i < draws; i++) {
      int64_t x = rn_below(&key, n[k]);
      CHECK(x >= 0 && x < n[k]);
      times[x]++;
    }
    double chi = 0, want = (double)draws / (double)n[k], df = (double)(n[k] - 1);
    for (int i = 0; i < n[k]; i++) chi += (times[i] - want) * (times[i] - want) / want;
    CHECK_THAT(chi <= df + 4 * sqrt(2 * df) + 4, "chi square %g with %g degrees of freedom", chi, df);
  }
  // n = 3/8 of 2^64: without a second draw, of eight words in a row three give 0 modulo 3, three 1, and only two 2
  rn_key key = rn_key_new(5, "large", 0, 0);
  int twos = 0;
  for (int i = 0; i < 30000; i++) twos += rn_below(&key, 3ll << 61) % 3 == 2;
  CHECK_NEAR(twos / 30000.0, 1.0 / 3, 0.012, "share of 2 modulo 3");
}

static void below_zero(void *context) { rn_below(context, 0); }
TEST(a_number_below_zero_is_a_bug) {
  rn_key key = rn_key_new(1, "x", 0, 0);
  CHECK_TEXT(test_fatal(below_zero, &key), "below 0");
}

TEST(uniform_and_normal_numbers_have_their_moments) {
  rn_key key = rn_key_new(5, "moments", 0, 0);
  double u = 0, uu = 0, z = 0, zz = 0, z4 = 0, least = 1, most = 0;
  int n = 200000;
  for (int i = 0; i < n; i++) {
    double a = rn_uniform64(&key), b = rn_normal64(&key);
    u += a / n, uu += a * a / n, z += b / n, zz += b * b / n, z4 += b * b * b * b / n, least = fmin(least, a), most = fmax(most, a);
  }
  CHECK_NEAR(u, 0.5, 0.003, "mean");
  CHECK_NEAR(uu, 1.0 / 3, 0.003, "square");
  CHECK_NEAR(z, 0, 0.01, "mean of normals");
  CHECK_NEAR(zz, 1, 0.015, "variance of normals");
  CHECK_NEAR(z4, 3, 0.04, "fourth moment of normals");
  CHECK(least >= 0 && most < 1 && least < 1e-4 && most > 1 - 1e-4);
}

TEST(uniform_never_gives_its_upper_bound) {                     // 1 + (1 - 2^-24) rounds to 2 in float
  rn_key key = rn_key_new(1, "edge", 0, 0);
  for (long i = 0; i < 3000000; i++) {
    float x = rn_uniform(&key, 16777215, 16777216);
    CHECK_THAT(x >= 16777215 && x < 16777216, "draw %ld is %g", i, (double)x);
  }
  CHECK(rn_uniform(&key, 3, 3) == 3);
}

TEST(bulk_uniforms_are_the_blocks_of_the_cipher) {
  rn_key key = rn_key_new(3, "bulk", 1ull << 40, 9);
  uint32_t cipher[2], w[4];
  rn_key_cipher(&key, cipher);
  float x[103], y[51];
  rn_vuniform_f32(key, 103, x);
  for (int i = 0; i < 103; i++) {
    rn_philox((uint32_t[]){(uint32_t)i / 4, key.at, (uint32_t)key.unit, (uint32_t)(key.unit >> 32)}, cipher, w);
    CHECK(x[i] == ((float)(w[i % 4] >> 9) + 0.5f) * 0x1p-23f);
  }
  rn_vuniform_f32(key, 51, y);
  CHECK(memcmp(x, y, sizeof y) == 0);
  key.draw += 10;
  rn_vuniform_f32(key, 51, y);
  CHECK(memcmp(x + 40, y, sizeof y) == 0);
}
