import Console
import Definition
import Digests
import Glibc

/// A definition's text and where it came from.
struct DefinitionFile {
  /// For messages: the path as it was given, or `<stdin>`.
  var name: String
  var text: String
  /// Where its relative paths start from, as seen from the current directory; "" is the current one.
  var directory: String

  /// A definition that is right, with what a manifest records of it.
  struct Checked {
    var reading: DefinitionReader.Reading
    var semanticHash: String
  }

  /// Reads a file, or standard input for `-`.
  init(_ argument: String) throws(Failure) {
    let isStandardInput = argument == "-"
    name = isStandardInput ? "<stdin>" : argument
    directory = isStandardInput ? "" : PlaceText.parent(argument)
    if PlaceText.isRemote(argument) {
      throw Failure(.wrongUse, "\(argument): a definition is a local file, or - for standard input")
    }
    let descriptor = isStandardInput ? STDIN_FILENO : open(argument, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DefinitionFile.unreadable(name) }
    defer { if !isStandardInput { close(descriptor) } }
    let bytes = try DefinitionFile.contents(descriptor, name)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(
        .wrongUse, "\(name): this is not text in UTF-8; is it the right file? (iconv changes other encodings)"
      )
    }
    self.text = text
  }

  func check(environment: [String: String]) -> Result<Checked, DefinitionProblems> {
    DefinitionReader.read(text: text, file: name, environment: environment).map { reading in
      Checked(reading: reading, semanticHash: SHA256.hexDigest(of: reading.definition.canonical))
    }
  }

  private static func contents(_ descriptor: Int32, _ name: String) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &block, block.count)
      if count == 0 { return bytes }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw unreadable(name) }
      bytes += block[..<count]
      guard bytes.count <= DefinitionReader.sizeLimit else {
        let limit = NumberText.bytes(Int64(DefinitionReader.sizeLimit))
        throw Failure(.wrongUse, "\(name): a definition has at most \(limit); is this the right file?")
      }
    }
  }

  private static func unreadable(_ name: String) -> Failure {
    switch errno {
    case ENOENT: Failure(.wrongUse, "\(name): there is no such file; check the path")
    case EISDIR: Failure(.wrongUse, "\(name): this is a directory; name the definition file in it")
    default: Failure(.wrongUse, "\(name): cannot be read: \(String(cString: strerror(errno)))")
    }
  }
}
