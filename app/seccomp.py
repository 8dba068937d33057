"""The system calls that a reader process gives up: a filter in the Linux kernel.

The filter is a small program in the kernel's classic BPF (linux/filter.h,
linux/seccomp.h). It refuses the network, changing what the disk says about
files, reaching into other processes, and doors to the system that no reader
needs. It holds for every program that the process starts, and cannot be taken
off again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass

PERMIT = 0x7FFF0000  # SECCOMP_RET_ALLOW
KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS
REFUSE = 0x00050000  # SECCOMP_RET_ERRNO; the error number stands in the low half

_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_SET_FILTER = (22, 2)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
_X32_CALLS = 0x40000000  # from here on they are a second door, on x86_64 only

# Offsets in struct seccomp_data; of an argument, its low half on these processors.
_NUMBER_AT, _PROCESSOR_AT, _ARGUMENTS_AT = 0, 4, 16
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06

_NEW_NAMESPACE = 0x7E020000  # the CLONE_NEW* flags together
_NEW_THREAD = 0x00010000  # CLONE_THREAD
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type in the person's stead
_LOCAL_SOCKET, _STREAM = 1, 1  # AF_UNIX, SOCK_STREAM
_WRITABLE = 2  # W_OK

# Name, number on x86_64, number on aarch64; "-" where there is none.
NEVER = """
    socketpair 53 199         connect 42 203
    io_uring_setup 425 425    io_uring_enter 426 426    io_uring_register 427 427

    chmod 90 -                fchmod 91 52              fchmodat 268 53
    fchmodat2 452 452         chown 92 -                fchown 93 55
    lchown 94 -               fchownat 260 54           truncate 76 45
    setxattr 188 5            lsetxattr 189 6           fsetxattr 190 7
    removexattr 197 14        lremovexattr 198 15       fremovexattr 199 16
    setxattrat 463 463        removexattrat 466 466     file_setattr 469 469
    utime 132 -               utimes 235 -              utimensat 280 88
    futimesat 261 -           mknod 133 -               mknodat 259 33
    name_to_handle_at 303 264 open_by_handle_at 304 265

    ptrace 101 117            process_vm_readv 310 270  process_vm_writev 311 271
    process_madvise 440 440   pidfd_getfd 438 438       kcmp 312 272
    setsid 112 157            setpgid 109 154           setns 308 268
    unshare 272 97            migrate_pages 256 238     move_pages 279 239

    bpf 321 280               perf_event_open 298 241   userfaultfd 323 282
    init_module 175 105       finit_module 313 273      delete_module 176 106
    kexec_load 246 104        kexec_file_load 320 294   reboot 169 142
    swapon 167 224            swapoff 168 225           mount 165 40
    umount2 166 39            pivot_root 155 41         chroot 161 51
    move_mount 429 429        open_tree 428 428         open_tree_attr 467 467
    fsopen 430 430            fsconfig 431 431          fsmount 432 432
    fspick 433 433            mount_setattr 442 442     add_key 248 217
    request_key 249 218       keyctl 250 219            acct 163 89
    settimeofday 164 170      clock_settime 227 112     clock_adjtime 305 266
    adjtimex 159 171          sethostname 170 161       setdomainname 171 162
    syslog 103 116            quotactl 179 60           quotactl_fd 443 443
    iopl 172 -                ioperm 173 -              modify_ldt 154 -
    lookup_dcookie 212 18     vhangup 153 58            fanotify_init 300 262
    shmget 29 194             shmat 30 196              msgget 68 186
    semget 64 190             mq_open 240 180
"""
SOCKETS = "socket 41 198  bind 49 200  listen 50 201  accept 43 202  accept4 288 242"
PROGRAMS = "execve 59 221  execveat 322 281  fork 57 -  vfork 58 -"


@dataclass(frozen=True, slots=True)
class Processor:
    """What differs between processors: the kernel's name for one, and the numbers of calls."""

    audit: int
    column: int
    socket: int
    clone: int
    clone3: int
    ioctl: int
    access: int
    access_mode_at: int
    other_calls: int | None = None


PROCESSORS = {
    "x86_64": Processor(0xC000003E, 1, 41, 56, 435, 16, 21, 1, _X32_CALLS),
    "aarch64": Processor(0xC00000B7, 2, 198, 220, 435, 29, 48, 2),
}


