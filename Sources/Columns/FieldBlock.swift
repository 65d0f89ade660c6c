/// The raw fields of a block of whole records, as a scanner (CSV, JSON lines) leaves them for the casts.
///
/// `fields` is row-major: record `r`'s field `f` is `fields[r * width + f]`, a view into `text`. A scanner unescapes
/// in place or appends unescaped bytes to `text`, so one arena serves all views. Reused from block to block except for
/// `text`, which string columns keep. One thread at a time.
public final class FieldBlock: @unchecked Sendable {
  /// The block's bytes as they stand in the (inflated) object, followed by bytes that scanners appended.
  public var text: ByteArena
  /// Where `text`'s first byte lies in the inflated object.
  public var offset: UInt64 = 0
  /// Fields a record.
  public var width = 0
  /// Records, faulty ones included.
  public var rows = 0
  public private(set) var fields: UnsafeMutablePointer<ByteView>
  public private(set) var fieldCapacity: Int
  /// Each record's first byte in `text` and its length without the line end: where a rejected row is found again.
  public private(set) var records: UnsafeMutablePointer<ByteView>
  public private(set) var recordCapacity: Int
  public let faults: RowFaults
  /// Room for a scanner's notes of where fields end.
  public private(set) var marks: UnsafeMutablePointer<UInt32>
  private var markCapacity = 1
  /// Elements of JSON arrays that a reduced column refers to.
  public var items: [ByteView] = []

  public init() {
    text = ByteArena(capacity: 64)
    fieldCapacity = 1024
    fields = .allocate(capacity: fieldCapacity)
    recordCapacity = 1024
    records = .allocate(capacity: recordCapacity)
    faults = RowFaults(capacity: 1024)
    marks = .allocate(capacity: markCapacity)
  }

  deinit {
    fields.deallocate()
    records.deallocate()
    marks.deallocate()
  }

  /// Makes room for `needed` marks; what was there is lost. Memory that is not written to costs nothing.
  public func reserveMarks(_ needed: Int) {
    guard needed > markCapacity else { return }
    marks.deallocate()
    marks = .allocate(capacity: needed)
    markCapacity = needed
  }

  /// Makes room for `needed` fields in all, keeping the first `used`.
  public func reserveFields(_ needed: Int, keeping used: Int) {
    guard needed > fieldCapacity else { return }
    let capacity = max(needed, fieldCapacity * 2)
    let grown = UnsafeMutablePointer<ByteView>.allocate(capacity: capacity)
    grown.update(from: fields, count: used)
    fields.deallocate()
    fields = grown
    fieldCapacity = capacity
  }

  /// Makes room for `needed` records in all, keeping the first `used`.
  public func reserveRecords(_ needed: Int, keeping used: Int) {
    guard needed > recordCapacity else { return }
    let capacity = max(needed, recordCapacity * 2)
    let grown = UnsafeMutablePointer<ByteView>.allocate(capacity: capacity)
    grown.update(from: records, count: used)
    records.deallocate()
    records = grown
    recordCapacity = capacity
  }
}
