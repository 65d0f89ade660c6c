#include "walker.hpp"

namespace ctj {

const uint32_t *Walker::record(const uint32_t *next) {
  const uint8_t first = text[*next];
  const uint32_t *end = first == '{' ? value(program.root, next, 0) : skip(next, 0);
  if (end == nullptr) return nullptr;
  // Its last token lies in this line, and nothing else does. (`end[-1]`: a record has at least one token.)
  if (end[-1] >= line_end || *end < line_end) return fail();
  if (first != '{') return fail(CTJ_NOT_AN_OBJECT);
  return end;
}

/// A container begins at `at`, `depth` levels down. A walk that ran on into the next line (this one lacks a bracket) ends
/// here, or at the next token that does not fit, so the work stays linear whatever the lines are.
inline bool Walker::enters(uint32_t at, uint32_t depth) {
  if (at >= line_end) fault = CTJ_INVALID_JSON;
  else if (depth >= CTJ_DEPTH_MAX) fault = CTJ_TOO_DEEP;
  else return true;
  return false;
}

const uint32_t *Walker::value(Node &node, const uint32_t *next, uint32_t depth) {
  const uint32_t at = *next++;
  const uint8_t first = text[at];
  switch (first) {
  case '{':
    if (!enters(at, depth)) return nullptr;
    if (node.wants_array()) {
      if (node.elements) wrong_shape_below(*node.elements);
      for (IndexedNode &child : node.indexes) wrong_shape_below(*child.node);
    }
    next = node.members.empty() ? skip_container(next - 1, depth) : object(node, next, depth + 1);
    if (next != nullptr && !node.leaves.empty()) set_containers(node, at, next[-1]);
    return next;
  case '[':
    if (!enters(at, depth)) return nullptr;
    for (Member &child : node.members) wrong_shape_below(*child.node);
    next = array(node, next, depth + 1);
    if (next != nullptr && !node.leaves.empty()) set_containers(node, at, next[-1]);
    return next;
  default: break;
  }

  ctj_view view;
  if (first == '"') {
    if (node.leaves.empty()) {
      if (!check_string(at, *next)) return fail();
    } else if (!string(at, *next, view)) {
      return nullptr;
    }
  } else {
    const uint8_t *end = scalar_end(text + at);
    if (end == nullptr) return fail();
    if (first == 'n') return next;
    view = ctj_view{text_offset + at, uint32_t(end - text) - at};
  }
  for (const Leaf &leaf : node.leaves) {
    if (leaf.is_count) wrong_shapes.push_back(WrongShape{leaf.field});
    else set(leaf, view);
  }
  for (Member &child : node.members) wrong_shape_below(*child.node);
  if (node.wants_array()) {
    if (node.elements) wrong_shape_below(*node.elements);
    for (IndexedNode &child : node.indexes) wrong_shape_below(*child.node);
  }
  return next;
}

/// The value of a node with one leaf and nothing further in, as `value` reads it.
inline const uint32_t *Walker::simple_value(Node &node, const uint32_t *next, uint32_t depth) {
  const uint32_t at = next[0];
  const uint8_t first = text[at];
  ctj_view view;
  if (first == '"') {
    if (!string(at, next[1], view)) return nullptr;
  } else if (first == '{' || first == '[') {
    return value(node, next, depth);
  } else {
    const uint8_t *end = scalar_end(text + at);
    if (end == nullptr) return fail();
    if (first == 'n') return next + 1;
    view = ctj_view{text_offset + at, uint32_t(end - text) - at};
  }
  set(node.leaves[0], view);
  return next + 1;
}

/// `next`: the token behind `{`.
const uint32_t *Walker::object(Node &node, const uint32_t *next, uint32_t depth) {
  if (text[*next] == '}') return next + 1;
  const uint64_t here = ++objects;
  // The member that is probably next: the one that was it the last time.
  Member **guess = &node.first_member;
  for (;;) {
    const uint32_t name = next[0];
    const uint32_t colon = next[1];
    if (text[name] != '"' || text[colon] != ':') return fail();
    Member *member = *guess;
    if (member == nullptr || !member->plain_name.is_at(text + name + 1)) {
      if (!find(node, name, colon, member)) return fail();
      if (member != nullptr) *guess = member;
    }
    next += 2;
    if (member == nullptr) {
      next = skip(next, depth);
    } else {
      guess = &member->follower;
      Node &child = *member->node;
      if (child.object_seen == here) {
        if (!is_careful) {
          wants_care = true;
          return nullptr;
        }
        undo(child);
      } else {
        child.object_seen = here;
        if (is_careful) remember(child);
      }
      next = child.is_simple ? simple_value(child, next, depth) : value(child, next, depth);
    }
    if (next == nullptr) return nullptr;
    switch (text[*next++]) {
    case ',': break;
    case '}': return next;
    default: return fail();
    }
  }
}

/// `next`: the token behind `[`.
const uint32_t *Walker::array(Node &node, const uint32_t *next, uint32_t depth) {
  if (node.elements) {
    for (int32_t index : node.elements->lists_opened) {
      List &list = program.lists[size_t(index)];
      fields[list.field] = ctj_view{uint32_t(list.items.size()), 0};
    }
  }
  uint64_t count = 0;
  if (text[*next] == ']') {
    next++;
  } else {
    for (bool more = true; more;) {
      next = element(node, count, next, depth);
      if (next == nullptr) return nullptr;
      count++;
      switch (text[*next++]) {
      case ',': break;
      case ']': more = false; break;
      default: return fail();
      }
    }
  }
  for (const Leaf &leaf : node.leaves)
    if (leaf.is_count) fields[leaf.field] = ctj_view{0, uint32_t(count)};
  return next;
}

const uint32_t *Walker::element(Node &node, uint64_t index, const uint32_t *next, uint32_t depth) {
  Node *indexed = nullptr;
  for (IndexedNode &child : node.indexes)
    if (child.index == index) indexed = child.node.get();
  Node *every = node.elements.get();
  if (every == nullptr) return indexed ? value(*indexed, next, depth) : skip(next, depth);

  for (int32_t list : every->lists_with_slot)
    program.lists[size_t(list)].items.push_back(ctj_view{0, CTJ_NULL});
  const uint32_t *const backslash_before = backslash;
  const uint32_t *const end = value(*every, next, depth);
  if (end == nullptr || indexed == nullptr) return end;
  backslash = backslash_before;
  return value(*indexed, next, depth);
}

const uint32_t *Walker::skip(const uint32_t *next, uint32_t depth) {
  const uint32_t at = *next;
  switch (text[at]) {
  case '{':
  case '[':
    return enters(at, depth) ? skip_container(next, depth) : nullptr;
  case '"':
    return check_string(at, next[1]) ? next + 1 : fail();
  default:
    return scalar_end(text + at) ? next + 1 : fail();
  }
}

/// `next`: the opening bracket, already entered. Without recursion: one bit a level says what is open.
const uint32_t *Walker::skip_container(const uint32_t *next, uint32_t depth) {
  uint64_t is_object[CTJ_DEPTH_MAX / 64];
  const uint32_t outside = depth;
  uint32_t at;

open:
  {
    uint64_t &word = is_object[depth / 64];
    const uint64_t bit = uint64_t(1) << (depth % 64);
    depth++;
    if (text[*next++] == '{') {
      word |= bit;
      if (text[*next] == '}') goto close;
      goto member;
    }
    word &= ~bit;
    if (text[*next] == ']') goto close;
    goto item;
  }

member:
  if (text[next[0]] != '"' || text[next[1]] != ':' || !check_string(next[0], next[1])) return fail();
  next += 2;

item:
  at = *next;
  switch (text[at]) {
  case '{':
  case '[':
    if (!enters(at, depth)) return nullptr;
    goto open;
  case '"':
    next++;
    if (!check_string(at, *next)) return fail();
    break;
  default:
    next++;
    if (!scalar_end(text + at)) return fail();
  }

after:
  if (is_object[(depth - 1) / 64] >> ((depth - 1) % 64) & 1) {
    switch (text[*next]) {
    case ',': next++; goto member;
    case '}': goto close;
    default: return fail();
    }
  } else {
    switch (text[*next]) {
    case ',': next++; goto item;
    case ']': goto close;
    default: return fail();
    }
  }

close:
  next++;
  depth--;
  if (depth == outside) return next;
  goto after;
}

/// The closing quote of a string whose next token begins at `after`: only white space lies between.
inline uint32_t Walker::string_end(uint32_t after) const {
  uint32_t end = after - 1;
  while (text[end] != '"') end--;
  return end;
}

/// The unescaped text of the string at `at`.
inline bool Walker::string(uint32_t at, uint32_t after, ctj_view &view) {
  const uint32_t end = string_end(after);
  const uint32_t length = end - at - 1;
  if (*backslash >= end) {
    view = ctj_view{text_offset + at + 1, length | CTJ_QUOTED};
    return true;
  }
  while (*backslash < end) backslash++;
  if (out_capacity - out_count < length) {
    wanted_text = length;
    return false;
  }
  const int64_t unescaped = unescape<true>(text + at + 1, length, block_text + out_count);
  if (unescaped < 0) {
    fault = CTJ_INVALID_JSON;
    return false;
  }
  view = ctj_view{uint32_t(out_count), uint32_t(unescaped) | CTJ_QUOTED};
  out_count += size_t(unescaped);
  return true;
}

bool Walker::check_escapes(uint32_t at, uint32_t after) {
  const uint32_t end = string_end(after);
  while (*backslash < after) backslash++;
  return unescape<false>(text + at + 1, end - at - 1, nullptr) >= 0;
}

/// The member whose name is the string at `at`, or null. False: that is no string.
bool Walker::find(Node &node, uint32_t at, uint32_t after, Member *&member) {
  bool is_known;
  member = node.find_plain(text + at + 1, *backslash < after, is_known);
  if (member != nullptr || is_known) return true;
  const uint32_t end = string_end(after);
  const uint32_t length = end - at - 1;
  if (*backslash >= end) {
    member = node.find(text + at + 1, length);
    return true;
  }
  while (*backslash < end) backslash++;
  escaped_name.resize(length + 8);
  const int64_t unescaped = unescape<true>(text + at + 1, length, escaped_name.data());
  if (unescaped < 0) return false;
  member = node.find(escaped_name.data(), uint32_t(unescaped));
  return true;
}

inline void Walker::set(const Leaf &leaf, ctj_view view) {
  if (leaf.list < 0) fields[leaf.field] = view;
  else program.lists[size_t(leaf.list)].items.back() = view;
}

/// An object or array lies at a node with leaves.
void Walker::set_containers(Node &node, uint32_t open, uint32_t close) {
  const bool is_array = text[open] == '[';
  for (const Leaf &leaf : node.leaves) {
    if (leaf.is_count) {
      if (!is_array) wrong_shapes.push_back(WrongShape{leaf.field});
    } else if (leaf.allows_container) {
      set(leaf, ctj_view{text_offset + open, close - open + 1});
    } else {
      wrong_shapes.push_back(WrongShape{leaf.field});
    }
  }
}

void Walker::wrong_shape_below(Node &node) {
  for (uint32_t field : node.fields_below) wrong_shapes.push_back(WrongShape{field});
}

inline void Walker::remember(Node &node) {
  node.shape_mark = wrong_shapes.size();
  for (size_t i = 0; i < node.lists_below.size(); i++)
    node.list_marks[i] = program.lists[size_t(node.lists_below[i])].items.size();
}

/// A member came again: what its first occurrence left goes (the last one wins, as in Python and JavaScript).
void Walker::undo(Node &node) {
  for (uint32_t field : node.fields_below) {
    if (program.list_of_field[field] < 0) fields[field] = ctj_view{0, CTJ_NULL};
    size_t kept = node.shape_mark;
    for (size_t i = kept; i < wrong_shapes.size(); i++)
      if (wrong_shapes[i].field != field) wrong_shapes[kept++] = wrong_shapes[i];
    wrong_shapes.resize(kept);
  }
  for (size_t i = 0; i < node.lists_below.size(); i++) {
    List &list = program.lists[size_t(node.lists_below[i])];
    list.items.resize(node.list_marks[i]);
    // The slot stands in front of this member, or the list begins behind it.
    if (list.last_depth <= node.depth) list.items.back() = ctj_view{0, CTJ_NULL};
    else if (list.first_depth > node.depth) fields[list.field] = ctj_view{0, CTJ_NULL};
  }
}

}  // namespace ctj
