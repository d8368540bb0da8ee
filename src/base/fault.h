/* base/fault.h - RN_FAULT=n makes the n-th guarded call of this process fail. Private to base/. */
#ifndef REIN_FAULT_H
#define REIN_FAULT_H
#include <stdbool.h>
bool rn_fault(int error_number);           // true: the caller behaves as if the kernel had said this; errno is set
#endif
