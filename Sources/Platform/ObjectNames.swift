/// Which objects of a listing are data.
public enum ObjectNames {
  /// Whether a key is left out: directory markers, and names that begin with `_` or `.` in any component behind
  /// `prefix`, which writers use for what is unfinished (`_temporary/`, `.part-0.crc`, `_SUCCESS`).
  ///
  /// What the user wrote counts as meant: in `lake/_raw/`, `_raw` hides nothing, and behind `lake/_part`, neither does
  /// the rest of that name.
  public static func isHidden(_ key: String, below prefix: String) -> Bool {
    if key.hasSuffix("/") || key.hasSuffix("_$folder$") { return true }
    var rest = key.utf8[...]
    if rest.starts(with: prefix.utf8) {
      rest = rest.dropFirst(prefix.utf8.count)
      if !prefix.isEmpty && !prefix.hasSuffix("/") {
        rest = rest.drop { $0 != UInt8(ascii: "/") }
      }
    }
    var isStart = true
    for byte in rest {
      if isStart && (byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")) { return true }
      isStart = byte == UInt8(ascii: "/")
    }
    return false
  }
}
