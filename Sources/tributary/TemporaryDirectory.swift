import FoundationEssentials
import Glibc

/// A directory of this run's own for temporary files.
struct TemporaryDirectory {
  let path: String

  /// Makes it below TMPDIR, else /tmp; nobody else may look into it.
  init(environment: [String: String]) throws(Failure) {
    let parent = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array("\(parent)/tributary-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      let reason = String(cString: strerror(errno))
      throw Failure(
        .failed,
        "cannot make a temporary directory in \(parent): \(reason); set TMPDIR to a directory with room")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes it with all that is in it.
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
