#include "wide.h"

#if defined(__x86_64__)
WIDE static size_t hash64_wide(const uint8_t *base, const cscan_view *views, size_t rows, uint64_t *hashes) {
  const __m512i factor = _mm512_set1_epi64((int64_t)0x9fb21c651e98df25);
  for (size_t row = 0; row < rows; row += 8) {
    const size_t count = rows - row < 8 ? rows - row : 8;
    struct keys keys;
    if (load_keys(base, views + row, count, &keys) != 0) return row;
    __m512i h = _mm512_mullo_epi64(keys.length, _mm512_set1_epi64((int64_t)0x9e3779b97f4a7c15));
    const __mmask8 has_first = _mm512_test_epi64_mask(keys.length, keys.length);
    h = _mm512_mask_mov_epi64(h, has_first, _mm512_mullo_epi64(mix(_mm512_xor_si512(h, keys.first)), factor));
    const __mmask8 has_second = _mm512_cmpgt_epu64_mask(keys.length, _mm512_set1_epi64(8));
    if (has_second != 0)
      h = _mm512_mask_mov_epi64(h, has_second, _mm512_mullo_epi64(mix(_mm512_xor_si512(h, keys.second)), factor));
    h = mix(h);
    if (count == 8) _mm512_storeu_si512(hashes + row, h);
    else _mm512_mask_storeu_epi64(hashes + row, (__mmask8)_bzhi_u32(0xff, (uint32_t)count), h);
  }
  return rows;
}

WIDE static size_t murmur2_wide(const uint8_t *base, const cscan_view *views, size_t rows, uint32_t *hashes) {
  const __m256i m = _mm256_set1_epi32(0x5bd1e995);
  for (size_t row = 0; row < rows; row += 8) {
    const size_t count = rows - row < 8 ? rows - row : 8;
    struct keys keys;
    if (load_keys(base, views + row, count, &keys) != 0) return row;
    const __m256i words[4] = {
        _mm512_cvtepi64_epi32(keys.first), _mm512_cvtepi64_epi32(_mm512_srli_epi64(keys.first, 32)),
        _mm512_cvtepi64_epi32(keys.second), _mm512_cvtepi64_epi32(_mm512_srli_epi64(keys.second, 32))};
    const __m256i length = _mm512_cvtepi64_epi32(keys.length);
    __m256i h = _mm256_xor_si256(_mm256_set1_epi32((int32_t)0x9747b28c), length);
    for (int i = 0; i < 4; i++) {
      const __mmask8 any = _mm256_cmpgt_epu32_mask(length, _mm256_set1_epi32(4 * i));
      if (any == 0) break;
      const __mmask8 whole = _mm256_cmpgt_epu32_mask(length, _mm256_set1_epi32(4 * i + 3));
      // Four bytes are mixed and join a hash that was multiplied; fewer join it before.
      __m256i k = _mm256_mullo_epi32(words[i], m);
      k = _mm256_mullo_epi32(_mm256_xor_si256(k, _mm256_srli_epi32(k, 24)), m);
      const __m256i after_whole = _mm256_xor_si256(_mm256_mullo_epi32(h, m), k);
      const __m256i after_some = _mm256_mullo_epi32(_mm256_xor_si256(h, words[i]), m);
      h = _mm256_mask_mov_epi32(h, any, _mm256_mask_mov_epi32(after_some, whole, after_whole));
    }
    h = _mm256_mullo_epi32(_mm256_xor_si256(h, _mm256_srli_epi32(h, 13)), m);
    h = _mm256_xor_si256(h, _mm256_srli_epi32(h, 15));
    if (count == 8) _mm256_storeu_si256((__m256i *)(hashes + row), h);
    else _mm256_mask_storeu_epi32(hashes + row, (__mmask8)_bzhi_u32(0xff, (uint32_t)count), h);
  }
  return rows;
}

/// Four keys' first sixteen bytes.
WIDE static inline __m512i load_four(const uint8_t *base, const cscan_view *v) {
  __m512i four = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(base + v[0].start)));
  four = _mm512_inserti64x2(four, _mm_loadu_si128((const __m128i *)(base + v[1].start)), 1);
  four = _mm512_inserti64x2(four, _mm_loadu_si128((const __m128i *)(base + v[2].start)), 2);
  return _mm512_inserti64x2(four, _mm_loadu_si128((const __m128i *)(base + v[3].start)), 3);
}

