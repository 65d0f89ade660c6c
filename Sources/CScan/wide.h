#pragma once
// What the files for processors with AVX-512 share. They are compiled for every x86-64 and called where cscan_is_wide()
// says so. Compressing goes to a register and is stored whole: a compressing store takes a hundred times as long on some.
#if defined(__x86_64__)
#include "CScan.h"
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
#endif
