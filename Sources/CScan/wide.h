#pragma once
// What the files for processors with AVX-512 share. They are compiled for every x86-64 and called where cscan_is_wide()
// says so. Compressing goes to a register and is stored whole: a compressing store takes a hundred times as long on some.
#include "CScan.h"
#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE                                                                                                        \
  __attribute__((target(                                                                                            \
      "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vpopcntdq,bmi,bmi2,popcnt,lzcnt")))

#define LENGTH_MASK 0x3fffffff
#define NULL_BIT 0x80000000

/// The lengths of eight views.
WIDE static inline __m512i lengths_of(__m512i views) {
  return _mm512_and_si512(_mm512_srli_epi64(views, 32), _mm512_set1_epi64(LENGTH_MASK));
}

/// Eight keys of up to 16 bytes: their lengths and their bytes as two words, zeros behind them.
struct keys {
  __m512i length, first, second;
};

/// Gives those that are longer, whose words mean nothing. `count` (1…8) of them are there, the others are taken for empty
/// ones.
WIDE static inline __mmask8 load_keys(
    const uint8_t *base, const cscan_view *views, size_t count, struct keys *keys) {
  cscan_view few[8] = {{0, 0}};
  if (count < 8) {
    memcpy(few, views, count * 8);
    views = few;
  }
  const __m512i all = _mm512_loadu_si512(views);
  keys->length = lengths_of(all);
  __m512i four[2];
  for (int i = 0; i < 2; i++) {
    const cscan_view *v = views + 4 * i;
    four[i] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(base + v[0].start)));
    four[i] = _mm512_inserti64x2(four[i], _mm_loadu_si128((const __m128i *)(base + v[1].start)), 1);
    four[i] = _mm512_inserti64x2(four[i], _mm_loadu_si128((const __m128i *)(base + v[2].start)), 2);
    four[i] = _mm512_inserti64x2(four[i], _mm_loadu_si128((const __m128i *)(base + v[3].start)), 3);
  }
  const __m512i one = _mm512_set1_epi64(1);
  const __m512i bits = _mm512_slli_epi64(keys->length, 3);
  // Shifts by 64 and more give 0, so a full word keeps all its bits; and so would the second of a short key.
  const __m512i keep_first = _mm512_sub_epi64(_mm512_sllv_epi64(one, bits), one);
  const __m512i keep_second =
      _mm512_sub_epi64(_mm512_sllv_epi64(one, _mm512_sub_epi64(bits, _mm512_set1_epi64(64))), one);
  const __mmask8 is_long = _mm512_cmpgt_epu64_mask(keys->length, _mm512_set1_epi64(8));
  keys->first = _mm512_and_si512(
      keep_first, _mm512_permutex2var_epi64(four[0], _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), four[1]));
  keys->second = _mm512_maskz_and_epi64(
      is_long, keep_second,
      _mm512_permutex2var_epi64(four[0], _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1), four[1]));
  return _mm512_cmpgt_epu64_mask(keys->length, _mm512_set1_epi64(16));
}

/// How eight numbers of one width, `width` bytes, are brought to eight words: where each one's bytes lie, and where in the
/// first of them it begins.
struct unpacker {
  __m512i bytes, bit, mask;
  uint32_t width;
};

WIDE static inline struct unpacker unpacker_of(uint32_t width) {
  const __m512i bits = _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64(width));
  // Each number's first byte in all eight of a word, and then the eight that begin there.
  const __m512i first = _mm512_mullo_epi64(_mm512_srli_epi64(bits, 3), _mm512_set1_epi64(0x0101010101010101));
  return (struct unpacker){
      _mm512_add_epi8(first, _mm512_set1_epi64(0x0706050403020100)), _mm512_and_si512(bits, _mm512_set1_epi64(7)),
      _mm512_set1_epi64((int64_t)(((uint64_t)1 << width) - 1)), width};
}

/// Eight numbers of at most 56 bits, of which the first is number `row` of all, which eight divides. Reads their bytes and no
/// more.
WIDE static inline __m512i unpack_eight(const uint8_t *packed, size_t row, const struct unpacker *unpacker) {
  const __mmask64 there = ((uint64_t)1 << unpacker->width) - 1;
  const __m512i all = _mm512_maskz_loadu_epi8(there, packed + row / 8 * unpacker->width);
  const __m512i words = _mm512_permutexvar_epi8(unpacker->bytes, all);
  return _mm512_and_si512(_mm512_srlv_epi64(words, unpacker->bit), unpacker->mask);
}

/// `Hashing.mix`.
WIDE static inline __m512i mix(__m512i x) {
  x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 33));
  x = _mm512_mullo_epi64(x, _mm512_set1_epi64((int64_t)0xff51afd7ed558ccd));
  x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 33));
  x = _mm512_mullo_epi64(x, _mm512_set1_epi64((int64_t)0xc4ceb9fe1a85ec53));
  return _mm512_xor_si512(x, _mm512_srli_epi64(x, 33));
}
#endif
