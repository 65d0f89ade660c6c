import Platform
import Testing

struct S3LocationTests {
  @Test func theKeyIsTakenAsItIs() throws {
    let location = try S3Location.parse("s3://bucket/prefix with spaces+%/ü")
    #expect(location == S3Location(bucket: "bucket", key: "prefix with spaces+%/ü"))
    #expect(location.description == "s3://bucket/prefix with spaces+%/ü")
    #expect(try S3Location.parse("s3a://b-1.x_Y//k?a#b%20") == S3Location(bucket: "b-1.x_Y", key: "/k?a#b%20"))
    #expect(try S3Location.parse("s3://bucket") == S3Location(bucket: "bucket", key: ""))
    #expect(try S3Location.parse("s3://bucket/") == S3Location(bucket: "bucket", key: ""))
    #expect(S3Location.isS3("s3://x") && !S3Location.isS3("s3/x") && !S3Location.isS3("data/*.csv"))
  }

  @Test(arguments: [
    "bucket/key", "s3:/bucket", "s3://", "s3:///key", "s3://user:secret@bucket/k", "s3://bücket/k", "s3://a b/k",
    "s3://arn:aws:s3:::b/k", "s3://b/" + String(repeating: "k", count: 1025), "http://b/k",
  ]) func whatIsNoLocationIsExplained(_ text: String) {
    let error = failure { () throws(StoreError) in try S3Location.parse(text) }
    #expect(error?.code == .protocolViolation)
    #expect(error?.hint.isEmpty == false)
  }
}
