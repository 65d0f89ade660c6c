// JSON lines to field views, on simdjson's structural index; and UTF-8 validation. Callable from C and Swift.
//
// No function throws, aborts or keeps a pointer that it was given (a block's buffers are only used during a call).
// A scanner belongs to one thread at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "CNumbers.h"
#ifdef __cplusplus
extern "C" {
#endif

/// Whether the bytes are valid UTF-8 (simdjson's validator).
int ctj_valid_utf8(const uint8_t *data, size_t length);

/// A run of bytes of a block's text; same layout as Swift's `ByteView`. A list's view is (first item, items).
typedef struct {
  uint32_t start;
  /// Length in the low 30 bits.
  uint32_t length_and_flags;
} ctj_view;

#define CTJ_NULL (UINT32_C(1) << 31)
#define CTJ_QUOTED (UINT32_C(1) << 30)
/// The most bytes that a view can speak of.
#define CTJ_LENGTH_MAX ((UINT32_C(1) << 30) - 1)
/// Levels of objects and arrays that a record may have.
#define CTJ_DEPTH_MAX 1024

enum {
  /// Done, or a call that only reports success.
  CTJ_OK = 0,
  /// `ctj_scan`: room for `wanted_rows` rows is needed in `fields` and `records`; then call again.
  CTJ_MORE_ROWS,
  /// `ctj_scan`: `wanted_text` further bytes are needed behind `text_count`; then call again.
  CTJ_MORE_TEXT,
  CTJ_NO_MEMORY,
};

/// Why a record or one of its fields is at fault.
enum {
  CTJ_INVALID_JSON = 1,
  CTJ_TOO_DEEP,
  CTJ_NOT_AN_OBJECT,
  CTJ_INVALID_UTF8,
  CTJ_LINE_TOO_LONG,
  CTJ_WRONG_SHAPE,
};

typedef struct {
  size_t row;
  /// The field of a `CTJ_WRONG_SHAPE`; else unused.
  uint32_t field;
  uint32_t code;
} ctj_fault;

/// The caller's buffers. `text` must be readable for 64 bytes behind `text_capacity`, and its `length` bytes (see
/// `ctj_scan_begin`) end in a newline. `ctj_scan` appends unescaped strings at `text_count` and fills rows from `rows` on.
typedef struct {
  uint8_t *text;
  size_t text_count;
  size_t text_capacity;
  /// Row-major, the scanner's width a row.
  ctj_view *fields;
  /// Each record's place in `text`, without its line end.
  ctj_view *records;
  /// Rows that there is room for in `fields` and `records`.
  size_t row_capacity;
  size_t rows;
  size_t wanted_rows;
  size_t wanted_text;
} ctj_block;

typedef struct ctj_scanner ctj_scanner;

/// A scanner that extracts `width` fields a record. A line of more than `line_max` bytes (without its line end; at most
/// `CTJ_LENGTH_MAX`) is a fault, `CTJ_LINE_TOO_LONG`, whatever is in it. NULL: no memory.
ctj_scanner *ctj_scanner_new(uint32_t width, uint32_t line_max);
void ctj_scanner_free(ctj_scanner *scanner);

/// What a path gives.
enum {
  /// The value's text. A path with `[]`: the texts of all elements, a list.
  CTJ_VALUE,
  /// The number of elements of an array: a view whose length it is. For paths without `[]`.
  CTJ_COUNT,
};

// A path is declared step by step, then given a field. Fields without a path are always null.
// Each call: CTJ_OK or CTJ_NO_MEMORY, after which the scanner is only good for ctj_scanner_free.
int ctj_path_begin(ctj_scanner *scanner);
int ctj_path_member(ctj_scanner *scanner, const uint8_t *name, size_t length);
int ctj_path_elements(ctj_scanner *scanner);
int ctj_path_index(ctj_scanner *scanner, uint64_t index);
/// `allows_container`: an object or array gives its JSON text; else it is a wrong shape.
/// `null_on_wrong_shape`: a wrong shape gives null; else it is a fault.
int ctj_path_end(
    ctj_scanner *scanner, uint32_t field, int what, int allows_container, int null_on_wrong_shape);

/// Begins a block whose first `length` bytes of text are whole lines, the last one with its newline.
/// `length` < 2³² − 1.
void ctj_scan_begin(ctj_scanner *scanner, size_t length);

/// Scans on until the block is done (CTJ_OK) or something is wanted.
int ctj_scan(ctj_scanner *scanner, ctj_block *block);

/// The faults of the block so far, by rising row; at most one a row. Valid until the next call.
const ctj_fault *ctj_faults(const ctj_scanner *scanner, size_t *count);

/// A list field's items of all rows of the block, in row order; its rows' views count from the first of them.
/// Not a list: none. Valid until the next call.
const ctj_view *ctj_items(const ctj_scanner *scanner, uint32_t field, size_t *count);

#ifdef __cplusplus
}
#endif
