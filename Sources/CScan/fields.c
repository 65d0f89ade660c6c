#include "wide.h"
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__x86_64__)

#define QUOTED_BIT 0x40000000

/// Of eight fields: which are quoted, and which have a CR behind them.
struct kinds {
  __mmask8 quoted, returned;
};

/// Views of what lies between the first eight marks of 64 bytes; those behind the last mark mean nothing.
///
/// `marks`: their places, a byte each. `last`: the mark before them. Gives the lengths.
WIDE __attribute__((always_inline)) static inline __m256i put_views(
    __m128i marks, size_t at, int64_t last, __m256i null_flag, const struct kinds *kinds, cscan_view *out) {
  const __m256i one = _mm256_set1_epi32(1);
  const __m256i stops = _mm256_add_epi32(_mm256_cvtepu8_epi32(marks), _mm256_set1_epi32((int32_t)at));
  __m256i starts = _mm256_add_epi32(_mm256_alignr_epi32(stops, _mm256_set1_epi32((int32_t)last), 7), one);
  __m256i lengths = _mm256_sub_epi32(stops, starts);
  __m256i flagged;
  if (kinds != NULL) {
    lengths = _mm256_mask_sub_epi32(lengths, kinds->returned, lengths, one);
    lengths = _mm256_mask_sub_epi32(lengths, kinds->quoted, lengths, _mm256_set1_epi32(2));
    starts = _mm256_mask_add_epi32(starts, kinds->quoted, starts, one);
    flagged = _mm256_mask_or_epi32(lengths, _mm256_testn_epi32_mask(lengths, lengths), lengths, null_flag);
    flagged = _mm256_mask_or_epi32(flagged, kinds->quoted, lengths, _mm256_set1_epi32(QUOTED_BIT));
  } else {
    flagged = _mm256_mask_or_epi32(lengths, _mm256_testn_epi32_mask(lengths, lengths), lengths, null_flag);
  }
  const __m512i in_turn = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  _mm512_storeu_si512(
      out, _mm512_permutex2var_epi32(_mm512_castsi256_si512(starts), in_turn, _mm512_castsi256_si512(flagged)));
  return lengths;
}

/// What the bytes before the next 64 leave behind.
struct quoting {
  /// All bits: they end within quotes.
  uint64_t inside;
  /// Bit 0 of each: the last byte is a mark (before the first byte, it counts as one); a closing quote.
  uint64_t mark, close;
};

/// Delimiters and line ends that are not within quotes, and the bytes behind closing quotes; of doubled quotes the first one
/// counts as closing.
struct outside {
  uint64_t marks, lines, after;
  int has_doubled;
};

/// Each bit with all before it, modulo 2: of quotes, what lies within them, the opening ones with it (the method of Langdale
/// and Lemire, "Parsing gigabytes of JSON per second", 2019).
WIDE static inline uint64_t prefix_xor(uint64_t bits) {
  for (int i = 1; i < 64; i *= 2) bits ^= bits << i;
  return bits;
}

/// False if a quote opens that is neither a field's first byte nor the second of a doubled one: it is an ordinary byte then.
WIDE static inline int look_outside(
    uint64_t quotes, uint64_t marks, uint64_t lines, struct quoting *before, struct outside *found) {
  const uint64_t inside = prefix_xor(quotes) ^ before->inside;
  const uint64_t opening = quotes & inside, closing = quotes & ~inside;
  found->marks = marks & ~inside;
  found->lines = lines & ~inside;
  found->after = closing << 1 | before->close;
  const uint64_t first = found->marks << 1 | before->mark;
  before->inside = inside >> 63 ? ~(uint64_t)0 : 0;
  before->mark = found->marks >> 63;
  before->close = closing >> 63;
  found->has_doubled = (opening & found->after) != 0;
  return (opening & ~(first | found->after)) == 0;
}

/// A record ends with CRLF, which only the loop for all regular text knows.
#define HAS_CRLF 4

