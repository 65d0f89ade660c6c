/// Takes secrets out of texts that others wrote (servers, libraries) before they go into an error.
struct Redaction: Sendable {
  private let secrets: [String]

  private static let lengthMax = 400
  /// Parameters of presigned addresses and forms, and headers, whose values are secret.
  private static let names = [
    "x-amz-signature", "x-amz-credential", "x-amz-security-token", "signature", "awsaccesskeyid",
    "credential",
    "webidentitytoken", "authorization", "sessiontoken", "secretaccesskey",
  ]

  init(_ secrets: [String]) {
    // Longest first, so that a secret that contains another leaves nothing of itself behind.
    self.secrets = secrets.filter { $0.utf8.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count }
  }

  /// The text on one line, at most 400 characters, each secret and each value of a secret parameter replaced by `***`.
  func apply(_ text: String) -> String {
    var bytes = Array(text.utf8.prefix(64 << 10))
    for secret in secrets {
      bytes = replace(Array(secret.utf8), in: bytes)
      bytes = replace(Array(PercentEncoding.encode(secret).utf8), in: bytes)
    }
    bytes = hideValues(bytes)
    let clean = String(decoding: bytes, as: UTF8.self).map { character in
      character.unicodeScalars.contains { $0.value < 32 || $0.value == 127 } ? " " : character
    }
    return clean.count > Self.lengthMax ? String(clean.prefix(Self.lengthMax)) + "…" : String(clean)
  }

  private func replace(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    guard !secret.isEmpty, bytes.count >= secret.count else { return bytes }
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if index + secret.count <= bytes.count, bytes[index..<(index + secret.count)].elementsEqual(secret) {
        out += "***".utf8
        index += secret.count
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return out
  }

  /// `name=value` and `name: value`: the value goes, up to white space, `&`, `,`, `<` or a quote.
  private func hideValues(_ bytes: [UInt8]) -> [UInt8] {
    let lower = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 32 : $0 }
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      guard let name = Self.names.first(where: { begins(lower, index, $0) }) else {
        out.append(bytes[index])
        index += 1
        continue
      }
      let mark = index + name.utf8.count
      out += bytes[index...mark]
      index = mark + 1
      while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
      out += "***".utf8
      while index < bytes.count, !Self.ends.contains(bytes[index]) { index += 1 }
    }
    return out
  }

  private static let ends: Set<UInt8> = Set(" &,<>\"'\n\r\t;".utf8)

  private func begins(_ lower: [UInt8], _ index: Int, _ name: String) -> Bool {
    let end = index + name.utf8.count
    guard end < lower.count, lower[end] == UInt8(ascii: "=") || lower[end] == UInt8(ascii: ":") else {
      return false
    }
    return lower[index..<end].elementsEqual(name.utf8)
  }
}
