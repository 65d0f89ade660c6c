import Glibc
public import Platform

extension LocalStore {
  /// Gives the file a second name, if it lies in this file system. It is as old as this call, for whoever goes by age.
  public func adopt(_ key: String, file path: String) throws(StoreError) -> Bool {
    let file = try FileDescriptor(path, O_RDONLY | O_NOFOLLOW, operation: "PUT")
    guard try file.status(operation: "PUT", path: path).isRegular, futimens(file.number, nil) == 0 else { return false }
    guard let linked = try TemporaryFile(linking: path, beside: key, operation: "PUT") else { return false }
    // EINVAL, EROFS: a file system without synchronisation.
    if fsync(file.number) != 0, errno != EINVAL, errno != EROFS {
      throw fileError(errno, operation: "PUT", path: key)
    }
    let lock = try KeyLock(key, operation: "PUT")
    try linked.publish()
    lock.release()
    return true
  }
}
