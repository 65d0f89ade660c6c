/// Where objects lie: a local path or glob, or `s3://bucket/prefix`.
enum LocationText {
  static func parse(_ text: String) throws(TextFault) -> String {
    guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
      throw TextFault("\(quoted(text)) holds a control character")
    }
    let scalars = Array(text.unicodeScalars)
    if scalars.first == "~" {
      throw TextFault("'~' is not expanded outside a shell", hint: "write \"${HOME}/…\"")
    }
    guard let colon = scalars.firstIndex(of: ":"), scalars[colon...].starts(with: [":", "/", "/"]) else {
      return text
    }
    switch String(scalars[..<colon]) {
    case "s3": return try s3(text, scalars[(colon + 3)...])
    case "s3a", "s3n": throw TextFault("\(quoted(text)) is Hadoop's form", hint: "write s3://…")
    case "file": throw TextFault("\(quoted(text)) is a URL", hint: "write the path alone")
    case let scheme:
      throw TextFault(
        "\(quoted(scheme + "://")) is not supported; expected a path or s3://bucket/prefix",
        hint: scheme.hasPrefix("http") ? "a store's address belongs in store: {endpoint: …}" : "")
    }
  }

  /// A place to write to.
  static func parseTarget(_ text: String) throws(TextFault) -> String {
    let location = try parse(text)
    if let glob = location.unicodeScalars.enumerated().first(where: { $0.element == "*" || $0.element == "?" }
    ) {
      throw TextFault("a place to write to cannot hold '\(glob.element)'", at: glob.offset)
    }
    return location
  }

  private static func s3(_ text: String, _ rest: ArraySlice<Unicode.Scalar>) throws(TextFault) -> String {
    let bucket = rest.prefix { $0 != "/" }
    guard !bucket.isEmpty else {
      throw TextFault("\(quoted(text)) names no bucket", hint: "write s3://bucket/prefix")
    }
    // Old buckets may have capitals and underscores.
    guard
      bucket.allSatisfy({
        $0.isASCII
          && ($0.properties.isAlphabetic || DigitRun.isDigit($0) || "-._".unicodeScalars.contains($0))
      })
    else {
      throw TextFault("\(quoted(String(bucket))) cannot be a bucket's name", at: bucket.startIndex)
    }
    return text
  }
}
