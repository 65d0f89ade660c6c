/// The commands that there are.
public enum Commands {
  public static let all = [
    batch, run, status, snapshot, backfill, lost, send, deadLetters, gc, topics, validate, inspect, diff, rebuild,
  ]

  public static let batch = CommandSyntax(
    name: "batch",
    summary: "read every object and record of every source and publish one snapshot",
    positionals: ["DEFINITION"],
    options: [
      OptionSyntax(
        "as-of", .time,
        "rows at or after this time do not count (ISO 8601; default: the definition's as_of, else the start of the run)"
      ),
      OptionSyntax(
        "id", .identifier, "the snapshot's id (default: the start of the run, 2026-11-21T03:00:00Z)"),
      OptionSyntax(
        "to", .text(placeholder: "PLACE"),
        "a directory or s3://bucket/prefix instead of the definition's snapshot.to"),
      OptionSyntax(
        "max-rejects", .rejects, "rejected rows up to which the exit code is 0 and not 3, such as 100 or 0.5%"
      ),
      OptionSyntax(
        "shards", .count(placeholder: "N", 1...4096), "shards; the snapshot's rows do not depend on it"),
      data,
      threads,
      json,
      quiet,
    ],
    details: [
      "DEFINITION is a file, or - for standard input. Relative paths in it start from the file's",
      "directory (from standard input: the current one), a relative --to from the current one.",
      "Temporary files go to TMPDIR, else to /tmp. S3 credentials come from the usual AWS places.",
      "Of a topic it reads what the broker holds at the start. The embedded broker lies in the data",
      "directory of `run`, whose worker must have been stopped.",
      "SIGINT and SIGTERM stop the run; nothing of it is published then.",
    ],
    example: (
      "tributary batch customer360.yaml --as-of 2026-11-21 --max-rejects 0.1%",
      "publishes snapshot=<start of the run>/ with train/, eval/ and manifest.json where the definition says."
    ))

  public static let validate = CommandSyntax(
    name: "validate",
    summary: "check a definition and show what it would make",
    positionals: ["DEFINITION"],
    options: [json],
    details: [
      "DEFINITION is a file, or - for standard input. All problems are listed with line and",
      "column; the exit code is 2 if there is any. No object store is asked.",
    ],
    example: (
      "tributary validate customer360.yaml",
      "lists what is wrong, or else the sources and the snapshot's columns with their types."
    ))

  public static let inspect = CommandSyntax(
    name: "inspect",
    summary: "show what a snapshot holds: rows, inputs, parts, schema and profile",
    positionals: ["PLACE"],
    options: [OptionSyntax("json", .flag, "print the manifest itself")] + store,
    details: [
      "PLACE is a manifest.json, a snapshot's directory, or the place that snapshots are published",
      "to (then latest.json names the one shown); a path or s3://bucket/prefix.",
    ],
    example: (
      "tributary inspect s3://lake/snapshots/customer360",
      "shows the newest snapshot there."
    ))

  public static let diff = CommandSyntax(
    name: "diff",
    summary: "show what changed between two snapshots: rows, inputs, columns and what they hold",
    positionals: ["BEFORE", "AFTER"],
    options: [json] + store,
    details: [
      "BEFORE and AFTER are what 'inspect' takes. Only the manifests are read, no rows. The exit",
      "code is 0 whether the snapshots differ or not; 'equal' in --json says it.",
    ],
    example: (
      "tributary diff snapshots/snapshot=2026-11-20 snapshots/snapshot=2026-11-21",
      "shows which inputs came and went in a day, and how each column's nulls and mean moved."
    ))

  public static let rebuild = CommandSyntax(
    name: "rebuild",
    summary: "make a snapshot again from the inputs its manifest names, and compare",
    positionals: ["MANIFEST"],
    options: [
      OptionSyntax(
        "to", .text(placeholder: "PLACE"), "publish the rebuilt snapshot there (default: only compare)"),
      OptionSyntax(
        "directory", .text(placeholder: "DIR"),
        "where relative paths of the inputs start from (default: where the first run found them)"),
      OptionSyntax(
        "kafka", .text(placeholder: "HOST:PORT,…"), "where records are read from (default: as the definition says)"),
      data,
      threads,
      json,
      quiet,
    ] + store,
    details: [
      "MANIFEST is what 'inspect' takes. The exit code is 0 if the fingerprints are equal; else 1,",
      "and each input is named that has changed or is gone. Objects are read from their stores and",
      "records from their topics; of what is gone there, the rows are taken from the segments that a",
      "stream keeps beside its snapshots, and the inputs are named. `${NAME}` in the definition's",
      "`broker` is taken from the environment. While a worker uses the embedded broker, the segments",
      "serve for its records.",
    ],
    example: (
      "tributary rebuild snapshots/snapshot=2026-11-21T03:00:00Z/manifest.json",
      "reads exactly the same object versions again and says whether the same rows come out."
    ))

  private static let threads = OptionSyntax(
    "threads", .count(placeholder: "N", 1...1024), "threads that read and join (default: one a processor)")
  private static let json = OptionSyntax("json", .flag, "print one JSON object instead of text")
  private static let quiet = OptionSyntax("quiet", .flag, "no progress and no summary; errors only")
  /// For manifests in S3, which are read before there is a definition that says where S3 is.
  private static let store = [
    OptionSyntax(
      "endpoint", .text(placeholder: "URL"), "of a store other than AWS (default: AWS_ENDPOINT_URL)"),
    OptionSyntax(
      "region", .text(placeholder: "REGION"), "of the bucket (default: AWS_REGION, shared config)"),
    OptionSyntax("profile", .text(placeholder: "NAME"), "of the shared config and credentials files"),
  ]
}
