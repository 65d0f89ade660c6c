#include "CScan.h"

// Once for every processor, and once for those of the last ten years, which have wider compares and count bits in one
// step. Eight positions are written at a time, whether there are as many or not: how many there are is as good as
// random, and a wrong guess costs more than what is written for nothing. (ctz of 0 is undefined, hence the highest bit.)
#define POSITIONS(p, length, a, b, out, match)                                     \
  uint32_t *next = out;                                                            \
  for (size_t at = 0; at < length; at += 64) {                                     \
    uint64_t mask = match(p + at, a, b);                                           \
    if (length - at < 64) mask &= ((uint64_t)1 << (length - at)) - 1;              \
    uint32_t *const end = next + __builtin_popcountll(mask);                       \
    while (next < end) {                                                           \
      for (int i = 0; i < 8; i++) {                                                \
        next[i] = (uint32_t)at + (uint32_t)__builtin_ctzll(mask | (uint64_t)1 << 63); \
        mask &= mask - 1;                                                          \
      }                                                                            \
      next += 8;                                                                   \
    }                                                                              \
    next = end;                                                                    \
  }                                                                                \
  return (size_t)(next - out);

static size_t positions_anywhere(const uint8_t *p, size_t length, uint8_t a, uint8_t b, uint32_t *out) {
  POSITIONS(p, length, a, b, out, cscan_match2)
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,bmi,popcnt"))) static inline uint64_t match2_avx2(const uint8_t *p, uint8_t a, uint8_t b) {
  const __m256i va = _mm256_set1_epi8((char)a), vb = _mm256_set1_epi8((char)b);
  const __m256i low = _mm256_loadu_si256((const __m256i *)p);
  const __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));
  const __m256i in_low = _mm256_or_si256(_mm256_cmpeq_epi8(low, va), _mm256_cmpeq_epi8(low, vb));
  const __m256i in_high = _mm256_or_si256(_mm256_cmpeq_epi8(high, va), _mm256_cmpeq_epi8(high, vb));
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(in_low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(in_high) << 32;
}

__attribute__((target("avx2,bmi,popcnt"))) static size_t positions_avx2(
    const uint8_t *p, size_t length, uint8_t a, uint8_t b, uint32_t *out) {
  POSITIONS(p, length, a, b, out, match2_avx2)
}
#endif

size_t cscan_positions(const uint8_t *p, size_t length, uint8_t a, uint8_t b, uint32_t *out) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"))
    return positions_avx2(p, length, a, b, out);
#endif
  return positions_anywhere(p, length, a, b, out);
}
