#include "rein/system.h"
