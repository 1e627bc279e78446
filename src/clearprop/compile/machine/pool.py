"""The code of the threads: waiting for a call, taking part in it, sleeping.

All of it is machine code, for three reasons: a thread that waits needs no interpreter, so another
Python thread cannot keep it from starting; whoever calls cannot be interrupted between two steps
that belong together; and a hand-over takes less than a microsecond.

The memory of a pool, one or more cache lines for everything that threads write::

    shared    what compiled functions get: the barrier
    BUSY      1 while a call runs
    JOB       function, arrays, threads
    DONE      how many threads but the caller's have returned
    WORKERS   a line each: how many calls it was given; whether it sleeps; its lock; whether a
              thread serves it
"""

from __future__ import annotations

from llvmlite import ir

from clearprop.compile.machine.barrier import LINE, PAUSES, SHARED_BYTES, write_relax
from clearprop.compile.machine.system import ACQUIRE, RELEASE

BUSY = SHARED_BYTES
JOB = SHARED_BYTES + LINE
DONE = SHARED_BYTES + 2 * LINE
WORKERS = SHARED_BYTES + 3 * LINE
TICKET, ASLEEP, LOCK, SERVED = 0, 8, 16, 24  # in a worker's line
_IDLE = (
    20  # so many times as long as at a barrier a thread without work pauses, and yields between:
)
_IDLE_YIELDS = (
    50  # its caller may be waiting for the same core; after so many yields more it sleeps
)

