/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See confine-filter.h. */
#include "confine-filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/*
 * Allowed with any arguments. None opens a socket, starts a program, traces a process, makes
 * anything but a plain file, or changes who we are. Ranges instead of single calls keep the program
 * short: what they take in beside the calls in use does no harm.
 */
static const struct {
    uint16_t first, last;
} calls[] = {
    {__NR_read,            __NR_madvise          }, /* bytes, files, memory, signals */
    {__NR_dup,             __NR_sendfile         }, /* descriptors, waiting, timers */
    {__NR_sendto,          __NR_recvmsg          }, /* of sockets that are open */
    {__NR_exit,            __NR_uname            },
    {__NR_fcntl,           __NR_getcwd           }, /* locks, fsync, truncate */
    {__NR_unlink,          __NR_unlink           },
    {__NR_readlink,        __NR_readlink         },
    {__NR_umask,           __NR_times            }, /* limits, usage, time */
    {__NR_sigaltstack,     __NR_sigaltstack      },
    {__NR_statfs,          __NR_fstatfs          },
    {__NR_gettid,          __NR_gettid           },
    {__NR_time,            __NR_sched_getaffinity}, /* and futex */
    {__NR_restart_syscall, __NR_restart_syscall  },
    {__NR_fadvise64,       __NR_timer_delete     },
    {__NR_clock_gettime,   __NR_tgkill           }, /* sleep, exit_group, epoll */
    {__NR_waitid,          __NR_waitid           },
    {__NR_openat,          __NR_openat           },
    {__NR_newfstatat,      __NR_renameat         },
    {__NR_readlinkat,      __NR_readlinkat       },
    {__NR_faccessat,       __NR_ppoll            },
    {__NR_set_robust_list, __NR_splice           },
    {__NR_fallocate,       __NR_fallocate        },
    {__NR_preadv,          __NR_pwritev          },
    {__NR_getrandom,       __NR_getrandom        },
    {__NR_membarrier,      __NR_membarrier       },
    {__NR_copy_file_range, __NR_pwritev2         },
    {__NR_statx,           __NR_statx            },
    {__NR_rseq,            __NR_rseq             },
    {__NR_io_uring_setup,  __NR_io_uring_register},
    {__NR_faccessat2,      __NR_faccessat2       },
};

/* Allowed if the argument is one of some values. */
static const uint32_t controls[] = {
    KVM_RUN,           FICLONERANGE,      BLKGETSIZE64,       BLKROGET,        BLKSSZGET,
    BLKPBSZGET,        BLKDISCARD,        BLKZEROOUT,         FS_IOC_GETFLAGS, FS_IOC_SETFLAGS,
    FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, CDROM_DRIVE_STATUS, TCGETS,          TIOCGWINSZ};
static const uint32_t process_controls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};

/* Calls whose arguments are looked at. */
enum rule {
    RULE_IOCTL,
    RULE_MMAP,
    RULE_MPROTECT,
    RULE_CLONE,
    RULE_CLONE3,
    RULE_PRCTL,
    RULE_TGKILL,
    RULE_KILL,
    RULE_PRLIMIT,
    RULES
};
static const uint16_t rule_calls[RULES] = {
    [RULE_IOCTL] = __NR_ioctl,   [RULE_MMAP] = __NR_mmap,     [RULE_MPROTECT] = __NR_mprotect,
    [RULE_CLONE] = __NR_clone,   [RULE_CLONE3] = __NR_clone3, [RULE_PRCTL] = __NR_prctl,
    [RULE_TGKILL] = __NR_tgkill, [RULE_KILL] = __NR_kill,     [RULE_PRLIMIT] = __NR_prlimit64,
};

/* Numbers end long before; what comes later is not known here. */
enum { NUMBERS = 512 };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))

/* Jump targets until it is known where they lie: a rule, or an answer at the program's end. */
enum { TO_RULE = 200, TO_ALLOW = TO_RULE + RULES, TO_DENY, TO_END };
_Static_assert(TO_END <= UINT8_MAX, "targets are bytes");

/* Each range and each rule has two. */
enum { BORDERS_MAX = 2 * (sizeof(calls) / sizeof(calls[0]) + RULES) };

struct builder {
    struct confine_filter *filter;
    unsigned place[TO_END - TO_RULE]; /* of each target */
    struct {
        uint16_t at;    /* from this number on */
        uint8_t target; /* this is what to do */
    } border[BORDERS_MAX];
    unsigned borders;
};

static void emit(struct builder *b, struct sock_filter insn)
{
    struct confine_filter *f = b->filter;

    if (f->length == CONFINE_FILTER_MAX)
        f->overflow = true;
    else
        f->insn[f->length++] = insn;
}

static void emit_test(struct builder *b, uint16_t test, uint32_t value, unsigned yes, unsigned no)
{
    if (yes >= TO_END || no >= TO_END)
        b->filter->overflow = true;
    emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, (uint8_t)yes, (uint8_t)no));
}

/* The low half of an argument is loaded: all that is looked at are ints, or flags that fit. */
static void emit_load_argument(struct builder *b, unsigned argument)
{
    emit(b, (struct sock_filter)BPF_STMT(
                BPF_LD | BPF_W | BPF_ABS,
                (uint32_t)(offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t))));
}

