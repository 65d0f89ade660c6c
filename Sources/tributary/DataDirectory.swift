import Console
import Glibc

/// Where one worker keeps what survives it: the embedded broker's file, segments at hand, and how it is reached.
struct DataDirectory {
  let path: String

  var broker: String { path + "/broker.sqlite" }
  var segments: String { path + "/segments" }
  /// Holds `HOST:PORT` of the worker that uses the directory.
  private var address: String { path + "/http" }
  private var lock: String { path + "/lock" }

  /// `.tributary/DATASET` beside the definition, unless it is said otherwise.
  init(_ given: String?, dataset: String, definition: DefinitionFile) {
    self.init(given, dataset: dataset, beside: definition.directory)
  }

  /// `directory`: the definition's, "" for the current one.
  init(_ given: String?, dataset: String, beside directory: String) {
    let parent = directory.isEmpty || directory.hasSuffix("/") ? directory : directory + "/"
    path = given ?? "\(parent).tributary/\(dataset)"
  }

  var exists: Bool { access(path, F_OK) == 0 }

  /// Makes the directory and takes it for this process, for as long as it lives.
  func take() throws(Failure) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o777) == 0 || errno == EEXIST else { throw failure("cannot be made") }
    }
    let file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw failure("cannot be used") }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      throw Failure(
        .failed,
        "\(path): another worker uses this data directory; stop it, or give this one a directory of its own with --data"
      )
    }
  }

  func write(address text: String) throws(Failure) {
    let temporary = address + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw failure("cannot be written to") }
    let written = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
    guard written == text.utf8.count, rename(temporary, address) == 0 else { throw failure("cannot be written to") }
  }

  func removeAddress() { unlink(address) }

  /// Where the worker of this directory listens; nil if none runs there (or it left no word).
  func readAddress() -> (host: String, port: UInt16)? {
    let file = open(address, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(file, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return NodeAddress.parse(String(decoding: bytes[..<count], as: UTF8.self))
  }

  private func failure(_ what: String) -> Failure {
    Failure(
      .failed, "\(path): the data directory \(what): \(String(cString: strerror(errno))); choose another with --data")
  }
}

/// `HOST:PORT`.
enum NodeAddress {
  static func parse(_ text: String) -> (host: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    let host = String(text[..<colon])
    return host.isEmpty ? nil : (host, port)
  }
}
