/* Records what a process does to the files below one folder, so that the disk can be rebuilt as a power cut would
 * leave it, and what it says to the world and hears of it. Preloaded by the tests; not part of the product.
 *
 *   TRACE_ROOT    folder whose files are recorded (absolute, no symbolic links)
 *   TRACE_FILE    where the record goes (outside the folder)
 *   TRACE_IGNORE  "wal", "database", "media", "day-folder", "media-folder", "folder", "parent": a sync of this kind is swallowed, as if left out
 *
 *   TRACE_NETWORK when set, what goes through its TCP and UDP sockets (IPv4) is recorded, too
 *
 * A record: one byte kind, u32 length of path, path, u64 offset, u32 length of data, data. Kinds:
 *   O file made or opened for writing (offset 1: emptied)   W write   T truncate (offset: new size)
 *   S file synced   D folder synced   R renamed (data: new path)   U unlinked   M folder made   X folder removed
 *   A marker: bytes written to a file named "acknowledged" below TRACE_ROOT (which itself is not recorded)
 *   N bytes said, I bytes heard on a socket (path: local port, ">", peer's address, ":", its port)
 *
 * One mutex around the call and its record: their order in the record is the order they happened in.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 4096
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[DESCRIPTORS];
static char root[4096];
static size_t root_length;
static const char *ignore;
static int record_fd = -1;
static int network;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("TRACE_ROOT"), *file = getenv("TRACE_FILE");
    if (!folder || !file) return;
    snprintf(root, sizeof root, "%s/", folder);
    root_length = strlen(root);
    ignore = getenv("TRACE_IGNORE");
    network = getenv("TRACE_NETWORK") != NULL;
    record_fd = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below(const char *path) {
    return record_fd >= 0 && path && (strncmp(path, root, root_length) == 0 ||
        (strlen(path) == root_length - 1 && strncmp(path, root, root_length - 1) == 0));
}

static void put(const void *data, size_t length) {
    const char *from = data;
    while (length > 0) {
        ssize_t written = REAL(write)(record_fd, from, length);
        if (written < 0) { if (errno == EINTR) continue; abort(); }
        from += written; length -= (size_t)written;
    }
}

static void record(char kind, const char *path, uint64_t offset, const void *data, uint32_t length) {
    int saved = errno;
    uint32_t path_length = (uint32_t)strlen(path);
    char head[1 + 4 + 4096 + 8 + 4];
    size_t at = 0;
    head[at++] = kind;
    memcpy(head + at, &path_length, 4); at += 4;
    memcpy(head + at, path, path_length); at += path_length;
    memcpy(head + at, &offset, 8); at += 8;
    memcpy(head + at, &length, 4); at += 4;
    put(head, at);
    put(data, length);
    errno = saved;
}

static int ends(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static const char *kind_of(const char *path, int is_folder) {
    if (is_folder) {
        if (strlen(path) == root_length - 1) return "parent";
        if (ends(path, "/media")) return "media-folder";
        return strstr(path, "/media/") ? "day-folder" : "folder";
    }
    if (ends(path, "-wal")) return "wal";
    if (strstr(path, "/media/")) return "media";
    return ends(path, ".db") ? "database" : "other";
}

static void opened(int fd, const char *path, int flags, int was_there) {
    if (fd < 0 || fd >= DESCRIPTORS) return;
    free(paths[fd]);
    paths[fd] = strdup(path);
    if (ends(path, "/acknowledged")) return;
    if ((flags & O_ACCMODE) != O_RDONLY && (!was_there || (flags & O_TRUNC)))
        record('O', path, (flags & O_TRUNC) != 0, "", 0);
}

static int do_open(const char *name, const char *path, int flags, mode_t mode) {
    int (*open_it)(const char *, int, ...) = (int (*)(const char *, int, ...))real(name);
    if (!below(path)) return open_it(path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int was_there = stat(path, &before) == 0;
    int fd = open_it(path, flags, mode);
    opened(fd, path, flags, was_there);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags, mode) mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags, mode) return do_open("open", path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return do_open("open64", path, flags, mode); }
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags, mode)
    if (below(path)) return do_open("open", path, flags, mode);
    return REAL(openat)(folder, path, flags, mode);
}

int close(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS && paths[fd]) {
        pthread_mutex_lock(&lock);
        free(paths[fd]);
        paths[fd] = NULL;
        int result = REAL(close)(fd);
        pthread_mutex_unlock(&lock);
        return result;
    }
    return REAL(close)(fd);
}

static int known(int fd) { return record_fd >= 0 && fd >= 0 && fd < DESCRIPTORS && paths[fd] != NULL; }

/* Whether fd is a socket that is recorded; then its two ends. `to`: where a datagram goes, if that is known. */
static int ends_of(int fd, const struct sockaddr *to, char *text, size_t room) {
    if (!network || record_fd < 0) return 0;
    int saved = errno;
    struct sockaddr_storage ours, theirs;
    struct sockaddr_in *us = (struct sockaddr_in *)&ours, *them = (struct sockaddr_in *)&theirs;
    socklen_t our_length = sizeof ours, their_length = sizeof theirs;
    int found = getsockname(fd, (struct sockaddr *)&ours, &our_length) == 0 && ours.ss_family == AF_INET;
    if (found && to) memcpy(&theirs, to, sizeof *them);
    else if (found) found = getpeername(fd, (struct sockaddr *)&theirs, &their_length) == 0;
    if (found && theirs.ss_family == AF_INET) {
        char address[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &them->sin_addr, address, sizeof address);
        snprintf(text, room, "%d>%s:%d", ntohs(us->sin_port), address, ntohs(them->sin_port));
    } else found = 0;
    errno = saved;
    return found;
}

