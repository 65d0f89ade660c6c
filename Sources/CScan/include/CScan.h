#pragma once
// Loops over bytes and over many rows at a time, with instructions that Swift cannot express.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Asks for a cache line, and does not wait for it. Reads nothing itself: any address may be asked for.
///
/// For the second cache: the first waits for so few lines at a time that asking it for hundreds takes twice as long in all,
/// and those that are asked for well before they are used would not stay there.
static inline void cscan_prefetch(const void *_Nonnull p) { __builtin_prefetch(p, 0, 2); }

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

/// How many of `length` bytes are `byte`.
static inline size_t cscan_count(const uint8_t *_Nonnull p, size_t length, uint8_t byte) {
  size_t count = 0, at = 0;
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8((char)byte);
  while (length - at >= 64) {
    // Each byte of a sum counts to 255 at most.
    size_t steps = (length - at) / 64;
    if (steps > 63) steps = 63;
    __m128i sum = _mm_setzero_si128();
    for (size_t step = 0; step < steps; step++, at += 64)
      for (int i = 0; i < 4; i++)
        sum = _mm_sub_epi8(sum, _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + at) + i), wanted));
    const __m128i halves = _mm_sad_epu8(sum, _mm_setzero_si128());
    count += (size_t)_mm_cvtsi128_si64(halves) + (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(halves, halves));
  }
#endif
  for (; at < length; at++) count += p[at] == byte;
  return count;
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

// Lanes: integers of 2 or 4 bytes that lie side by side in records of one layout (``LaneSet``).

/// Lanes that rows with the same index add to.
typedef struct {
  /// By row.
  const uint8_t *_Nullable index;
  /// What is added, by row; NULL: 1.
  const int64_t *_Nullable values;
  /// By index, a window of ones in the lanes that are added to and zeros elsewhere; aligned to its size.
  const void *_Nonnull masks;
  /// By index, which bits of the presence word are set; of groups with values.
  const uint64_t *_Nonnull presences;
} cscan_lane_group;

typedef struct {
  /// Bytes from a record's start to the window that the lanes lie in, and to the word of presence bits.
  ptrdiff_t window, presence;
  /// 2 or 4.
  uint32_t lane_bytes;
  /// 16, 32 or 64.
  uint32_t window_bytes;
  uint32_t group_count;
  /// Bit g: group g has values.
  uint32_t valued;
  const cscan_lane_group *_Nonnull groups;
} cscan_lanes;

/// Adds the rows to their records. Rows that add more than a lane holds, or to a lane that would go over, are passed over and
/// come to `rest`. Gives their number.
size_t cscan_add_lanes(
    const cscan_lanes *_Nonnull lanes, void *_Nonnull const *_Nonnull records, const uint32_t *_Nonnull rows, size_t count,
    uint32_t *_Nonnull rest);

// Conditions of rows: `truth` is 1, the time not before `first`, `validity` is not 0; of those that are not NULL.

/// Sets a bit of the flags of rows that fulfil the conditions.
void cscan_flag(
    size_t rows, const uint8_t *_Nullable truth, const int64_t *_Nullable times, int64_t first,
    const uint8_t *_Nullable validity, uint8_t bit, uint8_t *_Nonnull flags);

/// Replaces the codes of rows that do not by `none`.
void cscan_keep_codes(
    size_t rows, const uint8_t *_Nullable truth, const int64_t *_Nullable times, int64_t first,
    const uint8_t *_Nullable validity, uint8_t none, uint8_t *_Nonnull codes);

// What follows is for processors with AVX-512; elsewhere the callers have their own loops, which give the same.

/// Where a run of bytes lies; the layout of Swift's `ByteView`. A null has the highest bit.
typedef struct {
  uint32_t start;
  /// The length in the low 30 bits.
  uint32_t length_and_flags;
} cscan_view;

/// Whether this processor has what the functions below want, and the environment does not set TRIBUTARY_PLAIN_LOOPS, which
/// is for comparing the two.
int cscan_is_wide(void);

