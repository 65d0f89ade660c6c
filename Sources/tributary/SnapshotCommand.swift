import Console
import Definition
import Glibc
import Pipeline

/// `tributary snapshot DEFINITION`
struct SnapshotCommand {
  let program: Program
  let arguments: ParsedArguments

  private static let pollMicroseconds: UInt32 = 50_000
  private static let timeoutSeconds = 600

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let definition = try program.check(file).reading.definition
    let client = try NodeClient(arguments, dataset: definition.dataset, file: file)
    let id = arguments.text("id") ?? BatchCommand.slot(Machine.now())
    let asOf = arguments.time("as-of") ?? definition.asOf ?? Machine.now()
    let end = Machine.monotonicSeconds() + Double(arguments.count("timeout") ?? SnapshotCommand.timeoutSeconds)
    var state = try ask(client, id, asOf)
    while arguments.flag("wait") && (state == "asked" || state == "pending") {
      guard Machine.monotonicSeconds() < end else {
        throw Failure(
          .failed, "the snapshot '\(id)' is not published yet; `tributary status \(file.name)` says what it waits for")
      }
      usleep(SnapshotCommand.pollMicroseconds)
      state = try ask(client, id, asOf)
    }
    if arguments.flag("json") {
      program.write(.object([("snapshot", .string(id)), ("state", .string(state))]))
    } else {
      program.output.write("snapshot \(id): \(state)\n")
      if state == "published" { show(id, definition, file) }
    }
    if state == "abandoned" {
      throw Failure(.failed, "the snapshot '\(id)' was abandoned; the workers' log says why")
    }
  }

  /// What the snapshot holds, if its manifest can be read from here: only the workers have to reach their store.
  private func show(_ id: String, _ definition: Definition, _ file: DefinitionFile) {
    let place = PlaceText.join(definition.snapshot.to, "snapshot=\(id)")
    let stores = ConcreteStores(root: file.directory, options: definition.store)
    guard let found = try? ManifestFile.read(place, stores) else { return }
    let manifest = found.manifest
    let splits = manifest.splits.sorted { $0.value > $1.value }.map { "\($0.key) \(NumberText.grouped($0.value))" }
    program.output.write(
      "  \(NumberText.counted(manifest.rows, "row")) (\(splits.joined(separator: ", "))), fingerprint "
        + "\(manifest.fingerprint)\n  \(Locations.shown(PlaceText.parent(found.location), from: file.directory))\n")
  }

  private func ask(_ client: NodeClient, _ id: String, _ asOf: Int64) throws(Failure) -> String {
    let body = try client.ask(
      client.nodes[0], method: "POST", "/snapshot",
      ["id": id, "as_of": InstantText.format(asOf), "listing": arguments.flag("no-listing") ? "0" : "1"])
    let text = String(decoding: body, as: UTF8.self)
    for state in ["asked", "pending", "published", "abandoned"] where text.contains("\"\(state)\"") { return state }
    throw Failure(.failed, "\(client.nodes[0].address) answered something else: \(text)")
  }
}
