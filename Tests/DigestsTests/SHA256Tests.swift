import Testing

@testable import Digests

/// Vectors of FIPS 180-4's example page (NIST CSRC) and of RFC 4231.
@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func vectors(text: String, digest: String) {
    #expect(SHA256.hexDigest(of: text) == digest)
  }

  @Test func piecesGiveTheSameDigestAsTheWhole() {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 7)) }
    let whole = SHA256.hex(SHA256.digest(bytes))
    for step in [1, 63, 64, 65, 4096, 99_999] {
      let hash = SHA256()
      bytes.withUnsafeBytes { raw in
        var start = 0
        while start < raw.count {
          let end = min(start + step, raw.count)
          hash.update(UnsafeRawBufferPointer(rebasing: raw[start..<end]))
          start = end
        }
        hash.update(UnsafeRawBufferPointer(start: nil, count: 0))
      }
      #expect(hash.finishHex() == whole)
    }
  }

  @Test func keyedDigests() {
    let cases: [(key: [UInt8], message: String, digest: String)] = [
      (
        Array(repeating: 0x0b, count: 20), "Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        Array("Jefe".utf8), "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        Array(repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
    ]
    for test in cases {
      #expect(SHA256.hex(SHA256.hmac(key: test.key, Array(test.message.utf8))) == test.digest)
    }
  }
}
