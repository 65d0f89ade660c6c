#include "CSimdJSON.h"
#include "batch.hpp"
#include "walker.hpp"
#include <new>

using namespace ctj;

struct ctj_scanner {
  Program program;
  Walker walker;
  Batch batch;
  std::vector<ctj_fault> faults;

  ctj_scanner(uint32_t width, uint32_t line_max)
      : program(width), walker(program), line_max(line_max < CTJ_LENGTH_MAX ? line_max : CTJ_LENGTH_MAX) {}

  void begin(size_t bytes);
  int scan(ctj_block &block);

 private:
  const uint32_t line_max;
  // Where the scan stands: the block's length and the first byte not yet in a batch; lines before `alone_before` are
  // batches of their own, because the batch that they were in has a bad one.
  size_t length = 0;
  size_t position = 0;
  size_t alone_before = 0;
  // In the open batch: the next line, its first byte, its first token.
  bool is_open = false;
  uint32_t line = 0;
  uint32_t line_begin = 0;
  const uint32_t *token = nullptr;

  int open(ctj_block &block);
  int scan_batch(ctj_block &block);
  size_t batch_end(const uint8_t *text) const;
  bool too_long(const uint8_t *text, size_t begin, size_t end) const;
  const uint32_t *walk_carefully(ctj_block &block, const uint32_t *first_backslash);
  void begin_row(ctj_block &block, size_t begin, size_t end);
  void abandon_row();
  void end_row(ctj_block &block);
  void end_faulty_row(ctj_block &block, uint32_t code);
  void settle_shapes(const ctj_block &block);
};

void ctj_scanner::begin(size_t bytes) {
  length = bytes;
  position = 0;
  alone_before = 0;
  is_open = false;
  faults.clear();
  walker.wrong_shapes.clear();
  for (List &list : program.lists) {
    list.items.clear();
    list.row_start = 0;
  }
}

int ctj_scanner::scan(ctj_block &block) {
  for (;;) {
    if (!is_open) {
      if (position >= length) return CTJ_OK;
      const int status = open(block);
      if (status != CTJ_OK) return status;
      if (!is_open) continue;
    }
    const int status = scan_batch(block);
    if (status != CTJ_OK) return status;
    is_open = false;
    position = batch.end;
  }
}

/// The end of the next batch: whole lines of about `batch_bytes`, or one line.
size_t ctj_scanner::batch_end(const uint8_t *text) const {
  const uint8_t *const from = text + position;
  const size_t rest = length - position;
  if (position >= alone_before) {
    if (rest <= batch_bytes) return length;
    const void *last = memrchr(from, '\n', batch_bytes);
    if (last != nullptr) return size_t(static_cast<const uint8_t *>(last) - text) + 1;
  }
  // A newline is always found: the block ends in one.
  const void *newline = memchr(from, '\n', rest);
  return newline == nullptr ? length : size_t(static_cast<const uint8_t *>(newline) - text) + 1;
}

/// Opens the batch at `position`; or notes the bad line there and passes it; or decides to go line by line.
int ctj_scanner::open(ctj_block &block) {
  const uint8_t *const text = block.text + position;
  batch.begin = position;
  batch.end = batch_end(block.text);
  const size_t bytes = batch.end - batch.begin;

  uint32_t fault = 0;
  // A batch beyond its size is one line, and so is one in the way of a bad line.
  const bool is_line = bytes > batch_bytes || position < alone_before;
  if (is_line && too_long(block.text, batch.begin, batch.end - 1)) {
    fault = CTJ_LINE_TOO_LONG;
  } else {
    if (!batch.find_lines(text, bytes)) return CTJ_NO_MEMORY;
    switch (batch.find_tokens(text, bytes)) {
    case Batch::indexed: break;
    case Batch::no_memory: return CTJ_NO_MEMORY;
    case Batch::invalid_utf8: fault = CTJ_INVALID_UTF8; break;
    case Batch::invalid_json: fault = CTJ_INVALID_JSON; break;
    }
    if (fault != 0 && batch.line_count > 1) {
      alone_before = batch.end;
      return CTJ_OK;
    }
    // A line may have several faults; which one is told does not depend on what is found first.
    if (fault != 0 && too_long(block.text, batch.begin, batch.end - 1)) fault = CTJ_LINE_TOO_LONG;
    else if (fault == CTJ_INVALID_JSON && !ctj_valid_utf8(text, bytes)) fault = CTJ_INVALID_UTF8;
  }
  if (fault != 0) {
    if (block.rows == block.row_capacity) {
      block.wanted_rows = block.rows + 1;
      return CTJ_MORE_ROWS;
    }
    begin_row(block, batch.begin, batch.end - 1);
    end_faulty_row(block, fault);
    position = batch.end;
    return CTJ_OK;
  }
  is_open = true;
  line = 0;
  line_begin = 0;
  token = batch.tokens();
  walker.backslash = batch.backslashes.get();
  return CTJ_OK;
}

