internal import CScan
public import Definition

/// Finds where the last whole record of a run of text ends, by the same rules as the scanner.
public enum RecordBoundary: Sendable {
  /// Records are lines (JSON lines, CSV without quotes).
  case lines
  /// Line ends within quoted fields do not end records.
  case csv(delimiter: UInt8, quote: UInt8, escape: UInt8)

  public init(_ format: Format) {
    switch format {
    case .json: self = .lines
    case .csv(let options):
      if let quote = options.quote {
        self = .csv(delimiter: options.delimiter, quote: quote, escape: options.escape ?? quote)
      } else {
        self = .lines
      }
    }
  }

  /// One past the last record's line end in `from..<to` of the text, or `from` if no record ends there. A record
  /// must begin at `from`.
  public func endOfLastRecord(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Int {
    guard case .csv(let delimiter, let quote, let escape) = self, cscan_find(text, from, to, quote) < to
    else {
      return cscan_end_of_last(text, from, to, 0x0a)
    }
    if escape == quote {
      let end = cscan_end_of_last_record(text + from, to - from, delimiter, quote)
      if end >= 0 { return from + end }
    }
    return endOfLastRecord(text, from: from, to: to, delimiter: delimiter, quote: quote, escape: escape)
  }

  /// The same, a field at a time.
  func endOfLastRecord(
    _ text: UnsafePointer<UInt8>, from: Int, to: Int, delimiter: UInt8, quote: UInt8, escape: UInt8
  ) -> Int {
    var recordEnd = from
    var at = from
    while at < to {
      if text[at] == quote {
        at = RecordBoundary.endOfQuoted(text, at, to, quote: quote, escape: escape) ?? to
      }
      // The rest of the field (or of a malformed one).
      while at < to && text[at] != delimiter && text[at] != 0x0a { at += 1 }
      if at < to && text[at] == 0x0a { recordEnd = at + 1 }
      at += 1
    }
    return recordEnd
  }

  /// One past the first record's line end in `from..<to`, or `from` if it does not end there.
  public func endOfFirstRecord(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Int {
    guard case .csv(let delimiter, let quote, let escape) = self else {
      let line = cscan_find(text, from, to, 0x0a)
      return line < to ? line + 1 : from
    }
    var at = from
    while at < to {
      if text[at] == quote {
        at = RecordBoundary.endOfQuoted(text, at, to, quote: quote, escape: escape) ?? to
      }
      while at < to && text[at] != delimiter && text[at] != 0x0a { at += 1 }
      if at < to && text[at] == 0x0a { return at + 1 }
      at += 1
    }
    return from
  }

  /// Whether the text from `from` (a record's start) to `to` ends within an open quote.
  public func endsOpen(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Bool {
    guard case .csv(let delimiter, let quote, let escape) = self else { return false }
    var at = from
    while at < to {
      if text[at] == quote {
        guard let end = RecordBoundary.endOfQuoted(text, at, to, quote: quote, escape: escape) else {
          return true
        }
        at = end
      }
      while at < to && text[at] != delimiter && text[at] != 0x0a { at += 1 }
      at += 1
    }
    return false
  }

  /// What a run of text is if it is taken as one record without a line end.
  public enum Whole: Sendable, Hashable {
    case one
    /// A quote is not closed.
    case open
    /// Line ends stand between records (or behind the only one).
    case several
  }

  /// Takes all of `from..<to` as one record.
  public func whole(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Whole {
    guard case .csv(_, let quote, _) = self, cscan_find(text, from, to, quote) < to else {
      return cscan_find(text, from, to, 0x0a) < to ? .several : .one
    }
    if endOfFirstRecord(text, from: from, to: to) != from { return .several }
    return endsOpen(text, from: from, to: to) ? .open : .one
  }

  /// One past the closing quote of the field that opens at `from`; nil if it is not closed before `to`.
  static func endOfQuoted(_ text: UnsafePointer<UInt8>, _ from: Int, _ to: Int, quote: UInt8, escape: UInt8)
    -> Int?
  {
    var at = from + 1
    if escape == quote {
      while true {
        at = cscan_find(text, at, to, quote)
        if at >= to { return nil }
        // A quote at the very end may be the first half of a doubled one: not closed yet, as far as can be seen.
        if at + 1 >= to || text[at + 1] != quote { return at + 1 }
        at += 2
      }
    }
    while at < to {
      if text[at] == escape {
        at += 2
      } else if text[at] == quote {
        return at + 1
      } else {
        at += 1
      }
    }
    return nil
  }

  /// The first line end at or behind `from`, or nil.
  public static func firstLineEnd(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Int? {
    let at = cscan_find(text, from, to, 0x0a)
    return at < to ? at : nil
  }

  /// How many line ends there are.
  public static func lineEnds(_ text: UnsafePointer<UInt8>, from: Int, to: Int) -> Int {
    from < to ? cscan_count(text + from, to - from, 0x0a) : 0
  }
}
