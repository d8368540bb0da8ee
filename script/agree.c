/* script/agree.c - an exported policy beside the engine: reads lines "obs ... act ..." that the engine played, acts, prints the largest difference.
 * cc -O2 -include policy.c script/agree.c -lm; exit 0: within 1e-5 of each action. */
#include <math.h>
#include <stdio.h>

int main(void) {
  float obs[POLICY_OBS], said[POLICY_ACT], act[POLICY_ACT], largest = 0;
  long lines = 0;
  for (;; lines++) {
    int got = 0;
    for (int i = 0; i < POLICY_OBS; i++) got += scanf("%f", &obs[i]);
    for (int i = 0; i < POLICY_ACT; i++) got += scanf("%f", &said[i]);
    if (got != POLICY_OBS + POLICY_ACT) break;
    policy_act(obs, act);
    for (int i = 0; i < POLICY_ACT; i++) largest = fmaxf(largest, fabsf(act[i] - said[i]));
  }
  printf("%ld observations, largest difference %.2g\n", lines, largest);
  return lines == 0 || !(largest <= 1e-5f);
}
