import Console
import Definition
import Pipeline
import Platform
import Worker

/// `tributary batch DEFINITION`
struct BatchCommand {
  let program: Program
  let arguments: ParsedArguments

  /// The id of a run that was given none: its start in milliseconds, so that runs side by side do not meet.
  static func slot(_ now: Int64) -> String {
    let text = InstantText.format(now - now % 1_000)
    return text.hasSuffix("000Z") ? text.dropLast(4) + "Z" : text
  }

  func run() throws(Failure) {
    let start = Machine.monotonicSeconds()
    Machine.shareHeap()
    let now = Machine.now()
    let isQuiet = arguments.flag("quiet")
    let file = try DefinitionFile(arguments.positionals[0])
    let checked = try program.check(file)
    if !isQuiet { program.show(warnings: checked.reading.warnings, of: file) }
    let definition = overridden(checked.reading.definition, file)

    let broker = broker(of: definition, file)
    defer { broker.close() }

    let id = arguments.text("id") ?? BatchCommand.slot(now)
    let run = BatchRun(
      definition, record: program.record(of: definition, checked, file), semanticHash: checked.semanticHash,
      options: BatchOptions(
        id: id, now: now, threads: arguments.count("threads") ?? Machine.processors(),
        temporaryDirectory: program.temporaryDirectory, programVersion: programVersion),
      stores: ConcreteStores(root: file.directory, options: definition.store), topics: broker.access)
    let driver = BatchDriver(errors: program.errors, isQuiet: isQuiet)
    switch try driver.drive(run) {
    case .failure(let error): throw Failure(.failed, error.problems)
    case .success(let outcome):
      let report = BatchReport(
        outcome: outcome, location: Locations.shown(outcome.location, from: file.directory),
        seconds: Machine.monotonicSeconds() - start, cpuSeconds: Machine.processorSeconds(),
        peakMemory: Machine.peakMemory(), maxRejects: definition.maxRejects)
      if arguments.flag("json") {
        program.write(report.json)
      } else if !isQuiet {
        program.output.write(report.render(program.output.style))
      }
      if outcome.tooManyRejects { throw Failure(.tooManyRejects, report.tooManyRejects) }
    }
  }

  private func broker(of definition: Definition, _ file: DefinitionFile) -> BoundedBroker {
    if definition.recordTopics.isEmpty { return .none }
    return BoundedBroker.open(
      definition.broker,
      data: DataDirectory(arguments.text("data"), dataset: definition.dataset, definition: file),
      meanwhile: "stop it, or have it cut a snapshot: tributary snapshot")
  }

  /// The definition with what the command line says otherwise; none of it is part of the semantic hash.
  private func overridden(_ definition: Definition, _ file: DefinitionFile) -> Definition {
    var definition = definition
    if let asOf = arguments.time("as-of") { definition.asOf = asOf }
    if let shards = arguments.count("shards") { definition.shards = shards }
    if let limit = arguments.rejects("max-rejects") { definition.maxRejects = limit }
    if let target = arguments.text("to") {
      definition.snapshot.to = Locations.target(target, from: file.directory)
    }
    return definition
  }
}
