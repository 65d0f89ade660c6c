import Foundation

/// A new directory, removed with the object.
final class TemporaryDirectory {
  let url = FileManager.default.temporaryDirectory.appending(
    path: "tributary-test-\(UInt64.random(in: 0 ... .max))")
  var path: String { url.path }

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { path + "/" + name }

  /// Writes a file, and the directories above it.
  func write(_ name: String, _ text: String = "x") throws {
    let file = url.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
  }

  /// All names in it at any depth, hidden ones too.
  func names() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: path).sorted() }
}
