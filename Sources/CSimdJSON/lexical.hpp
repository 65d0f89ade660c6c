// The smallest pieces of JSON text: numbers, literals, escapes. RFC 8259, nothing more is accepted.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ctj {

/// Bytes that may follow a number or literal: white space and the six structural characters.
inline bool ends_token(uint8_t c) {
  switch (c) {
  case ' ': case '\t': case '\n': case '\r': case ',': case ':': case '[': case ']': case '{': case '}':
    return true;
  default:
    return false;
  }
}

inline bool is_digit(uint8_t c) { return uint8_t(c - '0') < 10; }

/// The byte behind the number at `p`, or null. Stops at the first byte that is no part of it: a newline stands behind
/// every line, so it does not run away.
inline const uint8_t *number_end(const uint8_t *p) {
  if (*p == '-') p++;
  if (*p == '0') {
    p++;
  } else {
    if (!is_digit(*p)) return nullptr;
    do p++; while (is_digit(*p));
  }
  if (*p == '.') {
    p++;
    if (!is_digit(*p)) return nullptr;
    do p++; while (is_digit(*p));
  }
  if ((*p | 0x20) == 'e') {
    p++;
    if (*p == '+' || *p == '-') p++;
    if (!is_digit(*p)) return nullptr;
    do p++; while (is_digit(*p));
  }
  return p;
}

/// The byte behind `true`, `false`, `null` or a number that begins at `p`, or null. Reads at most 4 bytes behind `p`
/// beyond what it accepts.
inline const uint8_t *scalar_end(const uint8_t *p) {
  const uint8_t *end;
  switch (*p) {
  case 't':
    if (memcmp(p, "true", 4) != 0) return nullptr;
    end = p + 4;
    break;
  case 'f':
    if (memcmp(p, "false", 5) != 0) return nullptr;
    end = p + 5;
    break;
  case 'n':
    if (memcmp(p, "null", 4) != 0) return nullptr;
    end = p + 4;
    break;
  default:
    end = number_end(p);
    if (end == nullptr) return nullptr;
  }
  return ends_token(*end) ? end : nullptr;
}

/// Reads the escapes of a string's body (between its quotes), and with `Write` puts the unescaped bytes at `out`, which
/// has room for `length` bytes. Gives their number, or −1: an unknown escape, or a surrogate without its other half
/// (it has no UTF-8 form, and a replacement would change a value silently).
template <bool Write>
int64_t unescape(const uint8_t *body, size_t length, uint8_t *out);

}  // namespace ctj
