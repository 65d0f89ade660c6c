extension DoubleProfile {
  func write(to out: inout StateWriter) {
    out.put(count: nans)
    out.put(count: infinities)
    out.put(fixed: low.bitPattern)
    out.put(fixed: high.bitPattern)
    distinct.write(to: &out)
    sketch.write(to: &out)
  }

  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    nans = try state.int()
    infinities = try state.int()
    low = Double(bitPattern: try state.fixed())
    high = Double(bitPattern: try state.fixed())
    let finite = count - nans - infinities
    guard
      finite == 0 ? low == .infinity && high == -.infinity : finite > 0 && low <= high && low.isFinite && high.isFinite
    else { throw StateReader.damaged("a column's bounds are none") }
    try distinct.read(&state)
    try sketch.read(&state, count: finite)
  }
}

extension IntegerProfile {
  func write(to out: inout StateWriter) {
    out.put(fixed: low)
    out.put(fixed: high)
    sums.write(to: &out)
    distinct.write(to: &out)
    sketch.write(to: &out)
  }

  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    low = try state.fixed()
    high = try state.fixed()
    guard count == 0 ? low == .max && high == .min : low <= high else {
      throw StateReader.damaged("a column's bounds are none")
    }
    sums = try IntegerSums(&state)
    try distinct.read(&state)
    try sketch.read(&state, count: count)
  }
}

extension DecimalProfile {
  func write(to out: inout StateWriter) {
    out.put(fixed: low)
    out.put(fixed: high)
    sums.write(to: &out)
    distinct.write(to: &out)
    sketch.write(to: &out)
  }

  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    low = try state.fixed()
    high = try state.fixed()
    guard count == 0 ? low == .max && high == .min : low <= high else {
      throw StateReader.damaged("a column's bounds are none")
    }
    sums = try IntegerSums(&state)
    try distinct.read(&state)
    try sketch.read(&state, count: count)
  }
}

extension TimeProfile {
  func write(to out: inout StateWriter) {
    distinct.write(to: &out)
    sketch.write(to: &out)
  }

  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    try distinct.read(&state)
    try sketch.read(&state, count: count)
  }
}

extension BoolProfile {
  func write(to out: inout StateWriter) {
    out.put(count: trues)
    out.put(count: falses)
  }

  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    trues = try state.int()
    falses = try state.int()
    guard trues + falses == count else { throw StateReader.damaged("a column holds other numbers of values") }
  }
}