WIDE static size_t numbers_of_keys_wide(
    const uint8_t *base, const cscan_view *views, size_t rows, cscan_numbered shape, uint32_t limit,
    const void *table, uint32_t *numbers) {
  // A key's digits are moved to the end of eight bytes, behind zeros, and its beginning to the eight bytes above, zeros
  // behind it. What should be there is taken off: digits become their values, a beginning zeros.
  uint8_t from[16], expected[16], most[16];
  for (uint32_t i = 0; i < 8; i++) {
    const int is_digit = i + shape.digits >= 8, is_beginning = i + shape.digits < shape.length;
    from[i] = is_digit ? (uint8_t)(shape.length + i - 8) : 0x80;
    expected[i] = is_digit ? '0' : 0;
    most[i] = 9;
    from[8 + i] = is_beginning ? (uint8_t)i : 0x80;
    expected[8 + i] = (uint8_t)(is_beginning ? shape.beginning >> 8 * i : 0);
    most[8 + i] = 0;
  }
  const __m512i places = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)from));
  const __m512i wanted = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)expected));
  const __m512i greatest = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)most));
  const __m512i tens = _mm512_set1_epi16(0x010a), hundreds = _mm512_set1_epi32(0x00010064);
  // Ten thousand times the first four digits, and once the others: both are below 2^15.
  const __m512i thousands = _mm512_set1_epi64(0x0000000100002710);
  const __m512i first = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 28, 24, 20, 16, 12, 8, 4, 0);
  const __m512i length = _mm512_set1_epi64(shape.length), one = _mm512_set1_epi32(1);
  for (size_t row = 0; row < rows; row += 8) {
    const size_t count = rows - row < 8 ? rows - row : 8;
    const cscan_view *of = views + row;
    cscan_view few[8] = {{0, 0}};
    if (count < 8) {
      memcpy(few, of, count * 8);
      of = few;
    }
    const __mmask8 has_length = _mm512_cmpeq_epi64_mask(lengths_of(_mm512_loadu_si512(of)), length);
    __m512i half[2];
    uint32_t odd[2];
    for (int i = 0; i < 2; i++) {
      const __m512i digits = _mm512_xor_si512(_mm512_shuffle_epi8(load_four(base, of + 4 * i), places), wanted);
      const __m512i above = _mm512_subs_epu8(digits, greatest);
      // Two bits a key.
      const uint32_t is_odd = _mm512_test_epi64_mask(above, above);
      odd[i] = _pext_u32(is_odd | is_odd >> 1, 0x55);
      half[i] = _mm512_madd_epi16(_mm512_madd_epi16(_mm512_maddubs_epi16(digits, tens), hundreds), thousands);
    }
    const __m512i value = _mm512_add_epi32(
        _mm512_permutex2var_epi32(half[0], first, half[1]),
        _mm512_permutex2var_epi32(half[0], _mm512_add_epi32(first, one), half[1]));
    const __mmask8 is_one = (__mmask8)(has_length & ~(odd[0] | odd[1] << 4));
    const __mmask8 is_below =
        _mm256_mask_cmplt_epu32_mask(is_one, _mm512_castsi512_si256(value), _mm256_set1_epi32((int32_t)limit));
    const __m256i number =
        _mm256_maskz_add_epi32(is_below, _mm512_castsi512_si256(value), _mm512_castsi512_si256(one));
    if (count == 8) _mm256_storeu_si256((__m256i *)(numbers + row), number);
    else _mm256_mask_storeu_epi32(numbers + row, (__mmask8)_bzhi_u32(0xff, (uint32_t)count), number);
    if (table == NULL) continue;
    for (size_t i = row; i < row + count; i++) cscan_prefetch((const uint32_t *)table + numbers[i]);
  }
  return rows;
}

