/// A bucket with a key or key prefix, as people write it: `s3://bucket/prefix`.
///
/// Everything behind the bucket's slash is the key as it is: nothing is percent-decoded, and spaces, `+`, `%`, `?`
/// and `#` stand for themselves.
public struct S3Location: Sendable, Hashable, CustomStringConvertible {
  public var bucket: String
  /// The key or prefix; "" for the whole bucket.
  public var key: String

  public init(bucket: String, key: String) {
    self.bucket = bucket
    self.key = key
  }

  public var description: String { "s3://\(bucket)/\(key)" }

  /// Whether `text` claims to be an S3 location (so that what is wrong with it is an error, not a file path).
  public static func isS3(_ text: String) -> Bool {
    schemes.contains { text.utf8.starts(with: $0.utf8) }
  }

  /// Reads `s3://bucket/key`; Hadoop's spellings `s3a://` and `s3n://` mean the same.
  ///
  /// Throws `.protocolViolation` for another scheme, for a bucket that is missing or holds a character that no bucket's
  /// name has, and for a key over S3's 1,024 bytes.
  public static func parse(_ text: String) throws(StoreError) -> S3Location {
    func refuse(_ message: String, _ hint: String) -> StoreError {
      StoreError(.protocolViolation, operation: "parse", location: text, message: message, hint: hint)
    }
    guard let scheme = schemes.first(where: { text.utf8.starts(with: $0.utf8) }) else {
      throw refuse("this is not an S3 location", "write s3://bucket/prefix")
    }
    let rest = text.utf8.dropFirst(scheme.utf8.count)
    let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    let bucket = rest[..<slash]
    let key = slash == rest.endIndex ? rest[slash...] : rest[rest.index(after: slash)...]
    guard !bucket.isEmpty else { throw refuse("the bucket is missing", "write s3://bucket/prefix") }
    guard bucket.count <= 255, bucket.allSatisfy(isBucketByte) else {
      throw refuse(
        "'\(Substring(bucket))' is not a bucket's name",
        "letters, digits, '.', '-' and '_' only; access points and ARNs are not supported")
    }
    guard key.count <= 1024 else {
      throw refuse("the key has \(key.count) bytes", "S3 allows at most 1,024")
    }
    return S3Location(bucket: String(Substring(bucket)), key: String(Substring(key)))
  }

  private static let schemes = ["s3://", "s3a://", "s3n://"]

  private static func isBucketByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
