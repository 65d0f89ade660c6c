public import Columns

extension SourceColumn.Reduce {
  /// Whether elements of a type can be reduced so that the column has that same type.
  ///
  /// `mean` is for doubles (a mean of ints is no int, one of decimals has more digits than its scale); `count` gives an
  /// int whatever the elements are.
  public func accepts(_ type: ColumnType) -> Bool {
    switch (self, type) {
    case (.min, _), (.max, _), (.first, _), (.last, _): true
    case (.sum, .int), (.sum, .double), (.sum, .decimal): true
    case (.mean, .double): true
    case (.count, .int): true
    default: false
    }
  }
}
