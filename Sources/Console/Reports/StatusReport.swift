public import Status

/// `tributary status`: one dataset as its workers describe it, for people.
///
/// Pure: `now` is passed in. Workers that did not answer stand in the table too, with the reason.
public struct StatusReport: Sendable {
  public var nodes: [NodeStatus]
  public var silent: [Silent]
  /// Microseconds since 1970-01-01T00:00:00Z.
  public var now: Int64

  /// A worker that was asked in vain.
  public struct Silent: Sendable {
    public var address: String
    public var reason: String
    public init(address: String, reason: String) {
      self.address = address
      self.reason = reason
    }
  }

  private static let listedMax = 20

  public init(_ nodes: [NodeStatus], silent: [Silent] = [], now: Int64) {
    self.nodes = nodes.sorted { ($0.dataset, $0.worker) < ($1.dataset, $1.worker) }
    self.silent = silent
    self.now = now
  }

  public func render(_ style: TerminalStyle) -> String {
    var text = ""
    for dataset in Set(nodes.map(\.dataset)).sorted() {
      let workers = nodes.filter { $0.dataset == dataset }
      text += text.isEmpty ? "" : "\n"
      text += heading(dataset, workers, style)
      text += facts(workers, style)
      text += self.workers(workers, style)
      text += shards(workers, style)
      text += lag(workers, style)
      text += failed(workers, style)
      text += missing(workers, style)
    }
    for worker in silent {
      text += style.paint("no answer from \(DisplayText.printable(worker.address)): ", .red)
      text += DisplayText.printable(worker.reason) + "\n"
    }
    return text
  }

  /// All is well if nothing here asks for somebody.
  private func heading(_ dataset: String, _ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    var troubles: [String] = []
    func add(_ count: Int, _ noun: String, _ what: String) {
      if count > 0 { troubles.append("\(NumberText.counted(count, noun)) \(what)") }
    }
    add(workers.count { !$0.broker.isReachable }, "worker", "without the broker")
    add(workers.reduce(0) { $0 + $1.shards.count { $0.state == .stopped } }, "shard", "stopped")
    add(workers.reduce(0) { $0 + $1.inputs.failedCount }, "input", "failed")
    add(workers.reduce(0) { $0 + ($1.missing?.count ?? 0) }, "input", "without rows")
    add(workers.reduce(0) { $0 + $1.shards.count { $0.state == .recovering } }, "shard", "recovering")
    let name = style.paint(DisplayText.printable(dataset), .bold)
    let count = NumberText.counted(workers.count, "worker")
    let verdict =
      troubles.isEmpty ? style.paint("all well", .green) : style.paint(troubles.joined(separator: ", "), .red)
    return "\(name)  \(count), \(verdict)\n\n"
  }

  private func facts(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    // Folds advance at their own pace; the newest knows the most.
    guard let newest = workers.max(by: { $0.ledgerPosition < $1.ledgerPosition }) else { return "" }
    let applied = workers.reduce(Int64(0)) { $0 &+ $1.rowsApplied }
    let rejected = workers.reduce(Int64(0)) { $0 &+ $1.rowsRejected }
    let inFlight = workers.reduce(0) { $0 + $1.inputs.inFlight }
    let waiting = workers.reduce(0) { $0 + $1.inputs.waiting }
    var lines: [(String, String)] = [
      ("ledger", "\(position(newest.ledgerPosition)), generation \(newest.generation)"),
      (
        "inputs",
        "\(NumberText.grouped(newest.inputs.accepted)) accepted, \(NumberText.grouped(inFlight)) in flight, "
          + "\(NumberText.grouped(waiting)) waiting"
      ),
      ("rows", "\(NumberText.grouped(applied)) applied, \(NumberText.grouped(rejected)) rejected since the start"),
    ]
    let snapshots = newest.snapshots
    if let id = snapshots.lastID {
      let when = snapshots.lastAt.map { " at \($0)" + age($0) } ?? ""
      let fingerprint = snapshots.lastFingerprint.map { ", fingerprint \($0)" } ?? ""
      lines.append(("snapshot", id + when + fingerprint))
    } else {
      lines.append(("snapshot", "none published yet"))
    }
    if !snapshots.pending.isEmpty { lines.append(("pending", snapshots.pending.joined(separator: ", "))) }
    if let next = snapshots.nextSlot { lines.append(("next", next)) }
    let letters = workers.reduce(Int64(0)) { $0 &+ $1.deadLetters }
    if letters > 0 { lines.append(("dead", NumberText.counted(letters, "letter"))) }
    let repaired = workers.reduce(Int64(0)) { $0 &+ $1.repaired }
    if repaired > 0 { lines.append(("repaired", "\(NumberText.counted(repaired, "input")) without a notification")) }
    return lines.map { name, value in
      "  \(style.paint(DisplayText.pad(name, 9), .dim))  \(DisplayText.printable(value))\n"
    }.joined()
  }

