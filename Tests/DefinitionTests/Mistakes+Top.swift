/// Mistakes at the top level, in rows, split, snapshot, store, events, broker.
extension Mistake {
  static let top: [Mistake] = [
    Mistake(
      line: 1, "datset: shop",
      [
        "1:1: unknown key 'datset' in the definition; did you mean 'dataset'?"
      ]),
    Mistake(
      line: 1, "dataset: my shop",
      [
        "1:12: the dataset's name 'my shop' holds ' '; it is part of topic and path names; use letters a-z A-Z, digits, - _ ."
      ]),
    Mistake(
      line: 1, "dataset:",
      [
        "1:1: expected the data set's name, found nothing"
      ]),
    Mistake(
      line: 1, "dataset: # todo",
      [
        "1:1: expected the data set's name, found nothing; '# todo' was read as a comment; put the whole value in quotes if it belongs to it"
      ]),
    Mistake(
      line: 2, "key: [id, id]",
      [
        "2:11: the key names 'id' twice"
      ]),
    Mistake(
      line: 2, "key: id, page",
      [
        "2:6: 'id, page' is read as one name; write a key of several columns as a list: [a, b]"
      ]),
    Mistake(
      line: 2, "key: price",
      [
        "13:14: key 'price' is a decimal(10,2) in source 'people'; keys are string, int, bool or date; keys compare as text, and 1.5 and 1.50 would have to be one key; take it as a string",
        "16:3: source 'visits' has no column 'price', which is the key; add it to columns; a column of another name is taken with {from: OTHER, type: string}",
      ]),
    Mistake(
      line: 2, "key: plan",
      [
        "16:3: source 'visits' has no column 'plan', which is the key; add it to columns; a column of another name is taken with {from: OTHER, type: string}",
        "28:12: feature 'plan' has the name of the key, which every snapshot holds; leave it out",
      ]),
    Mistake(
      line: 2, "keys: id",
      [
        "2:1: unknown key 'keys' in the definition; did you mean 'key'?"
      ]),
    Mistake(
      line: 31, "rows: {from: peple}",
      [
        "31:14: rows from an unknown source 'peple'; did you mean 'people'?"
      ]),
    Mistake(
      line: 31, "rows: {from: people, label: bougt}",
      [
        "31:29: label: source 'people' has no column 'bougt'; did you mean 'bought'?"
      ]),
    Mistake(
      line: 31, "rows: {from: visits, label: page}",
      [
        "31:29: label: source 'visits' keeps every row, and a label is one value a key; take rows from a source with keep: latest"
      ]),
    Mistake(
      line: 31, "rows: {from: people, at: seen}",
      [
        "31:22: 'at' (rows as of each label's own time) is not supported yet; leave it out: all rows are then as of one time, which as_of sets"
      ]),
    Mistake(
      line: 31, "rows: people",
      [
        "31:7: rows: expected a mapping, found 'people'; write rows: {from: SOURCE, label: COLUMN}"
      ]),
    Mistake(
      line: 32, "split: {train: 0.8, eval: 0.3}",
      [
        "32:1: the shares of split sum to 1.1, expected 1; for example train: 0.8, eval: 0.2"
      ]),
    Mistake(
      line: 32, "split: {train: 80, eval: 20}",
      [
        "32:16: a share is more than 0 and at most 1, found '80'; write 80% or 0.8",
        "32:26: a share is more than 0 and at most 1, found '20'; write 80% or 0.8",
      ]),
    Mistake(
      line: 32, "split: {train: 0.8, eval: 0.2, by: paln}",
      [
        "32:36: split by: the rows' source 'people' has no column 'paln'; did you mean 'plan'?"
      ]),
    Mistake(
      line: 32, "split: {}",
      [
        "32:1: split names no part; write split: {train: 0.8, eval: 0.2}"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: "${OUT}", format: parqet}"#,
      [
        "33:34: 'parqet' is not a format of snapshots; expected parquet, csv or json; did you mean 'parquet'?"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, every: 1hour}",
      [
        "33:27: 'hour' is not a unit of time; units are w d h m s ms; write whole numbers"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, every: 500ms}",
      [
        "33:26: 'every' counts whole seconds, and a snapshot is named by its second; write every: 1s or more"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x, every: 1h, cron: "* * * * *"}"#,
      [
        "33:30: snapshot has both 'every' and 'cron'; keep one of them"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x, cron: "* * * *"}"#,
      [
        #"33:26: expected 5 fields (minute hour day month weekday), found 4 in '* * * *'; for example "0 3 * * *", every day at 03:00"#
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x, cron: "61 * * * *", zone: Mars/Base}"#,
      [
        "33:26: '61' is not a minute of cron (0 to 59)",
        "33:45: 'Mars/Base' is not a time zone; write a name such as Europe/Paris or UTC",
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, part_target: 128M}",
      [
        "33:35: 'M' is not a unit of size; did you mean 'MiB'?"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, delay: 5m}",
      [
        "33:19: 'delay' waits behind a slot of 'every' or 'cron', and there is neither; add every: 1h, or leave it out"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, region: y}",
      [
        "33:19: unknown key 'region' in snapshot; 'region' belongs in store"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nstore: {endpoint: localhost:9000, secret_key: x, encryption: aes}"#,
      [
        "34:19: expected a URL that begins with http:// or https://, found 'localhost:9000'",
        "34:35: unknown key 'secret_key' in store; credentials never stand in a definition; they come from the usual AWS places",
        "34:62: expected AES256 or aws:kms, found 'aes'",
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nstore: {kms_key: abc}"#,
      [
        "34:9: 'kms_key' needs encryption: aws:kms"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {topic: a, sqs: b}"#,
      [
        "34:1: events: expected one of topic, sqs and list, found 2; write events: {topic: s3.events}, {sqs: URL} or {list: 30s}"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {list: 30s, reconcile: 5m}"#,
      [
        "34:21: events: 'reconcile' is for notifications; with 'list' every listing finds everything; leave it out"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {reconcile: 5m}"#,
      [
        "34:1: events: expected one of topic, sqs and list, found 0; write events: {topic: s3.events}, {sqs: URL} or {list: 30s}"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {topic: a, reconcile: 0s}"#,
      [
        "34:31: expected a duration such as 30s, 5m, 1d12h, found '0s'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {list: 0s}"#,
      [
        "34:16: expected a duration such as 30s, 5m, 1d12h, found '0s'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nbroker: kafka"#,
      [
        #"34:9: expected embedded or {kafka: {…}}, found 'kafka'; write broker: embedded or broker: {kafka: {brokers: "localhost:9092"}}"#
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nbroker: {kafka: {acks: all}}"#,
      [
        #"34:10: kafka has no 'brokers'; add brokers: "localhost:9092""#
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nas_of: yesterday\#nmax_rejects: 0.5\#nmax_row: 2GiB\#nshards: 0"#,
      [
        "34:8: 'yesterday' is not a time of ISO 8601; write it as 2026-11-21 or 2026-11-21T03:00:00Z",
        "35:14: expected a number of rows such as 100, or a share such as 0.5%, found '0.5'; write a share with a %",
        "36:10: the size '2GiB' is not between 1B and 256MiB",
        "37:9: expected a number of shards from 1 to 4096, found '0'",
      ]),
    Mistake(
      line: 33, "snapshot: [to: x]",
      [
        "33:11: snapshot: expected a mapping, found a list; write snapshot: {to: PLACE, format: parquet}"
      ]),
    Mistake(
      line: 33, "snapshot:",
      [
        "33:1: snapshot: expected a mapping, found nothing; write snapshot: {to: PLACE, format: parquet}"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nsurces: x\#nfrobnicate: y\#ncolumns: z"#,
      [
        "34:1: unknown key 'surces' in the definition; did you mean 'sources'?",
        "35:1: unknown key 'frobnicate' in the definition; known here: dataset, key, sources, features, rows, split, snapshot, store, as_of, max_rejects, max_row, shards, events, broker",
        "36:1: unknown key 'columns' in the definition; 'columns' belongs in a source",
      ]),
    Mistake(
      line: 2, "key: []",
      [
        "2:1: key: expected at least one column"
      ]),
    Mistake(
      line: 2, "key: {a: b}",
      [
        "2:6: expected the name of a column, or a list of names, found a mapping"
      ]),
    Mistake(
      line: 2, "key: [id, [x]]",
      [
        "2:11: expected the name of a column, or a list of names, found a list"
      ]),
    Mistake(
      line: 32, "split: {train: x, a b: 1}",
      [
        "32:16: expected a share such as 0.8, found 'x'",
        "32:19: the name of a split 'a b' holds ' '; it is part of topic and path names; use letters a-z A-Z, digits, - _ .",
      ]),
    Mistake(
      line: 32, "split: [train]",
      [
        "32:8: split: expected a mapping, found a list; write split: {train: 0.8, eval: 0.2, salt: v1}"
      ]),
    Mistake(
      line: 32, "split: {train: 0.5, eval: 0.4999999}",
      [
        "32:1: the shares of split sum to 0.9999999, expected 1; for example train: 0.8, eval: 0.2"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: "out/*.csv"}"#,
      [
        "33:21: a place to write to cannot hold '*'"
      ]),
    Mistake(
      line: 33, "snapshot: {format: csv}",
      [
        "33:1: snapshot has no 'to'; add to: a directory or s3://bucket/prefix"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, format: {parquet: {compression: gzip, row_group_rows: 0}}}",
      [
        "33:51: expected zstd, snappy or none, found 'gzip'",
        "33:73: expected a number of rows from 1 to 100000000, found '0'",
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x, format: {csv: {delimiter: "\""}}}"#,
      [
        "33:45: a delimiter cannot be the quote"
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, complete: true, keep_last: 0, keep_for: 0d}",
      [
        "33:29: expected listing, found 'true'",
        "33:46: expected a number of snapshots, at least 1, found '0'",
        "33:59: expected a duration such as 30s, 5m, 1d12h, found '0d'",
      ]),
    Mistake(
      line: 33, "snapshot: {to: x, zone: UTC}",
      [
        "33:19: 'zone' says in which zone 'cron' counts, and there is no 'cron'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x, cron: "*/0 1-5/2,7 31-1 JAN xyz"}"#,
      [
        "33:26: '*/0' is not a minute of cron (0 to 59)"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nstore: {endpoint: "http://user:pw@host/"}"#,
      [
        "34:20: a URL with a user or password in it; credentials come from the usual AWS places, never from a definition"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nstore: {path_style: 1}"#,
      [
        "34:21: expected true or false, found '1'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nevents: {list: 30}"#,
      [
        "34:18: expected a duration such as 30s, 5m, 1d12h, found '30' without a unit; units are w d h m s ms; write whole numbers"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nbroker: {kafka: {brokers: [], acks: [all]}}"#,
      [
        "34:27: expected at least one HOST:PORT",
        "34:37: expected the property's value, found a list",
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nbroker: embeded"#,
      [
        "34:9: expected embedded or {kafka: {…}}, found 'embeded'; did you mean 'embedded'?"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nmax_rejects: -1"#,
      [
        "34:14: expected a number of rows such as 100, or a share such as 0.5%, found '-1'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nmax_rejects: 101%"#,
      [
        "34:14: expected a number of rows such as 100, or a share such as 0.5%, found '101%'"
      ]),
    Mistake(
      line: 33, #"snapshot: {to: x}\#nas_of: 2026-11-21T25:00:00Z"#,
      [
        "34:8: '2026-11-21T25:00:00Z' is not a time of ISO 8601; write it as 2026-11-21 or 2026-11-21T03:00:00Z"
      ]),
  ]
}
