"""
Seccomp: calls of the kernel that no worker needs, refused for good; offline, sockets among them.

A filter is a small program that the kernel runs before each call. It looks at the call's number alone, and of `clone`
at whether a thread is to be started. Numbers are those of the kernel's tables for each machine; see seccomp(2).
"""

import ctypes
import errno
import os
import platform
import struct
import sys

_NO_NEW_PRIVILEGES, _GET, _SET, _FILTER = 38, 21, 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
"""Where the kernel puts them; machines with the low half of an argument first only."""
_LOAD, _EQUAL, _AT_LEAST, _SHARES_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CLONE_THREAD = 0x10000
_X32 = 0x40000000

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column of the tables, and how the kernel calls the machine."""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_SOCKETS = {"socket": (41, 198), "socketpair": (53, 199)}
_REFUSED = {
    # Another process: its memory, its descriptors, its events.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "perf_event_open": (298, 241),
    # Programs and processes.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # What names lead to, and files without a name.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "setns": (308, 268), "unshare": (272, 97), "open_by_handle_at": (304, 265),
    "mknod": (133, None), "mknodat": (259, 33),
    # Ways around a filter, and doors that were weak before.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "personality": (135, 92),
    # The machine itself.
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "quotactl": (179, 60), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58), "sethostname": (170, 161), "setdomainname": (171, 162),
}  # fmt: skip


def is_supported() -> bool:
    """Tell whether the kernel filters calls, and we know this machine's numbers."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    return bool(_libc().prctl(_GET, 0, 0, 0, 0) >= 0)


def restrict(*, offline: bool) -> None:
    """Refuse the calls for this process; raises OSError. To be called before any thread is started."""
    column, machine = _MACHINES[platform.machine()]
    refused = _REFUSED | _SOCKETS if offline else _REFUSED
    numbers = [number for numbers in refused.values() if (number := numbers[column]) is not None]
    program = _program(machine, numbers, _CLONE[column], _CLONE3[column])
    text = ctypes.create_string_buffer(b"".join(program))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(text)))
    if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or _libc().prctl(_SET, _FILTER, whole, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program(machine: int, numbers: list[int], clone: int, clone3: int) -> list[bytes]:
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    program = [
        _step(_LOAD, _MACHINE),
        _step(_EQUAL, machine, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, no=1),
        refuse,
        # Its arguments are out of reach; where it is missing, threads are started by `clone`.
        _step(_EQUAL, clone3, no=1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number in numbers:
        program += [_step(_EQUAL, number, no=1), refuse]
    return [
        *program,
        _step(_EQUAL, clone, no=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_SHARES_BITS, _CLONE_THREAD, yes=1),
        refuse,
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
