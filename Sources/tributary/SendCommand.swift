import Console
import Definition
import Glibc

/// `tributary send DEFINITION TOPIC FILE`
struct SendCommand {
  let program: Program
  let arguments: ParsedArguments

  /// What a worker takes at a time.
  static let requestBytesMax = 1 << 20

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let topic = arguments.positionals[1]
    let client = try NodeClient(
      arguments, dataset: try program.check(file).reading.definition.dataset, file: file)
    guard topic.utf8.allSatisfy(SendCommand.isOfTopics) else {
      throw Failure(.wrongUse, "'\(topic)' cannot be a topic: its name has letters, digits, '.', '_' and '-'")
    }
    let input = try Lines(arguments.positionals[2])
    defer { input.close() }
    var sent = 0
    do throws(Failure) {
      while let lines = try input.next() { sent += try send(lines, topic, client) }
    } catch {
      var failure = error
      let before = "\(NumberText.counted(sent, "record")) had been sent before; sending all again repeats them"
      failure.problems.append(sent == 0 ? "no record was sent" : before)
      throw failure
    }
    if arguments.flag("json") {
      program.write(.object([("topic", .string(topic)), ("records", .int(Int64(sent)))]))
    } else {
      program.output.write("\(NumberText.counted(sent, "record")) sent to \(topic)\n")
    }
  }

  private func send(_ lines: [UInt8], _ topic: String, _ client: NodeClient) throws(Failure) -> Int {
    let answer = try client.ask(
      client.nodes[0], method: "POST", NodeCommands.recordsPath + topic,
      ["keyed": arguments.flag("keyed") ? "1" : "0"], body: lines)
    let text = String(decoding: answer, as: UTF8.self)
    // {"topic": "app.clicks", "records": 1000}
    guard let number = text.split(separator: ":").last,
      let count = Int(number.drop { $0 == " " }.prefix(while: \.isNumber))
    else {
      throw Failure(.failed, "\(client.nodes[0].address) answered something else: \(text)")
    }
    return count
  }

  private static func isOfTopics(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// A file's lines, some at a time.
private final class Lines {
  private let name: String
  private let descriptor: Int32
  private let isStandardInput: Bool
  private var held: [UInt8] = []
  private var isAtEnd = false
  private var line = 1

  init(_ path: String) throws(Failure) {
    isStandardInput = path == "-"
    name = isStandardInput ? "<stdin>" : path
    descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(String(cString: strerror(errno)))") }
  }

  /// Whole lines, what one read gave, so that those of a pipe do not wait for more; nil at the end.
  func next() throws(Failure) -> [UInt8]? {
    while true {
      if let end = held.prefix(SendCommand.requestBytesMax).lastIndex(of: UInt8(ascii: "\n")) { return take(end + 1) }
      guard held.count <= SendCommand.requestBytesMax else {
        throw Failure(.failed, "\(name): line \(line) is longer than a record may be (1 MiB)")
      }
      if isAtEnd { return held.isEmpty ? nil : take(held.count) }
      try fill()
    }
  }

  private func take(_ count: Int) -> [UInt8] {
    let taken = Array(held[..<count])
    held.removeFirst(count)
    line += taken.count { $0 == UInt8(ascii: "\n") }
    return taken
  }

  private func fill() throws(Failure) {
    var block = [UInt8](repeating: 0, count: 512 << 10)
    let count = read(descriptor, &block, block.count)
    if count < 0 {
      if errno == EINTR { return }
      throw Failure(.failed, "\(name): \(String(cString: strerror(errno)))")
    }
    if count == 0 { isAtEnd = true }
    held += block[..<count]
  }

  func close() { if !isStandardInput { Glibc.close(descriptor) } }
}