/// `is_plain`: a constant; the text has no quotes, and CRLF is for the other.
WIDE __attribute__((always_inline)) static inline int regular(
    const int is_plain, const uint8_t *p, size_t length, uint8_t delimiter, int quote, uint32_t width, int empty_is_null,
    size_t row_max, cscan_view *fields, size_t field_room, cscan_view *records, size_t record_room, size_t *rows,
    int *has_doubled) {
  // Bit i of the pattern: a line end stands at the mark i behind a record's first.
  unsigned __int128 pattern = 0;
  for (uint32_t i = width - 1; i < 128; i += width) pattern |= (unsigned __int128)1 << i;
  const uint32_t null_flag = empty_is_null ? NULL_BIT : 0;
  const __m256i empty_flag = _mm256_set1_epi32((int32_t)null_flag), no_flag = _mm256_setzero_si256();
  const __m512i places = _mm512_set_epi8(
      63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34,
      33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
      1, 0);
  const __m512i wanted = _mm512_set1_epi8((char)delimiter);
  __m256i longest = _mm256_setzero_si256();
  cscan_view *field = fields, *record = records;
  const cscan_view *const field_end = fields + field_room, *const record_end = records + record_room;
  uint32_t phase = 0;
  uint64_t returned = 0, quote_returned = 0;
  struct quoting quoting = {0, 1, 0};
  int64_t last_mark = -1, last_line = -1;
  *rows = 0;
  for (size_t at = 0; at < length; at += 64) {
    if (field_end - field < 80 || record_end - record < 80) {
      *rows = (size_t)(record - records);
      return CSCAN_MORE_ROOM;
    }
    const __m512i bytes = _mm512_loadu_si512(p + at);
    const uint64_t inside = length - at < 64 ? ((uint64_t)1 << (length - at)) - 1 : ~(uint64_t)0;
    uint64_t lines = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')) & inside;
    uint64_t marks = (_mm512_cmpeq_epi8_mask(bytes, wanted) & inside) | lines;
    const uint64_t returns = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r')) & inside;
    // Of the marks: line ends behind a CR; marks behind a closing quote, or behind one and a CR.
    uint64_t crlf = 0, closed = 0;
    if (is_plain) {
      if (((returns << 1 | returned) & lines) != 0) return HAS_CRLF;
      returned = returns >> 63;
    } else {
      const uint64_t quotes =
          quote < 0 ? 0 : _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8((char)quote)) & inside;
      struct outside found;
      if (!look_outside(quotes, marks, lines, &quoting, &found)) return CSCAN_IRREGULAR;
      *has_doubled |= found.has_doubled;
      marks = found.marks;
      lines = found.lines;
      crlf = lines & (returns << 1 | returned);
      returned = returns >> 63;
      // Behind a closing quote comes a mark, or CRLF (whose LF may be the next 64 bytes' first), or the other half of a
      // doubled one.
      if (quote_returned && !(lines & 1)) return CSCAN_IRREGULAR;
      const uint64_t behind = found.after & returns;
      closed = (marks & found.after) | (crlf & (behind << 1 | quote_returned));
      quote_returned = behind >> 63;
      if (found.after & inside & ~(marks | quotes | (returns & (lines >> 1 | (uint64_t)1 << 63)))) return CSCAN_IRREGULAR;
    }
    if (marks == 0) continue;
    const uint32_t count = (uint32_t)_mm_popcnt_u64(marks);
    if (_pext_u64(lines, marks) != _bzhi_u64((uint64_t)(pattern >> phase), count)) return CSCAN_IRREGULAR;
    phase = lines == 0 ? phase + count : (uint32_t)_mm_popcnt_u64(marks >> 1 >> (63 - _lzcnt_u64(lines)));

    uint64_t quoted_marks = is_plain ? 0 : _pext_u64(closed, marks);
    uint64_t returned_marks = is_plain ? 0 : _pext_u64(crlf, marks);
    struct kinds kinds = {(__mmask8)quoted_marks, (__mmask8)returned_marks};
    const struct kinds *const kinds_or_none = is_plain ? NULL : &kinds;
    __m512i left = _mm512_maskz_compress_epi8(marks, places);
    put_views(_mm512_castsi512_si128(left), at, last_mark, empty_flag, kinds_or_none, field);
    for (uint32_t done = 8; done < count; done += 8) {
      const int64_t before = (int64_t)at + _mm_extract_epi8(_mm512_castsi512_si128(left), 7);
      left = _mm512_alignr_epi64(_mm512_setzero_si512(), left, 1);
      kinds = (struct kinds){(__mmask8)(quoted_marks >> done), (__mmask8)(returned_marks >> done)};
      put_views(_mm512_castsi512_si128(left), at, before, empty_flag, kinds_or_none, field + done);
    }
    field += count;
    last_mark = (int64_t)at + 63 - (int64_t)_lzcnt_u64(marks);
    if (lines == 0) continue;
    const uint32_t line_count = (uint32_t)_mm_popcnt_u64(lines);
    const uint64_t returned_lines = is_plain ? 0 : _pext_u64(crlf, lines);
    left = _mm512_maskz_compress_epi8(lines, places);
    int64_t before = last_line;
    for (uint32_t done = 0; done < line_count; done += 8) {
      kinds = (struct kinds){0, (__mmask8)(returned_lines >> done)};
      const __m256i lengths =
          put_views(_mm512_castsi512_si128(left), at, before, no_flag, kinds_or_none, record + done);
      longest = _mm256_mask_max_epu32(longest, (__mmask8)_bzhi_u32(0xff, line_count - done), longest, lengths);
      before = (int64_t)at + _mm_extract_epi8(_mm512_castsi512_si128(left), 7);
      left = _mm512_alignr_epi64(_mm512_setzero_si512(), left, 1);
    }
    record += line_count;
    last_line = (int64_t)at + 63 - (int64_t)_lzcnt_u64(lines);
  }
  if (quoting.inside) return CSCAN_IRREGULAR;
  if (last_line + 1 < (int64_t)length) {
    // The last record has no line end. (There is room: eighty were there before the last sixty-four.)
    if (p[length - 1] == '\r' || phase != width - 1) return CSCAN_IRREGULAR;
    uint32_t start = (uint32_t)(last_mark + 1), bytes = (uint32_t)length - start;
    // A field that begins with a quote ends with one: behind a closing one nothing else may stand.
    if (quote >= 0 && bytes > 0 && p[start] == quote) *field++ = (cscan_view){start + 1, (bytes - 2) | QUOTED_BIT};
    else *field++ = (cscan_view){start, bytes | (bytes == 0 ? null_flag : 0)};
    const uint32_t from = (uint32_t)(last_line + 1);
    *record++ = (cscan_view){from, (uint32_t)length - from};
    if (length - from > row_max) return CSCAN_IRREGULAR;
  }
  if (_mm512_reduce_max_epu32(_mm512_zextsi256_si512(longest)) > row_max) return CSCAN_IRREGULAR;
  *rows = (size_t)(record - records);
  return CSCAN_REGULAR;
}

