import Console
import Definition
import Digests
import Pipeline
import Worker

/// `tributary rebuild MANIFEST`
struct RebuildCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let file = try ManifestFile.read(
      arguments.positionals[0], ConcreteStores(root: "", options: StoreOptions(arguments)))
    let manifest = file.manifest
    let directory = arguments.text("directory") ?? manifest.definition.directory
    var definition = try definition(of: file, directory: directory)
    let isQuiet = arguments.flag("quiet")
    let broker = broker(of: file, directory: directory)
    defer { broker.close() }
    // Beside the snapshots: where the definition has them, or where the manifest was found.
    let places = [
      definition.snapshot.to,
      Locations.target(PlaceText.parent(PlaceText.parent(file.location)), from: directory),
    ]
    if let target = arguments.text("to") {
      definition.snapshot.to = Locations.target(target, from: directory)
    }

    let run = BatchRun(
      definition, record: manifest.definition, semanticHash: manifest.semanticHash,
      options: BatchOptions(
        id: manifest.snapshot, now: definition.asOf ?? Machine.now(),
        threads: arguments.count("threads") ?? Machine.processors(),
        temporaryDirectory: program.temporaryDirectory,
        programVersion: programVersion, dryRun: arguments.text("to") == nil, rebuilds: manifest,
        statePlaces: places),
      stores: ConcreteStores(root: directory, options: definition.store), topics: broker.access)
    let driver = BatchDriver(errors: program.errors, isQuiet: isQuiet)
    switch try driver.drive(run) {
    case .failure(let error): throw refuse(error, file)
    case .success(let outcome): try compare(outcome, file, directory: directory, isQuiet: isQuiet)
    }
  }

  /// The broker that the manifest's definition names, or the command line.
  private func broker(of file: ManifestFile, directory: String) -> BoundedBroker {
    let manifest = file.manifest
    guard let ranges = manifest.ranges, ranges.contains(where: { $0.from < $0.to }) else { return .none }
    // What `broker` takes from the environment is not in the manifest: it may hold secrets, and shapes no snapshot.
    let reading = DefinitionReader.read(
      text: manifest.definition.text, file: "\(file.location) (definition)",
      environment: program.environment.merging(manifest.definition.variables) { _, recorded in recorded })
    var options: BrokerOptions?
    if case .success(let good) = reading { options = good.definition.broker }
    if let brokers = arguments.text("kafka") {
      var held: [String: String] = [:]
      if case .kafka(_, let properties) = options { held = properties }
      options = .kafka(brokers: brokers, properties: held)
    } else if case .failure(let found) = reading {
      let problem = found.problems.first.map { "\($0)" } ?? "it cannot be read"
      return BoundedBroker(access: .none("the definition's broker is not known: \(problem)"))
    }
    return BoundedBroker.open(
      options, data: DataDirectory(arguments.text("data"), dataset: manifest.dataset, beside: directory),
      meanwhile: "what it read of late is in segments after 10 s, or stop it to read the topic itself")
  }

  /// The definition that the manifest holds, as of its time, with the command line's store.
  private func definition(of file: ManifestFile, directory: String) throws(Failure) -> Definition {
    let manifest = file.manifest
    let reading: DefinitionReader.Reading
    switch DefinitionReader.read(
      text: manifest.definition.text, file: "\(file.location) (definition)",
      environment: manifest.definition.variables, withoutRuntime: true)
    {
    case .success(let good): reading = good
    case .failure(let found):
      throw Failure(
        .failed,
        found.problems.map(\.description) + [
          "the definition in \(file.location), written by tributary \(manifest.tributary), is not one that "
            + "tributary \(programVersion) can read; use that version"
        ])
    }
    var definition = reading.definition
    guard SHA256.hexDigest(of: definition.canonical) == manifest.semanticHash else {
      throw Failure(
        .failed,
        "\(file.location): the definition in it does not give its semantic_hash: tributary \(manifest.tributary) "
          + "understood it otherwise than \(programVersion), or the manifest was edited; use that version")
    }
    guard OptionValue.isIdentifier(manifest.snapshot) else {
      throw Failure(
        .failed, "\(file.location): '\(manifest.snapshot)' cannot name a snapshot; was it edited?")
    }
    guard let asOf = InstantText.parse(manifest.asOf) else {
      throw Failure(.failed, "\(file.location): as_of '\(manifest.asOf)' is not a time of ISO 8601")
    }
    definition.asOf = asOf
    definition.shards = max(1, min(manifest.shards, 4096))
    let store = StoreOptions(arguments)
    definition.store.endpoint = store.endpoint ?? definition.store.endpoint
    definition.store.region = store.region ?? definition.store.region
    definition.store.profile = store.profile ?? definition.store.profile
    return definition
  }

  private func compare(
    _ outcome: BatchOutcome, _ file: ManifestFile, directory: String, isQuiet: Bool
  ) throws(Failure) {
    let comparison = RebuildComparison(
      published: file.manifest, rebuilt: outcome.manifest, retained: outcome.retained)
    let location = arguments.text("to").map { _ in Locations.shown(outcome.location, from: directory) }
    if arguments.flag("json") {
      program.write(comparison.json(location: location))
    } else if comparison.isEqual && !isQuiet {
      program.output.write(comparison.render(program.output.style))
      if let location { program.output.write("published at \(DisplayText.printable(location))\n") }
    }
    if !comparison.isEqual {
      throw Failure(
        .failed,
        comparison.differences + [
          "\(file.location) does not rebuild: \(comparison.differences.count) differences"
        ])
    }
  }

  /// A run that did not get to the end names the inputs that have changed or are gone.
  private func refuse(_ error: BatchError, _ file: ManifestFile) -> Failure {
    if arguments.flag("json") {
      program.write(
        .object([
          ("equal", .bool(false)), ("dataset", .string(file.manifest.dataset)),
          ("snapshot", .string(file.manifest.snapshot)), ("fingerprint", .string(file.manifest.fingerprint)),
          ("differences", .array(error.problems.map { .string($0) })),
        ]))
    }
    let isLocal = file.manifest.inputs.contains { $0.bucket.isEmpty && !$0.key.hasPrefix("/") }
    let directory = arguments.text("directory") ?? file.manifest.definition.directory
    let hint =
      isLocal ? "; relative paths were looked for in \(directory), --directory names another place" : ""
    return Failure(.failed, error.problems + ["\(file.location) does not rebuild\(hint)"])
  }
}
