// The smallest pieces of JSON text: numbers, literals, escapes. RFC 8259, nothing more is accepted.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ctj {

/// Bytes that may follow a number or literal: white space and the six structural characters.
inline bool ends_token(uint8_t c) {
  // A switch would be a jump that nobody foresees. Square and curly brackets differ in one bit.
  constexpr uint64_t low = uint64_t(1) << ' ' | uint64_t(1) << '\t' | uint64_t(1) << '\n' | uint64_t(1) << '\r'
      | uint64_t(1) << ',' | uint64_t(1) << ':';
  return c < 64 ? low >> c & 1 : (c | 0x20) == '{' || (c | 0x20) == '}';
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

/// Where the number at `p` ends if it has at most 15 characters, digits with perhaps one point, and a token's end behind
/// them: most numbers, found without a loop. Null: it is anything else, right or wrong. Reads 16 bytes.
inline const uint8_t *short_number_end(const uint8_t *p) {
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const uint32_t digits = uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)));
  const uint32_t points = uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'))));
  const uint32_t length = uint32_t(__builtin_ctz(~(digits | points)));
  const uint32_t inside = points & ((uint32_t(1) << length) - 1);
  // A point is not the first character nor the last one, and the only one; before it, or alone, stands a first zero.
  const uint32_t outer = (uint32_t(1) << length >> 1) | 1;
  const bool is_zero = *p == '0' && length > 1 && !(points & 2);
  if (length == 0 || length > 15 || (inside & outer) != 0 || (inside & (inside - 1)) != 0 || is_zero) return nullptr;
  return ends_token(p[length]) ? p + length : nullptr;
#else
  (void)p;
  return nullptr;
#endif
}

/// The byte behind `true`, `false`, `null` or a number that begins at `p`, or null. Reads at most 4 bytes behind `p`
/// beyond what it accepts, or 16.
inline const uint8_t *scalar_end(const uint8_t *p) {
  const uint8_t *end = short_number_end(p);
  if (end != nullptr) return end;
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
