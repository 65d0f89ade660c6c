internal import Platform

/// How the file is set up.
enum Layout {
  /// "trib", in the file's header: whose file it is.
  private static let application: Int64 = 0x7472_6962
  private static let version: Int64 = 1
  /// Large enough that a batch of 512 KiB is 32 pages; small enough that one entry of the ledger does not write much more
  /// than itself (each commit writes whole pages).
  private static let pageBytes = 16 << 10
  /// What the write-ahead log holds before it is carried over into the file.
  private static let walBytes = 16 << 20
  private static let cacheBytes = 32 << 20

  /// Takes hold of the file, and makes the tables if it is new.
  static func prepare(_ connection: Connection) throws(BrokerError) {
    // The lock before the journal: then SQLite keeps the log's index in memory, and no third file.
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = \(pageBytes)")
    // Of a new file only: pages that are free can be given back. A file that is there stays as it is.
    try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    // Deleted pages are not overwritten: that would write old batches once more.
    try connection.execute("PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY")
    try connection.execute(
      "PRAGMA cache_size = -\(cacheBytes >> 10); PRAGMA wal_autocheckpoint = \(walBytes / pageBytes)")
    try connection.execute("PRAGMA journal_size_limit = \(2 * walBytes)")
    try connection.execute("BEGIN IMMEDIATE")
    do throws(BrokerError) {
      try makeTables(connection)
      try connection.execute("COMMIT")
    } catch {
      connection.rollback()
      throw error
    }
  }

  private static func makeTables(_ connection: Connection) throws(BrokerError) {
    let owner = try connection.number("PRAGMA application_id", "open") ?? 0
    let found = try connection.number("PRAGMA user_version", "open") ?? 0
    if owner == application {
      guard found != version else { return }
      throw BrokerError(
        .other, operation: "open", location: connection.path,
        message: "the file has layout \(found), and this program knows layout \(version)",
        hint: "use the version of Tributary that made it")
    }
    guard try connection.number("SELECT count(*) FROM sqlite_schema", "open") == 0, owner == 0 else {
      throw BrokerError(
        .other, operation: "open", location: connection.path, message: "the file is another program's database",
        hint: "give the broker a file of its own")
    }
    try connection.execute(
      """
      CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL);
      CREATE TABLE settings (topic TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (topic, name));
      CREATE TABLE partitions (
        id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, first INTEGER NOT NULL DEFAULT 0,
        next INTEGER NOT NULL DEFAULT 0, cleaned INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, number));
      CREATE TABLE commits (
        member_group TEXT, topic TEXT, number INTEGER, next INTEGER NOT NULL,
        PRIMARY KEY (member_group, topic, number)) WITHOUT ROWID;
      PRAGMA application_id = \(application);
      PRAGMA user_version = \(version);
      """)
  }
}
