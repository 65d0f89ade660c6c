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

size_t cscan_which(
    const uint8_t *base, const cscan_view *views, const uint8_t *validity, size_t rows, const cscan_constant *constants,
    size_t constant_count, uint8_t *codes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return which_wide(base, views, validity, rows, constants, constant_count, codes);
#endif
  return 0;
}
