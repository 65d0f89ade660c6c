// Walks one record along the compiled paths, checking every token of it on the way.
#pragma once
#include "lexical.hpp"
#include "program.hpp"

namespace ctj {

/// A value whose shape its path did not expect: position in the row's list tells the order.
struct WrongShape {
  uint32_t field;
};

class Walker {
 public:
  explicit Walker(Program &program) : program(program) {}

  // Of the batch: its first byte, its offset in the block's text.
  const uint8_t *text = nullptr;
  uint32_t text_offset = 0;
  // Of the line: where its newline is; the first backslash not yet passed.
  uint32_t line_end = 0;
  const uint32_t *backslash = nullptr;
  // Of the row: its fields; room for unescaped strings, as offsets in the block's text.
  ctj_view *fields = nullptr;
  uint8_t *block_text = nullptr;
  size_t out_count = 0;
  size_t out_capacity = 0;

  // What became of the row.
  uint32_t fault = 0;
  /// Not 0: the row is to be walked again with this many bytes of room.
  size_t wanted_text = 0;
  std::vector<WrongShape> wrong_shapes;
  /// A member came twice: the row is to be walked again, with care.
  bool wants_care = false;
  /// What a first occurrence leaves is remembered, so that it can be undone. (It costs something, and hardly a document has
  /// members twice.)
  bool is_careful = false;

  /// Fills the row from the tokens that begin at `next`. Gives the first token behind the record, or null (`fault`,
  /// or `wanted_text`). May throw std::bad_alloc.
  const uint32_t *record(const uint32_t *next);

 private:
  Program &program;
  /// Objects entered since the scanner was made.
  uint64_t objects = 0;

  const uint32_t *fail(uint32_t code = CTJ_INVALID_JSON) {
    fault = code;
    return nullptr;
  }

  // Each takes the token at `next` and gives the token behind what it read, or null.
  const uint32_t *value(Node &node, const uint32_t *next, uint32_t depth);
  const uint32_t *simple_value(Node &node, const uint32_t *next, uint32_t depth);
  const uint32_t *object(Node &node, const uint32_t *next, uint32_t depth);
  const uint32_t *array(Node &node, const uint32_t *next, uint32_t depth);
  const uint32_t *element(Node &node, uint64_t index, const uint32_t *next, uint32_t depth);
  const uint32_t *skip(const uint32_t *next, uint32_t depth);
  const uint32_t *skip_container(const uint32_t *next, uint32_t depth);

  bool enters(uint32_t at, uint32_t depth);
  bool string(uint32_t at, uint32_t after, ctj_view &view);
  bool check_string(uint32_t at, uint32_t after) {
    return *backslash >= after || check_escapes(at, after);
  }
  bool check_escapes(uint32_t at, uint32_t after);
  uint32_t string_end(uint32_t after) const;
  bool find(Node &node, uint32_t at, uint32_t after, Member *&member);

  void set(const Leaf &leaf, ctj_view view);
  void set_containers(Node &node, uint32_t open, uint32_t close);
  void wrong_shape_below(Node &node);
  void remember(Node &node);
  void undo(Node &node);

  std::vector<uint8_t> escaped_name;
};

}  // namespace ctj
