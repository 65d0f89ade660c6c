#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/// Bytes that ctj_write_double writes at most.
#define CTJ_DOUBLE_BOUND 32

/// Writes the shortest text that reads back as the same finite double, and returns its length. Laid out as Python's
/// repr does, without signs and padding in the exponent: 0.1, 100.0, 1e300, 1.5e-07 is 1.5e-7. A number from 1e-4 to
/// below 1e16 has a point and no exponent. Never called with NaN or infinity.
size_t ctj_write_double(double value, uint8_t *out);

#ifdef __cplusplus
}
#endif
