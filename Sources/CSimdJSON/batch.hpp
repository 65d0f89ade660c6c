// A run of whole lines of a block, indexed: where lines end, where backslashes are, where tokens begin.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <simdjson.h>

namespace ctj {

/// Bytes a batch aims at: its text and index stay in a core's cache between indexing and walking.
constexpr size_t batch_bytes = 64 * 1024;

/// Offsets in a batch count from its first byte.
struct Batch {
  /// Where the batch lies in the block.
  size_t begin = 0;
  size_t end = 0;
  uint32_t line_count = 0;

  /// Offsets of the newlines, rising; `line_count` of them.
  std::unique_ptr<uint32_t[]> newlines;
  /// Offsets of the backslashes, rising, then UINT32_MAX.
  std::unique_ptr<uint32_t[]> backslashes;

  enum Result { indexed, invalid_json, invalid_utf8, no_memory };

  /// Finds lines and backslashes of `text[0 ..< length]`, which ends in a newline. False: no memory.
  bool find_lines(const uint8_t *text, size_t length);

  /// Finds the tokens by simdjson's stage 1, which also checks UTF-8, and control characters in strings.
  ///
  /// If it succeeds, no string holds a newline, so every line's tokens are what they would be if the line stood alone:
  /// strings are closed in it, and a backslash at its end escapes nothing of the next line but the newline.
  /// If it fails, the caller tries again line by line.
  Result find_tokens(const uint8_t *text, size_t length);

  /// Offsets of the tokens' first bytes (a string's is its opening quote; closing quotes are none), then that of the
  /// last newline, which is no token, so that a walk past the end fails on it.
  const uint32_t *tokens() const { return index->structural_indexes.get(); }

 private:
  // Of the entries that simdjson documents as internal, only stage 1 and its result are used, as its own On Demand
  // parser does. On Demand itself was rejected: it leaves skipped values unchecked, and a line that lacks a bracket
  // makes it read on into the next line.
  std::unique_ptr<simdjson::internal::dom_parser_implementation> index;
  size_t capacity = 0;
};

}  // namespace ctj
