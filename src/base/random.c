/* base/random.c - random numbers by counter: a key names a stream, nothing is kept.
 * Source   Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10) */
#include "rein/base.h"
#include <math.h>
#include <string.h>

void rn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0, c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1, c3 = (uint32_t)a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

rn_key rn_key_new(uint64_t seed, const char *purpose, uint64_t unit, uint64_t at) {
  return (rn_key){seed, rn_hash(purpose, strlen(purpose), 0), unit, (uint32_t)at + (uint32_t)(at >> 32) * 0x9E3779B9u, 0};
}

void rn_key_cipher(const rn_key *key, uint32_t out[2]) {
  uint64_t x = key->seed ^ (key->purpose * 0x9E3779B97F4A7C15u);            // SplitMix64's finaliser: near seeds, far keys
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  out[0] = (uint32_t)x, out[1] = (uint32_t)(x >> 32);
}

static void block(rn_key *key, uint32_t out[4]) {
  uint32_t cipher[2];
  rn_key_cipher(key, cipher);
  rn_philox((uint32_t[]){key->draw++, key->at, (uint32_t)key->unit, (uint32_t)(key->unit >> 32)}, cipher, out);
}

uint64_t rn_bits(rn_key *key) {
  uint32_t w[4];
  block(key, w);
  return (uint64_t)w[1] << 32 | w[0];
}

float rn_uniform(rn_key *key, float from, float to) {
  float x = from + (to - from) * ((float)(rn_bits(key) >> 40) * 0x1p-24f);
  return x < to || from >= to ? x : nextafterf(to, from);                   // the sum may round up to `to`
}
double rn_uniform64(rn_key *key) { return (double)(rn_bits(key) >> 11) * 0x1p-53; }

double rn_normal64(rn_key *key) {
  double u = 1 - rn_uniform64(key), v = rn_uniform64(key);                  // u in (0, 1]
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

int64_t rn_below(rn_key *key, int64_t n) {
  RN_CHECK(n > 0, "a number below %lld was asked for", (long long)n);
  // Lemire 2019: the high word of a product; the low word tells the few draws that would be biased
  uint64_t bound = (uint64_t)n, least = -bound % bound;
  for (;;) {
    unsigned __int128 m = (unsigned __int128)rn_bits(key) * bound;
    if ((uint64_t)m >= least) return (int64_t)(m >> 64);
  }
}
