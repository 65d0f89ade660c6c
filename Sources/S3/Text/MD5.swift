internal import CCrypto

/// The digest that the Content-MD5 header carries; a check against damage, not against forgery.
enum MD5 {
  /// Nil where OpenSSL is built or set up without MD5 (FIPS).
  static func base64(_ bytes: [UInt8]) -> String? {
    var digest = [UInt8](repeating: 0, count: 16)
    guard EVP_Digest(bytes, bytes.count, &digest, nil, EVP_md5(), nil) == 1 else { return nil }
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: 15, by: 3) {
      let bits = UInt32(digest[start]) << 16 | UInt32(digest[start + 1]) << 8 | UInt32(digest[start + 2])
      for shift in [18, 12, 6, 0] as [UInt32] { text.append(letters[Int(bits >> shift & 63)]) }
    }
    text.append(letters[Int(digest[15] >> 2)])
    text.append(letters[Int(digest[15] & 3) << 4])
    return String(decoding: text, as: UTF8.self) + "=="
  }
}
