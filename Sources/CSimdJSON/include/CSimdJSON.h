#pragma once
#include <stddef.h>
#include <stdint.h>
#include "CNumbers.h"
#ifdef __cplusplus
extern "C" {
#endif

/// Whether the bytes are valid UTF-8 (simdjson's validator).
int ctj_valid_utf8(const uint8_t *data, size_t length);

#ifdef __cplusplus
}
#endif
