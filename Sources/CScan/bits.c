#include "wide.h"

// Small numbers of so many bits each, one behind the other (`RowSections`), eight at a time: these take `width` bytes.

#if defined(__x86_64__)

/// For widths of 8 and more. No two numbers of which one stands between the others then share a byte, so those at even
/// places are put down at once, and those at odd ones.
WIDE static void pack_wide(const int64_t *values, size_t rows, int64_t least, uint32_t width, uint8_t *out) {
  uint8_t from[2][64];
  uint64_t covered[2] = {0, 0};
  memset(from, 0, sizeof from);
  for (uint32_t i = 0; i < 8; i++) {
    const uint32_t first = i * width / 8, last = (i * width + width - 1) / 8;
    for (uint32_t at = first; at <= last; at++) {
      from[i & 1][at] = (uint8_t)(i * 8 + at - first);
      covered[i & 1] |= (uint64_t)1 << at;
    }
  }
  const __m512i even = _mm512_loadu_si512(from[0]), odd = _mm512_loadu_si512(from[1]);
  const __m512i bit = unpacker_of(width).bit, all = _mm512_set1_epi64(least);
  const size_t size = (rows * width + 7) / 8;
  size_t at = 0;
  for (size_t row = 0; row < rows; row += 8, at += width) {
    const __mmask8 present = (__mmask8)_bzhi_u32(0xff, rows - row < 8 ? (uint32_t)(rows - row) : 8);
    const __m512i number = _mm512_maskz_sub_epi64(present, _mm512_maskz_loadu_epi64(present, values + row), all);
    const __m512i shifted = _mm512_sllv_epi64(number, bit);
    const __m512i packed = _mm512_or_si512(
        _mm512_maskz_permutexvar_epi8(covered[0], even, shifted), _mm512_maskz_permutexvar_epi8(covered[1], odd, shifted));
    if (size - at >= 64) {
      _mm512_storeu_si512(out + at, packed);
    } else {
      uint8_t some[64];
      _mm512_storeu_si512(some, packed);
      memcpy(out + at, some, size - at < width ? size - at : width);
    }
  }
}

/// Eight bytes' low bits.
WIDE static inline void put_eight(uint64_t bytes, uint32_t width, size_t size, size_t at, uint8_t *out) {
  const uint64_t packed = _pext_u64(bytes, 0x0101010101010101 * (((uint64_t)1 << width) - 1));
  if (size - at >= 8) memcpy(out + at, &packed, 8);
  else memcpy(out + at, &packed, size - at < width ? size - at : width);
}

/// For widths below 8.
WIDE static void pack_narrow(const int64_t *values, size_t rows, int64_t least, uint32_t width, uint8_t *out) {
  const size_t size = (rows * width + 7) / 8;
  size_t at = 0;
  for (size_t row = 0; row < rows; row += 8, at += width) {
    const __mmask8 present = (__mmask8)_bzhi_u32(0xff, rows - row < 8 ? (uint32_t)(rows - row) : 8);
    const __m512i number = _mm512_maskz_sub_epi64(
        present, _mm512_maskz_loadu_epi64(present, values + row), _mm512_set1_epi64(least));
    put_eight((uint64_t)_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(number)), width, size, at, out);
  }
}

WIDE static void pack_bytes_wide(const uint8_t *values, size_t rows, uint32_t width, uint8_t *out) {
  const size_t size = (rows * width + 7) / 8;
  size_t at = 0;
  for (size_t row = 0; row < rows; row += 8, at += width) {
    uint64_t bytes = 0;
    memcpy(&bytes, values + row, rows - row < 8 ? rows - row : 8);
    put_eight(bytes, width, size, at, out);
  }
}

WIDE static size_t unpack_wide(
    const uint8_t *packed, size_t rows, uint32_t width, int64_t least, int64_t unit, int64_t *values) {
  const struct unpacker unpacker = unpacker_of(width);
  const __m512i all = _mm512_set1_epi64(least), units = _mm512_set1_epi64(unit);
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    __m512i number = unpack_eight(packed, row, &unpacker);
    if (unit != 1) number = _mm512_mullo_epi64(number, units);
    _mm512_storeu_si512(values + row, _mm512_add_epi64(all, number));
  }
  return row;
}

WIDE static size_t seconds_wide(const int64_t *values, size_t rows, int64_t *seconds) {
  const __m512i units = _mm512_set1_epi64(1000000);
  const __m512d part = _mm512_set1_pd(1e-6);
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    const __m512i some = _mm512_loadu_si512(values + row);
    // The nearest integer is the quotient, if there is one: it has 44 bits at most, and is off by much less than a half. Where
    // there is none, the product is another one.
    const __m512i quotient = _mm512_cvtpd_epi64(_mm512_mul_pd(_mm512_cvtepi64_pd(some), part));
    if (_mm512_cmpneq_epi64_mask(_mm512_mullo_epi64(quotient, units), some) != 0) break;
    _mm512_storeu_si512(seconds + row, quotient);
  }
  return row;
}

