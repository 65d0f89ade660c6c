public import Definition
internal import Pipeline
public import Worker

/// What a finished batch tells: a summary for people, one object for machines.
public struct BatchReport: Sendable {
  public var outcome: BatchOutcome
  /// Where the snapshot lies as the user would write it from where they are.
  public var location: String
  public var seconds: Double
  public var cpuSeconds: Double
  /// Bytes at the peak; nil if the system does not say.
  public var peakMemory: Int64?
  public var maxRejects: RejectLimit

  public init(
    outcome: BatchOutcome, location: String, seconds: Double, cpuSeconds: Double, peakMemory: Int64?,
    maxRejects: RejectLimit
  ) {
    self.outcome = outcome
    self.location = location
    self.seconds = seconds
    self.cpuSeconds = cpuSeconds
    self.peakMemory = peakMemory
    self.maxRejects = maxRejects
  }

  public func render(_ style: TerminalStyle) -> String {
    let manifest = outcome.manifest
    let dot = style.isUnicode ? " · " : ", "
    let splits = manifest.splits.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
      .map { "\($0.key) \(NumberText.grouped($0.value))" }.joined(separator: dot)
    let mark = style.paint(style.isUnicode ? "✔ " : "", .green)
    let name = style.paint(DisplayText.printable(manifest.dataset), .bold)
    let done = outcome.alreadyPublished ? "was published before, the rows are the same" : "published"
    var text = "\(mark)\(name) \(manifest.snapshot) \(done), as of \(manifest.asOf)\n"
    var facts: [(String, String)] = [
      ("rows", "\(NumberText.grouped(manifest.rows)) (\(splits))"),
      (
        "read",
        "\(NumberText.counted(outcome.rowsRead, "row")), \(NumberText.counted(manifest.inputs.count, "object")), "
          + (manifest.ranges.map { "\(NumberText.counted($0.count, "partition")) of topics, " } ?? "")
          + NumberText.bytes(bytesRead)
      ),
      ("rejected", rejected),
      ("fingerprint", manifest.fingerprint),
      ("at", DisplayText.printable(location)),
      ("took", took(dot)),
    ]
    if !manifest.missing.isEmpty {
      facts.insert(
        ("missing", "\(NumberText.counted(manifest.missing.count, "input")); the manifest names them"), at: 3)
    }
    let empty = manifest.splits.filter { $0.value == 0 }.keys.sorted()
    if !empty.isEmpty {
      facts.append(("note", "no row fell to \(empty.joined(separator: ", ")); a share of few keys may be none"))
    }
    for (name, value) in facts { text += "  \(style.paint(DisplayText.pad(name, 11), .dim))  \(value)\n" }
    return text
  }

  public var json: JSONValue {
    let manifest = outcome.manifest
    return .object([
      ("dataset", .string(manifest.dataset)),
      ("snapshot", .string(manifest.snapshot)),
      ("as_of", .string(manifest.asOf)),
      ("location", .string(location)),
      ("manifest", .string(manifestLocation)),
      ("fingerprint", .string(manifest.fingerprint)),
      ("rows", .int(Int64(manifest.rows))),
      ("splits", .object(manifest.splits.sorted { $0.key < $1.key }.map { ($0.key, .int(Int64($0.value))) })),
      ("inputs", .int(Int64(manifest.inputs.count))),
      ("bytes_read", .int(bytesRead)),
      ("rows_read", .unsigned(outcome.rowsRead)),
      ("rows_rejected", .unsigned(outcome.rowsRejected)),
      ("too_many_rejects", .bool(outcome.tooManyRejects)),
      ("already_published", .bool(outcome.alreadyPublished)),
      ("seconds", .double(rounded(seconds))),
      ("rows_per_second", .double(rounded(rate(Double(outcome.rowsRead))))),
      ("bytes_per_second", .double(rounded(rate(Double(bytesRead))))),
      ("cpu_seconds", .double(rounded(cpuSeconds))),
      ("peak_memory_bytes", peakMemory.map { .int($0) } ?? .null),
    ])
  }

  /// Why the run ends with exit code 3, which rows, and what to do.
  public var tooManyRejects: String {
    let rejected = outcome.manifest.rejected
    var text =
      "\(NumberText.grouped(outcome.rowsRejected)) of \(NumberText.grouped(outcome.rowsRead)) rows were rejected "
      + "(\(NumberText.percent(rejectedShare))), more than max_rejects allows (\(limit)); the snapshot is published "
      + "without them\n"
    let reasons = rejected.reasons.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
    for (reason, rows) in reasons.prefix(5) {
      text +=
        "  \(DisplayText.pad(NumberText.grouped(rows), 11, isRight: true))  \(DisplayText.printable(reason))\n"
    }
    if reasons.count > 5 { text += "  and \(reasons.count - 5) more reasons in the manifest\n" }
    text += "each with its object, row number and byte offset: \(DisplayText.printable(rejectedPlace))\n"
    return text + "mend the objects, say on_error: set_null for the columns at fault, or raise max_rejects"
  }

  public var manifestLocation: String { PlaceText.join(location, "manifest.json") }

  private var rejectedPlace: String { PlaceText.join(location, "rejected/") }

  private var bytesRead: Int64 { outcome.manifest.inputs.reduce(0) { $0 &+ $1.size } }

  private var rejectedShare: Double {
    outcome.rowsRead == 0 ? 0 : Double(outcome.rowsRejected) / Double(outcome.rowsRead)
  }

  private var rejected: String {
    guard outcome.rowsRejected > 0 else { return "none" }
    let see = outcome.manifest.rejected.parts.isEmpty ? "" : ", see " + DisplayText.printable(rejectedPlace)
    return "\(NumberText.counted(outcome.rowsRejected, "row")) (\(NumberText.percent(rejectedShare)))\(see)"
  }

  private func took(_ dot: String) -> String {
    var parts = [NumberText.duration(seconds)]
    if seconds > 0 {
      parts.append(NumberText.byteRate(rate(Double(bytesRead))))
      parts.append(NumberText.short(rate(Double(outcome.rowsRead))) + " rows/s")
    }
    if let peakMemory { parts.append(NumberText.bytes(peakMemory) + " of memory at most") }
    return parts.joined(separator: dot)
  }

  private var limit: String {
    switch maxRejects {
    case .rows(let rows): NumberText.grouped(rows)
    case .share(let share): NumberText.percent(share)
    }
  }

  private func rate(_ amount: Double) -> Double { seconds > 0 ? amount / seconds : 0 }

  private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
