internal import Columns

/// A source while its definition is read: what is known of it even if parts are wrong, so that one mistake is not
/// reported again by everything that refers to it.
struct SourceDraft {
  var name: String
  var node: YAMLNode
  /// nil: wrong or missing, and reported.
  var keep: Source.Keep?
  /// The name behind `time:`, whether or not such a column exists.
  var time: String?
  var isRecords = false
  /// By name. A column that is wrong is here too.
  var columns: [String: ColumnDraft] = [:]
  /// In the file's order.
  var columnNames: [String] = []
  /// `columns` could be read at all; otherwise no name is unknown.
  var knowsColumns = false
  /// Complete only if no problem was reported for it.
  var source: Source?
}

struct ColumnDraft {
  var node: YAMLNode
  /// nil: wrong, and reported.
  var type: ColumnType?
  var column: SourceColumn?
}
