import Console
import Definition
import LocalStore
import Worker

/// `tributary gc DEFINITION`
struct CollectCommand {
  let program: Program
  let arguments: ParsedArguments

  private static let graceDefault: Int64 = 3_600_000_000

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let definition = try program.check(file).reading.definition
    let grace = arguments.duration("grace") ?? CollectCommand.graceDefault
    let data = DataDirectory(arguments.text("data"), dataset: definition.dataset, definition: file)
    let isAlone = try take(data, grace: grace)
    var report: StateSweep.Report
    do {
      let now = Machine.now()
      report = try StateSweep(
        definition, stores: ConcreteStores(root: file.directory, options: definition.store), now: now, grace: grace
      ).run(localDirectory: isAlone ? data.segments : nil)
      if !PlaceText.isRemote(definition.snapshot.to) {
        let place = PlaceText.resolve(definition.snapshot.to, from: file.directory)
        report.removed += LocalStore.removeUnfinished(below: place, notAfter: now - grace).map {
          StateSweep.Removed(kind: .unfinished, key: $0, bytes: 0)
        }
      }
    } catch {
      throw Failure(.failed, "\(error)")
    }
    show(report, data)
  }

  /// Whether no worker of ours uses the data directory: then it is ours until we end. Without grace nobody may.
  private func take(_ data: DataDirectory, grace: Int64) throws(Failure) -> Bool {
    guard data.exists else { return false }
    do throws(Failure) {
      try data.take()
      return true
    } catch {
      guard grace == 0 else { return false }
      throw Failure(.failed, error.problems + ["--grace 0 is for stopped workers; stop them, or leave --grace out"])
    }
  }

  private func show(_ report: StateSweep.Report, _ data: DataDirectory) {
    for (id, reason) in report.leftAlone { program.warn("snapshot '\(id)' is left alone: \(reason)") }
    let removed = report.removed.map { ($0.kind, $0.kind == .local ? "\(data.segments)/\($0.key)" : $0.key, $0.bytes) }
    let bytes = removed.reduce(0) { $0 + $1.2 }
    if arguments.flag("json") {
      program.write(
        .object([
          ("removed", .array(removed.map { .object([("kind", .string($0.0.rawValue)), ("key", .string($0.1))]) })),
          ("count", .int(Int64(removed.count))), ("bytes", .int(bytes)),
        ]))
      return
    }
    for (kind, key, _) in removed { program.output.write("\(kind.rawValue): \(DisplayText.printable(key))\n") }
    program.output.write(
      removed.isEmpty ? "nothing to remove\n" : "removed \(removed.count) files of \(NumberText.bytes(bytes))\n")
  }
}
