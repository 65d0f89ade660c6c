import Console
import Definition

/// `tributary diff BEFORE AFTER`
struct DiffCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let stores = ConcreteStores(root: "", options: StoreOptions(arguments))
    let before = try ManifestFile.read(arguments.positionals[0], stores)
    let after = try ManifestFile.read(arguments.positionals[1], stores)
    let difference = SnapshotDifference(before.manifest, after.manifest)
    if arguments.flag("json") {
      program.write(difference.json(before: before.location, after: after.location))
    } else {
      program.output.write(difference.render(program.output.style))
    }
  }
}
