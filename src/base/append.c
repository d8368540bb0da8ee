/* base/append.c - a file that grows at its end and can be cut back: event files, raw logs. */
#include "fault.h"
#include "rein/base.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool rn_append_at(const char *path, long at, const void *bytes, size_t n, rn_error *err) {
  int fd = rn_fault(ENOSPC) ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  bool fine = fd >= 0 && !rn_fault(EIO) && ftruncate(fd, at) == 0;
  for (const char *from = bytes; fine && n;) {
    ssize_t put = rn_fault(ENOSPC) ? -1 : pwrite(fd, from, n, at);
    if (put < 0 && errno == EINTR) continue;
    fine = put >= 0;
    if (fine) from += put, at += put, n -= (size_t)put;
  }
  fine = fine && !rn_fault(EIO) && fsync(fd) == 0;
  int number = errno;
  if (fd >= 0) close(fd);
  if (fine) return true;
  rn_code code = number == ENOENT || number == EACCES || number == EISDIR || number == ENOTDIR ? RN_INPUT : RN_SYSTEM;
  return rn_fail_as(err, code, "%s: can't be written: %s", path, strerror(number));
}
