#include "wide.h"

// Adding to the integers that lie side by side in records of one layout: one vector addition a row instead of a loop over
// the rows for each integer. Written with the compiler's vectors, so for any processor, and compiled once more for those
// with AVX-512.

#define INLINE static inline __attribute__((always_inline))

typedef int16_t shorts16 __attribute__((vector_size(16)));
typedef int16_t shorts32 __attribute__((vector_size(32)));
typedef int16_t shorts64 __attribute__((vector_size(64)));
typedef int32_t ints16 __attribute__((vector_size(16)));
typedef int32_t ints32 __attribute__((vector_size(32)));
typedef int32_t ints64 __attribute__((vector_size(64)));

// `group_count` and `valued` are constants where that pays: then the loop over the groups is none. A sum went over where it
// differs from both addends in its sign; bytes that are no lane have 0 added to them. Masks are ones or zeros all through a
// lane, so taking one away counts 1.
#define KERNEL(NAME, LANE, VECTOR)                                                                                 \
  INLINE size_t NAME(                                                                                              \
      const cscan_lanes *lanes, const cscan_lane_group *groups, uint32_t group_count, uint32_t valued,             \
      void *const *records, const uint32_t *rows, size_t count, uint32_t *rest) {                                  \
    const ptrdiff_t window = lanes->window, presence_word = lanes->presence;                                       \
    const VECTOR signs = (VECTOR){0} + (LANE)(1ull << (8 * sizeof(LANE) - 1));                                     \
    size_t left = 0;                                                                                               \
    for (size_t i = 0; i < count; i++) {                                                                           \
      const uint32_t row = rows[i];                                                                                \
      uint8_t *record = records[row];                                                                              \
      VECTOR delta = {0};                                                                                          \
      uint64_t presence = 0;                                                                                       \
      int is_large = 0;                                                                                            \
      for (uint32_t g = 0; g < group_count; g++) {                                                                 \
        const size_t index = groups[g].index[row];                                                                 \
        const VECTOR mask = ((const VECTOR *)groups[g].masks)[index];                                              \
        if (valued >> g & 1) {                                                                                     \
          const int64_t value = groups[g].values[row];                                                             \
          is_large |= value != (LANE)value;                                                                        \
          delta += mask & ((VECTOR){0} + (LANE)value);                                                             \
          presence |= groups[g].presences[index];                                                                  \
        } else {                                                                                                   \
          delta -= mask;                                                                                           \
        }                                                                                                          \
      }                                                                                                            \
      VECTOR held;                                                                                                 \
      memcpy(&held, record + window, sizeof held);                                                                 \
      const VECTOR sum = held + delta;                                                                             \
      const VECTOR over = (held ^ sum) & (delta ^ sum) & signs;                                                    \
      if (__builtin_expect(is_large || __builtin_reduce_or(over) != 0, 0)) {                                       \
        rest[left++] = row;                                                                                        \
        continue;                                                                                                  \
      }                                                                                                            \
      memcpy(record + window, &sum, sizeof sum);                                                                   \
      if (valued != 0) {                                                                                           \
        uint64_t present;                                                                                          \
        memcpy(&present, record + presence_word, sizeof present);                                                  \
        present |= presence;                                                                                       \
        memcpy(record + presence_word, &present, sizeof present);                                                  \
      }                                                                                                            \
    }                                                                                                              \
    return left;                                                                                                   \
  }                                                                                                                \
  INLINE size_t NAME##_of_few(                                                                                     \
      const cscan_lanes *lanes, void *const *records, const uint32_t *rows, size_t count, uint32_t *rest) {        \
    /* Copies, so that they are not read again after each store. */                                                \
    if (lanes->group_count == 1 && lanes->valued == 0) {                                                           \
      const cscan_lane_group one[1] = {lanes->groups[0]};                                                          \
      return NAME(lanes, one, 1, 0, records, rows, count, rest);                                                   \
    }                                                                                                              \
    if (lanes->group_count == 2 && lanes->valued == 2) {                                                           \
      const cscan_lane_group two[2] = {lanes->groups[0], lanes->groups[1]};                                        \
      return NAME(lanes, two, 2, 2, records, rows, count, rest);                                                   \
    }                                                                                                              \
    return NAME(lanes, lanes->groups, lanes->group_count, lanes->valued, records, rows, count, rest);              \
  }

KERNEL(add_shorts16, int16_t, shorts16)
KERNEL(add_shorts32, int16_t, shorts32)
KERNEL(add_shorts64, int16_t, shorts64)
KERNEL(add_ints16, int32_t, ints16)
KERNEL(add_ints32, int32_t, ints32)
KERNEL(add_ints64, int32_t, ints64)

