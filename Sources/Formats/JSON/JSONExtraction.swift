internal import Columns
public import Definition

/// What a ``JSONScanner`` takes from each record for one field.
public struct JSONExtraction: Sendable, Hashable {
  public enum Shape: Sendable, Hashable {
    /// The value at the end of the path. If the path has `[]`: those of all elements, a list.
    case value
    /// How many elements the array at the end of the path has. For paths without `[]`.
    case count
    /// Nothing: the field is always null (a column that is not of the document, such as `$object`).
    case nothing
  }

  public var path: JSONPath
  public var shape: Shape
  /// An object or array gives its JSON text as it stands; else it is a wrong shape.
  public var allowsContainer: Bool
  /// A wrong shape makes the field null; else it rejects the row.
  public var setsNullOnWrongShape: Bool
  /// The column that a wrong shape is noted under (``RowFaults/columns``).
  public var columnIndex: UInt16

  public init(
    path: JSONPath, shape: Shape = .value, allowsContainer: Bool = false, setsNullOnWrongShape: Bool = false,
    columnIndex: UInt16 = 0
  ) {
    self.path = path
    self.shape = shape
    self.allowsContainer = allowsContainer
    self.setsNullOnWrongShape = setsNullOnWrongShape
    self.columnIndex = columnIndex
  }

  /// What a definition's column asks for. Only text and counts take containers: `tags: string` is `["a","b"]`.
  public init(column: SourceColumn, columnIndex: UInt16) {
    self.columnIndex = columnIndex
    setsNullOnWrongShape = column.onError == .setNull
    allowsContainer = column.type == .string || column.reduce == .count
    switch column.location {
    case .path(let path): self.path = path
    case .named(let name): path = JSONPath(steps: [.member(name)])
    case .object, .row, .modified, .recordKey, .recordTimestamp, .header: path = JSONPath(steps: [])
    }
    if path.steps.isEmpty {
      shape = .nothing
    } else if column.reduce == .count && !path.hasElements {
      shape = .count
    } else {
      shape = .value
    }
  }

  /// One extraction a column, in order: field `i` is column `i`.
  public static func all(of columns: [SourceColumn]) -> [JSONExtraction] {
    columns.enumerated().map { index, column in
      JSONExtraction(column: column, columnIndex: UInt16(truncatingIfNeeded: index))
    }
  }
}

extension JSONPath {
  /// Whether it has `[]`.
  var hasElements: Bool { steps.contains(.elements) }
}
