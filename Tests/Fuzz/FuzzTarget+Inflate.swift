import Formats
import TestKit

extension FuzzTarget {
  /// Damaged gzip and zstd in all sizes of input and output: the same content or an error.
  static let inflate = FuzzTarget(name: "inflate") { fuzzCase in
    var bytes: [UInt8] = []
    for _ in 0..<fuzzCase.random.int(1...3) { bytes += fuzzCase.random.pick(Compressed.samples) }
    // The magic number stays as a rule: without it the rest is text.
    let kept = fuzzCase.random.chance(10) ? 0 : min(bytes.count, 4)
    var rest = Array(bytes[kept...])
    Mutation(["\u{0}", "\u{1f}", "\u{0}\u{0}\u{0}\u{0}"]).apply(
      &rest, times: fuzzCase.random.int(0...6), &fuzzCase.random)
    bytes = bytes[..<kept] + rest
    fuzzCase.give(bytes)
    var contents: [[UInt8]?] = []
    for sizes in [(1 << 16, 1 << 16), (fuzzCase.random.pick([1, 3, 50]), fuzzCase.random.pick([1, 7, 300]))] {
      contents.append(Compressed.inflate(bytes, sizes.0, sizes.1))
    }
    // zstd notices a content size that is not the content's only where the frame comes in one piece.
    if bytes.first != 0x1f && contents.contains(nil) { return }
    try require(contents[0] == contents[1], "the content depends on the sizes of buffers")
  }
}

private enum Compressed {
  /// nil: an error. A bomb is looked at for its first megabyte.
  static func inflate(_ bytes: [UInt8], _ inMax: Int, _ outMax: Int) -> [UInt8]? {
    let decompressor = Decompressor()
    var content: [UInt8] = []
    var room = [UInt8](repeating: 0, count: outMax)
    do {
      var at = 0
      while at < bytes.count {
        let end = min(at + inMax, bytes.count)
        var used = 0
        var more = true
        while more {
          var written = 0
          try bytes.withUnsafeBytes { input in
            try room.withUnsafeMutableBytes { output in
              try decompressor.run(
                UnsafeRawBufferPointer(rebasing: input[at..<end]), used: &used, output, written: &written)
            }
          }
          content += room[..<written]
          if content.count > 1 << 20 { return nil }
          more = used < end - at || written == outMax
        }
        at = end
      }
      while true {
        var written = 0
        let isDone = try room.withUnsafeMutableBytes { try decompressor.finish($0, written: &written) }
        content += room[..<written]
        if isDone { return content }
        if content.count > 1 << 20 { return nil }
      }
    } catch {
      return nil
    }
  }

  // "id,name\n1,anna\n2,bert\n" and runs of it, by Python's gzip and zstandard.
  static let samples: [[UInt8]] = [
    "1f8b08000000000000ffcb4cd1c94bcc4de532d449cccb4be432d2494a2d2ae1020057a478a916000000",
    "1f8b08000000000000ff011600e9ff69642c6e616d650a312c616e6e610a322c626572740a57a478a916000000",
    "1f8b08000000000000ff7550390e80300cdb790b0bc7c66b1a89b50362c8f3a96284ad28744853c7871a3baffb68bdb77959"
      + "b77d8acec7b10ff717c3152c2b44a9c00022b440a8072aa9e4128c4e9478bb46e4693643840b2ca62c14880a4cb11542de87"
      + "7b664b7015f6bf3b8ed33aaaafd2f50167563215cc010000",
    "1f8b08000000000000ff4b4a2d2ab14ecccb4bd431343236e102b32a8020092e5e011583506055495834a1111003209a204c"
      + "8808423f4414c956845a84209885a413c2af40b6025d16dd3088151548c2488622088406245d109548c62229400f8f8a0a74"
      + "d5481663b30c77d821a4d182039b5711a6020067563215cc010000",
    "1f8b08000000000000ff03000000000000000000",
    "1f8b081e00000000000303006162636e006300e0adcb4cd1c94bcc4de532d449cccb4be432d2494a2d2ae1020057a478a916"
      + "000000",
    "28b52ffd2416b1000069642c6e616d650a312c616e6e610a322c626572740a01e73914",
    "28b52ffd64cc00550300c8626572743b616e6e612c313233340a7878787878787878787829a8b069d8cf3042c62876119438"
      + "23d4da4473d1ddd9807bbf8413bcfc5430f35c8ea71391bc064b268aa6d0588506f3802ac8c37c73fabc85f5726ea70eb44a"
      + "0bde04862ac32d5192e9755b58d6722995bfad57",
    "28b52ffd240001000099e9d851",
    "5e2a4d1803000000616263",
  ].map { text in
    let digits = Array(text)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
  }
}