def filter_program(processor: Processor, programs: bool, local_sockets: bool) -> bytes:
    """The filter as the kernel takes it.

    Without `programs` no other program can be started. With `local_sockets` a
    process may listen on a socket in the file system; none may ever connect to
    one. Calls of another kind of processor, whose numbers differ, end the process.
    """
    code = [
        _step(_LOAD, _PROCESSOR_AT),
        *_if_equal(processor.audit, [], [_step(_RETURN, KILL)]),
        _step(_LOAD, _NUMBER_AT),
    ]
    if processor.other_calls is not None:
        code += [_step(_AT_LEAST, processor.other_calls, no=1), _refuse(errno.ENOSYS)]
    tables = [NEVER, *([] if programs else [PROGRAMS]), *([] if local_sockets else [SOCKETS])]
    for table in tables:
        for number in numbers(table, processor.column):
            code += _if_equal(number, [_refuse(errno.EPERM)])
    # The flags of clone3 lie behind a pointer. Without it libraries fall back on clone.
    code += _if_equal(processor.clone3, [_refuse(errno.ENOSYS)])
    code += _if_equal(processor.clone, _clone(programs))
    code += _if_equal(processor.socket, _socket())
    code += _if_equal(processor.ioctl, _ioctl())
    code += _if_equal(processor.access, _access(processor.access_mode_at))
    return b"".join([*code, _step(_RETURN, PERMIT)])


def numbers(table: str, column: int) -> list[int]:
    """The numbers in a column (1 or 2) of a table of names and numbers."""
    return [int(word) for word in table.split()[column::3] if word != "-"]


def _clone(programs: bool) -> list[bytes]:
    flags = [_argument(0), _step(_ANY_BIT, _NEW_NAMESPACE, no=1), _refuse(errno.EPERM)]
    if not programs:
        flags += [_step(_ANY_BIT, _NEW_THREAD, yes=1), _refuse(errno.EPERM)]
    return [*flags, _step(_RETURN, PERMIT)]


def _socket() -> list[bytes]:
    """A stream socket in the file system only; SOCK_CLOEXEC and SOCK_NONBLOCK may be added."""
    kind = [_step(_AND, 0xF), *_if_equal(_STREAM, [], [_refuse(errno.EPERM)])]
    return [
        _argument(0),
        *_if_equal(_LOCAL_SOCKET, [], [_refuse(errno.EPERM)]),
        _argument(1),
        *kind,
        _step(_RETURN, PERMIT),
    ]


def _ioctl() -> list[bytes]:
    requests = [_if_equal(request, [_refuse(errno.EPERM)]) for request in _TERMINAL_INPUT]
    return [_argument(1), *(step for steps in requests for step in steps), _step(_RETURN, PERMIT)]


def _access(mode_at: int) -> list[bytes]:
    """Whoever asks whether a place can be written is told no.

    LibreOffice looks for a place for its own socket in this way, /tmp first; the
    answer sends it to the folder that it was told.
    """
    asked = _if_equal(_WRITABLE, [_refuse(errno.EACCES)])
    return [_argument(mode_at), *asked, _step(_RETURN, PERMIT)]


def _if_equal(value: int, then: list[bytes], otherwise: list[bytes] | None = None) -> list[bytes]:
    """Compare what is loaded; `then` is passed over when it differs, `otherwise` when not."""
    assert not (then and otherwise)
    if otherwise:
        return [_step(_EQUAL, value, yes=len(otherwise)), *otherwise]
    return [_step(_EQUAL, value, no=len(then)), *then]


def _argument(number: int) -> bytes:
    return _step(_LOAD, _ARGUMENTS_AT + 8 * number)


def _step(operation: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction (struct sock_filter); `yes` and `no` are how many to pass over then."""
    return struct.pack("=HBBI", operation, yes, no, value)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, REFUSE | error)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def give_up_calls(programs: bool, local_sockets: bool) -> bool:
    """Put the filter on the calling thread and all that it starts; False where that fails.

    It needs no rights, for the process gives up gaining any (no_new_privs).
    """
    if sys.platform != "linux":
        raise OSError(0, "this is done on Linux only")
    processor = PROCESSORS.get(os.uname().machine)
    if processor is None or struct.calcsize("P") != 8:
        return False
    code = filter_program(processor, programs, local_sockets)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    program = _Program(len(code) // 8, code)
    return bool(prctl(*_SET_FILTER, ctypes.addressof(program), 0, 0) == 0)
