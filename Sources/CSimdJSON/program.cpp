#include "program.hpp"

namespace ctj {

namespace {

constexpr size_t names_hashed_load = 2;

void add_slot(Node &node, size_t member) {
  const uint32_t mask = uint32_t(node.slots.size() - 1);
  uint32_t at = node.members[member].name.hash() & mask;
  while (node.slots[at] != 0) at = (at + 1) & mask;
  node.slots[at] = uint32_t(member + 1);
}

/// Makes the newest member findable.
void index_member(Node &node) {
  if (node.members.size() <= Node::few) return;
  if (node.slots.size() < node.members.size() * names_hashed_load) {
    size_t size = 16;
    while (size < node.members.size() * names_hashed_load * 2) size *= 2;
    node.slots.assign(size, 0);
    for (size_t i = 0; i < node.members.size(); i++) add_slot(node, i);
  } else {
    add_slot(node, node.members.size() - 1);
  }
}

}  // namespace

void Program::begin() {
  path.assign(1, &root);
  elements_nodes.clear();
}

void Program::enter(std::unique_ptr<Node> &node) {
  if (!node) {
    path.back()->is_simple = false;
    node = std::make_unique<Node>();
    node->depth = path.back()->depth + 1;
  }
  path.push_back(node.get());
}

void Program::member(const uint8_t *name, size_t length) {
  Node &node = *path.back();
  std::vector<uint8_t> padded(name, name + length);
  padded.resize(length + 8);
  if (const Member *known = node.find(padded.data(), uint32_t(length))) {
    path.push_back(known->node.get());
    return;
  }
  Member member;
  member.name = Name(padded.data(), uint32_t(length));
  member.plain_name = PlainName(padded.data(), length);
  node.has_plain_names = node.has_plain_names && member.plain_name.is_plain();
  member.bytes = std::move(padded);
  node.members.push_back(std::move(member));
  index_member(node);
  enter(node.members.back().node);
}

void Program::elements() {
  enter(path.back()->elements);
  elements_nodes.push_back(path.back());
}

void Program::index(uint64_t index) {
  Node &node = *path.back();
  for (IndexedNode &known : node.indexes) {
    if (known.index == index) {
      path.push_back(known.node.get());
      return;
    }
  }
  node.indexes.push_back(IndexedNode{index, nullptr});
  enter(node.indexes.back().node);
}

void Program::end(uint32_t field, int what, bool allows_container, bool nulls) {
  int32_t list = -1;
  if (!elements_nodes.empty()) {
    list = int32_t(lists.size());
    List entry;
    entry.field = field;
    entry.first_depth = elements_nodes.front()->depth;
    entry.last_depth = elements_nodes.back()->depth;
    lists.push_back(std::move(entry));
    elements_nodes.front()->lists_opened.push_back(list);
    elements_nodes.back()->lists_with_slot.push_back(list);
  }
  for (Node *node : path) {
    node->fields_below.push_back(field);
    if (list >= 0) {
      node->lists_below.push_back(list);
      node->list_marks.push_back(0);
    }
  }
  Node &last = *path.back();
  last.leaves.push_back(Leaf{field, list, what == CTJ_COUNT && list < 0, allows_container});
  last.is_simple = last.leaves.size() == 1 && !last.leaves[0].is_count && last.members.empty() && !last.wants_array();
  list_of_field[field] = list;
  null_on_wrong_shape[field] = nulls;
}

}  // namespace ctj
