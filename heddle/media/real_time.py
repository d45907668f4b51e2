"""Encoders kept from real-time priority, which they take where they may."""

from __future__ import annotations

import ctypes
import sys

_VERSION_3 = 0x20080522  # linux/capability.h: two words of each kind
_SYS_NICE = 1 << 23


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Word(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def refuse_real_time() -> None:
    """From now on this thread, and those that it starts, cannot raise their priority.

    SVT-AV1 puts the thread that opens it, its own threads, and so all that are started later, before everything else on
    the machine (SCHED_FIFO 99) if it runs as root, as it does in most containers. Two cores then stand still: the front
    desk is not heard, and the kernel waits for itself. For other users the system refuses it anyway.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, words = _Header(_VERSION_3, 0), (_Word * 2)()
    if libc.capget(ctypes.byref(header), words) == 0 and words[0].effective & _SYS_NICE:
        words[0].effective &= ~_SYS_NICE
        libc.capset(ctypes.byref(header), words)
