/* list.h - the environments that list.c names; a new one adds its line here and there. */
#ifndef REIN_ENV_LIST_H
#define REIN_ENV_LIST_H
#include "rein/env.h"

extern const rn_env_kind rn_cartpole, rn_pendulum;
#endif
