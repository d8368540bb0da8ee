/* system/system.h - what the file of a system includes. */
#include "rein/system.h"
