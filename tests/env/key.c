/* env.h stands alone, so it has its own copy of the random numbers: they must be base.h's. */
#define rn_bits own_bits
#define rn_uniform own_uniform
#define rn_uniform64 own_uniform64
#define rn_normal64 own_normal64
#define rn_below own_below
#include "rein/env.h"
#undef rn_bits
#undef rn_uniform
#undef rn_uniform64
#undef rn_normal64
#undef rn_below
#include "test.h"

TEST(env_h_draws_the_numbers_of_base_h) {
  for (uint64_t k = 0; k < 200; k++) {
    rn_key ours = rn_key_new(k * 77, "reset.env", k << 30, k * 5), own = ours;
    for (int draw = 0; draw < 5; draw++) {
      CHECK(own_bits(&own) == rn_bits(&ours));
      CHECK(own_uniform(&own, -2, 3) == rn_uniform(&ours, -2, 3));
      CHECK(own_uniform64(&own) == rn_uniform64(&ours));
      CHECK(own_normal64(&own) == rn_normal64(&ours));
      CHECK(own_below(&own, 1 + (int64_t)k * k) == rn_below(&ours, 1 + (int64_t)k * k));
      CHECK(own.draw == ours.draw);
    }
  }
}
