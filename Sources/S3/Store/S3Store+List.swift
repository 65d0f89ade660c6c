public import Platform

extension S3Store {
  /// ListObjectsV2 in pages of 1,000, in whatever order the server has. Entity tags are given, versions are not.
  /// A bucket that does not exist is `.notFound`; a prefix without objects gives no page.
  public func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    var continuation: String?
    repeat {
      let answer = try listPage(prefix: prefix, continuation: continuation)
      if !answer.objects.isEmpty {
        do {
          guard try page(answer.objects) else { return }
        } catch {
          throw StoreError(passingOn: error, operation: "LIST", location: "s3://\(bucket)/\(prefix)")
        }
      }
      if let next = answer.continuation, next == continuation {
        throw StoreError(
          .protocolViolation, operation: "LIST", location: "s3://\(bucket)/\(prefix)",
          message: "the server gives the same page again and again")
      }
      continuation = answer.continuation
    } while continuation != nil
  }

  private func listPage(prefix: String, continuation: String?) throws(StoreError) -> ListPage {
    var call = S3Call(operation: "LIST", method: "GET", bucket: bucket)
    // Keys may hold characters that XML cannot, so they are asked for percent-encoded.
    call.query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", "1000"), ("prefix", prefix)]
    if let continuation { call.query.append(("continuation-token", continuation)) }
    do throws(S3Failure) {
      return try session.client.perform(
        { call },
        read: { response throws(MalformedAnswer) in try ListPage(response.body, bucket: bucket) })
    } catch {
      throw StoreError(
        error.error.code, operation: "LIST", location: "s3://\(bucket)/\(prefix)",
        message: error.error.message,
        hint: error.error.hint)
    }
  }
}
