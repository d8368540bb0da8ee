/* site.h - calls in a system's file leave their place, so that a message can say "called from iql.c:30". Include last; never inside
 * graph/, net/ or policy/, where the caller's place is the one that helps. */
#ifndef REIN_SITE_H
#define REIN_SITE_H
#define RN_TEXT_OF_(x) #x
#define RN_TEXT_OF(x) RN_TEXT_OF_(x)
static inline void rn_at(const char *site) { rn_site = site; }
#define RN_AT(call) (rn_at(__FILE__ ":" RN_TEXT_OF(__LINE__)), call)
#define rn_step(...) RN_AT(rn_step(__VA_ARGS__))
#define rn_step_at(...) RN_AT(rn_step_at(__VA_ARGS__))
#define rn_step_together(...) RN_AT(rn_step_together(__VA_ARGS__))
#define rn_add(...) RN_AT(rn_add(__VA_ARGS__))
#define rn_sub(...) RN_AT(rn_sub(__VA_ARGS__))
#define rn_mul(...) RN_AT(rn_mul(__VA_ARGS__))
#define rn_div(...) RN_AT(rn_div(__VA_ARGS__))
#define rn_min2(...) RN_AT(rn_min2(__VA_ARGS__))
#define rn_concat(...) RN_AT(rn_concat(__VA_ARGS__))
#define rn_linear(...) RN_AT(rn_linear(__VA_ARGS__))
#define rn_matmul(...) RN_AT(rn_matmul(__VA_ARGS__))
#define rn_mlp(...) RN_AT(rn_mlp(__VA_ARGS__))
#define rn_critics(...) RN_AT(rn_critics(__VA_ARGS__))
#define rn_value(...) RN_AT(rn_value(__VA_ARGS__))
#define rn_td_loss(...) RN_AT(rn_td_loss(__VA_ARGS__))
#define rn_policy_fit(...) RN_AT(rn_policy_fit(__VA_ARGS__))
#define rn_policy_sample(...) RN_AT(rn_policy_sample(__VA_ARGS__))
#define rn_policy_mode(...) RN_AT(rn_policy_mode(__VA_ARGS__))
#define rn_policy_logp(...) RN_AT(rn_policy_logp(__VA_ARGS__))
#define rn_policy_entropy(...) RN_AT(rn_policy_entropy(__VA_ARGS__))
#define rn_move(...) RN_AT(rn_move(__VA_ARGS__))
#endif
