#include "CSimdJSON.h"
#include <simdjson.h>

extern "C" int ctj_valid_utf8(const uint8_t *data, size_t length) {
  return simdjson::validate_utf8(reinterpret_cast<const char *>(data), length) ? 1 : 0;
}
