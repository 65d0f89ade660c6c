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

struct Node;

struct Member {
  Name name;
  std::vector<uint8_t> bytes;
  std::unique_ptr<Node> node;
  /// The member that was asked for after this one the last time: documents have theirs in one order as a rule.
  uint32_t follower = none;
  static constexpr uint32_t none = ~uint32_t(0);
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

  /// The member that was found last, and the one that followed it before.
  uint32_t latest = Member::none;
  uint32_t guess = Member::none;

  /// Open addressing over `members` by hash; index + 1, 0 is free. Empty below `few` members.
  std::vector<uint32_t> slots;
  static constexpr size_t few = 4;

  bool wants_array() const { return elements || !indexes.empty(); }

  /// The member's node or null. 8 bytes from `name` on must be readable.
  Node *find(const uint8_t *name, uint32_t length) {
    const Name key(name, length);
    if (guess < members.size() && is(members[guess], key, name)) return found(guess);
    if (slots.empty()) {
      for (uint32_t index = 0; index < members.size(); index++)
        if (is(members[index], key, name)) return found(index);
      return nullptr;
    }
    const uint32_t mask = uint32_t(slots.size() - 1);
    for (uint32_t at = key.hash() & mask; slots[at] != 0; at = (at + 1) & mask)
      if (is(members[slots[at] - 1], key, name)) return found(slots[at] - 1);
    return nullptr;
  }

 private:
  Node *found(uint32_t index) {
    if (guess != index && latest != Member::none) members[latest].follower = index;
    latest = index;
    guess = members[index].follower;
    return members[index].node.get();
  }

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
