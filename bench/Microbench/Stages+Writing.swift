import CZstd
import Columns
import Definition
import Formats
import Pipeline

/// From states to a snapshot's bytes.
extension Stage {
  /// `states` know rows of all sources. One table, of as many rows as a snapshot's chunk has at most.
  static func writing(_ lake: Lake, _ states: [ShardState]) throws -> [Stage] {
    let plan = lake.plan
    let rule = SplitRule(Split(shares: [.init(name: "train", share: 1)]))
    let casts = try plan.definition.key.indices.map { try Cast(type: plan.output[$0].type) }
    var chosen: [(state: ShardState, keys: ArraySlice<UInt32>)] = []
    var rows = 0
    for state in states where rows < 1 << 16 {
      let keys = SnapshotRows(state, rule: rule, by: nil).keys[0].prefix((1 << 16) - rows)
      chosen.append((state, keys))
      rows += keys.count
    }
    let (slices, count) = (chosen, rows)
    func build() throws -> Table {
      var builder = SnapshotTableBuilder(plan: plan, keyCasts: casts, rows: count)
      for slice in slices { try builder.append(slice.state, keys: slice.keys) }
      return builder.finish()
    }
    let table = try build()
    let bytes = table.valueBytes
    let copy = Yardstick.copy(bytes)
    var first = Fingerprint()
    first.add(table: table, split: "train")
    let wanted = first.hex(fields: plan.fields)
    let profile = TableProfile(fields: plan.fields)
    return [
      Stage(
        name: "snapshot table", rows: rows, bytes: bytes,
        run: { try require(try build().count == count, "rows are missing") }, yardsticks: [copy]),
      Stage(name: "profile", rows: rows, bytes: bytes, run: { profile.update(table) }, yardsticks: [copy]),
      Stage(
        name: "fingerprint", rows: rows, bytes: bytes,
        run: {
          var fingerprint = Fingerprint()
          fingerprint.add(table: table, split: "train")
          try require(fingerprint.hex(fields: plan.fields) == wanted, "the fingerprint is another")
        }, yardsticks: [copy]),
      try parquet(table, fields: plan.fields),
    ]
  }

  private static func parquet(_ table: Table, fields: [Field]) throws -> Stage {
    let encoder = SnapshotEncoder(format: .parquet(ParquetOptions()), fields: fields)
    let plain = SnapshotEncoder(format: .parquet(ParquetOptions(compression: .none)), fields: fields)
    let pages = try plain.encode(table).bytes
    let length = try encoder.encode(table).bytes.count
    let level = Int32(ParquetEncoder.Options().zstdLevel)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_compressBound(pages.count), alignment: 64)
    return Stage(
      name: "Parquet encode, zstd", rows: table.count, bytes: table.valueBytes,
      run: { try require(try encoder.encode(table).bytes.count == length, "the file is another") },
      yardsticks: [
        Yardstick(name: "zstd alone, the encoded pages") {
          let packed = ZSTD_compress(room.baseAddress, room.count, pages, pages.count, level)
          try require(ZSTD_isError(packed) == 0, "zstd failed")
        }
      ])
  }
}

extension Table {
  /// Bytes of values, their presence and strings.
  var valueBytes: Int {
    columns.reduce(0) { sum, column in
      let text =
        column.type == .string
        ? (0..<count).reduce(0) { $0 + (column.validity[$1] == 0 ? 0 : column.views[$1].length) } : 0
      return sum + count * (column.type.stride + 1) + text
    }
  }
}
