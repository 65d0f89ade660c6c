internal import CSimdJSON
public import Columns

/// Whether all of an arena is valid UTF-8 (simdjson's validator, many times faster than parsing).
public func isValidUTF8(_ arena: ByteArena) -> Bool {
  ctj_valid_utf8(arena.base, arena.count) != 0
}