enum {
  CSCAN_REGULAR = 1,
  /// Some record has another number of fields than `width`, or more than `row_max` bytes; or a line is blank; or a quote stands
  /// within a field that does not begin with one, something else than the field's end behind a closing one, or none behind
  /// an opening one; or CR is the text's last byte, or the delimiter; or there is no text; or the width is not one of 2…64; or
  /// the processor is another one. What was written means nothing.
  CSCAN_IRREGULAR = 2,
  /// There is too little room; `rows` says how many records there were room for.
  CSCAN_MORE_ROOM = 3,
};

/// Views of all fields and records of text in which every record has `width` fields and LF or CRLF behind it. An empty field
/// without quotes is a null if `empty_is_null`. `quote`: the byte that fields may begin and end with, and that is doubled
/// within them (a delimiter or line end within is an ordinary byte); negative: there is none in the text. Quoted fields are
/// marked by the second highest bit; `has_doubled`: whether there are doubled quotes, which are left in the views. Reads up to
/// 63 bytes behind the length (< 2^30). Eighty elements of either room stay unused.
int cscan_regular(
    const uint8_t *_Nonnull p, size_t length, uint8_t delimiter, int quote, uint32_t width, int empty_is_null, size_t row_max,
    cscan_view *_Nonnull fields, size_t field_room, cscan_view *_Nonnull records, size_t record_room, size_t *_Nonnull rows,
    int *_Nonnull has_doubled);

/// One past the last LF that is not within quotes, 0 if there is none; a record begins at `p`. Negative: a quote stands within a
/// field that does not begin with one, or the processor is another one. Reads nothing behind the length.
ptrdiff_t cscan_end_of_last_record(const uint8_t *_Nonnull p, size_t length, uint8_t delimiter, uint8_t quote);

// Hashes of keys (views) of up to 16 bytes, of which as many may be read. They give how many rows were done: eight at a
// time, up to the first eight with a longer key among them; none where the processor is another one.

/// `Hashing.hash64` with the seed 0.
size_t cscan_hash64(
    const uint8_t *_Nonnull base, const cscan_view *_Nonnull views, size_t rows, uint64_t *_Nonnull hashes);

/// `Hashing.murmur2`.
size_t cscan_murmur2(
    const uint8_t *_Nonnull base, const cscan_view *_Nonnull views, size_t rows, uint32_t *_Nonnull hashes);

/// What keys look like that are digits behind one beginning: `length` bytes (1…16), the last `digits` of them (1…8) digits,
/// the others (up to 8) those of `beginning`, which has zeros behind them.
typedef struct {
  uint64_t beginning;
  uint32_t length;
  uint32_t digits;
} cscan_numbered;

/// Of each key (a view) one more than the number that its digits write; 0 where it looks otherwise or the number is not below
/// `limit`. Asks for the words of `table` at these places, if there is one; it reads none. Sixteen bytes must be readable from
/// where a key begins, and at `base`. Gives `rows`, or 0 where the processor is another one.
size_t cscan_numbers_of_keys(
    const uint8_t *_Nonnull base, const cscan_view *_Nonnull views, size_t rows, cscan_numbered shape, uint32_t limit,
    const void *_Nullable table, uint32_t *_Nonnull numbers);

/// Texts of `length` bytes (1…16): a beginning of `prefix` bytes, as two words with zeros behind it, and a number of at most eight
/// digits, with zeros before it. Of the numbers, what is above `least` lies packed in `width` bits (0…56).
typedef struct {
  uint64_t first, second, least;
  uint32_t length, prefix, width;
} cscan_numbered_texts;

/// Writes the texts one behind the other to `target`, which is `start` bytes into its arena, their views, and their
/// `Hashing.hash64`. Writes up to sixteen bytes behind the last text. Gives how many were done: eight at a time, up to the
/// first eight with a number of more digits; none where the processor is another one.
size_t cscan_texts_of_numbers(
    const void *_Nonnull packed, size_t rows, const cscan_numbered_texts *_Nonnull shape, uint8_t *_Nonnull target,
    uint32_t start, cscan_view *_Nonnull views, uint64_t *_Nullable hashes);