int ctj_scanner::scan_batch(ctj_block &block) {
  const uint32_t lines_left = batch.line_count - line;
  if (block.row_capacity - block.rows < lines_left) {
    block.wanted_rows = block.rows + lines_left;
    return CTJ_MORE_ROWS;
  }
  walker.text = block.text + batch.begin;
  walker.text_offset = uint32_t(batch.begin);
  walker.block_text = block.text;
  walker.out_capacity = block.text_capacity;
  for (; line < batch.line_count; line++) {
    const uint32_t line_end = batch.newlines[line];
    if (too_long(walker.text, line_begin, line_end)) {
      begin_row(block, batch.begin + line_begin, batch.begin + line_end);
      end_faulty_row(block, CTJ_LINE_TOO_LONG);
      while (*token < line_end) token++;
    } else if (*token < line_end) {
      // (A line without a token is white space, no record.)
      begin_row(block, batch.begin + line_begin, batch.begin + line_end);
      walker.line_end = line_end;
      walker.out_count = block.text_count;
      walker.fault = 0;
      while (*walker.backslash < line_begin) walker.backslash++;
      const uint32_t *const first_backslash = walker.backslash;
      const uint32_t *end = walker.record(token);
      if (end == nullptr && walker.wants_care) end = walk_carefully(block, first_backslash);
      if (end == nullptr && walker.wanted_text != 0) {
        // For what the row has already appended (it is walked again from its start) and this string; as much as the
        // line, so that one more try is mostly enough.
        const size_t needed = walker.out_count - block.text_count + walker.wanted_text;
        block.wanted_text = needed > line_end - line_begin ? needed : line_end - line_begin;
        walker.wanted_text = 0;
        walker.backslash = batch.backslashes.get();
        abandon_row();
        return CTJ_MORE_TEXT;
      }
      if (end != nullptr) {
        token = end;
        end_row(block);
      } else {
        while (*token < line_end) token++;
        abandon_row();
        end_faulty_row(block, walker.fault);
      }
    }
    line_begin = line_end + 1;
  }
  return CTJ_OK;
}

/// Walks the open row again, one of whose members came twice. `first_backslash`: the line's, or one of a later line.
const uint32_t *ctj_scanner::walk_carefully(ctj_block &block, const uint32_t *first_backslash) {
  walker.wants_care = false;
  abandon_row();
  begin_row(block, batch.begin + line_begin, batch.begin + walker.line_end);
  walker.out_count = block.text_count;
  walker.backslash = first_backslash;
  walker.is_careful = true;
  const uint32_t *end = walker.record(token);
  walker.is_careful = false;
  return end;
}

/// Whether the line `begin ..< end` of `text`, without its line end, is over the limit.
bool ctj_scanner::too_long(const uint8_t *text, size_t begin, size_t end) const {
  return end - begin > line_max && (end - begin > size_t(line_max) + 1 || text[end - 1] != '\r');
}

void ctj_scanner::begin_row(ctj_block &block, size_t begin, size_t end) {
  if (end > begin && block.text[end - 1] == '\r') end--;
  const size_t length = end - begin < CTJ_LENGTH_MAX ? end - begin : CTJ_LENGTH_MAX;
  block.records[block.rows] = ctj_view{uint32_t(begin), uint32_t(length)};
  ctj_view *fields = block.fields + block.rows * program.width;
  for (uint32_t i = 0; i < program.width; i++) fields[i] = ctj_view{0, CTJ_NULL};
  walker.fields = fields;
  for (List &list : program.lists) list.row_start = list.items.size();
}

