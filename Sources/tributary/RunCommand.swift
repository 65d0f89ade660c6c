import Console
import Definition
import Glibc
import Logging
import Monitor
import Pipeline
import Platform
import Status
import Worker

/// `tributary run DEFINITION`
struct RunCommand {
  let program: Program
  let arguments: ParsedArguments

  /// Listings of places without notifications, microseconds.
  private static let listEvery: Int64 = 2_000_000
  private static let waitMilliseconds = 200

  func run() throws(Failure) {
    // Before any thread is started: they inherit what is blocked.
    let signals = SignalSet()
    let form = try logForm()
    let file = try DefinitionFile(arguments.positionals[0])
    let checked = try program.check(file)
    program.show(warnings: checked.reading.warnings, of: file)
    let definition = checked.reading.definition
    let data = DataDirectory(arguments.text("data"), dataset: definition.dataset, definition: file)
    try data.take()
    let log = Log(
      level: .info, form: form, clock: { Machine.now() }, write: { StandardError.write($0) })
    let options = nodeOptions(definition, data)
    let opened: (broker: any Broker, kind: NodeStatus.Broker.Kind)
    do {
      opened = try Brokers.open(definition, data: data, name: options.name) { log.warning($0) }
    } catch {
      throw Failure(.failed, error.description)
    }
    defer { opened.broker.close() }
    let node: StreamNode
    do {
      node = try StreamNode(
        definition, semanticHash: checked.semanticHash, record: program.record(of: definition, checked, file),
        broker: opened.broker, stores: ConcreteStores(root: file.directory, options: definition.store),
        clock: SystemClock(), options: options, log: log,
        feed: try QueueFeed(definition, broker: opened.broker, log: log))
    } catch {
      throw Failure(.failed, "\(error)")
    }
    let server = try listen(node, definition)
    defer { server.stop() }
    let host = address().host == "0.0.0.0" ? "127.0.0.1" : address().host
    try data.write(address: "\(host):\(server.port)")
    defer { data.removeAddress() }
    log.info(
      "started",
      [
        "dataset": .init(definition.dataset), "worker": .init(options.name), "broker": .init(opened.kind.rawValue),
        "http": .init("\(host):\(server.port)"),
      ])
    node.start()
    var stoppedBy: Int32?
    while stoppedBy == nil && node.failure == nil {
      stoppedBy = signals.wait(milliseconds: RunCommand.waitMilliseconds)
      log.flush()
    }
    if let stoppedBy { log.info("stopping", ["signal": .init(SignalSet.name(stoppedBy))]) }
    // A store that does not answer, or a broker that ceases to meanwhile: whatever is lost is read again.
    let watch = Watchdog(seconds: 9, code: node.failure == nil ? 0 : 1)
    let left = node.stop()
    watch.cancel()
    if let left, node.failure == nil {
      log.warning(
        "stopped without the broker, which does not answer; what is not committed is taken up at the next start",
        ["objects": .init(left.objects), "records": .init(left.records), "shards": .init(left.shards)])
    } else {
      log.info("stopped")
    }
    log.flush(all: true)
    if let left, left.threads > 0 {
      // They wait for what does not answer, for longer than anybody wants to; nothing that they hold can be closed.
      if node.failure == nil {
        data.removeAddress()
        _exit(0)
      }
      _ = Watchdog(seconds: 2, code: 1)
    }
    if let failure = node.failure { throw Failure(.failed, failure) }
  }

  private func logForm() throws(Failure) -> Log.Form {
    switch arguments.text("log") {
    case "json": return .json
    case "text": return .text
    case nil: return StandardError.isTerminal ? .text : .json
    case .some(let other): throw Failure(.wrongUse, "--log: '\(other)' is neither text nor json")
    }
  }

  private func nodeOptions(_ definition: Definition, _ data: DataDirectory) -> NodeOptions {
    var listEvery = definition.reconcileEvery
    var listsForEvents = false
    switch definition.events {
    case .list(let every): (listEvery, listsForEvents) = (every, true)
    case nil where definition.broker == nil: (listEvery, listsForEvents) = (RunCommand.listEvery, true)
    default: break
    }
    var kind = NodeStatus.Broker.Kind.embedded
    if case .kafka = definition.broker { kind = .kafka }
    let isRemote = definition.sources.contains {
      if case .objects(let place) = $0.input { PlaceText.isRemote(place) } else { false }
    }
    let threads = arguments.count("threads") ?? Machine.processors()
    return NodeOptions(
      name: arguments.text("name") ?? Machine.hostName(), programVersion: programVersion, threads: threads,
      cacheDirectory: data.segments, listEvery: listEvery, listsForEvents: listsForEvents,
      emitsFeatures: !arguments.flag("no-features"), readers: isRemote ? 16 : threads + 1, brokerKind: kind,
      keptBytes: Machine.memoryBytes() / 8, checkpointBytes: max(64 << 20, Machine.memoryBytes() / 48))
  }

  private func address() -> (host: String, port: UInt16) {
    arguments.text("http").flatMap { NodeAddress.parse($0) } ?? ("127.0.0.1", 0)
  }

  private func listen(_ node: StreamNode, _ definition: Definition) throws(Failure) -> HTTPServer {
    if let given = arguments.text("http"), NodeAddress.parse(given) == nil {
      throw Failure(.wrongUse, "--http: '\(given)' is not HOST:PORT, such as 127.0.0.1:9464")
    }
    let commands = NodeCommands(node: node, definition: definition)
    let routes = Routes(
      title: "Tributary: \(definition.dataset)", unready: { node.unready }, status: { node.status.json },
      metrics: { node.metricsText }, snapshot: { commands.snapshot($0) })
    do {
      return try HTTPServer(address: address().host, port: address().port) { request in
        commands.answer(request) ?? routes.answer(request)
      }
    } catch {
      throw Failure(.failed, error.description)
    }
  }
}

/// Ends the process if it does not end by itself in time.
private struct Watchdog {
  init(seconds: UInt32, code: Int32) {
    // Nothing is lost by ending here: what no broker or store has acknowledged is read again.
    if code == 0 { signal(SIGALRM) { _ in _exit(0) } } else { signal(SIGALRM) { _ in _exit(1) } }
    alarm(seconds)
  }

  func cancel() { alarm(0) }
}
