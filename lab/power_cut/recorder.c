/* Records what a process does to the files below one directory. Loaded by LD_PRELOAD.
 *
 * Every call that changes a file or a name, or that has one written through, is done and then
 * appended to the log, in the order in which it was done: a lock is held over both. Files are told
 * apart by inode, so that renames and open files need no guessing. What is missing here would show:
 * whoever plays the log checks that it ends in what is really there.
 *
 * A record is the header below and its two byte strings. See record.py for the other end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MKDIR, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, RMDIR, LINK, SYNC_ALL, MARK, UNKNOWN };

struct header {
    uint32_t kind, mode;
    uint64_t inode, other; /* of what; of the directory that holds its new name */
    int64_t offset;        /* or the new size */
    uint32_t first, second; /* lengths of the two byte strings that follow */
};

static int log_descriptor = -1;
static char root[PATH_MAX];
static size_t root_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char watched[1 << 16]; /* by descriptor: whether it is of a file below the root */

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define WITH_LOCK(result, call) do { pthread_mutex_lock(&lock); result = call; } while (0)
#define DONE(result) do { int saved = errno; pthread_mutex_unlock(&lock); errno = saved; return result; } while (0)

static void append(struct header *header, const void *first, const void *second) {
    struct iovec parts[3] = {{header, sizeof *header}, {(void *)first, header->first}, {(void *)second, header->second}};
    size_t want = sizeof *header + header->first + header->second;
    if (syscall(SYS_writev, log_descriptor, parts, 3) != (ssize_t)want) abort();
}

static int below_root(const char *path) {
    return root_length && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int is_watched(int descriptor) {
    return log_descriptor >= 0 && descriptor >= 0 && descriptor < (int)sizeof watched && watched[descriptor];
}

static void watch(int descriptor, int yes) {
    if (descriptor >= 0 && descriptor < (int)sizeof watched) watched[descriptor] = (unsigned char)yes;
}

/* Find the directory that holds the last name of a path; 0 if it is not below the root. */
static int directory_of(int at, const char *path, uint64_t *inode, const char **name) {
    if (log_descriptor < 0) return 0;
    char directory[PATH_MAX], whole[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash) strcpy(directory, ".");
    else if (slash == path) strcpy(directory, "/");
    else snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    int descriptor = (int)syscall(SYS_openat, at, directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (descriptor < 0) return 0;
    struct stat found;
    int yes = path_of(descriptor, whole) && below_root(whole) && fstat(descriptor, &found) == 0;
    if (yes) *inode = found.st_ino;
    syscall(SYS_close, descriptor);
    return yes;
}

static uint64_t inode_of(int descriptor, uint32_t *mode) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) abort();
    if (mode) *mode = found.st_mode;
    return found.st_ino;
}

static void record_named(uint32_t kind, uint32_t mode, uint64_t inode, uint64_t directory, const char *name) {
    struct header header = {kind, mode, inode, directory, 0, (uint32_t)strlen(name), 0};
    append(&header, name, "");
}

static void record_sized(uint32_t kind, int descriptor, int64_t offset, const void *data, size_t length) {
    uint32_t mode;
    struct header header = {kind, 0, inode_of(descriptor, &mode), 0, offset, (uint32_t)length, 0};
    /* A number that libc closed behind our back may be a pipe's by now. */
    if (S_ISREG(mode) || S_ISDIR(mode)) append(&header, data, "");
}

/* Begin and end from within the process, and note what it has promised by now. */

int record_start(const char *log, const char *directory) {
    if (!realpath(directory, root)) return -1;
    root_length = strlen(root);
    memset(watched, 0, sizeof watched);
    log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return log_descriptor < 0 ? -1 : 0;
}

void record_stop(void) {
    if (log_descriptor >= 0) syscall(SYS_close, log_descriptor);
    log_descriptor = -1;
}

void record_mark(const char *name) {
    pthread_mutex_lock(&lock);
    if (log_descriptor >= 0) record_named(MARK, 0, 0, 0, name);
    pthread_mutex_unlock(&lock);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }

__attribute__((constructor)) static void from_environment(void) {
    const char *log = getenv("POWER_CUT_LOG"), *directory = getenv("POWER_CUT_ROOT");
    pthread_atfork(before_fork, after_fork, after_fork);
    if (log && directory && record_start(log, directory) != 0) abort();
}

