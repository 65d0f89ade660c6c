internal import Columns

// Profiles as bytes, so that shards which are profiled by different workers can be merged by one.
//
// Each part writes what its merge reads and reads it into an empty self; what a part keeps in another form than its
// values need (the order of a hash table, carries that wait) is not written, so equal profiles have equal bytes.

extension ColumnProfile {
  /// The profile as bytes: merged after a round trip it gives the same summary.
  public func encode() -> [UInt8] {
    var out = StateWriter(.column)
    write(to: &out)
    return out.finish()
  }

  /// Reads what ``encode()`` wrote.
  public convenience init(decoding bytes: [UInt8]) throws(StateError) {
    var state = try StateReader(bytes, .column)
    try self.init(&state)
    try state.end()
  }

  func write(to out: inout StateWriter) {
    type.write(to: &out)
    out.put(count: count)
    out.put(count: nulls)
    switch values {
    case .strings(let tally): tally.write(to: &out)
    case .bools(let profile): profile.write(to: &out)
    case .doubles(let profile): profile.write(to: &out)
    case .integers(let profile): profile.write(to: &out)
    case .decimals(let profile): profile.write(to: &out)
    case .times(let profile): profile.write(to: &out)
    }
  }

  convenience init(_ state: inout StateReader) throws(StateError) {
    self.init(type: try ColumnType(&state))
    count = try state.int()
    nulls = try state.int()
    // Each part checks that it has seen `count` values: summaries rely on it.
    switch values {
    case .strings(let tally): try tally.read(&state, count: count)
    case .bools(let profile): try profile.read(&state, count: count)
    case .doubles(let profile): try profile.read(&state, count: count)
    case .integers(let profile): try profile.read(&state, count: count)
    case .decimals(let profile): try profile.read(&state, count: count)
    case .times(let profile): try profile.read(&state, count: count)
    }
  }
}

extension ColumnType {
  func write(to out: inout StateWriter) {
    switch self {
    case .string: out.put(0)
    case .int: out.put(1)
    case .double: out.put(2)
    case .bool: out.put(3)
    case .date: out.put(4)
    case .timestamp: out.put(5)
    case .decimal(let precision, let scale):
      out.put(6)
      out.put(UInt8(truncatingIfNeeded: precision))
      out.put(UInt8(truncatingIfNeeded: scale))
    }
  }

  init(_ state: inout StateReader) throws(StateError) {
    switch try state.byte() {
    case 0: self = .string
    case 1: self = .int
    case 2: self = .double
    case 3: self = .bool
    case 4: self = .date
    case 5: self = .timestamp
    case 6:
      let precision = Int(try state.byte())
      let scale = Int(try state.byte())
      guard (1...38).contains(precision), scale <= precision else {
        throw StateReader.damaged("a decimal's type is none")
      }
      self = .decimal(precision: precision, scale: scale)
    default: throw StateReader.damaged("a type is not known")
    }
  }
}

extension DistinctCounter {
  func write(to out: inout StateWriter) {
    if isExact {
      out.put(0)
      let hashes = exactHashes.sorted()
      out.put(count: hashes.count)
      for hash in hashes { out.put(fixed: hash) }
    } else {
      out.put(1)
      out.put(registerBytes)
    }
  }

  /// Into an empty counter.
  func read(_ state: inout StateReader) throws(StateError) {
    switch try state.byte() {
    case 0:
      var last: UInt64 = 0
      for _ in 0..<(try state.count(atMost: Self.exactMax)) {
        var hash: UInt64 = try state.fixed()
        guard hash > last else { throw StateReader.damaged("hashes are not in order") }
        last = hash
        add(&hash, 1)
      }
    case 1:
      guard setRegisters(try state.run()) else { throw StateReader.damaged("registers are none") }
    default: throw StateReader.damaged("a counter's form is not known")
    }
  }
}

extension MagnitudeSketch {
  func write(to out: inout StateWriter) {
    out.put(count: zeros)
    let exponents = usedExponents
    out.put(count: exponents.count)
    for exponent in exponents {
      let (page, counts) = contents(exponent)
      out.put(count: exponent)
      out.put(fixed: page.sum)
      out.put(fixed: page.squares)
      out.put(count: page.squareCarries)
      let used = counts.indices.filter { counts[$0] > 0 }
      out.put(count: used.count)
      for bin in used {
        out.put(UInt8(truncatingIfNeeded: bin))
        out.put(count: counts[bin])
      }
    }
  }

  /// Into an empty sketch of `count` values.
  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    let bins = 2 * Self.binsPerPage
    let zeros = try state.count()
    var total = zeros
    var last = -1
    for _ in 0..<(try state.count(atMost: Self.exponents)) {
      let exponent = try state.count(atMost: Self.exponents - 1)
      guard exponent > last else { throw StateReader.damaged("exponents are not in order") }
      last = exponent
      var page = Page()
      page.sum = try state.fixed()
      page.squares = try state.fixed()
      page.squareCarries = try state.count()
      var counts = [UInt64](repeating: 0, count: bins)
      for _ in 0..<(try state.count(atMost: bins)) {
        let bin = Int(try state.byte())
        let number = try state.count()
        guard bin < bins, counts[bin] == 0, number > 0 else { throw StateReader.damaged("a bin is none") }
        counts[bin] = number
        total += number
        // Below both bounds no sum overflows.
        guard total <= StateReader.countMax else { throw StateReader.damaged("a count is too large") }
      }
      set(exponent, page, counts)
    }
    guard total == UInt64(count) else { throw StateReader.damaged("bins hold other numbers of values") }
    set(zeros: zeros)
  }
}
