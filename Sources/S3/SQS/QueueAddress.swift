internal import Platform

/// A queue's URL, which says where its requests go and, on AWS, in which region they are signed.
struct QueueAddress: Sendable, Hashable {
  /// As the user wrote it: the queue's name in every request.
  let url: String
  let isTLS: Bool
  let authority: String
  /// nil where the URL does not tell (a server other than AWS's).
  let region: String?

  init(_ text: String) throws(StoreError) {
    // The text itself is not repeated: somebody may have put a password in it.
    guard let address = Address(text), address.query.isEmpty, address.path.split(separator: "/").count >= 2 else {
      throw StoreError(
        .protocolViolation, operation: "configure", location: "SQS", message: "this is not the URL of a queue",
        hint: "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as the console shows it")
    }
    url = text
    isTLS = address.isTLS
    authority = address.authority
    region = QueueAddress.region(ofHost: address.host)
  }

  /// Of `sqs.REGION.amazonaws.com` (also `sqs-fips`, `….cn`, VPC endpoints, `sqs.REGION.api.aws`) and the older
  /// `REGION.queue.amazonaws.com`.
  private static func region(ofHost host: String) -> String? {
    let labels = host.split(separator: ".").map(String.init)
    guard host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn") || host.hasSuffix(".api.aws") else {
      return nil
    }
    if let service = labels.firstIndex(where: { $0 == "sqs" || $0 == "sqs-fips" }), service + 1 < labels.count {
      return labels[service + 1] == "amazonaws" ? "us-east-1" : labels[service + 1]
    }
    if let service = labels.firstIndex(of: "queue") { return service == 0 ? "us-east-1" : labels[service - 1] }
    return nil
  }
}
