#include "wide.h"

// The fingerprint's steps, eight rows at a time; `RowLanes` has them in Swift and says what they mean.

#if defined(__x86_64__)

#define SEED_A 0x243f6a8885a308d3
#define SEED_B 0x13198a2e03707344

/// Which of the next eight rows are there.
WIDE static inline __mmask8 rows_left(size_t left) {
  return left < 8 ? (__mmask8)_bzhi_u32(0xff, (uint32_t)left) : 0xff;
}

/// Which of the rows have a value.
WIDE static inline __mmask8 rows_valid(const uint8_t *validity, __mmask8 rows) {
  const __m128i bytes = _mm_maskz_loadu_epi8(rows, validity);
  return (__mmask8)_mm_test_epi8_mask(bytes, bytes);
}

/// One step of the rows' lanes, by the words `u` and `v` or as of nulls.
WIDE static inline void step(uint64_t *a, uint64_t *b, __mmask8 rows, __mmask8 valid, __m512i u, __m512i v) {
  u = _mm512_mask_mov_epi64(_mm512_set1_epi64((int64_t)0xbe5466cf34e90c6c), valid, u);
  v = _mm512_mask_mov_epi64(_mm512_set1_epi64((int64_t)0xc0ac29b7c97c50dd), valid, v);
  const __m512i factor = _mm512_set1_epi64((int64_t)0x452821e638d01377);
  const __m512i x = _mm512_xor_si512(_mm512_maskz_loadu_epi64(rows, a), u);
  const __m512i y = _mm512_add_epi64(_mm512_maskz_loadu_epi64(rows, b), _mm512_mullo_epi64(v, factor));
  _mm512_mask_storeu_epi64(a, rows, _mm512_add_epi64(mix(x), _mm512_set1_epi64((int64_t)0xa4093822299f31d0)));
  _mm512_mask_storeu_epi64(b, rows, _mm512_add_epi64(mix(y), _mm512_set1_epi64((int64_t)0x082efa98ec4e6c89)));
}

/// A function that steps by `word`, an expression of `i` (the first of eight rows) and `rows` (which of them are there).
#define STEPS(name, type, word)                                                                                     \
  WIDE static size_t name(const type *values, const uint8_t *validity, size_t count, uint64_t *a, uint64_t *b) {    \
    for (size_t i = 0; i < count; i += 8) {                                                                         \
      const __mmask8 rows = rows_left(count - i);                                                                   \
      const __m512i u = word;                                                                                       \
      step(a + i, b + i, rows, rows_valid(validity + i, rows), u, u);                                               \
    }                                                                                                               \
    return count;                                                                                                   \
  }

/// 0 or 1 of eight bytes.
WIDE static inline __m512i truths(__m128i bytes) {
  return _mm512_maskz_set1_epi64((__mmask8)_mm_test_epi8_mask(bytes, bytes), 1);
}

/// Bits of doubles, of one NaN and one zero.
WIDE static inline __m512i canonical(__m512d values) {
  const __mmask8 number = _mm512_cmp_pd_mask(values, values, _CMP_ORD_Q);
  const __mmask8 zero = _mm512_cmp_pd_mask(values, _mm512_setzero_pd(), _CMP_EQ_OQ);
  const __m512i bits = _mm512_maskz_mov_epi64((__mmask8)~zero, _mm512_castpd_si512(values));
  return _mm512_mask_mov_epi64(_mm512_set1_epi64(0x7ff8000000000000), number, bits);
}

STEPS(step_int64s, int64_t, _mm512_maskz_loadu_epi64(rows, values + i))
STEPS(step_int32s, int32_t, _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(rows, values + i)))
STEPS(step_bools, uint8_t, truths(_mm_maskz_loadu_epi8(rows, values + i)))
STEPS(step_doubles, double, canonical(_mm512_maskz_loadu_pd(rows, values + i)))

/// `Hashing.hash64` of eight strings of up to 16 bytes.
WIDE static inline __m512i hashes(const struct keys *keys, __mmask8 has_first, __mmask8 has_second, int64_t seed) {
  const __m512i factor = _mm512_set1_epi64((int64_t)0x9fb21c651e98df25);
  __m512i h = _mm512_mullo_epi64(keys->length, _mm512_set1_epi64((int64_t)0x9e3779b97f4a7c15));
  h = _mm512_xor_si512(h, _mm512_set1_epi64(seed));
  h = _mm512_mask_mov_epi64(h, has_first, _mm512_mullo_epi64(mix(_mm512_xor_si512(h, keys->first)), factor));
  if (has_second != 0)
    h = _mm512_mask_mov_epi64(h, has_second, _mm512_mullo_epi64(mix(_mm512_xor_si512(h, keys->second)), factor));
  return mix(h);
}

