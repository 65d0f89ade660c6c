import Foundation

/// Golden files beside the tests; `Fixtures/make_*.py` write them.
enum Fixtures {
  /// The lines of a tab-separated file. Only line feeds end lines.
  static func rows(_ name: String) throws -> [[String]] {
    try bytes(name).split(separator: 0x0a).map { line in
      line.split(separator: 0x09, omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    let directory = Bundle.module.bundleURL.appendingPathComponent("Fixtures")
    return [UInt8](try Data(contentsOf: directory.appendingPathComponent(name)))
  }
}
