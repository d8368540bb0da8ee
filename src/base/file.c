/* base/file.c - files that are there whole or not at all. Every call that the world can refuse is guarded by rn_fault. */
#include "fault.h"
#include "rein/base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool rn_fault(int error_number) {
  static atomic_long calls, wanted = -1;                       // every thread would read the same
  long at = atomic_load_explicit(&wanted, memory_order_relaxed);
  if (at == -1) {
    const char *text = getenv("RN_FAULT");
    at = text ? RN_MAX(atol(text), 0) : 0;
    atomic_store_explicit(&wanted, at, memory_order_relaxed);
  }
  if (at == 0 || atomic_fetch_add(&calls, 1) + 1 != at) return false;
  errno = error_number;
  return true;
}

static bool refuse(rn_error *err, const char *path, const char *what) {
  int number = errno;
  // a name that the user gave and that is not there is the user's to mend; a full disk is not
  rn_code code = number == ENOENT || number == EACCES || number == EISDIR || number == ENOTDIR ? RN_INPUT : RN_SYSTEM;
  return rn_fail_as(err, code, "%s: %s: %s", path, what, strerror(number));
}

static bool all_in(int fd, char *at, size_t n) {
  while (n) {
    ssize_t got = rn_fault(EIO) ? -1 : read(fd, at, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) { if (got == 0) errno = EIO; return false; }
    at += got, n -= (size_t)got;
  }
  return true;
}

static bool all_out(int fd, const char *at, size_t n) {
  while (n) {
    ssize_t put = rn_fault(ENOSPC) ? -1 : write(fd, at, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    at += put, n -= (size_t)put;
  }
  return true;
}

bool rn_read_file(const char *path, char **bytes, size_t *n, rn_error *err) {
  int fd = rn_fault(EIO) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  struct stat s;
  if (fd < 0) return refuse(err, path, "can't be read");
  if (fstat(fd, &s) != 0 || (S_ISDIR(s.st_mode) && (errno = EISDIR))) return refuse(err, path, "can't be read"), close(fd), false;
  size_t room = S_ISREG(s.st_mode) ? (size_t)s.st_size : 0;
  char *at = rn_new(room + 1);
  bool fine = all_in(fd, at, room);
  // a pipe has no size, nor has a file of the kernel's: read until it ends
  for (size_t n = 0; fine && (!S_ISREG(s.st_mode) || s.st_size == 0);) {
    if (n == room) at = rn_grow(at, room + 1, room * 2 + 65537), room = room * 2 + 65536;
    ssize_t got = rn_fault(EIO) ? -1 : read(fd, at + n, room - n);
    if (got < 0 && errno == EINTR) continue;
    fine = got >= 0;
    if (got <= 0) { room = n; break; }
    n += (size_t)got;
  }
  if (!fine) refuse(err, path, "can't be read"), rn_free(at), at = NULL;
  else at[room] = 0, *bytes = at, *n = room;
  close(fd);
  return fine;
}

//---- whole or not at all -------------------------------------------------------------------------------------------------------

struct rn_out { int fd; char *path, *temporary; int number; size_t n; char buffer[65536]; };

static bool sync_folder_of(const char *path) {
  char *folder = rn_copy_text(path), *slash = strrchr(folder, '/');
  if (slash == folder) slash[1] = 0;
  else if (slash) *slash = 0;
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  rn_free(folder);
  if (fd < 0) return false;
  bool fine = !rn_fault(EIO) && (fsync(fd) == 0 || errno == EINVAL);       // some file systems know no fsync of a folder
  int number = errno;
  close(fd);
  errno = number;
  return fine;
}

static void out_free(rn_out *out) { rn_free(out->path), rn_free(out->temporary), rn_free(out); }

rn_out *rn_out_open(const char *path, rn_error *err) {
  rn_out *out = rn_new(sizeof *out);                           // memory first: its failure must leave no file behind
  out->path = rn_copy_text(path), out->temporary = rn_printed("%s.tmp%ld", path, (long)getpid());
  out->fd = rn_fault(ENOSPC) ? -1 : open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out->fd >= 0) return out;
  refuse(err, path, "can't be written"), out_free(out);
  return NULL;
}

static void flush_out(rn_out *out) {
  if (!out->number && !all_out(out->fd, out->buffer, out->n)) out->number = errno;
  out->n = 0;
}

void rn_out_bytes(rn_out *out, const void *bytes, size_t n) {
  if (out->n + n > sizeof out->buffer) flush_out(out);
  if (n <= sizeof out->buffer) memcpy(out->buffer + out->n, bytes, n), out->n += n;
  else if (!out->number && !all_out(out->fd, bytes, n)) out->number = errno;
}

