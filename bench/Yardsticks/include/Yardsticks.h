// What others' libraries need for the same bytes: the limits that stages are measured beside. Not part of the program.
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/// Parses JSON lines whole with simdjson, documents of the DOM. `text` is readable for 64 bytes behind `length`. Gives the
/// number of documents, −1 for an error.
int64_t yardstick_parse(const uint8_t *_Nonnull text, size_t length);

/// Reads what `billing` of customer360.yaml reads, no more, with simdjson's On Demand. As above.
int64_t yardstick_on_demand(const uint8_t *_Nonnull text, size_t length);

/// Adds 1 to a word in each of the first `lines` cache lines of a record of each row: `records + numbers[row] * stride`.
void yardstick_touch(
    uint8_t *_Nonnull records, const uint32_t *_Nonnull numbers, size_t rows, size_t stride, size_t lines);

/// The sum of one word of 16 bytes a row, at `hashes[row] & mask`: what a probe must load at least.
uint64_t yardstick_load(
    const uint64_t *_Nonnull slots, const uint64_t *_Nonnull hashes, size_t rows, uint64_t mask);

/// Copies 8 bytes from where each view points, and nothing else: what a parser of numbers must load and store at least.
/// `views` are pairs of 32-bit words, the start and the length, `stride` of them apart.
void yardstick_gather(
    const uint8_t *_Nonnull text, const void *_Nonnull views, size_t stride, size_t rows, uint64_t *_Nonnull out);

#ifdef __cplusplus
}
#endif
