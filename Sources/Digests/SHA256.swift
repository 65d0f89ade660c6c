internal import CCrypto

/// A running SHA-256 (FIPS 180-4), computed by OpenSSL with the processor's own instructions (about 1-2 GB/s a core).
///
/// One thread at a time. A class, so that it can be a stored property of other classes; ``finish()`` may be called
/// once, and nothing may follow it.
public final class SHA256: @unchecked Sendable {
  // Sendable: the only state is OpenSSL's context, which has no thread affinity (it is plain memory) and is reached
  // through this object alone; callers use the object from one thread at a time, as documented.
  private let context: OpaquePointer

  public init() {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
    precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "SHA-256 is missing in OpenSSL")
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Takes in more bytes; copies none.
  public func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "SHA-256 is finished")
  }

  /// The 32 bytes of the digest.
  public func finish() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      precondition(EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1, "SHA-256 is finished")
      count = 32
    }
  }

  /// The digest as 64 lower-case hexadecimal digits.
  public func finishHex() -> String { SHA256.hex(finish()) }

  /// The digest of one run of bytes.
  public static func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    let hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  public static func digest(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { digest($0) } }

  /// The digest of a text's UTF-8 bytes, in hexadecimal.
  public static func hexDigest(of text: String) -> String { hex(digest(Array(text.utf8))) }

  /// The keyed digest of RFC 2104.
  public static func hmac(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      let done = HMAC(
        EVP_sha256(), key, Int32(clamping: key.count), message, message.count, buffer.baseAddress, nil)
      precondition(done != nil, "HMAC-SHA-256 is missing in OpenSSL")
      count = 32
    }
  }

  /// Bytes as lower-case hexadecimal digits.
  public static func hex(_ bytes: [UInt8]) -> String {
    let digits: StaticString = "0123456789abcdef"
    let table = digits.utf8Start
    return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      for (index, byte) in bytes.enumerated() {
        text[2 * index] = table[Int(byte >> 4)]
        text[2 * index + 1] = table[Int(byte & 15)]
      }
      return bytes.count * 2
    }
  }
}