WIDE static size_t step_strings(
    const uint8_t *base, const cscan_view *views, const uint8_t *validity, size_t count, uint64_t *a, uint64_t *b) {
  for (size_t i = 0; i < count; i += 8) {
    const __mmask8 rows = rows_left(count - i);
    const __mmask8 valid = rows_valid(validity + i, rows);
    // A null's view may be anything.
    cscan_view some[8];
    const cscan_view *of = views + i;
    if (valid != 0xff) {
      _mm512_storeu_si512(some, _mm512_maskz_loadu_epi64(valid, of));
      of = some;
    }
    struct keys keys;
    if (load_keys(base, of, 8, &keys) != 0) return i;
    const __mmask8 has_first = _mm512_test_epi64_mask(keys.length, keys.length);
    const __mmask8 has_second = _mm512_cmpgt_epu64_mask(keys.length, _mm512_set1_epi64(8));
    step(
        a + i, b + i, rows, valid, hashes(&keys, has_first, has_second, SEED_A),
        hashes(&keys, has_first, has_second, SEED_B));
  }
  return count;
}

#define RANGE(name, type, lanes, broadcast, load, least, greatest, reduce_least, reduce_greatest)                   \
  WIDE static size_t name(const type *values, size_t count, type *low, type *high) {                                \
    __m512i first = broadcast(values[0]), last = first;                                                             \
    size_t i = 0;                                                                                                   \
    for (; i + lanes <= count; i += lanes) {                                                                        \
      const __m512i some = _mm512_loadu_si512(values + i);                                                          \
      first = least(first, some);                                                                                   \
      last = greatest(last, some);                                                                                  \
    }                                                                                                               \
    /* The rest, filled up with the first value. */                                                                 \
    const __m512i some = load(broadcast(values[0]), (1u << (count - i)) - 1, values + i);                           \
    *low = reduce_least(least(first, some));                                                                        \
    *high = reduce_greatest(greatest(last, some));                                                                  \
    return count;                                                                                                   \
  }

RANGE(
    range_int64s, int64_t, 8, _mm512_set1_epi64, _mm512_mask_loadu_epi64, _mm512_min_epi64, _mm512_max_epi64,
    _mm512_reduce_min_epi64, _mm512_reduce_max_epi64)
RANGE(
    range_int32s, int32_t, 16, _mm512_set1_epi32, _mm512_mask_loadu_epi32, _mm512_min_epi32, _mm512_max_epi32,
    _mm512_reduce_min_epi32, _mm512_reduce_max_epi32)

WIDE static size_t near_indices(
    const uint64_t *values, size_t count, uint64_t low, const uint32_t *slots, uint32_t *indices) {
  const __m512i first = _mm512_set1_epi64((int64_t)low);
  const __m256i one = _mm256_set1_epi32(1);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m512i at = _mm512_sub_epi64(_mm512_loadu_si512(values + i), first);
    const __m256i entries = _mm512_i64gather_epi32(at, slots, 4);
    if (_mm256_testn_epi32_mask(entries, entries) != 0) break;
    _mm256_storeu_si256((__m256i *)(indices + i), _mm256_sub_epi32(entries, one));
  }
  return i;
}
#endif

size_t cscan_step_int64s(const int64_t *values, const uint8_t *validity, size_t rows, uint64_t *a, uint64_t *b) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return step_int64s(values, validity, rows, a, b);
#endif
  return 0;
}

size_t cscan_step_int32s(const int32_t *values, const uint8_t *validity, size_t rows, uint64_t *a, uint64_t *b) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return step_int32s(values, validity, rows, a, b);
#endif
  return 0;
}

size_t cscan_step_bools(const uint8_t *values, const uint8_t *validity, size_t rows, uint64_t *a, uint64_t *b) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return step_bools(values, validity, rows, a, b);
#endif
  return 0;
}

size_t cscan_step_doubles(const double *values, const uint8_t *validity, size_t rows, uint64_t *a, uint64_t *b) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return step_doubles(values, validity, rows, a, b);
#endif
  return 0;
}

size_t cscan_step_strings(
    const uint8_t *base, const cscan_view *views, const uint8_t *validity, size_t rows, uint64_t *a, uint64_t *b) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return step_strings(base, views, validity, rows, a, b);
#endif
  return 0;
}

size_t cscan_range_int64s(const int64_t *values, size_t count, int64_t *low, int64_t *high) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return range_int64s(values, count, low, high);
#endif
  return 0;
}

size_t cscan_range_int32s(const int32_t *values, size_t count, int32_t *low, int32_t *high) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return range_int32s(values, count, low, high);
#endif
  return 0;
}

size_t cscan_near_indices(
    const uint64_t *values, size_t count, uint64_t low, const uint32_t *slots, uint32_t *indices) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return near_indices(values, count, low, slots, indices);
#endif
  return 0;
}