_TEXT = f"""
declare i32 @{ACQUIRE}(ptr, i32)
declare void @{RELEASE}(ptr)

; 0: the function has run on that many threads; 1: the pool is busy, and nothing was done
define i64 @dispatch(ptr %pool, ptr %function, ptr %arrays, i64 %threads, i64 %pauses) {{
entry:
  %busy = getelementptr i8, ptr %pool, i64 {BUSY}
  %job = getelementptr i8, ptr %pool, i64 {JOB}
  %job_arrays = getelementptr i8, ptr %job, i64 8
  %job_threads = getelementptr i8, ptr %job, i64 16
  %done = getelementptr i8, ptr %pool, i64 {DONE}
  %pauses_at = getelementptr i8, ptr %pool, i64 {PAUSES}
  %others = sub i64 %threads, 1
  %taken = cmpxchg ptr %busy, i64 0, i64 1 acq_rel monotonic
  %free = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %free, label %publish, label %refuse
refuse:
  ret i64 1
publish:
  store ptr %function, ptr %job
  store ptr %arrays, ptr %job_arrays
  store i64 %threads, ptr %job_threads
  store i64 %pauses, ptr %pauses_at
  store atomic i64 0, ptr %done monotonic, align 8
  br label %each
each:
  %i = phi i64 [ 1, %publish ], [ %next, %posted ]
  %more = icmp slt i64 %i, %threads
  br i1 %more, label %post, label %work
post:
  %offset = mul i64 %i, {LINE}
  %from = add i64 %offset, {WORKERS}
  %line = getelementptr i8, ptr %pool, i64 %from
  %given = load atomic i64, ptr %line monotonic, align 8
  %ticket = add i64 %given, 1
  store atomic i64 %ticket, ptr %line seq_cst, align 8
  %asleep = getelementptr i8, ptr %line, i64 {ASLEEP}
  %slept = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %is_asleep = icmp ne i64 %slept, 0
  br i1 %is_asleep, label %wake, label %posted
wake:
  %lock_at = getelementptr i8, ptr %line, i64 {LOCK}
  %lock = load ptr, ptr %lock_at
  call void @{RELEASE}(ptr %lock)
  br label %posted
posted:
  %next = add i64 %i, 1
  br label %each
work:
  call void %function(ptr %arrays, i64 0, i64 %threads, ptr %pool)
  br label %wait
wait:
  %waited = phi i64 [ 0, %work ], [ %longer, %again ]
  %returned = load atomic i64, ptr %done acquire, align 8
  %all = icmp eq i64 %returned, %others
  br i1 %all, label %finish, label %again
again:
  call void @relax(i64 %waited, i64 %pauses)
  %longer = add i64 %waited, 1
  br label %wait
finish:
  store atomic i64 0, ptr %busy release, align 8
  ret i64 0
}}

; the function on the caller's thread alone, with a shared memory of this call
define void @alone(ptr %function, ptr %arrays) {{
  %shared = alloca [{SHARED_BYTES} x i8], align {LINE}
  call void %function(ptr %arrays, i64 0, i64 1, ptr %shared)
  ret void
}}

; the life of thread number %index: it returns only if another thread has this number
define void @serve(ptr %pool, i64 %index) {{
entry:
  %offset = mul i64 %index, {LINE}
  %from = add i64 %offset, {WORKERS}
  %line = getelementptr i8, ptr %pool, i64 %from
  %asleep = getelementptr i8, ptr %line, i64 {ASLEEP}
  %lock_at = getelementptr i8, ptr %line, i64 {LOCK}
  %served = getelementptr i8, ptr %line, i64 {SERVED}
  %job = getelementptr i8, ptr %pool, i64 {JOB}
  %job_arrays = getelementptr i8, ptr %job, i64 8
  %job_threads = getelementptr i8, ptr %job, i64 16
  %done = getelementptr i8, ptr %pool, i64 {DONE}
  %pauses_at = getelementptr i8, ptr %pool, i64 {PAUSES}
  %lock = load ptr, ptr %lock_at
  %seen_first = load atomic i64, ptr %line seq_cst, align 8
  %claim = cmpxchg ptr %served, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue {{ i64, i1 }} %claim, 1
  br i1 %mine, label %idle, label %leave
leave:
  ret void
idle:
  %seen = phi i64 [ %seen_first, %entry ], [ %given, %work ]
  %pauses = phi i64 [ 0, %entry ], [ %job_pauses, %work ]
  %period = add i64 %pauses, 1
  %long = mul i64 %pauses, {_IDLE}
  %most = add i64 %long, {_IDLE_YIELDS}
  br label %look
look:
  %waited = phi i64 [ 0, %idle ], [ %longer, %relax ]
  %ticket = load atomic i64, ptr %line acquire, align 8
  %called = icmp ne i64 %ticket, %seen
  br i1 %called, label %work, label %patience
patience:
  %short = icmp slt i64 %waited, %most
  br i1 %short, label %relax, label %lie_down
relax:
  %phase = urem i64 %waited, %period
  call void @relax(i64 %phase, i64 %pauses)
  %longer = add i64 %waited, 1
  br label %look
lie_down:                 ; a caller writes the ticket before it looks whether this thread sleeps
  %before = atomicrmw xchg ptr %asleep, i64 1 seq_cst
  %late = load atomic i64, ptr %line seq_cst, align 8
  %called_late = icmp ne i64 %late, %seen
  br i1 %called_late, label %get_up, label %sleep
get_up:
  %up = cmpxchg ptr %asleep, i64 1, i64 0 seq_cst seq_cst
  %by_itself = extractvalue {{ i64, i1 }} %up, 1
  br i1 %by_itself, label %work, label %sleep
sleep:
  %held = call i32 @{ACQUIRE}(ptr %lock, i32 1)
  br label %work
work:
  %given = load atomic i64, ptr %line acquire, align 8
  %function = load ptr, ptr %job
  %arrays = load ptr, ptr %job_arrays
  %threads = load i64, ptr %job_threads
  %job_pauses = load i64, ptr %pauses_at
  call void %function(ptr %arrays, i64 %index, i64 %threads, ptr %pool)
  %finished = atomicrmw add ptr %done, i64 1 release
  br label %idle
}}

; what a pause takes, measured by the caller
define void @pauses(i64 %count) {{
entry:
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %more, %next ]
  call void @relax(i64 %i, i64 %count)
  %more = add i64 %i, 1
  %again = icmp slt i64 %more, %count
  br i1 %again, label %next, label %end
end:
  ret void
}}
"""


def pool_text() -> str:
    """Give the module, in LLVM's language: ``dispatch``, ``alone``, ``serve``, ``pauses``."""
    module = ir.Module()
    write_relax(module)
    return str(module) + _TEXT