INLINE size_t add_lanes(
    const cscan_lanes *lanes, void *const *records, const uint32_t *rows, size_t count, uint32_t *rest) {
  switch (lanes->lane_bytes * 256 + lanes->window_bytes) {
    case 2 * 256 + 16: return add_shorts16_of_few(lanes, records, rows, count, rest);
    case 2 * 256 + 32: return add_shorts32_of_few(lanes, records, rows, count, rest);
    case 2 * 256 + 64: return add_shorts64_of_few(lanes, records, rows, count, rest);
    case 4 * 256 + 16: return add_ints16_of_few(lanes, records, rows, count, rest);
    case 4 * 256 + 32: return add_ints32_of_few(lanes, records, rows, count, rest);
    default: return add_ints64_of_few(lanes, records, rows, count, rest);
  }
}

// Whether a row fulfils a condition; what is not asked for is NULL, known to the compiler.
#define FULFILS(i) \
  ((!truth || truth[i] == 1) & (!times || times[i] >= first) & (!validity || validity[i] != 0))

INLINE void flag_some(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t bit,
    uint8_t *flags) {
  for (size_t i = 0; i < rows; i++) flags[i] |= FULFILS(i) ? bit : 0;
}

INLINE void code_some(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t none,
    uint8_t *codes) {
  for (size_t i = 0; i < rows; i++) codes[i] = FULFILS(i) ? codes[i] : none;
}

#define EACH_FORM(FUNCTION)                                                                        \
  switch ((truth != NULL) | (times != NULL) << 1 | (validity != NULL) << 2) {                      \
    case 0: FUNCTION(rows, NULL, NULL, 0, NULL, value, bytes); break;                              \
    case 1: FUNCTION(rows, truth, NULL, 0, NULL, value, bytes); break;                             \
    case 2: FUNCTION(rows, NULL, times, first, NULL, value, bytes); break;                         \
    case 3: FUNCTION(rows, truth, times, first, NULL, value, bytes); break;                        \
    case 4: FUNCTION(rows, NULL, NULL, 0, validity, value, bytes); break;                          \
    case 5: FUNCTION(rows, truth, NULL, 0, validity, value, bytes); break;                         \
    case 6: FUNCTION(rows, NULL, times, first, validity, value, bytes); break;                     \
    default: FUNCTION(rows, truth, times, first, validity, value, bytes); break;                   \
  }

INLINE void flag(
    size_t rows, const uint8_t *restrict truth, const int64_t *restrict times, int64_t first,
    const uint8_t *restrict validity, uint8_t value, uint8_t *restrict bytes) {
  EACH_FORM(flag_some)
}

INLINE void code(
    size_t rows, const uint8_t *restrict truth, const int64_t *restrict times, int64_t first,
    const uint8_t *restrict validity, uint8_t value, uint8_t *restrict bytes) {
  EACH_FORM(code_some)
}

#if defined(__x86_64__)
WIDE static size_t add_lanes_wide(
    const cscan_lanes *lanes, void *const *records, const uint32_t *rows, size_t count, uint32_t *rest) {
  return add_lanes(lanes, records, rows, count, rest);
}

WIDE static void flag_wide(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t bit,
    uint8_t *flags) {
  flag(rows, truth, times, first, validity, bit, flags);
}

WIDE static void code_wide(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t none,
    uint8_t *codes) {
  code(rows, truth, times, first, validity, none, codes);
}
#endif

size_t cscan_add_lanes(
    const cscan_lanes *lanes, void *const *records, const uint32_t *rows, size_t count, uint32_t *rest) {
#if defined(__x86_64__)
  if (cscan_is_wide()) return add_lanes_wide(lanes, records, rows, count, rest);
#endif
  return add_lanes(lanes, records, rows, count, rest);
}

void cscan_flag(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t bit,
    uint8_t *flags) {
#if defined(__x86_64__)
  if (cscan_is_wide()) {
    flag_wide(rows, truth, times, first, validity, bit, flags);
    return;
  }
#endif
  flag(rows, truth, times, first, validity, bit, flags);
}

void cscan_keep_codes(
    size_t rows, const uint8_t *truth, const int64_t *times, int64_t first, const uint8_t *validity, uint8_t none,
    uint8_t *codes) {
#if defined(__x86_64__)
  if (cscan_is_wide()) {
    code_wide(rows, truth, times, first, validity, none, codes);
    return;
  }
#endif
  code(rows, truth, times, first, validity, none, codes);
}
