internal import Columns
internal import Definition
internal import Pipeline

/// How long a row of a source may be once it is a row: its key and the texts of all columns together, `max_row` bytes and
/// no more than a message of `rows` holds.
///
/// A record within `max_row` may make a longer row: by columns that take the same text, by defaults and objects' names, by
/// a key that is written beside its columns. The limit counts all columns of the source, whichever of them a setting
/// carries, so that a batch rejects what a stream cannot send (I1).
struct RowLimit: Sendable {
  let textBytesMax: Int
  /// The string columns' indices.
  private let texts: [Int]
  /// The key is written beside its columns.
  private let hasOwnKey: Bool
  /// How often a record's own bytes may come in its row, and what comes beside them at most.
  private let copies: Int
  private let besides: Int

  init(_ plan: SourcePlan, maxRowBytes: Int) throws(PlanError) {
    let columns = plan.source.columns
    let most = RowFrame.textBytesMax(columns: columns.count)
    guard most > 0 else {
      throw PlanError(
        message: "source '\(plan.source.name)' has \(columns.count) columns, more than a message can hold a row of")
    }
    textBytesMax = min(maxRowBytes, most)
    texts = columns.indices.filter { columns[$0].type == .string }
    hasOwnKey = plan.keyColumns.count > 1 || columns[plan.keyColumns[0]].type != .string
    copies = texts.count + (hasOwnKey ? plan.keyColumns.count : 0)
    var besides = hasOwnKey ? plan.keyColumns.count * 64 : 0
    for column in columns {
      if case .string(let text)? = column.defaultValue { besides += text.utf8.count }
    }
    self.besides = besides
  }

  /// Calls `body` with each row that is too long. `recordTexts` lie in the block's text, as the record's own fields do;
  /// `object` is what `$object` stands for.
  func check(
    _ block: FieldBlock, columns: [Column], keys: UnsafePointer<ByteView>, recordTexts: FieldBlock?, object: Int,
    _ body: (Int) -> Void
  ) {
    let besides = besides + object * copies
    // As good as always: not even the whole block's text would be too long.
    if block.text.count * copies + besides <= textBytesMax { return }
    for row in 0..<block.rows {
      var own = block.records[row].length
      if let recordTexts {
        for field in 0..<recordTexts.width { own += recordTexts.fields[row * recordTexts.width + field].length }
      }
      if own * copies + besides <= textBytesMax { continue }
      if length(row, columns, keys) > textBytesMax { body(row) }
    }
  }

  private func length(_ row: Int, _ columns: [Column], _ keys: UnsafePointer<ByteView>) -> Int {
    var bytes = hasOwnKey ? keys[row].length : 0
    for index in texts where columns[index].validity[row] != 0 { bytes += columns[index].views[row].length }
    return bytes
  }
}
