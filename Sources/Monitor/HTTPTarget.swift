/// The path and query of a request line's target (RFC 9112 §3.2), decoded.
///
/// libmicrohttpd would decode in place in a C string, where `%00` ends a path early: `/healthz%00x` would be `/healthz`.
struct HTTPTarget: Hashable {
  var path: String
  var query: [String: String] = [:]

  /// nil if it is no origin-form or absolute-form, or if what is decoded is not UTF-8 or holds a NUL.
  init?(_ target: [UInt8]) {
    var rest = target[...]
    let scheme = Array("http://".utf8)
    if rest.starts(with: scheme) {
      let afterAuthority = rest.dropFirst(scheme.count).firstIndex { $0 == UInt8(ascii: "/") }
      rest = afterAuthority.map { rest[$0...] } ?? [UInt8(ascii: "/")]
    }
    guard rest.first == UInt8(ascii: "/") else { return nil }
    let parts = rest.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = Self.decode(parts[0], plusIsBlank: false) else { return nil }
    self.path = path
    guard parts.count > 1 else { return }
    for pair in parts[1].split(separator: UInt8(ascii: "&")) {
      let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decode(sides[0], plusIsBlank: true),
        let value = sides.count > 1 ? Self.decode(sides[1], plusIsBlank: true) : ""
      else { return nil }
      if query[name] == nil { query[name] = value }
    }
  }

  private static func decode(_ bytes: ArraySlice<UInt8>, plusIsBlank: Bool) -> String? {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var index = bytes.startIndex
    while index < bytes.endIndex {
      var byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard bytes.endIndex - index >= 2, let high = digit(bytes[index]), let low = digit(bytes[index + 1]) else {
          return nil
        }
        byte = high << 4 | low
        index += 2
      } else if byte == UInt8(ascii: "+"), plusIsBlank {
        byte = UInt8(ascii: " ")
      }
      if byte == 0 { return nil }
      out.append(byte)
    }
    return String(validating: out, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
