import Console
import Definition
import Status

/// `tributary status DEFINITION`
struct StatusCommand {
  let program: Program
  let arguments: ParsedArguments

  func run() throws(Failure) {
    let file = try DefinitionFile(arguments.positionals[0])
    let dataset = try program.check(file).reading.definition.dataset
    let client = try NodeClient(arguments, dataset: dataset, file: file)
    var nodes: [NodeStatus] = []
    var documents: [String] = []
    var silent: [StatusReport.Silent] = []
    for node in client.nodes {
      do throws(Failure) {
        let bytes = try client.ask(node, "/status")
        guard let status = NodeStatus(json: bytes) else {
          throw Failure(.failed, "the answer is no status document; another version, or another program, listens there")
        }
        nodes.append(status)
        documents.append(String(decoding: bytes, as: UTF8.self))
      } catch {
        silent.append(.init(address: node.address, reason: error.problems.joined(separator: "; ")))
      }
    }
    if arguments.flag("json") {
      program.output.write("[" + documents.joined(separator: ",") + "]\n")
    } else if !nodes.isEmpty {
      program.output.write(StatusReport(nodes, silent: silent, now: Machine.now()).render(program.output.style))
    }
    if nodes.isEmpty { throw Failure(.failed, silent.map { "\($0.address): \($0.reason)" }) }
  }
}
