import Console
import Definition

/// `tributary inspect PLACE`
struct InspectCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let stores = ConcreteStores(root: "", options: StoreOptions(arguments))
    let file = try ManifestFile.read(arguments.positionals[0], stores)
    if arguments.flag("json") {
      let text = String(decoding: file.bytes, as: UTF8.self)
      program.output.write(text.hasSuffix("\n") ? text : text + "\n")
      return
    }
    let report = ManifestReport(file.manifest, profile: file.profile, location: file.location)
    program.output.write(report.render(program.output.style))
  }
}

extension StoreOptions {
  /// Where S3 is, as the command line says it.
  init(_ arguments: ParsedArguments) {
    self.init(
      endpoint: arguments.text("endpoint"), region: arguments.text("region"),
      profile: arguments.text("profile"))
  }
}
