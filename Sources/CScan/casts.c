#include "wide.h"

#if defined(__x86_64__)

/// Eight rows' fields of a column.
struct fields {
  /// Where they are, and how far from one another.
  const cscan_view *first;
  size_t stride;
  __m512i view;
  /// Those that are there; those of them that are null.
  __mmask8 present, null;
  cscan_view few[8];
};

WIDE static inline __m128i two_words(const void *low, const void *high) {
  return _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64(low)), high));
}

WIDE static inline __m512i eight_words(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

WIDE static inline void load_fields(
    struct fields *of, const cscan_view *fields, size_t stride, size_t row, size_t rows) {
  const cscan_view *f = fields + row * stride;
  size_t s = stride;
  of->present = 0xff;
  if (rows - row < 8) {
    // Nulls for those that are not there: they begin at the text's first byte.
    for (size_t i = 0; i < 8; i++) of->few[i] = row + i < rows ? f[i * s] : (cscan_view){0, NULL_BIT};
    of->present = (__mmask8)_bzhi_u32(0xff, (uint32_t)(rows - row));
    f = of->few;
    s = 1;
  }
  of->first = f;
  of->stride = s;
  of->view = eight_words(
      two_words(f, f + s), two_words(f + 2 * s, f + 3 * s), two_words(f + 4 * s, f + 5 * s),
      two_words(f + 6 * s, f + 7 * s));
  of->null = _mm512_movepi64_mask(of->view);
}

static inline const uint8_t *field_at(const uint8_t *text, const struct fields *of, size_t i) {
  return text + of->first[i * of->stride].start;
}

/// The fields' first eight bytes.
WIDE static inline __m512i load_words(const uint8_t *text, const struct fields *of) {
  return eight_words(
      two_words(field_at(text, of, 0), field_at(text, of, 1)), two_words(field_at(text, of, 2), field_at(text, of, 3)),
      two_words(field_at(text, of, 4), field_at(text, of, 5)), two_words(field_at(text, of, 6), field_at(text, of, 7)));
}

/// Writes a group of rows: their values or, of nulls, the fallback; whether they are there; which were not `read`.
/// Gives the end of `rest`.
WIDE static inline uint32_t *put(
    const struct fields *of, size_t row, __m512i values, __mmask8 read, int64_t fallback, uint8_t null_validity,
    int64_t *out, uint8_t *validity, uint32_t *rest) {
  values = _mm512_mask_mov_epi64(values, of->null, _mm512_set1_epi64(fallback));
  const __m128i valid = _mm_mask_mov_epi8(_mm_set1_epi8(1), of->null, _mm_set1_epi8((char)null_validity));
  if (of->present == 0xff) {
    _mm512_storeu_si512(out + row, values);
    _mm_storel_epi64((__m128i *)(validity + row), valid);
  } else {
    _mm512_mask_storeu_epi64(out + row, of->present, values);
    _mm_mask_storeu_epi8(validity + row, of->present, valid);
  }
  const __mmask8 left = (__mmask8)(of->present & ~of->null & ~read);
  if (left == 0) return rest;
  const __m256i numbers = _mm256_add_epi32(_mm256_set1_epi32((int32_t)row), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_storeu_si256((__m256i *)rest, _mm256_maskz_compress_epi32(left, numbers));
  return rest + _mm_popcnt_u32(left);
}

/// The numbers that eight digit values (0…9 each) write, the first in the lowest byte.
WIDE static inline __m512i numbers_of(__m512i values) {
  const __m512i pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x010a));
  const __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00010064));
  return _mm512_add_epi64(_mm512_mul_epu32(fours, _mm512_set1_epi64(10000)), _mm512_srli_epi64(fours, 32));
}

/// Lanes of which every byte is 0…9.
WIDE static inline __mmask8 are_digits(__m512i values) {
  const __m512i beyond = _mm512_subs_epu8(values, _mm512_set1_epi8(9));
  return _mm512_testn_epi64_mask(beyond, beyond);
}

/// The first `count` bytes (0…8), less zeros, moved up to end at the lane's last byte; zeros before them.
WIDE static inline __m512i aligned(__m512i words, __m512i count) {
  const __m512i shift = _mm512_slli_epi64(_mm512_sub_epi64(_mm512_set1_epi64(8), count), 3);
  return _mm512_sllv_epi64(_mm512_xor_si512(words, _mm512_set1_epi8(0x30)), shift);
}

