internal import Columns
internal import FoundationEssentials
internal import Glibc
internal import Pipeline
internal import Platform

/// Where a worker keeps segments at hand: a directory that survives it, or memory in simulation. Thread-safe.
protocol SegmentFiles: Sendable {
  /// The file's bytes; nil if it is not there.
  func load(_ name: String) throws(StoreError) -> SegmentBytes?
  /// The pieces, one behind the other; whole or not at all.
  func save(_ name: String, _ pieces: [ArraySlice<UInt8>]) throws(StoreError)
  /// Where it lies, for a store in the same file system; nil: nowhere.
  func path(_ name: String) -> String?
  func remove(_ name: String)
  func names() -> [String]
}

extension SegmentFiles {
  func path(_ name: String) -> String? { nil }
  func save(_ name: String, _ bytes: [UInt8]) throws(StoreError) { try save(name, [bytes[...]]) }
}

/// Bytes of a file: mapped, so that the system reads what is touched and forgets what is not.
///
/// Immutable from init to deinit, hence `@unchecked Sendable`.
final class SegmentBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let owned: UnsafeMutableRawBufferPointer?

  /// Takes over a mapping.
  init(mapped: UnsafeRawBufferPointer) {
    bytes = mapped
    owned = nil
  }

  init(copying array: [UInt8]) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(array.count, 1), alignment: 64)
    array.withRawBytes { memory.copyMemory(from: $0) }
    owned = memory
    bytes = UnsafeRawBufferPointer(rebasing: memory[..<array.count])
  }

  deinit {
    if let owned {
      owned.deallocate()
    } else if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
  }
}

/// Segments in a local directory.
struct DirectorySegmentFiles: SegmentFiles {
  let directory: String

  init(_ directory: String) throws(StoreError) {
    self.directory = directory
    var path = ""
    for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
      path += path.isEmpty && part.isEmpty ? "/" : (path.isEmpty || path.hasSuffix("/") ? "" : "/") + part
      if path != "/" && mkdir(path, 0o777) != 0 && errno != EEXIST { throw failure("mkdir", path) }
    }
  }

  func load(_ name: String) throws(StoreError) -> SegmentBytes? {
    let path = directory + "/" + name
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw failure("open", path)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("stat", path) }
    if status.st_size == 0 { return nil }
    guard let base = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, file, 0), base != MAP_FAILED else {
      throw failure("map", path)
    }
    return SegmentBytes(mapped: UnsafeRawBufferPointer(start: base, count: Int(status.st_size)))
  }

  func save(_ name: String, _ pieces: [ArraySlice<UInt8>]) throws(StoreError) {
    // A crash may leave a part of the file: it is renamed only when whole. It need not be synced: its hash is checked
    // when it is read, and before a store takes it over.
    // Two threads may fetch the same one.
    let temporary = directory + "/." + name + ".\(getpid()).\(pthread_self())"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if file < 0 { throw failure("open", temporary) }
    for piece in pieces {
      do throws(StoreError) {
        try write(piece, to: file, temporary)
      } catch {
        close(file)
        unlink(temporary)
        throw error
      }
    }
    close(file)
    if rename(temporary, directory + "/" + name) == 0 { return }
    let error = failure("rename", temporary)
    unlink(temporary)
    throw error
  }

  private func write(_ piece: ArraySlice<UInt8>, to file: Int32, _ path: String) throws(StoreError) {
    var rest = piece
    while !rest.isEmpty {
      let n = rest.withRawBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if n < 0 && errno == EINTR { continue }
      if n < 0 { throw failure("write", path) }
      rest = rest.dropFirst(n)
    }
  }

  func path(_ name: String) -> String? { directory + "/" + name }

  func remove(_ name: String) { unlink(directory + "/" + name) }

  func names() -> [String] {
    guard let entries = opendir(directory) else { return [] }
    defer { closedir(entries) }
    var found: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { found.append(name) }
    }
    return found
  }

  /// Removes all files but these, those too that a crash left half written; gives their names. Only where no worker runs.
  static func sweep(_ directory: String, keeping names: Set<String>) -> [String] {
    guard let entries = opendir(directory) else { return [] }
    defer { closedir(entries) }
    var stale: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." && !names.contains(name) { stale.append(name) }
    }
    return stale.filter { unlink(directory + "/" + $0) == 0 }.sorted()
  }

  private func failure(_ operation: String, _ path: String) -> StoreError {
    let code = errno
    return StoreError(
      code == ENOSPC || code == EDQUOT ? .full : .other, operation: operation, location: path,
      message: String(cString: strerror(code)),
      hint: code == ENOSPC ? "free space there, or give --data another place" : "")
  }
}

