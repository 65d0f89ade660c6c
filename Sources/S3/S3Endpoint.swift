/// Which host a request goes to, and how the bucket is told.
struct S3Endpoint: Sendable {
  /// A server other than AWS's.
  var custom: Address?
  var pathStyle: Bool?

  struct Target: Equatable {
    var isTLS: Bool
    var authority: String
    /// Not percent-encoded; begins with `/`.
    var path: String
  }

  /// With an empty `key`, the bucket itself. `authority`: the host that a redirect named.
  func target(bucket: String, key: String, region: String, authority redirected: String? = nil) -> Target {
    let isTLS = custom?.isTLS ?? true
    let root = custom?.authority ?? "s3.\(region).\(Self.domain(ofRegion: region))"
    if let redirected {
      let isVirtual = redirected.hasPrefix(bucket + ".")
      return Target(isTLS: isTLS, authority: redirected, path: (isVirtual ? "/" : "/\(bucket)/") + key)
    }
    let inPath = pathStyle ?? (custom != nil || !Self.isHostName(bucket, isTLS: isTLS))
    if inPath {
      return Target(isTLS: isTLS, authority: root, path: key.isEmpty ? "/\(bucket)" : "/\(bucket)/\(key)")
    }
    return Target(isTLS: isTLS, authority: "\(bucket).\(root)", path: "/" + key)
  }

  /// The host of a redirect, if keys may be shown to it: AWS's own, where the request was meant for AWS.
  func redirect(to location: String) -> String? {
    guard custom == nil, let address = Address(location), address.isTLS,
      address.host.hasSuffix(".amazonaws.com") || address.host.hasSuffix(".amazonaws.com.cn")
    else { return nil }
    return address.authority
  }

  static func domain(ofRegion region: String) -> String {
    region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
  }

  /// Under TLS a dot would make a name that the wildcard certificate does not cover.
  private static func isHostName(_ bucket: String, isTLS: Bool) -> Bool {
    guard (3...63).contains(bucket.utf8.count) else { return false }
    return bucket.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "-") || (byte == UInt8(ascii: ".") && !isTLS)
    }
  }
}
