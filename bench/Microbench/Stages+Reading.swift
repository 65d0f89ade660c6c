import CISAL
import CZstd
import Columns
import Definition
import Formats
import Glibc
import Pipeline
import Yardsticks

/// From stored bytes to fields.
extension Stage {
  /// Objects as gzip, by the program's decompressor and as ingest's cutter uses it, beside ISA-L alone.
  static func inflate(_ source: Lake.Source) throws -> [Stage] {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: source.bytes + (4 << 20), alignment: 64)
    let isal = Yardstick(name: "ISA-L alone") {
      try require(Inflate.isal(source.objects, whole) >= source.bytes, "ISA-L gave fewer bytes")
    }
    let copy = Yardstick.copy(source.bytes)
    let format = source.plan.source.format
    let columns = source.plan.source.columns.count
    return [
      Stage(
        name: "inflate gzip", rows: 0, bytes: source.bytes,
        run: {
          let total = try Inflate.decompressor(source.objects, room)
          try require(total >= source.bytes, "\(total) bytes of \(source.bytes) came out")
        }, yardsticks: [isal, copy]),
      Stage(
        name: "inflate gzip and cut to blocks", rows: 0, bytes: source.bytes,
        run: {
          var total = 0
          for object in source.objects {
            let cutter = BlockCutter(format: format, maxRowBytes: 900 << 10, columns: columns)
            _ = try Lake.Source.cut(object, cutter) { block in
              total += block.text.count
              cutter.spareText = block.text
              return total < source.bytes
            }
          }
          try require(total >= source.bytes, "\(total) bytes of \(source.bytes) were cut")
        }, yardsticks: [isal]),
    ]
  }

  /// The same text as zstd would store it.
  static func zstd(_ source: Lake.Source) throws -> Stage {
    var text: [UInt8] = []
    for (block, length) in zip(source.blocks, source.lengths) {
      text += UnsafeBufferPointer(start: block.base, count: length)
    }
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(text.count))
    let length = ZSTD_compress(&packed, packed.count, text, text.count, 3)
    try require(ZSTD_isError(length) == 0, "zstd cannot compress the text")
    let stored = Array(packed[..<length])
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 64)
    let count = text.count
    return Stage(
      name: "inflate zstd", rows: 0, bytes: count,
      run: { try require(try Inflate.decompressor([stored], room) == count, "bytes are missing") },
      yardsticks: [
        Yardstick(name: "zstd alone") {
          let got = ZSTD_decompress(whole.baseAddress, whole.count, stored, stored.count)
          try require(got == count, "zstd gave other bytes")
        }
      ])
  }

  /// Records and fields of CSV; and whether its text is UTF-8.
  static func csv(_ decoded: Decoded) -> [Stage] {
    let copy = Yardstick.copy(decoded.source.bytes)
    return [
      Stage(
        name: "CSV scan", rows: decoded.rows, bytes: decoded.source.bytes, run: { try decoded.scanAgain() },
        yardsticks: [copy]),
      Stage(
        name: "UTF-8 check", rows: decoded.rows, bytes: decoded.source.bytes,
        run: { for text in decoded.source.blocks { try require(isValidUTF8(text), "the text is not UTF-8") } },
        yardsticks: [copy]),
    ]
  }

  static func json(_ decoded: Decoded) throws -> Stage {
    let (blocks, lengths, rows) = (decoded.source.blocks, decoded.source.lengths, decoded.rows)
    func simdjson(
      _ name: String, _ read: @escaping (UnsafePointer<UInt8>, Int) -> Int64
    ) -> Yardstick {
      Yardstick(name: name) {
        var documents: Int64 = 0
        for (block, length) in zip(blocks, lengths) { documents += read(block.base, length) }
        try require(documents == rows, "simdjson saw \(documents) documents, not \(rows)")
      }
    }
    return Stage(
      name: "JSON scan", rows: rows, bytes: decoded.source.bytes, run: { try decoded.scanAgain() },
      yardsticks: [
        simdjson("simdjson On Demand, the same fields", yardstick_on_demand),
        simdjson("simdjson's parser", yardstick_parse), .copy(decoded.source.bytes),
      ])
  }

  /// One column's casts.
  static func cast(_ name: String, _ decoded: Decoded, column: String) throws -> Stage {
    let index = try decoded.column(column)
    let isReduced = decoded.source.plan.source.columns[index].reduce != nil
    let rows = decoded.scanned.map(\.rows).max() ?? 0
    let out = UnsafeMutablePointer<UInt64>.allocate(capacity: rows)
    let position = decoded.positions[index]
    let gather = Yardstick(name: "a load and a store a field") {
      for block in decoded.scanned {
        yardstick_gather(block.text.base, block.fields + position, block.width, block.rows, out)
      }
    }
    return Stage(
      name: name, rows: decoded.rows, bytes: isReduced ? 0 : decoded.textBytes(index),
      run: { try decoded.cast(index) }, yardsticks: isReduced ? [] : [gather])
  }
}

extension Stage.Yardstick {
  /// memcpy of so many bytes, 256 KiB at a time as blocks are.
  static func copy(_ bytes: Int) -> Stage.Yardstick {
    let size = 256 << 10
    let from = UnsafeMutableRawPointer.allocate(byteCount: bytes + size, alignment: 64)
    let to = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    from.initializeMemory(as: UInt8.self, repeating: 7, count: bytes + size)
    to.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    return Stage.Yardstick(name: "memcpy") {
      var at = 0
      while at < bytes {
        memcpy(to, from + at, min(size, bytes - at))
        at += size
      }
      try require(to.load(as: UInt8.self) == 7, "nothing was copied")
    }
  }
}

private enum Inflate {
  /// Inflates all objects through one room; gives the bytes that came out.
  static func decompressor(_ objects: [[UInt8]], _ room: UnsafeMutableRawBufferPointer) throws -> Int {
    var total = 0
    for object in objects {
      let decompressor = Decompressor()
      var used = 0
      try object.withUnsafeBytes { input in
        var written = 0
        repeat {
          written = 0
          try decompressor.run(input, used: &used, room, written: &written)
          total += written
        } while used < input.count || written == room.count
      }
    }
    return total
  }

  /// The same, one object behind the other, by ISA-L's own calls.
  static func isal(_ objects: [[UInt8]], _ room: UnsafeMutableRawBufferPointer) -> Int {
    let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    defer { state.deallocate() }
    var total = 0
    for object in objects {
      object.withUnsafeBufferPointer { input in
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
        state.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        state.pointee.avail_in = UInt32(input.count)
        state.pointee.next_out = room.baseAddress.map { ($0 + total).assumingMemoryBound(to: UInt8.self) }
        state.pointee.avail_out = UInt32(room.count - total)
        _ = isal_inflate(state)
        total = room.count - Int(state.pointee.avail_out)
      }
    }
    return total
  }
}
