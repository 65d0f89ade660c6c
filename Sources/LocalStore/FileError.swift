import Glibc
import Platform

/// Turns an `errno` into what it means for the caller and what the user can do.
func fileError(_ code: Int32, operation: String, path: String) -> StoreError {
  let message = String(cString: strerror(code))
  switch code {
  case ENOENT:
    return StoreError(.notFound, operation: operation, location: path, message: message)
  case ENOTDIR:
    return StoreError(
      .notFound, operation: operation, location: path, message: message,
      hint: "a part of the path is a file, not a directory")
  case EACCES, EPERM:
    return StoreError(
      .forbidden, operation: operation, location: path, message: message,
      hint: "check the permissions of the path and of the directories above it (ls -ld)")
  case EROFS:
    return StoreError(
      .forbidden, operation: operation, location: path, message: message,
      hint: "write to another file system")
  case ENOSPC:
    return StoreError(
      .full, operation: operation, location: path, message: message,
      hint: "free some space (df -h, and df -i for inodes) or write elsewhere; nothing partial was left")
  case EDQUOT:
    return StoreError(
      .full, operation: operation, location: path, message: message,
      hint: "your quota is used up (quota -s); nothing partial was left")
  case ELOOP:
    return StoreError(
      .other, operation: operation, location: path, message: message,
      hint: "symbolic links lead in a circle; remove one of them")
  case EMFILE, ENFILE:
    return StoreError(
      .other, operation: operation, location: path, message: message,
      hint: "raise the limit on open files (ulimit -n)")
  case EIO:
    return StoreError(
      .unavailable, operation: operation, location: path, message: message,
      hint: "the device or file server failed; see the kernel's log")
  default:
    return StoreError(.other, operation: operation, location: path, message: message)
  }
}

/// Repeats a system call that a signal interrupted.
func retryingInterrupts(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
