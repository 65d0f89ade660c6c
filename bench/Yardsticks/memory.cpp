#include "Yardsticks.h"
#include <cstring>

void yardstick_touch(uint8_t *records, const uint32_t *numbers, size_t rows, size_t stride, size_t lines) {
  for (size_t row = 0; row < rows; row++) {
    uint8_t *record = records + numbers[row] * stride;
    for (size_t line = 0; line < lines; line++) {
      uint64_t word;
      std::memcpy(&word, record + line * 64, 8);
      word++;
      std::memcpy(record + line * 64, &word, 8);
    }
  }
}

uint64_t yardstick_load(const uint64_t *slots, const uint64_t *hashes, size_t rows, uint64_t mask) {
  uint64_t sum = 0;
  for (size_t row = 0; row < rows; row++) sum += slots[2 * (hashes[row] & mask)];
  return sum;
}

void yardstick_gather(const uint8_t *text, const void *views, size_t stride, size_t rows, uint64_t *out) {
  const uint32_t *words = static_cast<const uint32_t *>(views);
  for (size_t row = 0; row < rows; row++) std::memcpy(&out[row], text + words[2 * row * stride], 8);
}
