import Console
import Definition
import Platform
import Worker

/// `tributary dead-letters list|show|replay DEFINITION`
struct DeadLettersCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let verb = arguments.positionals[0]
    guard ["list", "show", "replay"].contains(verb) else {
      throw Failure(.wrongUse, "dead-letters: '\(verb)' is none of list, show and replay")
    }
    let id = arguments.text("id")
    if let id, DeadLetterQuery.place(id) == nil {
      throw Failure(.wrongUse, "--id: '\(id)' is not PARTITION:OFFSET, as list shows it")
    }
    guard verb != "show" || id != nil else {
      throw Failure(.wrongUse, "dead-letters show: write --id PARTITION:OFFSET, as list shows it")
    }
    let file = try DefinitionFile(arguments.positionals[1])
    let definition = try program.check(file).reading.definition
    if let source = arguments.text("source"), definition.source(source) == nil {
      let names = definition.sources.map(\.name).joined(separator: ", ")
      throw Failure(.wrongUse, "--source: there is no '\(source)' in \(file.name); its sources are \(names)")
    }
    let query = DeadLetterQuery(
      source: arguments.text("source"), id: id, limit: arguments.count("limit") ?? 20, all: arguments.flag("all"))
    if verb == "replay" {
      show(try replay(query, definition, file))
    } else {
      try show(try list(query, definition, file), verb, query)
    }
  }

  // MARK: Asking

  private func list(_ query: DeadLetterQuery, _ definition: Definition, _ file: DefinitionFile) throws(Failure)
    -> DeadLetterListing
  {
    try ask(query, definition, file, method: "GET", DeadLetterDocument.path) { box, query in try box.list(query) }
  }

  private func replay(_ query: DeadLetterQuery, _ definition: Definition, _ file: DefinitionFile) throws(Failure)
    -> DeadLetterReplay
  {
    try ask(query, definition, file, method: "POST", DeadLetterDocument.replayPath) { box, query in
      try box.replay(query)
    }
  }

  /// Of a running worker, which has the embedded broker to itself; else of the broker.
  private func ask<Answer: Decodable>(
    _ query: DeadLetterQuery, _ definition: Definition, _ file: DefinitionFile, method: String, _ path: String,
    directly: (DeadLetterBox, DeadLetterQuery) throws -> Answer
  ) throws(Failure) -> Answer {
    let data = DataDirectory(arguments.text("data"), dataset: definition.dataset, definition: file)
    let asksWorker = arguments.text("http") != nil || (definition.broker == nil && data.readAddress() != nil)
    do {
      if asksWorker {
        let client = try NodeClient(arguments, dataset: definition.dataset, file: file)
        return try DeadLetterDocument.decode(
          try client.ask(
            client.nodes[0], method: method, path,
            [
              "limit": "\(query.limit)", "all": query.all ? "1" : "0", "source": query.source ?? "",
              "id": query.id ?? "",
            ]))
      }
      if definition.broker == nil {
        guard data.exists else {
          throw Failure(.failed, "\(data.path): there is no such data directory; no worker has run with it yet")
        }
        try data.take()
      }
      let (broker, _) = try Brokers.open(definition, data: data, name: "tributary-dead-letters") { _ in }
      defer { broker.close() }
      return try directly(try DeadLetterBox(reading: definition, broker: broker), query)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.failed, "\(error)")
    }
  }

  // MARK: Showing

  private func show(_ listing: DeadLetterListing, _ verb: String, _ query: DeadLetterQuery) throws(Failure) {
    if verb == "show", listing.letters.isEmpty {
      throw Failure(.failed, "there is no dead letter \(query.id ?? "") (any more)")
    }
    if arguments.flag("json") {
      guard let bytes = try? DeadLetterDocument.encode(listing) else { return }
      program.output.write(String(decoding: bytes, as: UTF8.self) + "\n")
      return
    }
    let report = DeadLetterReport(style: program.output.style)
    program.output.write(verb == "show" ? listing.letters.map(report.whole).joined() : report.list(listing))
  }

  private func show(_ replay: DeadLetterReplay) {
    if arguments.flag("json") {
      guard let bytes = try? DeadLetterDocument.encode(replay) else { return }
      program.output.write(String(decoding: bytes, as: UTF8.self) + "\n")
      return
    }
    for object in replay.objects { program.output.write("read again: \(DisplayText.printable(object))\n") }
    for (reason, count) in replay.left.sorted(by: { $0.key < $1.key }) {
      program.output.write("left: \(NumberText.counted(count, "dead letter")): \(DisplayText.printable(reason))\n")
    }
    if replay.objects.isEmpty && replay.left.isEmpty { program.output.write("no dead letters to replay\n") }
  }
}