static void rule_begin(struct builder *b, enum rule rule)
{
    b->place[rule] = b->filter->length;
}

/* The call is allowed if the argument is one of the values, at least one. */
static void rule_values(struct builder *b, enum rule rule, unsigned argument, const uint32_t *value,
                        unsigned count)
{
    rule_begin(b, rule);
    emit_load_argument(b, argument);
    for (unsigned i = 0; i < count; i++)
        emit_test(b, BPF_JEQ, value[i], TO_ALLOW, i + 1 < count ? 0 : TO_DENY);
}

/* The call is allowed if one of the bits is set, or if none is. */
static void rule_bits(struct builder *b, enum rule rule, unsigned argument, uint32_t bits, bool set)
{
    rule_begin(b, rule);
    emit_load_argument(b, argument);
    emit_test(b, BPF_JSET, bits, set ? TO_ALLOW : TO_DENY, set ? TO_DENY : TO_ALLOW);
}

/* Where, in the order of their numbers, one thing to do gives way to another. */
static void borders_find(struct builder *b)
{
    uint8_t target[NUMBERS], before = TO_DENY;

    memset(target, TO_DENY, sizeof(target));
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        memset(target + calls[i].first, TO_ALLOW, calls[i].last - calls[i].first + 1u);
    for (unsigned i = 0; i < RULES; i++)
        target[rule_calls[i]] = (uint8_t)(TO_RULE + i);
    b->borders = 0;
    for (uint16_t nr = 0; nr < NUMBERS; nr++) {
        if (target[nr] == before)
            continue;
        b->border[b->borders].at = nr;
        b->border[b->borders++].target = before = target[nr];
    }
}

/* Where to go on among the borders from @first to before @end: @next, if there are any. */
static unsigned search_target(const struct builder *b, unsigned first, unsigned end, unsigned next)
{
    if (first < end)
        return next;
    return first > 0 ? b->border[first - 1].target : TO_DENY;
}

/* Find the number among the borders from @first to before @end: one instruction for each. */
static void search(struct builder *b, unsigned first, unsigned end)
{
    if (first == end)
        return;
    unsigned middle = first + (end - first) / 2;
    emit_test(b, BPF_JGE, b->border[middle].at, search_target(b, middle + 1, end, middle - first),
              search_target(b, first, middle, 0));
    search(b, first, middle);
    search(b, middle + 1, end);
}

static void machine_check(struct builder *b)
{
    emit(b, (struct sock_filter)LOAD(arch));
    emit_test(b, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
    emit(b, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
    emit(b, (struct sock_filter)LOAD(nr));
}

static uint8_t target_patch(struct builder *b, unsigned from, uint8_t target)
{
    if (target < TO_RULE)
        return target;
    unsigned distance = b->place[target - TO_RULE] - from - 1;
    b->filter->overflow |= distance > UINT8_MAX;
    return (uint8_t)distance;
}

/* Append the answers and let the jumps lead where they should. */
static void answers_place(struct builder *b)
{
    struct confine_filter *f = b->filter;
    unsigned length = f->length;

    b->place[TO_ALLOW - TO_RULE] = length;
    b->place[TO_DENY - TO_RULE] = length + 1;
    emit(b, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
    emit(b, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM));
    for (unsigned i = 0; i < length; i++) {
        struct sock_filter *insn = &f->insn[i];
        if (BPF_CLASS(insn->code) != BPF_JMP)
            continue;
        insn->jt = target_patch(b, i, insn->jt);
        insn->jf = target_patch(b, i, insn->jf);
    }
}

static void rules_emit(struct builder *b, const struct confine_wish *wish)
{
    const uint32_t self = (uint32_t)wish->self;
    const uint32_t own_limits[] = {0, self};
    uint32_t victim[CONFINE_PIDS_MAX + 1] = {self};

    for (unsigned i = 0; i < wish->children; i++)
        victim[i + 1] = (uint32_t)wish->child[i];
    rule_values(b, RULE_IOCTL, 1, controls, sizeof(controls) / sizeof(controls[0]));
    /* Nothing that is executable may be made. */
    rule_bits(b, RULE_MMAP, 2, PROT_EXEC, false);
    rule_bits(b, RULE_MPROTECT, 2, PROT_EXEC, false);
    /* Threads, but no processes. The newer call hides its flags: without it, the C library uses
     * the older one. */
    rule_bits(b, RULE_CLONE, 0, CLONE_THREAD, true);
    rule_begin(b, RULE_CLONE3);
    emit(b, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS));
    rule_values(b, RULE_PRCTL, 0, process_controls,
                sizeof(process_controls) / sizeof(process_controls[0]));
    rule_values(b, RULE_TGKILL, 0, &self, 1);
    rule_values(b, RULE_KILL, 0, victim, wish->children + 1);
    rule_values(b, RULE_PRLIMIT, 0, own_limits, 2);
}

void confine_filter_make(const struct confine_wish *wish, struct confine_filter *f)
{
    struct builder b = {.filter = f};

    f->length = 0;
    f->overflow = false;
    borders_find(&b);
    machine_check(&b);
    search(&b, 0, b.borders);
    rules_emit(&b, wish);
    answers_place(&b);
}