/// A text of at most 16 bytes: as two words, zeros behind it, and its length.
typedef struct {
  uint64_t first;
  uint64_t second;
  uint64_t length;
} cscan_constant;

/// Which of up to 255 constants each text is: 1 + its index, 0 for none and where `validity` is 0. Sixteen bytes must be
/// readable from where a text begins, and at `base`. Gives `rows`, or 0 where the processor is another one.
size_t cscan_which(
    const uint8_t *_Nonnull base, const cscan_view *_Nonnull views, const uint8_t *_Nonnull validity, size_t rows,
    const cscan_constant *_Nonnull constants, size_t constant_count, uint8_t *_Nonnull codes);

// A step of the rows' lanes in a fingerprint (docs/fingerprint.md) by one column's values, null where `validity` is 0. They
// give how many rows were done: all, or of strings up to the first eight with one of more than 16 bytes among them; none where
// the processor is another one.

size_t cscan_step_int64s(
    const int64_t *_Nonnull values, const uint8_t *_Nonnull validity, size_t rows, uint64_t *_Nonnull a,
    uint64_t *_Nonnull b);
size_t cscan_step_int32s(
    const int32_t *_Nonnull values, const uint8_t *_Nonnull validity, size_t rows, uint64_t *_Nonnull a,
    uint64_t *_Nonnull b);
size_t cscan_step_bools(
    const uint8_t *_Nonnull values, const uint8_t *_Nonnull validity, size_t rows, uint64_t *_Nonnull a,
    uint64_t *_Nonnull b);
size_t cscan_step_doubles(
    const double *_Nonnull values, const uint8_t *_Nonnull validity, size_t rows, uint64_t *_Nonnull a,
    uint64_t *_Nonnull b);

/// Sixteen bytes must be readable from where a string begins, and at `base`.
size_t cscan_step_strings(
    const uint8_t *_Nonnull base, const cscan_view *_Nonnull views, const uint8_t *_Nonnull validity, size_t rows,
    uint64_t *_Nonnull a, uint64_t *_Nonnull b);

/// The least and the greatest of `count` > 0 numbers. Gives `count`, or 0 where the processor is another one.
size_t cscan_range_int64s(
    const int64_t *_Nonnull values, size_t count, int64_t *_Nonnull low, int64_t *_Nonnull high);
size_t cscan_range_int32s(
    const int32_t *_Nonnull values, size_t count, int32_t *_Nonnull low, int32_t *_Nonnull high);

/// Copies the words whose `validity` is not 0, one behind the other; eight words of room behind them are written, too. Gives
/// their number, or SIZE_MAX where the processor is another one.
size_t cscan_compact_words(
    const uint64_t *_Nonnull values, const uint8_t *_Nonnull validity, size_t count, uint64_t *_Nonnull target);

// What a profile (`ProfileHash`, `DoubleProfile`) wants of `count` values: their hashes. They give `count`, or 0 where the
// processor is another one.
size_t cscan_profile_int64s(const int64_t *_Nonnull values, size_t count, uint64_t *_Nonnull hashes);
size_t cscan_profile_int32s(const int32_t *_Nonnull values, size_t count, uint64_t *_Nonnull hashes);

/// And the least and the greatest of those that are finite and of what is there before, and how many are not.
size_t cscan_profile_doubles(
    const double *_Nonnull values, size_t count, uint64_t *_Nonnull hashes, double *_Nonnull low,
    double *_Nonnull high, size_t *_Nonnull unusual);

/// Packs `groups` groups of eight values of `width` (1…16) bits, least significant bit first: `width` bytes a group. Sixteen
/// bytes of room behind them are written, too. Gives `groups`, or 0 where the processor is another one.
size_t cscan_pack(const uint32_t *_Nonnull values, size_t groups, uint32_t width, uint8_t *_Nonnull out);

/// Packs what is in `values` above `least`, `width` (1…56) bits each, least significant bit first: so many bytes as they need, and
/// nothing behind them. Gives 1, or 0 where the processor is another one.
int cscan_pack_int64s(
    const int64_t *_Nonnull values, size_t rows, int64_t least, uint32_t width, uint8_t *_Nonnull out);

