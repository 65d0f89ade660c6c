#pragma once
// Vector compares that Swift cannot express: sixteen bytes at a time, results as bit masks.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Bit i is set iff p[i] is a or b, for 64 readable bytes.
static inline uint64_t cscan_match2(const uint8_t *_Nonnull p, uint8_t a, uint8_t b) {
#if defined(__SSE2__)
  const __m128i va = _mm_set1_epi8((char)a), vb = _mm_set1_epi8((char)b);
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    const __m128i m = _mm_or_si128(_mm_cmpeq_epi8(v, va), _mm_cmpeq_epi8(v, vb));
    mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(m) << (16 * i);
  }
  return mask;
#else
  uint64_t mask = 0;
  for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] == a || p[i] == b) << i;
  return mask;
#endif
}

/// Writes the positions of a and b in [0, length), ascending; gives their number. Reads up to 63 bytes behind the length,
/// and writes up to 8 elements behind the last position.
size_t cscan_positions(const uint8_t *_Nonnull p, size_t length, uint8_t a, uint8_t b, uint32_t *_Nonnull out);

/// The first position of a byte in [from, to), or to.
static inline size_t cscan_find(const uint8_t *_Nonnull p, size_t from, size_t to, uint8_t byte) {
  if (from >= to) return to;
  const void *found = memchr(p + from, byte, to - from);
  return found ? (size_t)((const uint8_t *)found - p) : to;
}

#if defined(__GLIBC__)
extern void *_Nullable memrchr(const void *_Nonnull s, int c, size_t n);
#endif

/// One past the last position of a byte in [from, to), or from.
static inline size_t cscan_end_of_last(const uint8_t *_Nonnull p, size_t from, size_t to, uint8_t byte) {
#if defined(__GLIBC__)
  const void *found = from < to ? memrchr(p + from, byte, to - from) : NULL;
  return found ? (size_t)((const uint8_t *)found - p) + 1 : from;
#else
  while (to > from && p[to - 1] != byte) to--;
  return to;
#endif
}