/// `RowSections.digits`.
WIDE static inline __m512i eight_digits(__m512i number) {
  // A division by 10000: exact for 32 bits.
  const __m512i thousands = _mm512_srli_epi64(_mm512_mul_epu32(number, _mm512_set1_epi64(3518437209)), 45);
  const __m512i rest = _mm512_sub_epi64(number, _mm512_mul_epu32(thousands, _mm512_set1_epi64(10000)));
  __m512i value = _mm512_or_si512(thousands, _mm512_slli_epi64(rest, 32));
  const __m512i hundreds = _mm512_srli_epi32(_mm512_mullo_epi32(value, _mm512_set1_epi32(10486)), 20);
  value = _mm512_sub_epi32(value, _mm512_mullo_epi32(hundreds, _mm512_set1_epi32(100)));
  value = _mm512_or_si512(hundreds, _mm512_slli_epi32(value, 16));
  const __m512i tens = _mm512_srli_epi16(_mm512_mullo_epi16(value, _mm512_set1_epi16(103)), 10);
  value = _mm512_sub_epi16(value, _mm512_mullo_epi16(tens, _mm512_set1_epi16(10)));
  value = _mm512_or_si512(tens, _mm512_slli_epi16(value, 8));
  return _mm512_or_si512(value, _mm512_set1_epi8('0'));
}

WIDE static size_t numbered_texts_wide(
    const void *packed, size_t rows, const cscan_numbered_texts *shape, uint8_t *target, uint32_t start,
    cscan_view *views, uint64_t *hashes) {
  const uint32_t length = shape->length, prefix = shape->prefix;
  const __m128i unused = _mm_cvtsi32_si128((int)(64 - 8 * (length - prefix)));
  // Where the digits begin, in bits, and how many of them the first word takes. Shifts by 64 give 0.
  const __m128i shift = _mm_cvtsi32_si128((int)(8 * (prefix & 7)));
  const __m128i spill = _mm_cvtsi32_si128((int)(prefix < 8 ? 64 - 8 * prefix : 0));
  const __m512i beginning[2] = {_mm512_set1_epi64((int64_t)shape->first), _mm512_set1_epi64((int64_t)shape->second)};
  const __m512i seed = _mm512_set1_epi64((int64_t)(length * 0x9e3779b97f4a7c15));
  const __m512i factor = _mm512_set1_epi64((int64_t)0x9fb21c651e98df25);
  const __m512i least = _mm512_set1_epi64((int64_t)shape->least), most = _mm512_set1_epi64(99999999);
  __m512i view = _mm512_add_epi64(
      _mm512_set1_epi64((int64_t)((uint64_t)length << 32 | start)),
      _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64(length)));
  const __m512i next_views = _mm512_set1_epi64(8 * length);
  const struct unpacker unpacker = unpacker_of(shape->width);
  size_t row = 0;
  for (; row + 8 <= rows; row += 8) {
    const __m512i number = _mm512_add_epi64(least, unpack_eight(packed, row, &unpacker));
    if (_mm512_cmpgt_epu64_mask(number, most) != 0) break;
    const __m512i digits = _mm512_srl_epi64(eight_digits(number), unused);
    __m512i first = beginning[0], second = beginning[1];
    if (prefix < 8) {
      first = _mm512_or_si512(first, _mm512_sll_epi64(digits, shift));
      second = _mm512_or_si512(second, _mm512_srl_epi64(digits, spill));
    } else {
      second = _mm512_or_si512(second, _mm512_sll_epi64(digits, shift));
    }
    // Sixteen bytes each; what is too much of one is overwritten by the next.
    const __m512i even = _mm512_unpacklo_epi64(first, second), odd = _mm512_unpackhi_epi64(first, second);
    uint8_t *to = target + row * length;
    _mm_storeu_si128((__m128i *)to, _mm512_castsi512_si128(even));
    _mm_storeu_si128((__m128i *)(to + length), _mm512_castsi512_si128(odd));
    _mm_storeu_si128((__m128i *)(to + 2 * length), _mm512_extracti64x2_epi64(even, 1));
    _mm_storeu_si128((__m128i *)(to + 3 * length), _mm512_extracti64x2_epi64(odd, 1));
    _mm_storeu_si128((__m128i *)(to + 4 * length), _mm512_extracti64x2_epi64(even, 2));
    _mm_storeu_si128((__m128i *)(to + 5 * length), _mm512_extracti64x2_epi64(odd, 2));
    _mm_storeu_si128((__m128i *)(to + 6 * length), _mm512_extracti64x2_epi64(even, 3));
    _mm_storeu_si128((__m128i *)(to + 7 * length), _mm512_extracti64x2_epi64(odd, 3));
    _mm512_storeu_si512(views + row, view);
    view = _mm512_add_epi64(view, next_views);
    if (hashes == NULL) continue;
    __m512i h = _mm512_mullo_epi64(mix(_mm512_xor_si512(seed, first)), factor);
    if (length > 8) h = _mm512_mullo_epi64(mix(_mm512_xor_si512(h, second)), factor);
    _mm512_storeu_si512(hashes + row, mix(h));
  }
  return row;
}

