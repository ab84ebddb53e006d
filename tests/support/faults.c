// A library that is loaded before all others (LD_PRELOAD) and makes one call fail: what a full or broken disk, or too
// little memory, would do. Files: FAULTS_DIR names a folder; the calls on files in it are numbered from 1, written to
// FAULTS_LOG ("number call path"), and number FAULTS_AT fails with FAULTS_ERROR (EIO, ENOSPC or EINTR), or, with SHORT,
// writes half of its bytes. With FAULTS_EACH = n the program begins n times, in the folders FAULTS_DIR-1 to
// FAULTS_DIR-n, where the call of that number fails; its outputs are beside them, in .said and .errors, and the exit
// codes are printed, a line each (128 and the signal's number). Memory: the allocation number FAULTS_MEMORY_AT fails,
// counted among those that are made by the library whose path holds FAULTS_MEMORY_OF (all, without); at the end their
// count is written to FAULTS_MEMORY_LOG.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { max_fd = 1024 };

static char folder[PATH_MAX];
static size_t folder_size;
static int log_fd = -1;
static long fail_at;
static long each;
static int fail_error;
static int fail_short;
static atomic_long calls;
static char* names[max_fd];  // of the open files of the folder

static long memory_at;
static const char* memory_of;
static atomic_long allocations;
static uintptr_t memory_low, memory_high;  // the code of that library
static atomic_int ready;

// ------------------------------------------------------------------------------------------------------------ files

static const char* absolute(const char* path, char* buffer) {
  if (path[0] == '/') return path;
  if (syscall(SYS_getcwd, buffer, (size_t)PATH_MAX) < 0) return path;
  const size_t size = strlen(buffer);
  snprintf(buffer + size, PATH_MAX - size, "/%s", path);
  return buffer;
}

// The path below the folder, or null for all others.
static const char* watched(const char* path, char* buffer) {
  if (folder_size == 0 || path == NULL) return NULL;
  const char* full = absolute(path, buffer);
  if (strncmp(full, folder, folder_size) != 0) return NULL;
  return full[folder_size] == '/' ? full + folder_size + 1 : (full[folder_size] == '\0' ? "." : NULL);
}

static const char* watched_fd(int fd) { return fd >= 0 && fd < max_fd ? names[fd] : NULL; }

// Numbers a call; whether it is the one that fails.
static int counted(const char* call, const char* path) {
  const long number = ++calls;
  if (log_fd >= 0) {
    char line[2 * PATH_MAX + 64];
    const int size = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    if (syscall(SYS_write, log_fd, line, (size_t)size) < 0) abort();
  }
  return number == fail_at;
}

static int failed(const char* call, const char* path) {
  if (path == NULL || !counted(call, path) || fail_short) return 0;
  errno = fail_error;
  return 1;
}

static int opened(int fd, const char* path) {
  if (fd >= 0 && fd < max_fd && path != NULL) names[fd] = strdup(path);
  return fd;
}

static const char* open_name(int flags) {
  if ((flags & O_DIRECTORY) != 0) return "open-folder";
  return (flags & O_ACCMODE) == O_RDONLY ? "open-read" : "open";
}

static int do_open(int at, const char* path, int flags, mode_t mode) {
  char buffer[PATH_MAX];
  const char* name = at == AT_FDCWD || (path != NULL && path[0] == '/') ? watched(path, buffer) : NULL;
  if (failed(open_name(flags), name)) return -1;
  return opened((int)syscall(SYS_openat, at, path, flags, mode), name);
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(rest, int) : 0;
}