static void passed(char kind, const char *ends, const struct iovec *parts, size_t count, ssize_t length) {
    for (size_t i = 0; i < count && length > 0; i++) {
        ssize_t some = (ssize_t)parts[i].iov_len < length ? (ssize_t)parts[i].iov_len : length;
        record(kind, ends, 0, parts[i].iov_base, (uint32_t)some);
        length -= some;
    }
}

/* Said and recorded in one: no sync comes between. */
#define SAYING(fd, to, parts, count, call) \
    char ends[64]; \
    if (!ends_of(fd, to, ends, sizeof ends)) return call; \
    pthread_mutex_lock(&lock); \
    ssize_t result = call; \
    passed('N', ends, parts, count, result); \
    pthread_mutex_unlock(&lock); \
    return result;

/* Nobody may be kept waiting while something is waited for: recorded afterwards. */
#define HEARING(fd, parts, count, call) \
    ssize_t result = call; \
    char ends[64]; \
    if (result > 0 && ends_of(fd, NULL, ends, sizeof ends)) { \
        pthread_mutex_lock(&lock); \
        passed('I', ends, parts, count, result); \
        pthread_mutex_unlock(&lock); \
    } \
    return result;

ssize_t send(int fd, const void *data, size_t length, int flags) {
    struct iovec one = {(void *)data, length};
    SAYING(fd, NULL, &one, 1, REAL(send)(fd, data, length, flags))
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length) {
    struct iovec one = {(void *)data, length};
    SAYING(fd, to, &one, 1, REAL(sendto)(fd, data, length, flags, to, to_length))
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    SAYING(fd, message->msg_name, message->msg_iov, message->msg_iovlen, REAL(sendmsg)(fd, message, flags))
}

static ssize_t write_socket(int fd, const void *data, size_t length) {
    struct iovec one = {(void *)data, length};
    SAYING(fd, NULL, &one, 1, REAL(write)(fd, data, length))
}

static ssize_t writev_socket(int fd, const struct iovec *parts, int count) {
    SAYING(fd, NULL, parts, (size_t)count, REAL(writev)(fd, parts, count))
}

ssize_t recv(int fd, void *data, size_t length, int flags) {
    struct iovec one = {data, length};
    HEARING(fd, &one, 1, REAL(recv)(fd, data, length, flags))
}

