internal import CCrypto

/// A running SHA-256 (FIPS 180-4), computed by OpenSSL.
public struct SHA256: ~Copyable, @unchecked Sendable {
  // Sendable: the context has one owner, this value, which cannot be copied.
  private let context: OpaquePointer

  public init() {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
    self.context = context
    start()
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "SHA-256 failed")
  }

  /// The 32 bytes of the digest of everything so far; begins anew.
  public mutating func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "SHA-256 failed")
    start()
    return digest
  }

  private func start() {
    precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "SHA-256 is missing in OpenSSL")
  }

  /// The digest of one run of bytes.
  public static func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  public static func digest(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { digest($0) }
  }

  /// The keyed digest of RFC 2104.
  public static func hmac(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let done = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, nil)
    precondition(done != nil, "HMAC failed")
    return digest
  }

  /// Bytes as lower-case hexadecimal digits.
  public static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      for (index, byte) in bytes.enumerated() {
        text[2 * index] = digits[Int(byte >> 4)]
        text[2 * index + 1] = digits[Int(byte & 15)]
      }
      return bytes.count * 2
    }
  }
}