/// Takes back what the row left outside its own fields.
void ctj_scanner::abandon_row() {
  for (List &list : program.lists) list.items.resize(list.row_start);
  walker.wrong_shapes.clear();
}

void ctj_scanner::end_faulty_row(ctj_block &block, uint32_t code) {
  ctj_view *fields = block.fields + block.rows * program.width;
  for (uint32_t i = 0; i < program.width; i++) fields[i] = ctj_view{0, CTJ_NULL};
  faults.push_back(ctj_fault{block.rows, 0, code});
  block.rows++;
}

void ctj_scanner::end_row(ctj_block &block) {
  for (const List &list : program.lists) {
    ctj_view &view = walker.fields[list.field];
    if (!(view.length_and_flags & CTJ_NULL))
      view.length_and_flags = uint32_t(list.items.size() - list.row_start);
  }
  block.text_count = walker.out_count;
  if (!walker.wrong_shapes.empty()) settle_shapes(block);
  block.rows++;
}

/// Fields of wrong shape become null; the first of those that may not is the row's fault.
void ctj_scanner::settle_shapes(const ctj_block &block) {
  uint32_t first = UINT32_MAX;
  for (const WrongShape &wrong : walker.wrong_shapes) {
    walker.fields[wrong.field] = ctj_view{0, CTJ_NULL};
    const int32_t list = program.list_of_field[wrong.field];
    if (list >= 0) program.lists[size_t(list)].items.resize(program.lists[size_t(list)].row_start);
    if (!program.null_on_wrong_shape[wrong.field] && wrong.field < first) first = wrong.field;
  }
  walker.wrong_shapes.clear();
  if (first != UINT32_MAX) faults.push_back(ctj_fault{block.rows, first, CTJ_WRONG_SHAPE});
}

namespace {

/// Runs what may throw std::bad_alloc (the only exception that this library's containers know).
template <typename Body>
int guarded(Body body) noexcept {
  try {
    return body();
  } catch (...) {
    return CTJ_NO_MEMORY;
  }
}

}  // namespace

extern "C" {

ctj_scanner *ctj_scanner_new(uint32_t width, uint32_t line_max) {
  try {
    return new ctj_scanner(width, line_max);
  } catch (...) {
    return nullptr;
  }
}

void ctj_scanner_free(ctj_scanner *scanner) { delete scanner; }

int ctj_path_begin(ctj_scanner *scanner) {
  return guarded([&] { return scanner->program.begin(), CTJ_OK; });
}

int ctj_path_member(ctj_scanner *scanner, const uint8_t *name, size_t length) {
  return guarded([&] { return scanner->program.member(name, length), CTJ_OK; });
}

int ctj_path_elements(ctj_scanner *scanner) {
  return guarded([&] { return scanner->program.elements(), CTJ_OK; });
}

int ctj_path_index(ctj_scanner *scanner, uint64_t index) {
  return guarded([&] { return scanner->program.index(index), CTJ_OK; });
}

int ctj_path_end(
    ctj_scanner *scanner, uint32_t field, int what, int allows_container, int null_on_wrong_shape) {
  return guarded([&] {
    return scanner->program.end(field, what, allows_container != 0, null_on_wrong_shape != 0), CTJ_OK;
  });
}

void ctj_scan_begin(ctj_scanner *scanner, size_t length) { scanner->begin(length); }

int ctj_scan(ctj_scanner *scanner, ctj_block *block) {
  return guarded([&] { return scanner->scan(*block); });
}

const ctj_fault *ctj_faults(const ctj_scanner *scanner, size_t *count) {
  *count = scanner->faults.size();
  return scanner->faults.data();
}

const ctj_view *ctj_items(const ctj_scanner *scanner, uint32_t field, size_t *count) {
  *count = 0;
  const int32_t list = scanner->program.list_of_field[field];
  if (list < 0) return nullptr;
  *count = scanner->program.lists[size_t(list)].items.size();
  return scanner->program.lists[size_t(list)].items.data();
}

}  // extern "C"