ssize_t read(int fd, void *data, size_t length) {
    struct iovec one = {data, length};
    HEARING(fd, &one, 1, REAL(read)(fd, data, length))
}

static void wrote(int fd, const void *data, ssize_t length, off_t offset) {
    if (length <= 0) return;
    if (ends(paths[fd], "/acknowledged")) record('A', paths[fd], 0, data, (uint32_t)length);
    else record('W', paths[fd], (uint64_t)offset, data, (uint32_t)length);
}

ssize_t write(int fd, const void *data, size_t length) {
    if (!known(fd)) return write_socket(fd, data, length);
    pthread_mutex_lock(&lock);
    off_t offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t result = REAL(write)(fd, data, length);
    wrote(fd, data, result, offset);
    pthread_mutex_unlock(&lock);
    return result;
}

#define PWRITE(name, type) \
ssize_t name(int fd, const void *data, size_t length, type offset) { \
    if (!known(fd)) return REAL(name)(fd, data, length, offset); \
    pthread_mutex_lock(&lock); \
    ssize_t result = REAL(name)(fd, data, length, offset); \
    wrote(fd, data, result, (off_t)offset); \
    pthread_mutex_unlock(&lock); \
    return result; \
}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static void gather(int fd, const struct iovec *parts, int count, ssize_t length, off_t offset) {
    for (int i = 0; i < count && length > 0; i++) {
        ssize_t some = (ssize_t)parts[i].iov_len < length ? (ssize_t)parts[i].iov_len : length;
        wrote(fd, parts[i].iov_base, some, offset);
        offset += some; length -= some;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!known(fd)) return writev_socket(fd, parts, count);
    pthread_mutex_lock(&lock);
    off_t offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t result = REAL(writev)(fd, parts, count);
    gather(fd, parts, count, result, offset);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (!known(fd)) return REAL(pwritev)(fd, parts, count, offset);
    pthread_mutex_lock(&lock);
    ssize_t result = REAL(pwritev)(fd, parts, count, offset);
    gather(fd, parts, count, result, offset);
    pthread_mutex_unlock(&lock);
    return result;
}

#define TRUNCATE(name, type) \
int name(int fd, type size) { \
    if (!known(fd)) return REAL(name)(fd, size); \
    pthread_mutex_lock(&lock); \
    int result = REAL(name)(fd, size); \
    if (result == 0) record('T', paths[fd], (uint64_t)size, "", 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int sync_it(const char *name, int fd) {
    int (*sync_real)(int) = (int (*)(int))real(name);
    if (!known(fd)) return sync_real(fd);
    pthread_mutex_lock(&lock);
    struct stat what;
    int is_folder = fstat(fd, &what) == 0 && S_ISDIR(what.st_mode);
    int result = 0;
    /* Really syncing would prove nothing more: what counts is the record. It keeps the runs short. */
    if (!(ignore && strcmp(ignore, kind_of(paths[fd], is_folder)) == 0))
        record(is_folder ? 'D' : 'S', paths[fd], 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int fd) { return sync_it("fsync", fd); }
int fdatasync(int fd) { return sync_it("fdatasync", fd); }

int rename(const char *from, const char *to) {
    if (!below(from) && !below(to)) return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int result = REAL(rename)(from, to);
    if (result == 0) record('R', from, 0, to, (uint32_t)strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}

#define ONE_PATH(name, kind, parameters, arguments) \
int name parameters { \
    if (!below(path)) return REAL(name) arguments; \
    pthread_mutex_lock(&lock); \
    int result = REAL(name) arguments; \
    if (result == 0) record(kind, path, 0, "", 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
}
ONE_PATH(unlink, 'U', (const char *path), (path))
ONE_PATH(mkdir, 'M', (const char *path, mode_t mode), (path, mode))
ONE_PATH(rmdir, 'X', (const char *path), (path))

int unlinkat(int folder, const char *path, int flags) {
    if (below(path)) return flags & AT_REMOVEDIR ? rmdir(path) : unlink(path);
    return REAL(unlinkat)(folder, path, flags);
}