/// A segment as a file: its bytes, made and read.
enum SegmentCodec {
  /// Lays out a segment; gives its name and bytes, in pieces: the batches are where they were.
  static func encode(_ content: SegmentBuilder.Content, shard: Int) throws -> (
    name: String, header: SegmentHeader, pieces: [ArraySlice<UInt8>]
  ) {
    var header = content.header
    var bodyBytes = 0
    header.batches = []
    for (batch, base) in content.batches {
      header.batches.append(
        SegmentHeader.BatchExtent(offset: bodyBytes, bytes: batch.count, rows: batch.rows, inputBase: base))
      bodyBytes += batch.count
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let text = Array(try encoder.encode(header))
    var head: [UInt8] = []
    for word in [SegmentHeader.magic, UInt32(text.count)] {
      for shift in stride(from: UInt32(0), to: 32, by: 8) { head.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    head += text
    let pieces = [head[...]] + content.batches.map(\.batch.bytes)
    var hash = BulkHash()
    for piece in pieces { piece.withRawBytes { hash.add($0) } }
    let name = "\(digits(header.first))-\(digits(header.last))-\(digits(hash.value)).seg"
    return (name, header, pieces)
  }

  /// Reads the header; the bytes must be those that the name promises.
  static func header(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(StreamError) -> SegmentHeader {
    let (header, _) = try parse(name, bytes)
    return header
  }

  /// The n-th batch. Its own hash is checked.
  static func batch(
    _ name: String, _ bytes: UnsafeRawBufferPointer, _ extent: SegmentHeader.BatchExtent, types: [ColumnType]
  ) throws(RowBatchCodec.CodecError) -> RowBatch {
    try RowBatchCodec.decode(try part(name, bytes, extent), types: types)
  }

  /// The n-th batch as it lies there. Its own hash is checked: it may go into another segment, which has a name of its own.
  static func encoded(_ name: String, _ bytes: UnsafeRawBufferPointer, _ extent: SegmentHeader.BatchExtent)
    throws(RowBatchCodec.CodecError) -> EncodedBatch
  {
    let batch = EncodedBatch(Array(try part(name, bytes, extent))[...], rows: extent.rows)
    guard batch.isWhole else {
      throw RowBatchCodec.CodecError(description: "segment \(name) is damaged: a batch's hash does not match")
    }
    return batch
  }

  private static func part(
    _ name: String, _ bytes: UnsafeRawBufferPointer, _ extent: SegmentHeader.BatchExtent
  ) throws(RowBatchCodec.CodecError) -> UnsafeRawBufferPointer {
    let start = bytes.count >= 8 ? min(bodyStart(bytes), bytes.count) : bytes.count
    let body = UnsafeRawBufferPointer(rebasing: bytes[start...])
    guard extent.offset >= 0, extent.bytes >= 0, extent.offset <= body.count, extent.bytes <= body.count - extent.offset
    else {
      throw RowBatchCodec.CodecError(description: "segment \(name) is damaged: a batch lies outside of it")
    }
    return UnsafeRawBufferPointer(rebasing: body[extent.offset..<extent.offset + extent.bytes])
  }

  static func matches(_ name: String, _ bytes: UnsafeRawBufferPointer) -> Bool {
    name.hasSuffix("-\(hash(bytes)).seg")
  }

  private static func bodyStart(_ bytes: UnsafeRawBufferPointer) -> Int {
    8 + Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
  }

  private static func parse(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(StreamError) -> (SegmentHeader, Int)
  {
    guard bytes.count >= 8, UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == SegmentHeader.magic,
      bodyStart(bytes) <= bytes.count
    else { throw StreamError("segment \(name) is damaged: it does not begin as one") }
    let start = bodyStart(bytes)
    let header: SegmentHeader
    do {
      header = try JSONDecoder().decode(SegmentHeader.self, from: Data(bytes[8..<start]))
    } catch {
      throw StreamError("segment \(name) is damaged: its header cannot be read")
    }
    guard header.version <= SegmentHeader.currentVersion else {
      throw StreamError("segment \(name) has version \(header.version); use the newer program")
    }
    return (header, start)
  }

  private static func digits(_ position: Int) -> String {
    let text = String(position)
    return String(repeating: "0", count: max(0, 12 - text.count)) + text
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> String {
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return "" }
    return digits(Hashing.bulk128(base, bytes.count))
  }

  private static func digits(_ hash: (high: UInt64, low: UInt64)) -> String {
    AttemptID(high: hash.high, low: hash.low).description
  }
}