/// The same of bytes, of `width` (1…8) bits.
int cscan_pack_bytes(const uint8_t *_Nonnull values, size_t rows, uint32_t width, uint8_t *_Nonnull out);

/// `least` and `unit` times each of the numbers that lie packed so (0…56 bits), wrapping. Gives how many were done: eight at a
/// time, or none where the processor is another one.
size_t cscan_unpack_int64s(
    const void *_Nonnull packed, size_t rows, uint32_t width, int64_t least, int64_t unit, int64_t *_Nonnull values);

/// Whole seconds of microseconds. Gives how many were done: eight at a time, up to the first eight with one among them that is
/// not whole; none where the processor is another one.
size_t cscan_seconds(const int64_t *_Nonnull values, size_t rows, int64_t *_Nonnull seconds);

/// The integers of which each value is one divided by `scale`, to the bit, as long as they are below 2⁵¹. Gives how many were
/// done: eight at a time, up to the first eight with one among them that is none; none where the processor is another one.
size_t cscan_multiples(const double *_Nonnull values, size_t rows, double scale, int64_t *_Nonnull numbers);

/// Each number divided by `scale`. Gives how many were done: eight at a time, or none where the processor is another one.
/// `values` may be where `numbers` are.
size_t cscan_quotients(const int64_t *_Nonnull numbers, size_t rows, double scale, double *_Nonnull values);

/// How far each value is above the one before it, the first above 0, wrapping; 255 where it is more. `large`: how many are 255
/// or more, `very_large`: 65,535 or more. Gives how many were done: eight at a time, or none where the processor is another one.
size_t cscan_byte_steps(
    const uint64_t *_Nonnull values, size_t rows, uint8_t *_Nonnull steps, size_t *_Nonnull large,
    size_t *_Nonnull very_large);

/// Dictionary indices of values that have slots of their own, from `low` on: what stands in a slot, less 1. Gives how many were
/// done: eight at a time, up to the first eight with an empty slot (0) among them; none where the processor is another one.
size_t cscan_near_indices(
    const uint64_t *_Nonnull values, size_t count, uint64_t low, const uint32_t *_Nonnull slots,
    uint32_t *_Nonnull indices);

// Casts of the plainest forms of fields `fields[i * stride]`, for processors with AVX-512 only. Values and validity are
// written of all rows; of nulls `fallback` and `null_validity`. The rows of other forms come to `rest`, ascending, and what was
// written for them means nothing; it has room for eight more than `rows`. They give their number. 32 bytes must be readable
// from where each field begins, and at `text`.

/// 1…8 digits.
size_t cscan_ints(
    const uint8_t *_Nonnull text, const cscan_view *_Nonnull fields, size_t stride, size_t rows, int64_t fallback,
    uint8_t null_validity, int64_t *_Nonnull values, uint8_t *_Nonnull validity, uint32_t *_Nonnull rest);

/// 1…7 digits with perhaps one point.
size_t cscan_doubles(
    const uint8_t *_Nonnull text, const cscan_view *_Nonnull fields, size_t stride, size_t rows, double fallback,
    uint8_t null_validity, double *_Nonnull values, uint8_t *_Nonnull validity, uint32_t *_Nonnull rest);

/// `YYYY-MM-DD hh:mm:ss` of the years 1901 to 2099, with `T` or a space, perhaps a `Z`: microseconds since 1970.
size_t cscan_timestamps(
    const uint8_t *_Nonnull text, const cscan_view *_Nonnull fields, size_t stride, size_t rows, int64_t fallback,
    uint8_t null_validity, int64_t *_Nonnull values, uint8_t *_Nonnull validity, uint32_t *_Nonnull rest);

/// Views without flags, and whether they are no nulls. Gives `rows`.
size_t cscan_texts(
    const cscan_view *_Nonnull fields, size_t stride, size_t rows, cscan_view *_Nonnull views, uint8_t *_Nonnull validity);