WIDE static size_t ints_wide(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, int64_t fallback, uint8_t null_validity,
    int64_t *out, uint8_t *validity, uint32_t *rest) {
  uint32_t *next = rest;
  for (size_t row = 0; row < rows; row += 8) {
    struct fields of;
    load_fields(&of, fields, stride, row, rows);
    const __m512i length = lengths_of(of.view);
    const __m512i values = aligned(load_words(text, &of), length);
    // 1…8 characters: less one, without a sign, at most 7.
    const __mmask8 is_short =
        _mm512_cmple_epu64_mask(_mm512_sub_epi64(length, _mm512_set1_epi64(1)), _mm512_set1_epi64(7));
    next = put(
        &of, row, numbers_of(values), is_short & are_digits(values), fallback, null_validity, out, validity, next);
  }
  return (size_t)(next - rest);
}

/// As `ShortDecimal.parse7` reads one.
WIDE static size_t doubles_wide(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, double fallback, uint8_t null_validity,
    double *out, uint8_t *validity, uint32_t *rest) {
  const __m512d powers = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
  const __m512i one = _mm512_set1_epi64(1);
  int64_t fallback_bits;
  memcpy(&fallback_bits, &fallback, 8);
  uint32_t *next = rest;
  for (size_t row = 0; row < rows; row += 8) {
    struct fields of;
    load_fields(&of, fields, stride, row, rows);
    const __m512i length = lengths_of(of.view);
    const __m512i word = load_words(text, &of);
    // Digits have bit 4, the point has not. The mark behind the last byte makes "no point" a point at the end.
    const __m512i candidates = _mm512_or_si512(
        _mm512_andnot_si512(word, _mm512_set1_epi8(0x10)),
        _mm512_sllv_epi64(_mm512_set1_epi64(0x10), _mm512_slli_epi64(length, 3)));
    const __m512i below = _mm512_andnot_si512(candidates, _mm512_sub_epi64(candidates, one));
    const __m512i point = _mm512_srli_epi64(_mm512_popcnt_epi64(below), 3);
    const __mmask8 is_whole = _mm512_cmpeq_epi64_mask(point, length);
    // The bytes before the point stay, those behind it move down by one.
    const __m512i before = _mm512_srli_epi64(below, 4);
    const __m512i moved = _mm512_srli_epi64(word, 8);
    const __m512i joined = _mm512_ternarylogic_epi64(before, word, moved, 0xca);
    const __m512i digits = _mm512_mask_mov_epi64(_mm512_sub_epi64(length, one), is_whole, length);
    const __m512i fraction = _mm512_sub_epi64(digits, point);
    const __m512i values = aligned(joined, digits);
    const __m512i at_point = _mm512_srlv_epi64(word, _mm512_slli_epi64(point, 3));
    const __mmask8 is_point = _mm512_cmpeq_epi64_mask(
        _mm512_and_si512(at_point, _mm512_set1_epi64(0xff)), _mm512_set1_epi64('.'));
    const __mmask8 is_short =
        _mm512_cmple_epu64_mask(_mm512_sub_epi64(length, one), _mm512_set1_epi64(6));
    const __mmask8 read =
        is_short & (is_whole | is_point) & _mm512_test_epi64_mask(digits, digits) & are_digits(values);
    const __m512d quotient =
        _mm512_div_pd(_mm512_cvtepi64_pd(numbers_of(values)), _mm512_permutexvar_pd(fraction, powers));
    next = put(
        &of, row, _mm512_castpd_si512(quotient), read, fallback_bits, null_validity, (int64_t *)out, validity, next);
  }
  return (size_t)(next - rest);
}

