import Console
import Definition

/// `tributary backfill DEFINITION`
struct BackfillCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let definition = try program.check(file).reading.definition
    let client = try NodeClient(arguments, dataset: definition.dataset, file: file)
    let again = arguments.flag("again")
    if again {
      let missing = try MissingRowsClient(client: client).supply()
      if !missing.isEmpty {
        program.output.write(
          "the rows of \(NumberText.counted(missing.count, "input")) that shards wait for are read again; `tributary status` shows what is still missing\n"
        )
        return
      }
    }
    _ = try client.ask(client.nodes[0], method: "POST", "/backfill", ["again": again ? "1" : "0"])
    program.output.write(
      again ? "every object is read again\n" : "the stores are listed; what is missing is read\n")
  }
}
