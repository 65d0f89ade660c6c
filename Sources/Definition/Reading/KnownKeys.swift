/// The keys of each section, in the order that messages list them.
enum KnownKeys {
  static let definition = [
    "dataset", "key", "sources", "features", "rows", "split", "snapshot", "store", "as_of", "max_rejects",
    "max_row", "shards", "events", "broker",
  ]
  static let source = [
    "objects", "records", "format", "keep", "time", "columns", "include", "exclude", "on_remove", "settle",
    "on_gap",
  ]
  static let csv = ["header", "names", "delimiter", "quote", "escape", "null_values", "skip_lines"]
  static let column = ["type", "from", "path", "format", "zone", "unit", "on_error", "default", "reduce"]
  static let rows = ["from", "label", "at"]
  static let snapshot = [
    "to", "format", "part_target", "every", "cron", "zone", "delay", "keep_last", "keep_for", "complete",
  ]
  static let parquet = ["compression", "row_group_rows"]
  static let csvOutput = ["header", "label_first", "without_key", "delimiter"]
  static let store = ["endpoint", "region", "path_style", "profile", "encryption", "kms_key"]
  static let events = ["topic", "sqs", "list", "reconcile"]

  /// Where a key that is unknown here belongs.
  static func elsewhere(_ key: String) -> String? {
    if secrets.contains(key) {
      return "credentials never stand in a definition; they come from the usual AWS places"
    }
    let places: [(keys: [String], place: String)] = [
      (definition, "stands at the top level"), (source, "belongs in a source"),
      (csv, "belongs in a source's format: {csv: {…}}"), (column, "belongs in a column"),
      (snapshot, "belongs in snapshot"), (parquet, "belongs in snapshot's format: {parquet: {…}}"),
      (csvOutput, "belongs in snapshot's format: {csv: {…}}"), (store, "belongs in store"),
    ]
    return places.first { $0.keys.contains(key) }.map { "'\(key)' \($0.place)" }
  }

  private static let secrets: Set<String> = [
    "access_key", "access_key_id", "secret_key", "secret_access_key", "session_token", "credentials",
    "password",
    "aws_access_key_id", "aws_secret_access_key", "aws_session_token",
  ]
}
