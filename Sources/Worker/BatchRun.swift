public import Definition
public import Pipeline
public import Platform

/// One bounded run: lists the sources, reads every object, joins by key and publishes a snapshot.
public final class BatchRun: Sendable {
  private let definition: Definition

  /// `record` goes into the manifest; `semanticHash` is the SHA-256 of the definition's canonical text.
  public init(
    _ definition: Definition, record: Manifest.DefinitionRecord, semanticHash: String, options: BatchOptions,
    stores: any StoreDirectory
  ) {
    self.definition = definition
  }

  /// How far it is.
  public var progress: BatchProgress {
    BatchProgress(
      phase: .listing, objects: 0, objectsTotal: 0, bytes: 0, bytesTotal: 0, rows: 0, rowsRejected: 0)
  }

  /// Runs to the end; blocks.
  public func run() throws(BatchError) -> BatchOutcome {
    throw BatchError([])
  }
}
