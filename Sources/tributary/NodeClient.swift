import Console
import Monitor

/// The running workers that a command asks: those that `--http` names, else the one of the data directory.
struct NodeClient {
  struct Node {
    var host: String
    var port: UInt16
    var address: String { "\(host):\(port)" }
  }

  let nodes: [Node]

  init(_ arguments: ParsedArguments, dataset: String, file: DefinitionFile) throws(Failure) {
    if let given = arguments.text("http") {
      var nodes: [Node] = []
      for text in given.split(separator: ",") {
        guard let (host, port) = NodeAddress.parse(String(text)) else {
          throw Failure(.wrongUse, "--http: '\(text)' is not HOST:PORT, such as 127.0.0.1:9464")
        }
        nodes.append(Node(host: host, port: port))
      }
      self.nodes = nodes
      return
    }
    let data = DataDirectory(arguments.text("data"), dataset: dataset, definition: file)
    guard let (host, port) = data.readAddress() else {
      throw Failure(
        .failed,
        "no worker of '\(dataset)' runs with the data directory \(data.path); start one with `tributary run \(file.name)`, or name it with --http HOST:PORT"
      )
    }
    nodes = [Node(host: host, port: port)]
  }

  /// Asks one node; a status other than 200 is a failure with the answer's text.
  func ask(
    _ node: Node, method: String = "GET", _ path: String, _ query: KeyValuePairs<String, String> = [:],
    body: [UInt8] = []
  ) throws(Failure) -> [UInt8] {
    do {
      let (status, answer) = try LocalHTTPClient.request(
        host: node.host, port: node.port, method: method, path: path, query: query, body: method == "POST" ? body : nil)
      guard status == 200 else {
        let text = String(decoding: answer, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
        throw Failure(.failed, "\(node.address)\(path): \(text) (\(status))")
      }
      return answer
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.failed, "\(error)")
    }
  }
}
