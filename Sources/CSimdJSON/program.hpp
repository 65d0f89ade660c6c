// Paths compiled to a trie of steps, so that a document is walked once whatever the number of columns.
#pragma once
#include "CSimdJSON.h"
#include <cstring>
#include <memory>
#include <vector>

namespace ctj {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "names are compared as little-endian words");

inline uint64_t load64(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return word;
}

/// A member's name prepared for comparison: names of up to 16 bytes compare as two words.
struct Name {
  /// The first 8 bytes, zero behind a shorter name.
  uint64_t head = 0;
  /// The last 8 bytes; 0 for names of up to 8.
  uint64_t tail = 0;
  uint32_t length = 0;

  Name() = default;

  /// 8 bytes from `bytes` on must be readable.
  Name(const uint8_t *bytes, uint32_t count) : length(count) {
    if (count >= 8) {
      head = load64(bytes);
      if (count > 8) tail = load64(bytes + count - 8);
    } else if (count > 0) {
      head = load64(bytes) & (~uint64_t(0) >> (64 - 8 * count));
    }
  }

  uint32_t hash() const {
    uint64_t h = (head ^ (tail * 0x9fb21c651e98df25)) + length;
    h *= 0x9e3779b97f4a7c15;
    return uint32_t(h >> 32);
  }
};

/// What to do with a value at the end of a path.
struct Leaf {
  uint32_t field;
  /// Index in `Program::lists`; negative: not a list.
  int32_t list;
  bool is_count;
  bool allows_container;
};

/// A field whose path has `[]`.
struct List {
  uint32_t field;
  /// Depths (steps taken) of the nodes behind the first and the last `[]`.
  uint32_t first_depth;
  uint32_t last_depth;
  /// All rows' items of the block, and where the present row's begin.
  std::vector<ctj_view> items;
  size_t row_start = 0;
};

/// A name as it is written in most documents: its bytes and the closing quote, up to 16 of them, compared as two words.
struct PlainName {
  uint64_t words[2] = {0, 0};
  uint64_t masks[2] = {0, 0};

  PlainName() = default;

  /// One that is longer, or that must be written with escapes, is no plain one.
  PlainName(const uint8_t *bytes, size_t count) {
    if (count > 15) return;
    for (size_t i = 0; i < count; i++)
      if (bytes[i] == '"' || bytes[i] == '\\' || bytes[i] < 0x20) return;
    uint8_t text[16] = {0}, mask[16] = {0};
    if (count > 0) memcpy(text, bytes, count);
    text[count] = '"';
    memset(mask, 0xff, count + 1);
    memcpy(words, text, 16);
    memcpy(masks, mask, 16);
  }

  bool is_plain() const { return masks[0] != 0; }

  /// Whether the name whose first byte is at `text` is this one; 16 bytes must be readable. (No plain name has a backslash,
  /// so the quote closes it.)
  bool is_at(const uint8_t *text) const {
    return is_plain() && (((load64(text) ^ words[0]) & masks[0]) | ((load64(text + 8) ^ words[1]) & masks[1])) == 0;
  }
};

struct Node;

struct Member {
  PlainName plain_name;
  Name name;
  std::vector<uint8_t> bytes;
  std::unique_ptr<Node> node;
  /// The member that was asked for after this one the last time: documents have theirs in one order as a rule.
  Member *follower = nullptr;
};

struct IndexedNode {
  uint64_t index;
  std::unique_ptr<Node> node;
};

/// A place in documents that some path ends at or leads through.
struct Node {
  uint32_t depth = 0;
  std::vector<Leaf> leaves;
  std::vector<Member> members;
  std::unique_ptr<Node> elements;
  std::vector<IndexedNode> indexes;

  /// Every field at or below this node, and the lists among them.
  std::vector<uint32_t> fields_below;
  std::vector<int32_t> lists_below;
  /// Of an elements node: lists that this `[]` is the first (the last) one of.
  std::vector<int32_t> lists_opened;
  std::vector<int32_t> lists_with_slot;

  // What a repeated member needs to undo the earlier one (the last one wins).
  /// The object (counted by the walker) that last had this member.
  uint64_t object_seen = 0;
  /// Lengths of `lists_below` and of the row's wrong shapes when the member was first met in that object.
  std::vector<size_t> list_marks;
  size_t shape_mark = 0;

  /// The last document's first one, and so the guess for the next.
  Member *first_member = nullptr;

  /// Open addressing over `members` by hash; index + 1, 0 is free. Empty below `few` members.
  std::vector<uint32_t> slots;
  static constexpr size_t few = 4;

  /// All of `members` have plain names.
  bool has_plain_names = true;
  /// One leaf, which takes a value's text, and nothing further in: most nodes.
  bool is_simple = false;

  bool wants_array() const { return elements || !indexes.empty(); }

  /// The member whose name, as it is written in most documents, begins at `text`. Null: there is none, if `is_known`.
  /// `has_escapes`: the name has.
  Member *find_plain(const uint8_t *text, bool has_escapes, bool &is_known) {
    is_known = false;
    if (!slots.empty()) return nullptr;
    for (Member &member : members)
      if (member.plain_name.is_at(text)) return &member;
    is_known = has_plain_names && !has_escapes;
    return nullptr;
  }

  /// The member or null. 8 bytes from `name` on must be readable.
  Member *find(const uint8_t *name, uint32_t length) {
    const Name key(name, length);
    if (slots.empty()) {
      for (Member &member : members)
        if (is(member, key, name)) return &member;
      return nullptr;
    }
    const uint32_t mask = uint32_t(slots.size() - 1);
    for (uint32_t at = key.hash() & mask; slots[at] != 0; at = (at + 1) & mask)
      if (is(members[slots[at] - 1], key, name)) return &members[slots[at] - 1];
    return nullptr;
  }

 private:
  static bool is(const Member &member, const Name &key, const uint8_t *name) {
    return member.name.head == key.head && member.name.length == key.length && member.name.tail == key.tail
        && (key.length <= 16 || memcmp(member.bytes.data() + 8, name + 8, key.length - 16) == 0);
  }
};

/// The compiled paths. Building may throw std::bad_alloc.
class Program {
 public:
  explicit Program(uint32_t width) : width(width), list_of_field(width, -1), null_on_wrong_shape(width, 0) {}

  const uint32_t width;
  Node root;
  std::vector<List> lists;
  /// By field: its list or −1; whether a wrong shape makes it null.
  std::vector<int32_t> list_of_field;
  std::vector<uint8_t> null_on_wrong_shape;

  void begin();
  void member(const uint8_t *name, size_t length);
  void elements();
  void index(uint64_t index);
  void end(uint32_t field, int what, bool allows_container, bool null_on_wrong_shape);

 private:
  // The path being declared: its nodes from the root on, and which of them are behind `[]`.
  std::vector<Node *> path;
  std::vector<Node *> elements_nodes;
  void enter(std::unique_ptr<Node> &node);
};

}  // namespace ctj
