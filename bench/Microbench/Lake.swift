import Columns
import Definition
import Formats
import Glibc
import Pipeline

/// The reference job and as much of each of its sources as is asked for, in memory.
struct Lake {
  let plan: DatasetPlan
  /// In the plan's order.
  let sources: [Source]

  /// The first objects of a source.
  struct Source {
    let plan: SourcePlan
    /// As stored.
    let objects: [[UInt8]]
    /// Inflated, cut into whole records.
    let blocks: [ByteArena]
    /// Bytes of each block's text: scanners may put more behind it.
    let lengths: [Int]
    let header: [String]

    var name: String { plan.source.name }
    var bytes: Int { lengths.reduce(0, +) }
  }

  /// Objects are taken until `bytes` of text are there, and all of a source that says what the rows are.
  init(definition path: String, data: String, bytes: Int) throws {
    let text = String(decoding: try Lake.contents(path), as: UTF8.self)
    let reading: DefinitionReader.Reading
    switch DefinitionReader.read(text: text, file: path, environment: ["DATA": data, "OUT": "nowhere"]) {
    case .success(let read): reading = read
    case .failure(let problems): throw MicrobenchError("\(path): \(problems.problems.map(\.message))")
    }
    let plan = try DatasetPlan(reading.definition, asOf: reading.definition.asOf ?? 0)
    self.plan = plan
    sources = try plan.sources.enumerated().map { index, source in
      try Source(source, data: data, bytes: index == plan.rowsSource ? Int.max : bytes)
    }
  }

  func source(_ name: String) throws -> (index: Int, source: Source) {
    guard let index = sources.firstIndex(where: { $0.name == name }) else {
      throw MicrobenchError("the definition has no source '\(name)'")
    }
    return (index, sources[index])
  }

  static func contents(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw MicrobenchError("\(path) cannot be opened") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }
}

extension Lake.Source {
  fileprivate init(_ plan: SourcePlan, data: String, bytes: Int) throws {
    let directory = "\(data)/\(plan.source.name)"
    var objects: [[UInt8]] = []
    var blocks: [ByteArena] = []
    var header: [String] = []
    var total = 0
    for name in try Lake.Source.files(directory) where total < bytes {
      let object = try Lake.contents("\(directory)/\(name)")
      let cutter = BlockCutter(format: plan.source.format, maxRowBytes: 900 << 10, columns: plan.source.columns.count)
      let cut = try Lake.Source.cut(object, cutter) { block in
        total += block.text.count
        blocks.append(block.text)
        return total < bytes
      }
      objects.append(Array(object[..<cut]))
      header = cutter.header ?? []
    }
    self.init(
      plan: plan, objects: objects, blocks: blocks, lengths: blocks.map(\.count), header: header)
  }

  private static func files(_ directory: String) throws -> [String] {
    guard let stream = opendir(directory) else { throw MicrobenchError("there is no directory \(directory)") }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Cuts an object to its end, or until `take` says that it is enough; gives the bytes that were read of it.
  static func cut(_ object: [UInt8], _ cutter: BlockCutter, take: (CutBlock) throws -> Bool) throws -> Int {
    var used = 0
    let isWhole = try object.withUnsafeBytes { bytes in
      while let block = try cutter.next(bytes, used: &used) {
        if try !take(block) { return false }
      }
      return true
    }
    guard isWhole else { return used }
    while let block = try cutter.finish() {
      if try !take(block) { break }
    }
    return used
  }
}