WIDE static size_t multiples_wide(const double *values, size_t rows, double scale, int64_t *numbers) {
  // With the large number added, an integer's bits are the lowest ones.
  const __m512d rounding = _mm512_set1_pd(0x1.8p52), unit = _mm512_set1_pd(scale);
  const __m512d most = _mm512_set1_pd(0x1p51), zero = _mm512_setzero_pd();
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    const __m512d value = _mm512_loadu_pd(values + row);
    const __m512d shifted = _mm512_add_pd(_mm512_mul_pd(value, unit), rounding);
    // Minus zero becomes zero, as it would as an integer, and so is found to be none.
    const __m512d product = _mm512_add_pd(_mm512_sub_pd(shifted, rounding), zero);
    const __mmask8 is_none = _mm512_cmpneq_epi64_mask(
        _mm512_castpd_si512(_mm512_div_pd(product, unit)), _mm512_castpd_si512(value));
    const __mmask8 is_small = _mm512_cmp_pd_mask(_mm512_abs_pd(product), most, _CMP_LT_OQ);
    if ((__mmask8)(is_none | ~is_small) != 0) break;
    _mm512_storeu_si512(
        numbers + row, _mm512_sub_epi64(_mm512_castpd_si512(shifted), _mm512_castpd_si512(rounding)));
  }
  return row;
}

WIDE static size_t quotients_wide(const int64_t *numbers, size_t rows, double scale, double *values) {
  const __m512d unit = _mm512_set1_pd(scale);
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    const __m512d number = _mm512_cvtepi64_pd(_mm512_loadu_si512(numbers + row));
    _mm512_storeu_pd(values + row, _mm512_div_pd(number, unit));
  }
  return row;
}

WIDE static size_t byte_steps_wide(
    const uint64_t *values, size_t rows, uint8_t *steps, size_t *large, size_t *very_large) {
  const __m512i byte = _mm512_set1_epi64(0xff), word = _mm512_set1_epi64(0xffff);
  __m512i before = _mm512_setzero_si512();
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    const __m512i some = _mm512_loadu_si512(values + row);
    // Each one's predecessor: the last of those before, then these but the last.
    const __m512i step = _mm512_sub_epi64(some, _mm512_alignr_epi64(some, before, 7));
    before = some;
    *large += (size_t)_mm_popcnt_u32(_mm512_cmpge_epu64_mask(step, byte));
    *very_large += (size_t)_mm_popcnt_u32(_mm512_cmpge_epu64_mask(step, word));
    _mm_storel_epi64((__m128i *)(steps + row), _mm512_cvtusepi64_epi8(step));
  }
  return row;
}
#endif

int cscan_pack_int64s(const int64_t *values, size_t rows, int64_t least, uint32_t width, uint8_t *out) {
#if defined(__x86_64__)
  if (cscan_is_wide()) {
    if (width >= 8) pack_wide(values, rows, least, width, out);
    else pack_narrow(values, rows, least, width, out);
    return 1;
  }
#endif
  return 0;
}

int cscan_pack_bytes(const uint8_t *values, size_t rows, uint32_t width, uint8_t *out) {
#if defined(__x86_64__)
  if (cscan_is_wide()) {
    pack_bytes_wide(values, rows, width, out);
    return 1;
  }
#endif
  return 0;
}

size_t cscan_unpack_int64s(
    const void *packed, size_t rows, uint32_t width, int64_t least, int64_t unit, int64_t *values) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return unpack_wide(packed, rows, width, least, unit, values);
#endif
  return 0;
}

size_t cscan_seconds(const int64_t *values, size_t rows, int64_t *seconds) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return seconds_wide(values, rows, seconds);
#endif
  return 0;
}

size_t cscan_multiples(const double *values, size_t rows, double scale, int64_t *numbers) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return multiples_wide(values, rows, scale, numbers);
#endif
  return 0;
}

size_t cscan_quotients(const int64_t *numbers, size_t rows, double scale, double *values) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return quotients_wide(numbers, rows, scale, values);
#endif
  return 0;
}

size_t cscan_byte_steps(const uint64_t *values, size_t rows, uint8_t *steps, size_t *large, size_t *very_large) {
  *large = 0;
  *very_large = 0;
#if defined(__x86_64__)
  if (cscan_is_wide()) return byte_steps_wide(values, rows, steps, large, very_large);
#endif
  return 0;
}