/// `YYYY-MM-DD[T ]hh:mm:ss` and `…Z` of 1901…2099.
WIDE static size_t timestamps_wide(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, int64_t fallback, uint8_t null_validity,
    int64_t *out, uint8_t *validity, uint32_t *rest) {
  // Of 32 bytes of each of four rows, two in a register: the digits and what stands before the hour; the other separators.
  static const uint8_t digits_of[64] = {
      0,  1,  2,  3,  5,  6,  8,  9,  11, 12, 14,  15,  17,  18,  10, 10, 32, 33, 34,  35,  37,  38,
      40, 41, 43, 44, 46, 47, 49, 50, 42, 42, 64,  65,  66,  67,  69, 70, 72, 73, 75,  76,  78,  79,
      81, 82, 74, 74, 96, 97, 98, 99, 101, 102, 104, 105, 107, 108, 110, 111, 113, 114, 106, 106};
  static const uint8_t separators_of[64] = {
      4,  7,  13, 16, 4,  7,  13, 16, 4,  7,  13,  16,  4,   7,   13,  16,  36,  39,  45,  48,  36,  39,
      45, 48, 36, 39, 45, 48, 36, 39, 45, 48, 68,  71,  77,  80,  68,  71,  77,  80,  68,  71,  77,  80,
      68, 71, 77, 80, 100, 103, 109, 112, 100, 103, 109, 112, 100, 103, 109, 112, 100, 103, 109, 112};
  const __m512i take = _mm512_loadu_si512(digits_of), take_separators = _mm512_loadu_si512(separators_of);
  const __m512i separators = _mm512_set1_epi32(0x3a3a2d2d);
  const __m512i zeros = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0000303030303030, 0x3030303030303030));
  const __m512i nines = _mm512_broadcast_i32x4(_mm_set_epi64x((int64_t)0xffff090909090909, 0x0909090909090909));
  // Pairs: century, year, month, day, hour, minute, second, eleven times what stands before the hour.
  const __m512i pair_least = _mm512_broadcast_i32x4(_mm_setr_epi16(19, 0, 1, 1, 0, 0, 0, 0));
  const __m512i pair_most = _mm512_broadcast_i32x4(_mm_setr_epi16(20, 99, 12, 31, 23, 59, 59, 0x7fff));
  const __m512i weights = _mm512_broadcast_i32x4(_mm_setr_epi16(100, 1, 64, 1, 60, 1, 1, 64));
  const __m512i days_before =
      _mm512_setr_epi32(0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 0, 0, 0);
  const __m512i days_of = _mm512_setr_epi32(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0);
  uint32_t *next = rest;
  for (size_t row = 0; row < rows; row += 8) {
    struct fields of;
    load_fields(&of, fields, stride, row, rows);
    __m512i four[2];
    uint64_t wrong = 0;
    for (size_t half = 0; half < 2; half++) {
      __m512i two[2];
      for (size_t i = 0; i < 2; i++) {
        const size_t n = 4 * half + 2 * i;
        two[i] = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)field_at(text, &of, n))),
            _mm256_loadu_si256((const __m256i *)field_at(text, &of, n + 1)), 1);
      }
      const __m512i values = _mm512_sub_epi8(_mm512_permutex2var_epi8(two[0], take, two[1]), zeros);
      const __m512i others =
          _mm512_xor_si512(_mm512_permutex2var_epi8(two[0], take_separators, two[1]), separators);
      const __m512i beyond = _mm512_or_si512(_mm512_subs_epu8(values, nines), others);
      const __m512i pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x010a));
      const uint32_t wrong_pairs = _mm512_test_epi16_mask(beyond, beyond) | _mm512_cmplt_epi16_mask(pairs, pair_least)
          | _mm512_cmpgt_epi16_mask(pairs, pair_most);
      wrong |= (uint64_t)wrong_pairs << (32 * half);
      four[half] = _mm512_madd_epi16(pairs, weights);
    }
    // Eight bits a row.
    const __mmask8 well_formed =
        (__mmask8)_mm_cmpeq_epi8_mask(_mm_cvtsi64_si128((int64_t)wrong), _mm_setzero_si128());
    // Four numbers a row: year, 64 months and a day, minute of the day, second and 704 times what stands before the hour.
    const __m512i dates = _mm512_permutex2var_epi32(
        four[0], _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29), four[1]);
    const __m512i clocks = _mm512_permutex2var_epi32(
        four[0], _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31), four[1]);
    const __m256i year = _mm512_castsi512_si256(dates);
    const __m256i month_day = _mm512_extracti64x4_epi64(dates, 1);
    const __m256i month = _mm256_srli_epi32(month_day, 6);
    const __m256i day = _mm256_and_si256(month_day, _mm256_set1_epi32(63));
    const __mmask8 is_leap = _mm256_testn_epi32_mask(year, _mm256_set1_epi32(3));
    const __mmask8 is_february = _mm256_cmpeq_epi32_mask(month, _mm256_set1_epi32(2));
    const __mmask8 is_later = _mm256_cmpgt_epi32_mask(month, _mm256_set1_epi32(2));
    const __m512i wide_month = _mm512_castsi256_si512(month);
    const __m256i one = _mm256_set1_epi32(1);
    __m256i in_month = _mm512_castsi512_si256(_mm512_permutexvar_epi32(wide_month, days_of));
    in_month = _mm256_mask_add_epi32(in_month, is_leap & is_february, in_month, one);
    __m256i before = _mm512_castsi512_si256(_mm512_permutexvar_epi32(wide_month, days_before));
    before = _mm256_mask_add_epi32(before, is_leap & is_later, before, one);
    // 1900 was no leap year, though four divides it.
    const __mmask8 is_day =
        _mm256_cmple_epi32_mask(day, in_month) & _mm256_cmpgt_epi32_mask(year, _mm256_set1_epi32(1900));
    __m256i days = _mm256_mullo_epi32(_mm256_sub_epi32(year, _mm256_set1_epi32(1970)), _mm256_set1_epi32(365));
    days = _mm256_add_epi32(days, _mm256_srai_epi32(_mm256_sub_epi32(year, _mm256_set1_epi32(1969)), 2));
    days = _mm256_add_epi32(days, _mm256_sub_epi32(_mm256_add_epi32(before, day), one));
    const __m256i second_form = _mm512_extracti64x4_epi64(clocks, 1);
    const __m256i seconds = _mm256_add_epi32(
        _mm256_mullo_epi32(_mm512_castsi512_si256(clocks), _mm256_set1_epi32(60)),
        _mm256_and_si256(second_form, _mm256_set1_epi32(63)));
    const __m256i form = _mm256_srli_epi32(second_form, 6);
    const __mmask8 is_apart = _mm256_cmpeq_epi32_mask(form, _mm256_set1_epi32(11 * ' '))
        | _mm256_cmpeq_epi32_mask(form, _mm256_set1_epi32(11 * 'T'));
    const __m512i time = _mm512_add_epi64(
        _mm512_mul_epi32(_mm512_cvtepi32_epi64(days), _mm512_set1_epi64(86400)), _mm512_cvtepi32_epi64(seconds));
    const __m512i length = lengths_of(of.view);
    __mmask8 fits = _mm512_cmpeq_epi64_mask(length, _mm512_set1_epi64(19));
    const __mmask8 has_more = _mm512_cmpeq_epi64_mask(length, _mm512_set1_epi64(20));
    if (has_more != 0) {
      uint32_t with_z = 0;
      for (size_t i = 0; i < 8; i++) with_z |= (uint32_t)(field_at(text, &of, i)[19] == 'Z') << i;
      fits |= has_more & (__mmask8)with_z;
    }
    next = put(
        &of, row, _mm512_mullo_epi64(time, _mm512_set1_epi64(1000000)), well_formed & is_day & is_apart & fits, fallback,
        null_validity, out, validity, next);
  }
  return (size_t)(next - rest);
}

