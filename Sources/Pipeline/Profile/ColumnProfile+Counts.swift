public import Columns

extension ColumnProfile {
  /// As ``update(_:count:)`` with a column of these values, each as often as its count says: the profile is the same, for
  /// it depends on the multiset alone.
  public func update(_ counted: ValueCounts) {
    let (column, number) = (counted.values, counted.counts.count)
    precondition(column.type == type, "a profile takes columns of its own type")
    // Pointers into the column are taken below; the column outlives them all.
    defer { withExtendedLifetime(column) {} }
    counted.counts.withUnsafeBufferPointer { counts in
      guard let counts = counts.baseAddress else { return }
      switch values {
      case .strings(let tally):
        tally.add(UnsafePointer(column.views), counts, number, text: UnsafePointer(column.arena.base))
      case .bools(let profile):
        for i in 0..<number {
          if column.bytes[i] & 1 == 1 { profile.trues += Int(counts[i]) } else { profile.falses += Int(counts[i]) }
        }
      case .doubles(let profile): profile.add(UnsafePointer(column.doubles), counts, number)
      case .integers(let profile): profile.add(UnsafePointer(column.int64s), counts, number)
      case .decimals(let profile): profile.add(UnsafePointer(column.int128s), counts, number)
      case .times(let profile):
        if type == .date {
          profile.add(UnsafePointer(column.int32s), counts, number)
        } else {
          profile.add(UnsafePointer(column.int64s), counts, number)
        }
      }
    }
    for times in counted.counts { count += Int(times) }
    nulls += counted.nulls
  }
}

extension DoubleProfile {
  func add(_ values: UnsafePointer<Double>, _ counts: UnsafePointer<UInt32>, _ number: Int) {
    for i in 0..<number {
      let value = values[i] + 0.0
      if value.isFinite {
        low = min(low, value)
        high = max(high, value)
      } else if value.isNaN {
        nans += Int(counts[i])
      } else {
        infinities += Int(counts[i])
      }
      distinct.add(ProfileHash.double(value))
    }
    sketch.add(values, counts, number)
  }
}

extension IntegerProfile {
  func add(_ values: UnsafePointer<Int64>, _ counts: UnsafePointer<UInt32>, _ number: Int) {
    for i in 0..<number {
      low = min(low, values[i])
      high = max(high, values[i])
      sums.add(values[i], times: counts[i])
      distinct.add(ProfileHash.word(UInt64(bitPattern: values[i])))
    }
    sketch.count(values, counts, number)
  }
}

extension DecimalProfile {
  func add(_ values: UnsafePointer<Int128>, _ counts: UnsafePointer<UInt32>, _ number: Int) {
    var hash: UInt64 = 0
    for i in 0..<number {
      for _ in 0..<counts[i] { add(values + i, 1, &hash) }
    }
  }
}

extension TimeProfile {
  @inline(__always)
  func add<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafePointer<T>, _ counts: UnsafePointer<UInt32>, _ number: Int
  ) {
    for i in 0..<number { distinct.add(ProfileHash.word(UInt64(bitPattern: Int64(values[i])))) }
    sketch.add(values, counts, number)
  }
}

extension StringTally {
  func add(
    _ strings: UnsafePointer<ByteView>, _ counts: UnsafePointer<UInt32>, _ number: Int, text: UnsafePointer<UInt8>
  ) {
    for i in 0..<number { add(text + Int(strings[i].start), strings[i].length, times: UInt64(counts[i])) }
  }
}
