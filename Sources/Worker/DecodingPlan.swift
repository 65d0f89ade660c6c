internal import Columns
internal import Definition
internal import Formats
internal import Pipeline

/// How the records of one source become typed columns: made once, shared by all threads.
struct DecodingPlan: Sendable {
  /// Where a column's raw text comes from.
  enum Origin: Sendable {
    /// A CSV column by name.
    case csv(name: String)
    /// The n-th extraction of the JSON scanner.
    case json(Int)
    case object, row, modified
    /// The n-th of ``DecodingPlan/recordTexts``.
    case recordText(Int)
    case recordTime
  }

  /// A text that a record brings beside its value.
  enum RecordText: Sendable, Hashable {
    case key
    /// The last header of that name.
    case header([UInt8])
  }

  let source: SourcePlan
  let origins: [Origin]
  let casts: [Cast]
  let csv: CSVScanner?
  let extractions: [JSONExtraction]
  /// Of records only.
  let recordTexts: [RecordText]
  /// The reduction of each column, where it has one.
  let reductions: [JSONReduction?]
  let limit: RowLimit

  init(_ plan: SourcePlan, maxRowBytes: Int, zones: Cast.ZoneSource) throws(PlanError) {
    source = plan
    limit = try RowLimit(plan, maxRowBytes: maxRowBytes)
    var origins: [Origin] = []
    var casts: [Cast] = []
    var extractions: [JSONExtraction] = []
    var recordTexts: [RecordText] = []
    func recordText(_ text: RecordText) -> Origin {
      if let at = recordTexts.firstIndex(of: text) { return .recordText(at) }
      recordTexts.append(text)
      return .recordText(recordTexts.count - 1)
    }
    var reductions: [JSONReduction?] = []
    for (index, column) in plan.source.columns.enumerated() {
      guard column.location.belongs(to: plan.source.input) else {
        throw PlanError(
          message:
            "source '\(plan.source.name)', column '\(column.name)': only a record has a key, timestamp or headers, and only an object a name and rows"
        )
      }
      switch column.location {
      case .named(let name): origins.append(.csv(name: name))
      case .path:
        origins.append(.json(extractions.count))
        extractions.append(JSONExtraction(column: column, columnIndex: UInt16(index)))
      case .object: origins.append(.object)
      case .row: origins.append(.row)
      case .modified: origins.append(.modified)
      case .recordKey: origins.append(recordText(.key))
      case .header(let name): origins.append(recordText(.header(Array(name.utf8))))
      case .recordTimestamp: origins.append(.recordTime)
      }
      do {
        casts.append(
          try Cast(
            type: column.type, time: column.time, setNullOnError: column.onError == .setNull,
            fallback: column.defaultValue, zones: zones))
        reductions.append(JSONReduction(column: column, cast: casts[index]))
      } catch {
        throw PlanError(message: "source '\(plan.source.name)', column '\(column.name)': \(error.message)")
      }
    }
    self.origins = origins
    self.casts = casts
    self.extractions = extractions
    self.recordTexts = recordTexts
    self.reductions = reductions
    if case .csv(let options) = plan.source.format {
      csv = CSVScanner(options, maxRowBytes: maxRowBytes)
    } else {
      csv = nil
    }
  }

  /// Where each column stands in an object with the given header; nil entries are not CSV columns, −1 is absent.
  func positions(in header: [String]) throws(FormatError) -> [Int] {
    let places = Dictionary(header.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var twice: Set<String> = []
    if places.count < header.count {
      var seen: Set<String> = []
      for name in header where !seen.insert(name).inserted { twice.insert(name) }
    }
    var positions: [Int] = []
    for (index, origin) in origins.enumerated() {
      guard case .csv(let name) = origin else {
        positions.append(-1)
        continue
      }
      if twice.contains(name) {
        throw FormatError("the header has the column '\(name)' more than once; which one is meant cannot be told")
      }
      if let at = places[name] {
        positions.append(at)
      } else if source.source.columns[index].defaultText != nil {
        positions.append(-1)
      } else {
        let shown = header.prefix(20).joined(separator: ", ") + (header.count > 20 ? ", …" : "")
        throw FormatError(
          "there is no column '\(name)' in the header; it has: \(shown). Use 'from:' to rename, or give the column a 'default:'"
        )
      }
    }
    return positions
  }
}

extension SourceColumn.Location {
  fileprivate func belongs(to input: Source.Input) -> Bool {
    let isRecords = if case .records = input { true } else { false }
    switch self {
    case .named, .path: return true
    case .object, .row, .modified: return !isRecords
    case .recordKey, .recordTimestamp, .header: return isRecords
    }
  }
}