WIDE static size_t texts_wide(
    const cscan_view *fields, size_t stride, size_t rows, cscan_view *views, uint8_t *validity) {
  const __m512i plain = _mm512_set1_epi64((int64_t)(((uint64_t)LENGTH_MASK << 32) | 0xffffffff));
  for (size_t row = 0; row < rows; row += 8) {
    struct fields of;
    load_fields(&of, fields, stride, row, rows);
    const __m512i view = _mm512_and_si512(of.view, plain);
    const __m128i valid = _mm_maskz_set1_epi8((__mmask16)(__mmask8)~of.null, 1);
    if (of.present == 0xff) {
      _mm512_storeu_si512(views + row, view);
      _mm_storel_epi64((__m128i *)(validity + row), valid);
    } else {
      _mm512_mask_storeu_epi64(views + row, of.present, view);
      _mm_mask_storeu_epi8(validity + row, of.present, valid);
    }
  }
  return rows;
}
#endif

// Where there is no such processor nobody calls these.
#if defined(__x86_64__)
#define OR_NOTHING(call) return call
#else
#define OR_NOTHING(call) return 0
#endif

size_t cscan_ints(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, int64_t fallback, uint8_t null_validity,
    int64_t *values, uint8_t *validity, uint32_t *rest) {
  OR_NOTHING(ints_wide(text, fields, stride, rows, fallback, null_validity, values, validity, rest));
}

size_t cscan_doubles(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, double fallback, uint8_t null_validity,
    double *values, uint8_t *validity, uint32_t *rest) {
  OR_NOTHING(doubles_wide(text, fields, stride, rows, fallback, null_validity, values, validity, rest));
}

size_t cscan_timestamps(
    const uint8_t *text, const cscan_view *fields, size_t stride, size_t rows, int64_t fallback, uint8_t null_validity,
    int64_t *values, uint8_t *validity, uint32_t *rest) {
  OR_NOTHING(timestamps_wide(text, fields, stride, rows, fallback, null_validity, values, validity, rest));
}

size_t cscan_texts(const cscan_view *fields, size_t stride, size_t rows, cscan_view *views, uint8_t *validity) {
  OR_NOTHING(texts_wide(fields, stride, rows, views, validity));
}