WIDE static int regular_plain(
    const uint8_t *p, size_t length, uint8_t delimiter, uint32_t width, int empty_is_null, size_t row_max,
    cscan_view *fields, size_t field_room, cscan_view *records, size_t record_room, size_t *rows, int *has_doubled) {
  return regular(
      1, p, length, delimiter, -1, width, empty_is_null, row_max, fields, field_room, records, record_room, rows,
      has_doubled);
}

WIDE static int regular_any(
    const uint8_t *p, size_t length, uint8_t delimiter, int quote, uint32_t width, int empty_is_null, size_t row_max,
    cscan_view *fields, size_t field_room, cscan_view *records, size_t record_room, size_t *rows, int *has_doubled) {
  return regular(
      0, p, length, delimiter, quote, width, empty_is_null, row_max, fields, field_room, records, record_room, rows,
      has_doubled);
}

WIDE static ptrdiff_t end_of_last_record_wide(const uint8_t *p, size_t length, uint8_t delimiter, uint8_t quote) {
  struct quoting quoting = {0, 1, 0};
  ptrdiff_t end = 0;
  for (size_t at = 0; at < length; at += 64) {
    const uint64_t inside = length - at < 64 ? ((uint64_t)1 << (length - at)) - 1 : ~(uint64_t)0;
    const __m512i bytes = _mm512_maskz_loadu_epi8(inside, p + at);
    const uint64_t lines = _mm512_mask_cmpeq_epi8_mask(inside, bytes, _mm512_set1_epi8('\n'));
    const uint64_t marks = _mm512_mask_cmpeq_epi8_mask(inside, bytes, _mm512_set1_epi8((char)delimiter)) | lines;
    const uint64_t quotes = _mm512_mask_cmpeq_epi8_mask(inside, bytes, _mm512_set1_epi8((char)quote));
    struct outside found;
    if (!look_outside(quotes, marks, lines, &quoting, &found)) return -1;
    if (found.lines != 0) end = (ptrdiff_t)at + 64 - (ptrdiff_t)_lzcnt_u64(found.lines);
  }
  return end;
}
#endif

static int is_wide(void) {
#if defined(__x86_64__)
  const char *plain = getenv("TRIBUTARY_PLAIN_LOOPS");
  if (plain != NULL && *plain != 0) return 0;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi")
      && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq")
      && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")
      && __builtin_cpu_supports("lzcnt");
#else
  return 0;
#endif
}

int cscan_is_wide(void) {
  // One more than the answer; all threads that come first find the same.
  static _Atomic int known;
  int answer = atomic_load_explicit(&known, memory_order_relaxed);
  if (answer == 0) {
    answer = 1 + (is_wide() != 0);
    atomic_store_explicit(&known, answer, memory_order_relaxed);
  }
  return answer - 1;
}

int cscan_regular(
    const uint8_t *p, size_t length, uint8_t delimiter, int quote, uint32_t width, int empty_is_null, size_t row_max,
    cscan_view *fields, size_t field_room, cscan_view *records, size_t record_room, size_t *rows, int *has_doubled) {
  *has_doubled = 0;
#if defined(__x86_64__)
  // (Where CR is the delimiter, it is none of a line end.)
  if (width >= 2 && width <= 64 && length > 0 && delimiter != '\r' && cscan_is_wide()) {
    if (quote < 0) {
      const int status = regular_plain(
          p, length, delimiter, width, empty_is_null, row_max, fields, field_room, records, record_room, rows, has_doubled);
      if (status != HAS_CRLF) return status;
    }
    return regular_any(
        p, length, delimiter, quote, width, empty_is_null, row_max, fields, field_room, records, record_room, rows,
        has_doubled);
  }
#endif
  return CSCAN_IRREGULAR;
}

ptrdiff_t cscan_end_of_last_record(const uint8_t *p, size_t length, uint8_t delimiter, uint8_t quote) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return end_of_last_record_wide(p, length, delimiter, quote);
#endif
  return -1;
}
