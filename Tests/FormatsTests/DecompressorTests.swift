import Foundation
import TestKit
import Testing

@testable import Formats

/// ``Decompressor`` against objects that Python compressed: `Fixtures/compressed_golden.py` says how.
@Suite struct DecompressorTests {
  struct Sample: Decodable, CustomStringConvertible, Sendable {
    var name: String
    var kind: String
    var text: String
    var bytes: String
    var error: Bool

    var description: String { name }
    var object: [UInt8] { Array(Data(base64Encoded: bytes) ?? Data()) }
    var content: [UInt8] {
      text == "LONG"
        ? Array(String(repeating: "the same line again and again\n", count: 40_000).utf8)
        : Array(Data(base64Encoded: text) ?? Data())
    }
  }

  static let samples: [Sample] = {
    let lines = (try? JSONGoldenTests.fixture("compressed_golden.jsonl"))?.split(separator: 0x0a) ?? []
    return lines.compactMap { try? JSONDecoder().decode(Sample.self, from: Data($0)) }
  }()
  static let good = samples.filter { !$0.error }
  static let bad = samples.filter(\.error)
  /// Those whose every byte is tried.
  static let small = good.filter { $0.kind != "plain" && $0.object.count < 800 }

  /// Inflates with input pieces and output rooms of at most the given sizes.
  static func inflate(_ object: [UInt8], inMost: Int, outMost: Int, seed: UInt64) throws -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    let decompressor = Decompressor()
    var content: [UInt8] = []
    var room = [UInt8](repeating: 0, count: outMost)
    func drain(_ step: (UnsafeMutableRawBufferPointer, inout Int) throws -> Bool) throws {
      var more = true
      while more {
        let size = random.int(1...outMost)
        var written = 0
        more = try room.withUnsafeMutableBytes {
          try step(UnsafeMutableRawBufferPointer(rebasing: $0[..<size]), &written)
        }
        content += room[..<written]
      }
    }
    var at = 0
    while at < object.count {
      let piece = Array(object[at..<min(at + random.int(1...inMost), object.count)])
      at += piece.count
      try piece.withUnsafeBytes { piece in
        var used = 0
        try drain { output, written in
          try decompressor.run(piece, used: &used, output, written: &written)
          return used < piece.count || written == output.count
        }
      }
    }
    try drain { output, written in try !decompressor.finish(output, written: &written) }
    return content
  }

  @Test("there are samples") func samplesAreThere() {
    #expect(Self.good.count > 25 && Self.bad.count > 5 && Self.small.count > 10)
  }

  @Test("the content, whatever the sizes of input and output", arguments: good)
  func content(sample: Sample) throws {
    let (object, content) = (sample.object, sample.content)
    let large = content.count > 100_000
    for (inMost, outMost) in [(1, 1), (1, 70_000), (70_000, 1), (3, 5), (100, 100), (1 << 20, 1 << 20)] {
      if large && outMost < 100 { continue }
      let found = try Self.inflate(object, inMost: inMost, outMost: outMost, seed: 7)
      #expect(found == content, "input at most \(inMost), output at most \(outMost)")
    }
  }

  @Test("what is not as its format says is an error", arguments: bad)
  func errors(sample: Sample) {
    for (inMost, outMost) in [(1, 1), (5, 3000), (1 << 20, 1 << 20)] {
      #expect(throws: Decompressor.DecompressionError.self) {
        try Self.inflate(sample.object, inMost: inMost, outMost: outMost, seed: 7)
      }
    }
  }

  @Test("an object that ends in the middle is an error at every length", arguments: small)
  func truncated(sample: Sample) {
    let object = sample.object
    // Where a member or frame ends, the rest is a whole object; one byte of a magic number could be text.
    let ends = Self.ends(sample)
    for length in (sample.kind == "gzip" ? 2 : 4)..<object.count where !ends.contains(length) {
      for (inMost, outMost) in [(3, 7), (1 << 20, 1 << 20)] where outMost > 7 || length < 100 {
        #expect(throws: Decompressor.DecompressionError.self, "\(length) of \(object.count) bytes") {
          try Self.inflate(Array(object[..<length]), inMost: inMost, outMost: outMost, seed: 1)
        }
      }
    }
  }

  /// Lengths at which a sample is whole: a member or frame has ended, and another or padding follows.
  static func ends(_ sample: Sample) -> Set<Int> {
    guard ["members", "padded", "frames", "skippable"].contains(where: sample.name.contains) else {
      return []
    }
    let object = sample.object
    return Set(
      (4..<object.count).filter { length in
        let next = object[length...]
        return next.starts(with: [0x1f, 0x8b]) || next.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
          || next.dropFirst().starts(with: [0x2a, 0x4d, 0x18]) || next.allSatisfy { $0 == 0 }
      })
  }

  @Test("a damaged byte is an error or does not matter", arguments: small)
  func damaged(sample: Sample) throws {
    let (object, content) = (sample.object, sample.content)
    // Without its magic number an object is plain text.
    let first = sample.kind == "gzip" ? 2 : 4
    for at in first..<object.count {
      for bit in 0..<8 {
        var changed = object
        changed[at] ^= 1 << UInt8(bit)
        if let found = try? Self.inflate(changed, inMost: 1 << 20, outMost: 4096, seed: 1) {
          #expect(found == content, "bit \(bit) of byte \(at)")
        }
      }
    }
  }
}
