/// How often each value of a column comes: what whoever made a dictionary of it knows.
public struct ValueCounts: Sendable {
  /// The distinct values, none null. Two may differ in their bits alone, as 0.0 and −0.0 do.
  public let values: Column
  /// One a value, at least 1.
  public let counts: [UInt32]
  /// Rows without a value.
  public let nulls: Int

  public init(values: Column, counts: [UInt32], nulls: Int) {
    precondition(counts.count <= values.capacity)
    self.values = values
    self.counts = counts
    self.nulls = nulls
  }
}