  private func workers(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    var table = TextTable([
      .init("worker", cutTo: 16), .init("state"), .init("up", isRight: true), .init("broker"),
      .init("ledger", isRight: true), .init("shards", isRight: true), .init("in flight", isRight: true),
      .init("rows applied", isRight: true), .init("version", isMinor: true),
    ])
    for worker in workers {
      table.append([
        worker.worker, worker.state.rawValue, elapsed(worker.started) ?? "?",
        worker.broker.kind.rawValue + (worker.broker.isReachable ? "" : ", away"), position(worker.ledgerPosition),
        NumberText.grouped(worker.shards.count), NumberText.grouped(worker.inputs.inFlight),
        NumberText.grouped(worker.rowsApplied), worker.tributary,
      ])
    }
    return title("Workers", style) + table.render(style)
  }

  private func shards(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    let rows = workers.flatMap { worker in worker.shards.map { (worker.worker, $0) } }
      .sorted { ($0.1.shard, $0.0) < ($1.1.shard, $1.0) }
    guard !rows.isEmpty else { return "" }
    var table = TextTable([
      .init("shard", isRight: true), .init("worker", cutTo: 12), .init("state"), .init("ledger", isRight: true),
      .init("rows", isRight: true), .init("keys", isRight: true), .init("segments", isRight: true, isMinor: true),
      .init("staged", isRight: true, isMinor: true), .init("reason", cutTo: 24),
    ])
    // A worker that does not count them says 0.
    let hasKeys = rows.contains { $0.1.keys > 0 }
    for (worker, shard) in rows {
      table.append([
        String(shard.shard), worker, shard.state.rawValue, position(shard.ledgerPosition),
        NumberText.grouped(shard.rows), hasKeys ? NumberText.grouped(shard.keys) : "",
        NumberText.grouped(shard.segments),
        NumberText.bytes(shard.stagedBytes), shard.reason ?? "",
      ])
    }
    table.dropEmptyColumns()
    return title("Shards", style) + table.render(style)
  }

  private func lag(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    let behind = workers.flatMap { worker in worker.lag.filter { $0.records > 0 }.map { (worker.worker, $0) } }
      .sorted { ($1.1.records, $0.1.topic, $0.1.partition) < ($0.1.records, $1.1.topic, $1.1.partition) }
    guard !behind.isEmpty else { return "" }
    var table = TextTable([
      .init("topic", cutTo: 16), .init("partition", isRight: true), .init("worker", cutTo: 12),
      .init("behind", isRight: true), .init("oldest", isRight: true),
    ])
    for (worker, lag) in behind.prefix(Self.listedMax) {
      table.append([
        lag.topic, String(lag.partition), worker, NumberText.grouped(lag.records),
        lag.seconds.map(NumberText.duration) ?? "",
      ])
    }
    table.dropEmptyColumns()
    return title("Lag", style) + table.render(style) + more(behind.count, Self.listedMax, style)
  }

  private func failed(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    let failed = workers.flatMap(\.inputs.failed)
    guard !failed.isEmpty else { return "" }
    var table = TextTable([
      .init("source"), .init("failed input", cutTo: 24, keepsEnd: true), .init("attempts", isRight: true),
      .init("reason", cutTo: 24),
    ])
    for input in failed.prefix(Self.listedMax) {
      table.append([input.source, input.location, NumberText.grouped(input.attempts), input.reason])
    }
    let all = workers.reduce(0) { $0 + $1.inputs.failedCount }
    return title("Failed inputs", style) + table.render(style) + more(all, min(failed.count, Self.listedMax), style)
  }

  private func missing(_ workers: [NodeStatus], _ style: TerminalStyle) -> String {
    let missing = workers.flatMap { $0.missing?.inputs ?? [] }
    guard !missing.isEmpty else { return "" }
    var table = TextTable([
      .init("source"), .init("input without rows", cutTo: 24, keepsEnd: true), .init("rows", isRight: true),
      .init("shards", cutTo: 12), .init("problem", cutTo: 24),
    ])
    for input in missing.prefix(Self.listedMax) {
      table.append([
        input.source, input.location, NumberText.grouped(input.rows),
        input.shards.map(String.init).joined(separator: " "), input.problem ?? "",
      ])
    }
    table.dropEmptyColumns()
    let all = workers.reduce(0) { $0 + ($1.missing?.count ?? 0) }
    let advice =
      "`tributary backfill --again DEFINITION` supplies them; `tributary lost DEFINITION` goes on without those that cannot be\n"
    return title("Missing rows", style) + table.render(style) + more(all, min(missing.count, Self.listedMax), style)
      + style.paint(advice, .dim)
  }

  private func title(_ text: String, _ style: TerminalStyle) -> String { "\n" + style.paint(text, .bold) + "\n" }

  private func more(_ count: Int, _ shown: Int, _ style: TerminalStyle) -> String {
    count > shown ? style.paint("and \(NumberText.grouped(count - shown)) more", .dim) + "\n" : ""
  }

  private func position(_ position: Int64) -> String { position < 0 ? "none" : NumberText.grouped(position) }

  private func age(_ instant: String) -> String { elapsed(instant).map { " (\($0) ago)" } ?? "" }

  /// nil for what is no time, or lies ahead.
  private func elapsed(_ instant: String) -> String? {
    guard let time = InstantText.parse(instant), time <= now else { return nil }
    let seconds = Double(now - time) / 1e6
    return seconds < 2 * 86_400 ? NumberText.duration(seconds) : "\(Int(seconds / 86_400)) d"
  }
}
