import Console
import Definition
import Worker

/// `tributary lost DEFINITION [INPUT…]`
struct LostCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let names = Array(arguments.positionals.dropFirst())
    let all = arguments.flag("all")
    if all && !names.isEmpty {
      throw Failure(.wrongUse, "lost: --all gives up everything that is missing; leave it out to give up what you name")
    }
    if let name = names.first(where: { $0.contains("\n") }) {
      throw Failure(.wrongUse, "lost: '\(name)' is no input's name")
    }
    let client = try NodeClient(arguments, dataset: try program.check(file).reading.definition.dataset, file: file)
    let missing = try MissingRowsClient(client: client).list()
    guard all || !names.isEmpty else {
      show(missing, file)
      return
    }
    // Nothing is given up before all names are known to mean something.
    if let name = names.first(where: { name in !missing.contains { $0.isCalled(name) } }) {
      throw Failure(
        .failed,
        "no shard of the asked workers waits for the rows of '\(name)'; `tributary lost \(file.name)` lists what is missing"
      )
    }
    let gone = try MissingRowsClient(client: client).giveUp(names, all: all)
    if arguments.flag("json") {
      write(gone)
      return
    }
    for input in gone { program.output.write("given up: \(DisplayText.printable(input.input))\n") }
    program.output.write(
      gone.isEmpty
        ? "nothing is missing\n" : "what the stores still have of them is read anew; snapshots name the rest\n")
  }

  private func show(_ missing: [MissingInput], _ file: DefinitionFile) {
    if arguments.flag("json") {
      write(missing)
      return
    }
    guard !missing.isEmpty else {
      program.output.write("nothing is missing\n")
      return
    }
    var table = TextTable([
      .init("source"), .init("input", cutTo: 24, keepsEnd: true), .init("rows", isRight: true),
      .init("read together", isRight: true), .init("shards", cutTo: 12), .init("problem", cutTo: 24),
    ])
    for input in missing {
      table.append([
        input.source, input.input, NumberText.grouped(Int64(clamping: input.rows)), String(input.position),
        input.shards.map { String($0) }.joined(separator: " "), input.problem ?? "",
      ])
    }
    table.dropEmptyColumns()
    program.output.write(table.render(program.output.style))
    program.output.write(
      "`tributary backfill --again \(file.name)` supplies them; `tributary lost \(file.name) INPUT…` goes on without those that cannot be\n"
    )
  }

  private func write(_ missing: [MissingInput]) {
    guard let bytes = try? MissingDocument.encode(missing) else { return }
    program.output.write(String(decoding: bytes, as: UTF8.self) + "\n")
  }
}

/// What the asked workers' shards wait for.
struct MissingRowsClient {
  let client: NodeClient

  func list() throws(Failure) -> [MissingInput] {
    try each { node throws(Failure) in try client.ask(node, MissingDocument.path) }
  }

  /// Has workers supply what their shards miss, and gives what that is.
  func supply() throws(Failure) -> [MissingInput] {
    try each { node throws(Failure) in try client.ask(node, method: "POST", MissingDocument.supplyPath) }
  }

  func giveUp(_ names: [String], all: Bool) throws(Failure) -> [MissingInput] {
    try each { node throws(Failure) in
      try client.ask(
        node, method: "POST", MissingDocument.lostPath, ["all": all ? "1" : "0"],
        body: Array(names.joined(separator: "\n").utf8))
    }
  }

  /// The same input may be missing in several workers' shards.
  private func each(_ ask: (NodeClient.Node) throws(Failure) -> [UInt8]) throws(Failure) -> [MissingInput] {
    var found: [MissingInput] = []
    for node in client.nodes {
      let bytes = try ask(node)
      guard let missing = try? MissingDocument.decode(bytes) else {
        throw Failure(
          .failed, "\(node.address) answered something else; another version, or another program, listens there")
      }
      for input in missing {
        if let at = found.firstIndex(where: { $0.input == input.input && $0.position == input.position }) {
          found[at].shards = Array(Set(found[at].shards + input.shards)).sorted()
          found[at].problem = found[at].problem ?? input.problem
        } else {
          found.append(input)
        }
      }
    }
    return found.sorted { ($0.position, $0.input) < ($1.position, $1.input) }
  }
}