#define OPEN(name)                               \
  int name(const char* path, int flags, ...) {   \
    va_list rest;                                \
    va_start(rest, flags);                       \
    const mode_t mode = mode_of(flags, rest);    \
    va_end(rest);                                \
    return do_open(AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name)                                   \
  int name(int at, const char* path, int flags, ...) { \
    va_list rest;                                      \
    va_start(rest, flags);                             \
    const mode_t mode = mode_of(flags, rest);          \
    va_end(rest);                                      \
    return do_open(at, path, flags, mode);             \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char* path, mode_t mode) { return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

// Streams: what they write later goes through libc's own calls, which nothing can replace, or, from C++, through write.
static FILE* do_fopen(const char* path, const char* how, const char* original) {
  FILE* (*const real)(const char*, const char*) = (FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, original);
  char buffer[PATH_MAX];
  const char* name = watched(path, buffer);
  if (failed(how[0] == 'r' && strchr(how, '+') == NULL ? "open-read" : "open", name)) return NULL;
  FILE* const file = real(path, how);
  if (file != NULL) opened(fileno(file), name);
  return file;
}

FILE* fopen(const char* path, const char* how) { return do_fopen(path, how, "fopen"); }
FILE* fopen64(const char* path, const char* how) { return do_fopen(path, how, "fopen64"); }

// A stream's file is closed by libc itself.
int fclose(FILE* file) {
  int (*const real)(FILE*) = (int (*)(FILE*))dlsym(RTLD_NEXT, "fclose");
  const int fd = fileno(file);
  if (fd >= 0 && fd < max_fd) names[fd] = NULL;
  return real(file);
}

int close(int fd) {
  const char* name = watched_fd(fd);
  if (name != NULL) names[fd] = NULL;
  const int fails = failed("close", name);  // the file is closed nevertheless
  const int error = errno;
  const int result = (int)syscall(SYS_close, fd);
  if (!fails) return result;
  errno = error;
  return -1;
}

// How many of `size` bytes are written; -1: the call fails.
static ssize_t allowed(const char* call, int fd, size_t size) {
  const char* name = watched_fd(fd);
  if (name == NULL || !counted(call, name)) {
    return fail_short && fail_at < 0 && name != NULL && size > 1 ? (ssize_t)(size / 2) : (ssize_t)size;
  }
  if (fail_short) return (ssize_t)(size > 1 ? size / 2 : size);
  errno = fail_error;
  return -1;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  const ssize_t count = allowed("write", fd, size);
  return count < 0 ? -1 : syscall(SYS_write, fd, bytes, (size_t)count);
}

static ssize_t do_pwrite(int fd, const void* bytes, size_t size, off_t at) {
  const ssize_t count = allowed("write", fd, size);
  return count < 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, (size_t)count, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) { return do_pwrite(fd, bytes, size, at); }
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t at) { return do_pwrite(fd, bytes, size, at); }

ssize_t writev(int fd, const struct iovec* parts, int count) {
  const ssize_t size = allowed("write", fd, count > 1 ? 2 : 1);  // a short one writes the first part only
  return size < 0 ? -1 : syscall(SYS_writev, fd, parts, size < count ? (int)size : count);
}

int fsync(int fd) { return failed("fsync", watched_fd(fd)) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return failed("fsync", watched_fd(fd)) ? -1 : (int)syscall(SYS_fdatasync, fd); }

static int do_truncate(int fd, off_t size) {
  return failed("truncate", watched_fd(fd)) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) { return do_truncate(fd, size); }
int ftruncate64(int fd, off_t size) { return do_truncate(fd, size); }

static int do_rename(const char* from, const char* to) {
  char old_buffer[PATH_MAX], new_buffer[PATH_MAX], both[2 * PATH_MAX];
  const char* old_name = watched(from, old_buffer);
  const char* new_name = watched(to, new_buffer);
  if (old_name == NULL || new_name == NULL) return (int)syscall(SYS_rename, from, to);
  snprintf(both, sizeof both, "%s %s", old_name, new_name);
  return failed("rename", both) ? -1 : (int)syscall(SYS_rename, from, to);
}
int rename(const char* from, const char* to) { return do_rename(from, to); }

int mkdir(const char* path, mode_t mode) {
  char buffer[PATH_MAX];
  return failed("mkdir", watched(path, buffer)) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

// ----------------------------------------------------------------------------------------------------------- memory

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

// Whether the caller's allocation is the one that fails.
static int exhausted(const void* caller) {
  if (!ready || memory_at == 0) return 0;
  const uintptr_t at = (uintptr_t)caller;
  if (memory_of != NULL && (at < memory_low || at >= memory_high)) return 0;
  if (++allocations != memory_at) return 0;
  errno = ENOMEM;
  return 1;
}

#define EXHAUSTED exhausted(__builtin_return_address(0))

void* malloc(size_t size) { return EXHAUSTED ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return EXHAUSTED ? NULL : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return size != 0 && EXHAUSTED ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return EXHAUSTED ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return EXHAUSTED ? NULL : __libc_memalign(alignment, size); }
int posix_memalign(void** result, size_t alignment, size_t size) {
  void* const memory = EXHAUSTED ? NULL : __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

static int find_code(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size;
  (void)unused;
  if (info->dlpi_name == NULL || strstr(info->dlpi_name, memory_of) == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    memory_low = info->dlpi_addr + part->p_vaddr;
    memory_high = memory_low + part->p_memsz;
  }
  return 1;
}

// ------------------------------------------------------------------------------------------------------------ begin

__attribute__((constructor)) static void begin(void) {
  const char* value = getenv("FAULTS_DIR");
  if (value != NULL) {
    snprintf(folder, sizeof folder, "%s", value);
    folder_size = strlen(folder);
  }
  if ((value = getenv("FAULTS_LOG")) != NULL) {
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
  }
  if ((value = getenv("FAULTS_AT")) != NULL) fail_at = atol(value);
  if ((value = getenv("FAULTS_EACH")) != NULL) each = atol(value);
  if ((value = getenv("FAULTS_ERROR")) != NULL) {
    fail_short = strcmp(value, "SHORT") == 0;
    fail_error = strcmp(value, "ENOSPC") == 0 ? ENOSPC : (strcmp(value, "EINTR") == 0 ? EINTR : EIO);
  }
  if ((value = getenv("FAULTS_MEMORY_AT")) != NULL) memory_at = atol(value);
  memory_of = getenv("FAULTS_MEMORY_OF");
  if (memory_of != NULL) dl_iterate_phdr(find_code, NULL);
  unsetenv("LD_PRELOAD");  // not in what the program calls: cc, node
}

// Memory is counted from main on: what libraries need before is not the program's.
static int (*real_main)(int, char**, char**);

static void redirect(int fd, const char* suffix) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s%s", folder, suffix);
  const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (dup2(file, fd) < 0) abort();
  syscall(SYS_close, file);
}

// In the child: the program's folder is that of this number, and the call of this number fails.
static void begin_in_folder(long number) {
  folder_size += (size_t)snprintf(folder + folder_size, sizeof folder - folder_size, "-%ld", number);
  fail_at = number;
  if (chdir(folder) != 0) abort();
  redirect(1, ".said");
  redirect(2, ".errors");
}

static int counted_main(int argc, char** argv, char** environment) {
  for (long number = 1; number <= each; ++number) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
      begin_in_folder(number);
      break;
    }
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    dprintf(1, "%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (number == each) return 0;
  }
  ready = 1;
  return real_main(argc, argv, environment);
}

int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void* stack_end) {
  typedef int Start(int (*)(int, char**, char**), int, char**, void (*)(void), void (*)(void), void (*)(void), void*);
  Start* const start = (Start*)dlsym(RTLD_NEXT, "__libc_start_main");
  real_main = main;
  return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

__attribute__((destructor)) static void end(void) {
  const char* path = getenv("FAULTS_MEMORY_LOG");
  if (path == NULL) return;
  char line[32];
  const int size = snprintf(line, sizeof line, "%ld\n", (long)allocations);
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (syscall(SYS_write, fd, line, (size_t)size) < 0) abort();
}