/* Opening: a file may be made, or cut. */

static int exists_at(int at, const char *path) {
    struct stat found;
    return fstatat(at, path, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    if (log_descriptor < 0) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = !(flags & O_CREAT) || exists_at(at, path);
    int descriptor = (int)syscall(SYS_openat, at, path, flags, mode);
    if (descriptor >= 0) {
        int saved = errno;
        char whole[PATH_MAX];
        uint64_t directory;
        const char *name;
        uint32_t found;
        int ours = !(flags & O_PATH) && path_of(descriptor, whole) && below_root(whole);
        watch(descriptor, ours);
        if (ours) {
            uint64_t inode = inode_of(descriptor, &found);
            if (!existed && directory_of(at, path, &directory, &name)) record_named(CREATE, found, inode, directory, name);
            else if (flags & O_TRUNC) record_sized(TRUNCATE, descriptor, 0, "", 0);
            if ((flags & O_TMPFILE) == O_TMPFILE) record_named(UNKNOWN, 0, 0, 0, "O_TMPFILE");
        }
        errno = saved;
    }
    DONE(descriptor);
}

#define MODE(last) mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, last); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

FILE *fopen(const char *path, const char *how) {
    REAL(fopen);
    FILE *file = real(path, how);
    char whole[PATH_MAX];
    if (file && log_descriptor >= 0 && how[0] != 'r' && path_of(fileno(file), whole) && below_root(whole)) {
        pthread_mutex_lock(&lock);
        record_named(UNKNOWN, 0, 0, 0, "fopen");
        pthread_mutex_unlock(&lock);
    }
    return file;
}
FILE *fopen64(const char *path, const char *how) { return fopen(path, how); }

int close(int descriptor) { watch(descriptor, 0); return (int)syscall(SYS_close, descriptor); }

static int copied(int from, int to) { if (to >= 0) watch(to, is_watched(from)); return to; }
int dup(int from) { return copied(from, (int)syscall(SYS_dup, from)); }
int dup2(int from, int to) { return copied(from, from == to ? (int)syscall(SYS_fcntl, from, F_GETFD) < 0 ? -1 : to : (int)syscall(SYS_dup3, from, to, 0)); }
int dup3(int from, int to, int flags) { return copied(from, (int)syscall(SYS_dup3, from, to, flags)); }
static int controlled(int descriptor, int command, void *argument) {
    int result = (int)syscall(SYS_fcntl, descriptor, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(descriptor, result) : result;
}
#define ARGUMENT va_list more; va_start(more, command); void *argument = va_arg(more, void *); va_end(more);
int fcntl(int descriptor, int command, ...) { ARGUMENT return controlled(descriptor, command, argument); }
int fcntl64(int descriptor, int command, ...) { ARGUMENT return controlled(descriptor, command, argument); }

/* Content. */

ssize_t write(int descriptor, const void *data, size_t length) {
    if (!is_watched(descriptor)) return syscall(SYS_write, descriptor, data, length);
    ssize_t written;
    WITH_LOCK(written, syscall(SYS_write, descriptor, data, length));
    if (written > 0) record_sized(WRITE, descriptor, lseek(descriptor, 0, SEEK_CUR) - written, data, (size_t)written);
    DONE(written);
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    if (!is_watched(descriptor)) return syscall(SYS_pwrite64, descriptor, data, length, offset);
    ssize_t written;
    WITH_LOCK(written, syscall(SYS_pwrite64, descriptor, data, length, offset));
    if (written > 0) record_sized(WRITE, descriptor, offset, data, (size_t)written);
    DONE(written);
}
ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) { return pwrite(descriptor, data, length, offset); }

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (!is_watched(descriptor)) return syscall(SYS_writev, descriptor, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write(descriptor, parts[i].iov_base, parts[i].iov_len);
        if (written < 0) return total ? total : -1;
        total += written;
        if ((size_t)written < parts[i].iov_len) break;
    }
    return total;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    if (!is_watched(descriptor)) return syscall(SYS_pwritev, descriptor, parts, count, offset, 0);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = pwrite(descriptor, parts[i].iov_base, parts[i].iov_len, offset + total);
        if (written < 0) return total ? total : -1;
        total += written;
        if ((size_t)written < parts[i].iov_len) break;
    }
    return total;
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) { return pwritev(descriptor, parts, count, offset); }

