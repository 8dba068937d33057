/* A layer between a program and the C library that makes a disk fail as its test wants it to.

   Preloaded. What fails, and below which folder, stands in a file that the test maps too and
   changes while the program runs; see faulting.py for the layout. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int32_t write_errno, sync_errno, read_errno, watch_errno, short_writes, delay_us;
    int64_t clock_offset_s;
    int64_t writes_left; /* that go well before writes fail */
    int64_t failed;      /* how often something did not go well */
    char below[256];
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTY_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *found = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED)
        control = found;
    close(fd);
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }
#define NEXT(name) static __typeof__(&name) real; if (!real) real = next(#name)

static int is_below(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return control->below[0] && !strncmp(path, control->below, strlen(control->below));
}

static int fails(int code)
{
    __sync_fetch_and_add(&control->failed, 1);
    errno = code;
    return -1;
}

/* Whether a write of so many bytes fails; else how many of them are written. */
static ssize_t allowed(int fd, size_t count)
{
    if (!control || !(control->write_errno | control->short_writes | control->delay_us))
        return count;
    if (!is_below(fd))
        return count;
    if (control->delay_us)
        usleep(control->delay_us);
    if (control->write_errno && __sync_fetch_and_sub(&control->writes_left, 1) <= 0)
        return fails(control->write_errno);
    if (control->short_writes && count > 1) {
        __sync_fetch_and_add(&control->failed, 1);
        return count / 2;
    }
    return count;
}

ssize_t write(int fd, const void *data, size_t count)
{
    NEXT(write);
    ssize_t some = allowed(fd, count);
    return some < 0 ? -1 : real(fd, data, some);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at)
{
    NEXT(pwrite);
    ssize_t some = allowed(fd, count);
    return some < 0 ? -1 : real(fd, data, some, at);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at)
{
    NEXT(pwrite64);
    ssize_t some = allowed(fd, count);
    return some < 0 ? -1 : real(fd, data, some, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    NEXT(writev);
    return allowed(fd, 1) < 0 ? -1 : real(fd, parts, count);
}

int ftruncate64(int fd, off64_t size)
{
    NEXT(ftruncate64);
    struct stat now;
    int grows = !fstat(fd, &now) && size > now.st_size;
    return grows && allowed(fd, 1) < 0 ? -1 : real(fd, size);
}

static int sync_fails(int fd)
{
    if (!control || !(control->sync_errno | control->delay_us) || !is_below(fd))
        return 0;
    if (control->delay_us)
        usleep(control->delay_us);
    return control->sync_errno ? fails(control->sync_errno) : 0;
}

int fsync(int fd)
{
    NEXT(fsync);
    return sync_fails(fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync);
    return sync_fails(fd) ? -1 : real(fd);
}

static int read_fails(int fd)
{
    if (!control || !control->read_errno || !is_below(fd))
        return 0;
    return fails(control->read_errno);
}

ssize_t read(int fd, void *data, size_t count)
{
    NEXT(read);
    return read_fails(fd) ? -1 : real(fd, data, count);
}

ssize_t pread(int fd, void *data, size_t count, off_t at)
{
    NEXT(pread);
    return read_fails(fd) ? -1 : real(fd, data, count, at);
}

ssize_t pread64(int fd, void *data, size_t count, off64_t at)
{
    NEXT(pread64);
    return read_fails(fd) ? -1 : real(fd, data, count, at);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    static int (*real)(int, const char *, uint32_t);
    if (!real)
        real = next("inotify_add_watch");
    if (control && control->watch_errno)
        return fails(control->watch_errno);
    return real(fd, path, mask);
}

/* The clock on the wall, and the one that counts what was slept; the third stands in a sleep. */
int clock_gettime(clockid_t which, struct timespec *now)
{
    NEXT(clock_gettime);
    int done = real(which, now);
    if (!done && control && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE ||
                             which == CLOCK_BOOTTIME))
        now->tv_sec += control->clock_offset_s;
    return done;
}

int gettimeofday(struct timeval *now, void *zone)
{
    static int (*real)(struct timeval *, void *);
    if (!real)
        real = next("gettimeofday");
    int done = real(now, zone);
    if (!done && control)
        now->tv_sec += control->clock_offset_s;
    return done;
}

time_t time(time_t *now)
{
    struct timeval found;
    gettimeofday(&found, NULL);
    if (now)
        *now = found.tv_sec;
    return found.tv_sec;
}
