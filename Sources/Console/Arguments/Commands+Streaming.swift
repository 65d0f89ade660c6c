extension Commands {
  public static let run = CommandSyntax(
    name: "run",
    summary: "keep a dataset current: follow its objects and records, cut snapshots on schedule",
    positionals: ["DEFINITION"],
    options: [
      data,
      OptionSyntax(
        "http", .text(placeholder: "HOST:PORT"),
        "where status, health, metrics and commands are served (default: 127.0.0.1, any free port)"),
      OptionSyntax(
        "name", .text(placeholder: "NAME"),
        "this worker's name in its groups, unique among the dataset's workers (default: the host's name)"),
      OptionSyntax("no-features", .flag, "do not write changed rows to the topic of features"),
      OptionSyntax("log", .text(placeholder: "FORM"), "text or json (default: text on a terminal, else json)"),
      OptionSyntax(
        "threads", .count(placeholder: "N", 1...1024), "threads that read and join (default: one a processor)"),
    ],
    details: [
      "Without `broker:` in the definition everything lies in one file of the data directory and",
      "one process does all the work. With Kafka, start as many workers as you like, each with a",
      "name and a data directory of its own; they share the shards. SIGTERM and Ctrl-C hand them",
      "over and end with 0; 1 says why it cannot go on, 2 that the definition is wrong. What was",
      "read stays read: started again, it goes on where it was.",
    ],
    example: (
      "tributary run customer360.yaml",
      "reads what is there, follows what comes, and publishes snapshots as the definition says."
    ))

  public static let status = CommandSyntax(
    name: "status",
    summary: "show what running workers are doing",
    positionals: ["DEFINITION"],
    options: [data, workers, OptionSyntax("json", .flag, "print one JSON object instead of text")],
    details: ["Asks the worker of the data directory, or those that --http names."],
    example: ("tributary status customer360.yaml", "shows shards, lag, inputs under way and the last snapshot."))

  public static let snapshot = CommandSyntax(
    name: "snapshot",
    summary: "cut a snapshot of a running dataset now",
    positionals: ["DEFINITION"],
    options: [
      data, workers,
      OptionSyntax("id", .identifier, "the snapshot's id (default: now, 2026-11-21T03:00:00Z)"),
      OptionSyntax("as-of", .time, "rows at or after this time do not count (default: now)"),
      OptionSyntax("wait", .flag, "end when it is published"),
      OptionSyntax("no-listing", .flag, "cut at once, without looking for objects that have not been read"),
      OptionSyntax("timeout", .count(placeholder: "SECONDS", 1...86_400), "how long --wait waits (default: 600)"),
      OptionSyntax("json", .flag, "print one JSON object instead of text"),
    ],
    details: ["A snapshot with the same id is cut once, however often this is said."],
    example: ("tributary snapshot customer360.yaml --wait", "publishes what is there now and ends when readers see it.")
  )

  public static let backfill = CommandSyntax(
    name: "backfill",
    summary: "have a running dataset list its stores and read what it has missed",
    positionals: ["DEFINITION"],
    options: [
      data, workers,
      OptionSyntax("again", .flag, "read again: missing rows, or, where none are missing, every object anew"),
    ],
    details: [
      "Objects that are in the ledger already change nothing. If shards wait for rows that the topic",
      "of rows no longer has, --again reads just those inputs once more, in the versions and offsets",
      "that were committed, and supplies the rows; 'status' shows how far it is, and 'lost' what could",
      "not be supplied. Name all workers with --http: each knows what its own shards miss.",
    ],
    example: ("tributary backfill customer360.yaml", "finds objects whose notification was lost."))

  public static let lost = CommandSyntax(
    name: "lost",
    summary: "list rows that shards wait for in vain, or go on without them",
    positionals: ["DEFINITION"],
    rest: "INPUT",
    options: [
      data, workers,
      OptionSyntax("all", .flag, "give up everything that is missing"),
      OptionSyntax("json", .flag, "print JSON instead of text"),
    ],
    details: [
      "Without INPUT it lists what is missing. Try 'backfill --again' first: it brings back what the",
      "stores and topics still have. INPUT is a name from the list, or TOPIC[PARTITION] for all that",
      "is missing of a partition. From then on no shard has its rows, snapshots that were to hold them",
      "are abandoned, and every manifest names it as lost. Objects that the stores still have, in any",
      "version, are read anew and not missed; inputs that were read together are given up together.",
    ],
    example: (
      "tributary lost customer360.yaml s3://lake/usage/2026-11-01.gz",
      "goes on without the rows of that object, if its version is gone from the store."
    ))

  public static let deadLetters = CommandSyntax(
    name: "dead-letters",
    summary: "list, show or replay the rows and objects that a running dataset could not use",
    positionals: ["list|show|replay", "DEFINITION"],
    options: [
      data, workers,
      OptionSyntax("id", .text(placeholder: "PARTITION:OFFSET"), "the one dead letter to show or replay"),
      OptionSyntax("source", .text(placeholder: "NAME"), "those of one source"),
      OptionSyntax("limit", .count(placeholder: "N", 1...1000), "how many of the newest are listed (default: 20)"),
      OptionSyntax("all", .flag, "list those too whose object was read anew since"),
      OptionSyntax("json", .flag, "print one JSON object instead of text"),
    ],
    details: [
      "Rows of attempts that never counted are not shown. replay has the objects concerned read",
      "again, under the definition that is running now: mend the definition, or the object, first.",
      "Records of a topic cannot be replayed: their offsets are committed. Produce them again.",
    ],
    example: (
      "tributary dead-letters replay customer360.yaml --source billing",
      "reads every object of billing again of which rows were rejected, and those set aside."
    ))

  public static let gc = CommandSyntax(
    name: "gc",
    summary: "remove what crashes and abandoned work left in a dataset's stores",
    positionals: ["DEFINITION"],
    options: [
      data,
      OptionSyntax("grace", .duration, "what is younger stays (default: 1h); 0 only while no worker runs"),
      OptionSyntax("json", .flag, "print one JSON object instead of text"),
    ],
    details: [
      "Removes checkpoints and segments that no newer checkpoint needs, work files and parts that no",
      "manifest names, and, if no worker uses the data directory, its unused files. The broker is not",
      "asked. Work that is under way is younger than an hour: with --grace 0 all workers must have",
      "been stopped; the data directory's own worker is looked for, others elsewhere are not.",
    ],
    example: ("tributary gc customer360.yaml --grace 1d", "removes and names leftovers of yesterday and before."))

  public static let send = CommandSyntax(
    name: "send",
    summary: "give a running dataset records, one a line",
    positionals: ["DEFINITION", "TOPIC", "FILE"],
    options: [
      data, workers,
      OptionSyntax(
        "keyed", .flag, "each line is KEY, a tab, VALUE; without anything behind the tab it removes the key"),
      OptionSyntax("json", .flag, "print one JSON object instead of text"),
    ],
    details: [
      "FILE is a file, or - for standard input. TOPIC is one that a source of the definition reads;",
      "a record's value is a line as it stands. It ends when the records are durable. This is the",
      "way into the embedded broker; with Kafka any producer will do.",
    ],
    example: (
      "tributary send shop.yaml app.clicks clicks.jsonl",
      "appends each line of the file; the next snapshot and the features have them."
    ))

  public static let topics = CommandSyntax(
    name: "topics",
    summary: "create a dataset's topics, or compare them with what they should be",
    positionals: ["apply|diff", "DEFINITION"],
    options: [data, OptionSyntax("json", .flag, "print one JSON object instead of text")],
    details: [
      "diff ends with 1 if something differs. apply creates what is missing and mends settings; it",
      "never shrinks or deletes a topic, and never adds partitions where they are shards.",
    ],
    example: ("tributary topics diff customer360.yaml", "lists what differs, topic by topic."))

  static let data = OptionSyntax(
    "data", .text(placeholder: "DIR"), "the worker's data directory (default: .tributary/DATASET beside the definition)"
  )
  static let workers = OptionSyntax(
    "http", .text(placeholder: "HOST:PORT,…"), "the workers to ask (default: the one of the data directory)")
}
