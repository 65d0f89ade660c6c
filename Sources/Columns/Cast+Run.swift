internal import CScan

extension Cast {
  /// Casts one column of a block.
  ///
  /// `fields[i * stride]` is row i's field, a view into `text`, behind whose fields ``ByteArena/padding`` bytes may be
  /// read. Each row's value and validity in `column` is written. A text that cannot be read is noted in `faults` under
  /// `columnIndex`, or becomes null if ``setNullOnError``; gives the number of the latter, not counting rows that were
  /// at fault before. Rows at fault are cast like others.
  ///
  /// A string column shares `text` (no copy); a default is appended to it. `textIsValidUTF8` says that every field is
  /// known to be well-formed, which spares the check.
  ///
  /// `column` is of the cast's type and holds at least `rows`; `faults` has been reset for at least `rows`.
  @discardableResult
  public func run(
    text: ByteArena, textIsValidUTF8: Bool, fields: UnsafePointer<ByteView>, stride: Int, rows: Int,
    into column: Column, faults: RowFaults, columnIndex: UInt16
  ) -> Int {
    precondition(column.type == type && column.capacity >= rows && faults.capacity >= rows)
    var loop = CastLoop(
      text: UnsafePointer(text.base), fields: fields, stride: stride, rows: rows, validity: column.validity,
      setNullOnError: setNullOnError, hasFallback: fallback != nil, faults: faults, columnIndex: columnIndex)
    switch reading {
    case .string: strings(&loop, text, textIsValidUTF8, column)
    case .int: ints(&loop, column)
    case .double: doubles(&loop, column)
    case .bool: bools(&loop, column)
    case .date: dates(&loop, column)
    case .timestamp: timestamps(&loop, column)
    case .timestampIn(let zone): timestamps(&loop, column, in: zone)
    case .datePattern(let pattern): dates(&loop, column, pattern)
    case .timestampPattern(let pattern, let zone): timestamps(&loop, column, pattern, in: zone)
    case .epoch(let unitDigits, let factor): timestamps(&loop, column, unitDigits: unitDigits, factor: factor)
    case .decimal(let decimal): decimals(&loop, column, decimal)
    }
    return loop.nulledRows
  }

  // One function a type, so that each loop has the registers to itself.

  @inline(never) private func strings(
    _ loop: inout CastLoop, _ text: ByteArena, _ isValid: Bool, _ column: Column
  ) {
    column.arena = text
    if isValid { loop.views(column.views) } else { loop.checkedViews(column.views) }
    if case .string(let fallback) = fallback { loop.fillNulls(column.views, with: fallback, in: text) }
  }

  @inline(never) private func ints(_ loop: inout CastLoop, _ column: Column) {
    loop.each(column.int64s, fallback: fallback?.int64 ?? 0, wide: cscan_ints) { IntText.parse($0, $1, &$2) }
  }

  @inline(never) private func doubles(_ loop: inout CastLoop, _ column: Column) {
    loop.each(column.doubles, fallback: fallback?.double ?? 0, wide: cscan_doubles) { DoubleText.parse($0, $1, &$2) }
  }

  @inline(never) private func bools(_ loop: inout CastLoop, _ column: Column) {
    loop.each(column.bytes, fallback: fallback?.byte ?? 0) { BoolText.parse($0, $1, &$2) }
  }

  @inline(never) private func dates(_ loop: inout CastLoop, _ column: Column) {
    let table = MonthTable.shared
    loop.each(column.int32s, fallback: fallback?.int32 ?? 0) { TimestampText.parseDate($0, $1, table, &$2) }
  }

  @inline(never) private func dates(_ loop: inout CastLoop, _ column: Column, _ pattern: TimePattern) {
    pattern.steps.withUnsafeBufferPointer { steps in
      loop.each(column.int32s, fallback: fallback?.int32 ?? 0) { TimePattern.parseDate($0, $1, steps, &$2) }
    }
  }

  @inline(never) private func timestamps(_ loop: inout CastLoop, _ column: Column) {
    let table = MonthTable.shared
    loop.each(column.int64s, fallback: fallback?.int64 ?? 0, wide: cscan_timestamps) {
      TimestampText.parse($0, $1, table, &$2)
    }
  }

  @inline(never) private func timestamps(_ loop: inout CastLoop, _ column: Column, in zone: TimeZoneRules) {
    let table = MonthTable.shared
    var hint = 0
    loop.each(column.int64s, fallback: fallback?.int64 ?? 0) {
      TimestampText.parse($0, $1, table, in: zone, hint: &hint, &$2)
    }
  }

  @inline(never) private func timestamps(
    _ loop: inout CastLoop, _ column: Column, _ pattern: TimePattern, in zone: TimeZoneRules?
  ) {
    var hint = 0
    pattern.steps.withUnsafeBufferPointer { steps in
      loop.each(column.int64s, fallback: fallback?.int64 ?? 0) {
        TimePattern.parse($0, $1, steps, in: zone, hint: &hint, &$2)
      }
    }
  }

  @inline(never) private func timestamps(
    _ loop: inout CastLoop, _ column: Column, unitDigits: Int, factor: Int64
  ) {
    loop.each(column.int64s, fallback: fallback?.int64 ?? 0) {
      EpochText.parse($0, $1, unitDigits: unitDigits, factor: factor, &$2)
    }
  }

  @inline(never) private func decimals(_ loop: inout CastLoop, _ column: Column, _ decimal: DecimalText) {
    decimal.withFactors { factors in
      loop.each(column.int128s, fallback: fallback?.int128 ?? 0) {
        DecimalText.parse($0, $1, decimal, factors, &$2)
      }
    }
  }
}