int ftruncate(int descriptor, off_t size) {
    int result;
    WITH_LOCK(result, (int)syscall(SYS_ftruncate, descriptor, size));
    if (result == 0 && is_watched(descriptor)) record_sized(TRUNCATE, descriptor, size, "", 0);
    DONE(result);
}
int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    int result;
    WITH_LOCK(result, (int)syscall(SYS_fallocate, descriptor, mode, offset, length));
    struct stat found;
    if (result == 0 && is_watched(descriptor)) {
        if (mode) record_named(UNKNOWN, 0, 0, 0, "fallocate with a mode");
        else if (fstat(descriptor, &found) == 0) record_sized(TRUNCATE, descriptor, found.st_size, "", 0);
    }
    DONE(result);
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) { return fallocate(descriptor, mode, offset, length); }
int posix_fallocate(int descriptor, off_t offset, off_t length) { return fallocate(descriptor, 0, offset, length) ? errno : 0; }
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) { return posix_fallocate(descriptor, offset, length); }

/* Written through: nothing is asked of the disk, as nobody cuts the power; it is only recorded. */

static int synced(int descriptor) {
    pthread_mutex_lock(&lock);
    record_sized(SYNC, descriptor, 0, "", 0);
    DONE(0);
}
int fsync(int descriptor) { return is_watched(descriptor) ? synced(descriptor) : (int)syscall(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return is_watched(descriptor) ? synced(descriptor) : (int)syscall(SYS_fdatasync, descriptor); }
void sync(void) {
    pthread_mutex_lock(&lock);
    if (log_descriptor >= 0) record_named(SYNC_ALL, 0, 0, 0, "");
    pthread_mutex_unlock(&lock);
    syscall(SYS_sync);
}

/* Names. */

static int removed(int at, const char *path, int flags) {
    uint64_t directory = 0;
    const char *name = NULL;
    pthread_mutex_lock(&lock);
    int ours = directory_of(at, path, &directory, &name);
    int result = (int)syscall(SYS_unlinkat, at, path, flags);
    if (result == 0 && ours) record_named(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, 0, directory, name);
    DONE(result);
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat found;
    if (lstat(path, &found) != 0) return -1;
    return removed(AT_FDCWD, path, S_ISDIR(found.st_mode) ? AT_REMOVEDIR : 0);
}

static int renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    uint64_t old_directory = 0, new_directory = 0;
    const char *old_name = NULL, *new_name = NULL;
    pthread_mutex_lock(&lock);
    int ours = directory_of(from_at, from, &old_directory, &old_name);
    int theirs = directory_of(to_at, to, &new_directory, &new_name);
    int result = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (result == 0 && (ours || theirs)) {
        if (!ours || !theirs || flags & ~1u) record_named(UNKNOWN, 0, 0, 0, "a rename across the root, or an exchange");
        else {
            struct header header = {RENAME, 0, old_directory, new_directory, 0, (uint32_t)strlen(old_name), (uint32_t)strlen(new_name)};
            append(&header, old_name, new_name);
        }
    }
    DONE(result);
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renamed(from_at, from, to_at, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) { return renamed(from_at, from, to_at, to, flags); }

static int made(int at, const char *path, mode_t mode) {
    uint64_t directory = 0;
    const char *name = NULL;
    struct stat found;
    pthread_mutex_lock(&lock);
    int ours = directory_of(at, path, &directory, &name);
    int result = (int)syscall(SYS_mkdirat, at, path, mode);
    if (result == 0 && ours && fstatat(at, path, &found, AT_SYMLINK_NOFOLLOW) == 0) record_named(MKDIR, found.st_mode, found.st_ino, directory, name);
    DONE(result);
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made(at, path, mode); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    uint64_t directory = 0;
    const char *name = NULL;
    struct stat found;
    pthread_mutex_lock(&lock);
    int ours = directory_of(to_at, to, &directory, &name);
    int result = (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (result == 0 && ours && fstatat(to_at, to, &found, AT_SYMLINK_NOFOLLOW) == 0) record_named(LINK, found.st_mode, found.st_ino, directory, name);
    DONE(result);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