bool rn_out_close(rn_out *out, rn_error *err) {
  flush_out(out);
  if (!out->number && (rn_fault(EIO) || fsync(out->fd) != 0)) out->number = errno;
  if (close(out->fd) != 0 && !out->number) out->number = errno;
  if (!out->number && (rn_fault(EIO) || rename(out->temporary, out->path) != 0)) out->number = errno;
  if (!out->number && !sync_folder_of(out->path)) out->number = errno;
  bool fine = out->number == 0;
  if (!fine) unlink(out->temporary), errno = out->number, refuse(err, out->path, "can't be written");
  out_free(out);
  return fine;
}

void rn_out_abandon(rn_out *out) {
  if (!out) return;
  close(out->fd), unlink(out->temporary), out_free(out);
}

bool rn_write_file(const char *path, const void *bytes, size_t n, rn_error *err) {
  rn_out *out = rn_out_open(path, err);
  if (!out) return false;
  rn_out_bytes(out, bytes, n);
  return rn_out_close(out, err);
}

//---- folders and names ---------------------------------------------------------------------------------------------------------

bool rn_make_folder(const char *path, rn_error *err) {
  char *part = rn_copy_text(path);
  bool fine = true;
  for (char *at = part + (*part != 0); fine; at++) {
    if (*at && *at != '/') continue;
    char was = *at;
    *at = 0;
    struct stat s;
    if (rn_fault(ENOSPC) || (mkdir(part, 0755) != 0 && errno != EEXIST)) fine = refuse(err, part, "the folder can't be made");
    else if (stat(part, &s) == 0 && !S_ISDIR(s.st_mode)) errno = ENOTDIR, fine = refuse(err, part, "the folder can't be made");
    *at = was;
    if (!was) break;
  }
  rn_free(part);
  return fine;
}

bool rn_remove(const char *path, rn_error *err) { return unlink(path) == 0 || errno == ENOENT || refuse(err, path, "can't be removed"); }
bool rn_exists(const char *path) { return access(path, F_OK) == 0; }

long rn_file_size(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode) ? (long)s.st_size : -1;
}

bool rn_lock_folder(const char *folder, rn_error *err) {
  char *path = rn_printed("%s/lock", folder), who[32] = "";
  int fd = rn_fault(EACCES) ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  bool fine = fd >= 0 || refuse(err, path, "the folder can't be locked");
  if (fine && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refuse(err, path, "the folder can't be locked"), close(fd), rn_free(path), false;
    ssize_t n = read(fd, who, sizeof who - 1);
    fine = rn_fail(err, "%s: in use by process %.*s; wait for it or name another folder", folder, n > 0 ? (int)n : 1, n > 0 ? who : "?");
    close(fd);
  } else if (fine) {
    int n = snprintf(who, sizeof who, "%ld", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, who, (size_t)n, 0) != n) fine = refuse(err, path, "the folder can't be locked");
  }
  rn_free(path);
  return fine;                                                 // the descriptor stays open: the lock ends with the process
}

//---- mapped files --------------------------------------------------------------------------------------------------------------

bool rn_map_open(rn_map *map, const char *path, size_t bytes, rn_error *err) {
  bool writable = bytes > 0;
  int fd = rn_fault(EIO) ? -1 : open(path, (writable ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
  struct stat s;
  *map = (rn_map){0};
  if (fd < 0) return refuse(err, path, "can't be opened");
  bool fine = fstat(fd, &s) == 0;
  if (fine && S_ISDIR(s.st_mode)) errno = EISDIR, fine = false;
  // room on the disk is taken now: a full disk is a message here, not a signal at a later write
  if (fine && writable && (size_t)s.st_size < bytes) {
    int number = rn_fault(ENOSPC) ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    if (number) errno = number, fine = false;
  }
  if (fine && !writable) bytes = (size_t)s.st_size;
  if (fine && bytes) {
    void *at = rn_fault(ENOMEM) ? MAP_FAILED : mmap(NULL, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, writable ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    fine = at != MAP_FAILED;
    if (fine) *map = (rn_map){at, bytes};
  }
  if (!fine) refuse(err, path, "can't be mapped");
  close(fd);
  return fine;
}

bool rn_map_sync(const rn_map *map, size_t from, size_t to, rn_error *err) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  from = from / page * page;
  if (to <= from) return true;
  return (!rn_fault(EIO) && msync((char *)map->at + from, to - from, MS_SYNC) == 0) || refuse(err, "a table's column", "can't be written");
}

void rn_map_close(rn_map *map) {
  if (map->at) munmap(map->at, map->bytes);
  *map = (rn_map){0};
}
