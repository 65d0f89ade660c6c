internal import Columns

extension ColumnProfile {
  /// Bytes of a string's bound that a summary shows.
  private static let boundBytesMax = 256
  private static let topMax = 10

  /// What the profile has found. Costs some microseconds; the profile goes on.
  public func summary(name: String) -> ColumnSummary {
    var summary = ColumnSummary(
      name: name, type: type.description, count: count, nulls: nulls, distinct: 0, distinctIsExact: true)
    switch values {
    case .strings(let tally): describe(tally, &summary)
    case .bools(let profile): describe(profile, &summary)
    case .doubles(let profile): describe(profile, &summary)
    case .integers(let profile): describe(profile, &summary)
    case .decimals(let profile): describe(profile, &summary)
    case .times(let profile): describe(profile, &summary)
    }
    return summary
  }

  private func describe(_ tally: StringTally, _ summary: inout ColumnSummary) {
    summary.distinct = tally.distinct
    summary.distinctIsExact = tally.distinctIsExact
    summary.min = tally.min.map { .text(Self.text($0, Self.boundBytesMax)) }
    summary.max = tally.max.map { .text(Self.text($0, Self.boundBytesMax)) }
    summary.top = tally.top(Self.topMax)?.map {
      ColumnSummary.TopValue(
        value: Self.text($0.bytes, StringTally.keptBytesMax), count: Int(clamping: $0.count))
    }
  }

  private func describe(_ profile: BoolProfile, _ summary: inout ColumnSummary) {
    summary.distinct = (profile.trues > 0 ? 1 : 0) + (profile.falses > 0 ? 1 : 0)
    guard count > 0 else { return }
    summary.min = .bool(profile.falses == 0)
    summary.max = .bool(profile.trues > 0)
    var trues = WideSum()
    trues.add(integer: Int128(profile.trues))
    setMoments(&summary, count: count, (trues, trues), divisor: 1)
  }

  private func describe(_ profile: DoubleProfile, _ summary: inout ColumnSummary) {
    setDistinct(&summary, profile.distinct)
    summary.nan = profile.nans
    summary.infinite = profile.infinities
    let finite = count - profile.nans - profile.infinities
    guard finite > 0 else { return }
    summary.min = .double(profile.low)
    summary.max = .double(profile.high)
    setMoments(&summary, count: finite, profile.sketch.sums(), divisor: 1)
    let bins = profile.sketch.bins()
    setQuantiles(&summary, count: finite, bins.map(\.count)) { index in
      let bin = bins[index]
      let middle = bin.low + bin.width / 2
      return .double(min(max(bin.isNegative ? -middle : middle, profile.low), profile.high))
    }
  }

  private func describe(_ profile: IntegerProfile, _ summary: inout ColumnSummary) {
    setDistinct(&summary, profile.distinct)
    guard count > 0 else { return }
    summary.min = .int(profile.low)
    summary.max = .int(profile.high)
    setMoments(&summary, count: count, profile.sums.sums(), divisor: 1)
    let bins = profile.sketch.bins()
    setQuantiles(&summary, count: count, bins.map(\.count)) { index in
      // Below 128 a bin holds one integer, its least.
      let bin = bins[index]
      let middle = bin.width <= 1 ? bin.low : bin.low + (bin.width / 2 - 1)
      let value =
        Int64(exactly: (bin.isNegative ? -middle : middle).rounded()) ?? (bin.isNegative ? .min : .max)
      return .int(min(max(value, profile.low), profile.high))
    }
  }

  private func describe(_ profile: DecimalProfile, _ summary: inout ColumnSummary) {
    setDistinct(&summary, profile.distinct)
    guard count > 0, case .decimal(_, let scale) = type else { return }
    summary.min = .text(ValueText.canonical(.decimal(profile.low), type: type))
    summary.max = .text(ValueText.canonical(.decimal(profile.high), type: type))
    var divisor = 1.0
    for _ in 0..<scale { divisor *= 10 }
    setMoments(&summary, count: count, profile.sums.sums(), divisor: divisor)
    let bins = profile.sketch.bins()
    setQuantiles(&summary, count: count, bins.map(\.count)) { index in
      let bin = bins[index]
      let middle = bin.width <= 1 ? bin.low : bin.low + bin.width / 2
      let value = min(max(bin.isNegative ? -middle : middle, Double(profile.low)), Double(profile.high))
      return .double(value / divisor)
    }
  }

  private func describe(_ profile: TimeProfile, _ summary: inout ColumnSummary) {
    setDistinct(&summary, profile.distinct)
    guard let range = profile.sketch.range else { return }
    let isDate = type == .date
    func text(_ value: Int64) -> SummaryValue {
      .text(
        ValueText.canonical(
          isDate ? .date(Int32(truncatingIfNeeded: value)) : .timestamp(value), type: type))
    }
    summary.min = text(range.lowerBound)
    summary.max = text(range.upperBound)
    let bins = profile.sketch.bins
    let half = profile.sketch.binSpan / 2
    setQuantiles(&summary, count: count, bins.map(\.count)) { index in
      // The middle of a bin; a bin within the range of times cannot overflow by half its width.
      text(min(max(bins[index].start &+ half, range.lowerBound), range.upperBound))
    }
  }

  // MARK: Parts

  private func setDistinct(_ summary: inout ColumnSummary, _ counter: DistinctCounter) {
    summary.distinct = counter.estimate
    summary.distinctIsExact = counter.isExact
  }

  private func setMoments(
    _ summary: inout ColumnSummary, count: Int, _ sums: (sum: WideSum, squares: WideSum), divisor: Double
  ) {
    // A sum beyond the doubles has no number in JSON; neither has its mean.
    summary.mean = ExactMoments.mean(count: count, sum: sums.sum).map { $0 / divisor }.flatMap(Self.finite)
    summary.stddev = ExactMoments.standardDeviation(count: count, sum: sums.sum, squares: sums.squares)
      .map { $0 / divisor }.flatMap(Self.finite)
  }

  private static func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

  /// `value` gives a bin's value; `counts` are the bins', ascending.
  private func setQuantiles(
    _ summary: inout ColumnSummary, count: Int, _ counts: [UInt64], _ value: (Int) -> SummaryValue
  ) {
    var quantiles: [String: SummaryValue] = [:]
    var index = 0
    var below: UInt64 = 0
    for percentile in ColumnSummary.percentiles {
      let (high, low) = UInt64(count - 1).multipliedFullWidth(by: UInt64(percentile))
      let rank = UInt64(100).dividingFullWidth((high, low)).quotient
      while index < counts.count - 1 && below + counts[index] <= rank {
        below += counts[index]
        index += 1
      }
      quantiles["p\(percentile)"] = value(index)
    }
    summary.quantiles = quantiles
  }

  /// The first bytes as text, no character torn.
  private static func text(_ bytes: [UInt8], _ limit: Int) -> String {
    var end = Swift.min(bytes.count, limit)
    if end == limit || end < bytes.count {
      // The cut may lie within a character: its last lead byte tells how long it would be.
      var lead = end - 1
      while lead > 0 && end - lead < 4 && bytes[lead] & 0xc0 == 0x80 { lead -= 1 }
      let length = bytes[lead] < 0x80 ? 1 : bytes[lead] < 0xe0 ? 2 : bytes[lead] < 0xf0 ? 3 : 4
      if lead + length > end { end = lead }
    }
    return String(decoding: bytes[..<end], as: UTF8.self)
  }
}
