#include "batch.hpp"
#include <new>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ctj {

namespace {

#if defined(__SSE2__)

constexpr size_t step = 64;

inline uint64_t equals(const __m128i *four, char byte) {
  const __m128i wanted = _mm_set1_epi8(byte);
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++)
    mask |= uint64_t(uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(four[i], wanted)))) << (16 * i);
  return mask;
}

/// Masks of the newlines and backslashes of 64 bytes.
inline void masks(const uint8_t *p, uint64_t &newlines, uint64_t &backslashes) {
  __m128i four[4];
  for (int i = 0; i < 4; i++) four[i] = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p) + i);
  newlines = equals(four, '\n');
  backslashes = equals(four, '\\');
}

#else

constexpr size_t step = 8;

inline uint64_t equals(uint64_t word, uint8_t byte) {
  const uint64_t ones = 0x0101010101010101;
  const uint64_t x = word ^ (ones * byte);
  const uint64_t low = 0x7f7f7f7f7f7f7f7f;
  const uint64_t high_where_zero = ~(((x & low) + low) | x | low);
  // The 8 high bits, gathered in the lowest byte in order.
  return ((high_where_zero >> 7) * 0x0102040810204080) >> 56;
}

inline void masks(const uint8_t *p, uint64_t &newlines, uint64_t &backslashes) {
  uint64_t word;
  memcpy(&word, p, 8);
  newlines = equals(word, '\n');
  backslashes = equals(word, '\\');
}

#endif

inline uint32_t *put(uint32_t *out, uint64_t mask, uint32_t base) {
  while (mask != 0) {
    *out++ = base + uint32_t(__builtin_ctzll(mask));
    mask &= mask - 1;
  }
  return out;
}

}  // namespace

bool Batch::find_lines(const uint8_t *text, size_t length) {
  if (length > capacity) {
    // Line by line after a fault lengths vary, so grow in steps.
    const size_t wanted = length < batch_bytes ? batch_bytes : length + length / 4;
    capacity = 0;
    newlines.reset(new (std::nothrow) uint32_t[wanted]);
    backslashes.reset(new (std::nothrow) uint32_t[wanted + 1]);
    if (!newlines || !backslashes) return false;
    const auto error = index ? index->set_capacity(wanted)
                             : simdjson::get_active_implementation()->create_dom_parser_implementation(
                                   wanted, simdjson::DEFAULT_MAX_DEPTH, index);
    if (error) return false;
    capacity = wanted;
  }
  uint32_t *line = newlines.get();
  uint32_t *slash = backslashes.get();
  // Reads up to 63 bytes behind the length: of the next lines or of the arena's padding.
  for (size_t at = 0; at < length; at += step) {
    uint64_t line_mask, slash_mask;
    masks(text + at, line_mask, slash_mask);
    if (length - at < step) {
      const uint64_t inside = (uint64_t(1) << (length - at)) - 1;
      line_mask &= inside;
      slash_mask &= inside;
    }
    line = put(line, line_mask, uint32_t(at));
    slash = put(slash, slash_mask, uint32_t(at));
  }
  *slash = UINT32_MAX;
  line_count = uint32_t(line - newlines.get());
  return true;
}

Batch::Result Batch::find_tokens(const uint8_t *text, size_t length) {
  const auto error = index->stage1(text, length, simdjson::stage1_mode::regular);
  switch (error) {
  case simdjson::SUCCESS: break;
  case simdjson::EMPTY: index->n_structural_indexes = 0; break;
  case simdjson::UTF8_ERROR: return invalid_utf8;
  case simdjson::MEMALLOC:
  case simdjson::CAPACITY: return no_memory;
  default: return invalid_json;
  }
  index->structural_indexes[index->n_structural_indexes] = uint32_t(length - 1);
  return indexed;
}

}  // namespace ctj