WIDE static size_t which_wide(
    const uint8_t *base, const cscan_view *views, const uint8_t *validity, size_t rows, const cscan_constant *constants,
    size_t constant_count, uint8_t *codes) {
  for (size_t row = 0; row < rows; row += 8) {
    const size_t count = rows - row < 8 ? rows - row : 8;
    const __mmask8 present = (__mmask8)_bzhi_u32(0xff, (uint32_t)count);
    const __m128i valid = count == 8 ? _mm_loadl_epi64((const __m128i *)(validity + row))
                                     : _mm_maskz_loadu_epi8(present, validity + row);
    const __mmask16 there = _mm_test_epi8_mask(valid, valid);
    // A null's view may be anything.
    cscan_view some[8];
    const cscan_view *of = views + row;
    if (there != present) {
      for (size_t i = 0; i < 8; i++) some[i] = there >> i & 1 ? of[i] : (cscan_view){0, 0};
      of = some;
    }
    struct keys keys;
    // Longer ones have another length than any constant.
    load_keys(base, of, count, &keys);
    __m512i code = _mm512_setzero_si512();
    for (size_t i = 0; i < constant_count; i++) {
      const cscan_constant *constant = constants + i;
      __mmask8 same = _mm512_cmpeq_epi64_mask(keys.first, _mm512_set1_epi64((int64_t)constant->first));
      same = _mm512_mask_cmpeq_epi64_mask(same, keys.second, _mm512_set1_epi64((int64_t)constant->second));
      same = _mm512_mask_cmpeq_epi64_mask(same, keys.length, _mm512_set1_epi64((int64_t)constant->length));
      code = _mm512_mask_mov_epi64(code, same, _mm512_set1_epi64((int64_t)i + 1));
    }
    const __m128i bytes = _mm_maskz_mov_epi8(there, _mm512_cvtepi64_epi8(code));
    if (count == 8) _mm_storel_epi64((__m128i *)(codes + row), bytes);
    else _mm_mask_storeu_epi8(codes + row, present, bytes);
  }
  return rows;
}
#endif

size_t cscan_hash64(const uint8_t *base, const cscan_view *views, size_t rows, uint64_t *hashes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return hash64_wide(base, views, rows, hashes);
#endif
  return 0;
}

size_t cscan_murmur2(const uint8_t *base, const cscan_view *views, size_t rows, uint32_t *hashes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return murmur2_wide(base, views, rows, hashes);
#endif
  return 0;
}

size_t cscan_numbers_of_keys(
    const uint8_t *base, const cscan_view *views, size_t rows, cscan_numbered shape, uint32_t limit,
    const void *table, uint32_t *numbers) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return numbers_of_keys_wide(base, views, rows, shape, limit, table, numbers);
#endif
  return 0;
}

size_t cscan_texts_of_numbers(
    const void *packed, size_t rows, const cscan_numbered_texts *shape, uint8_t *target, uint32_t start,
    cscan_view *views, uint64_t *hashes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return numbered_texts_wide(packed, rows, shape, target, start, views, hashes);
#endif
  return 0;
}

size_t cscan_which(
    const uint8_t *base, const cscan_view *views, const uint8_t *validity, size_t rows, const cscan_constant *constants,
    size_t constant_count, uint8_t *codes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return which_wide(base, views, validity, rows, constants, constant_count, codes);
#endif
  return 0;
}
