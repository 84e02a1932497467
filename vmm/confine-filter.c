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
    {__NR_newfstatat,      __NR_unlinkat         },
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
enum { RANGES = sizeof(calls) / sizeof(calls[0]), BORDERS = 2 * RANGES };

/* Allowed if the argument is one of some values. */
static const uint32_t controls[] = {
    KVM_RUN,           FICLONERANGE,      BLKGETSIZE64,       BLKROGET,        BLKSSZGET,
    BLKPBSZGET,        BLKDISCARD,        BLKZEROOUT,         FS_IOC_GETFLAGS, FS_IOC_SETFLAGS,
    FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, CDROM_DRIVE_STATUS, TCGETS,          TIOCGWINSZ};
static const uint32_t process_controls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))

/* Jump targets until the program's end is known: what it answers there. */
enum { TO_ALLOW = 254, TO_DENY = 255 };

static void emit(struct confine_filter *f, struct sock_filter insn)
{
    if (f->length == CONFINE_FILTER_MAX)
        f->overflow = true;
    else
        f->insn[f->length++] = insn;
}

static void emit_test(struct confine_filter *f, uint16_t test, uint32_t value, unsigned yes,
                      unsigned no)
{
    if (yes > TO_DENY || no > TO_DENY)
        f->overflow = true;
    emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, (uint8_t)yes, (uint8_t)no));
}

/* The low half of an argument is loaded: all that is looked at are ints, or flags that fit. */
static void emit_load_argument(struct confine_filter *f, unsigned argument)
{
    emit(f, (struct sock_filter)BPF_STMT(
                BPF_LD | BPF_W | BPF_ABS,
                (uint32_t)(offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t))));
}

/* The call is allowed if the argument is one of the values, at least one. */
static void rule_values(struct confine_filter *f, uint32_t call, unsigned argument,
                        const uint32_t *value, unsigned count)
{
    emit_test(f, BPF_JEQ, call, 0, count + 1);
    emit_load_argument(f, argument);
    for (unsigned i = 0; i < count; i++)
        emit_test(f, BPF_JEQ, value[i], TO_ALLOW, i + 1 < count ? 0 : TO_DENY);
}

/* The call is allowed if one of the bits is set, or if none is. */
static void rule_bits(struct confine_filter *f, uint32_t call, unsigned argument, uint32_t bits,
                      bool set)
{
    emit_test(f, BPF_JEQ, call, 0, 2);
    emit_load_argument(f, argument);
    emit_test(f, BPF_JSET, bits, set ? TO_ALLOW : TO_DENY, set ? TO_DENY : TO_ALLOW);
}

/* The borders at which the answer changes: to yes at even ones, to no at odd ones. */
static uint32_t border(unsigned number)
{
    return number % 2 ? calls[number / 2].last + 1u : calls[number / 2].first;
}

/* Where to go on among the borders from @first to before @end: @next, if there are any. */
static unsigned search_target(unsigned first, unsigned end, unsigned next)
{
    if (first < end)
        return next;
    return first % 2 ? TO_ALLOW : TO_DENY;
}

/* Find the number among the borders from @first to before @end: one instruction for each. */
static void search(struct confine_filter *f, unsigned first, unsigned end)
{
    if (first == end)
        return;
    unsigned middle = first + (end - first) / 2;
    emit_test(f, BPF_JGE, border(middle), search_target(middle + 1, end, middle - first),
              search_target(first, middle, 0));
    search(f, first, middle);
    search(f, middle + 1, end);
}

static void machine_check(struct confine_filter *f)
{
    emit(f, (struct sock_filter)LOAD(arch));
    emit_test(f, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
    emit(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
    emit(f, (struct sock_filter)LOAD(nr));
}

static uint8_t target_patch(struct confine_filter *f, unsigned from, uint8_t target)
{
    if (target < TO_ALLOW)
        return target;
    unsigned distance = f->length + (target - TO_ALLOW) - from - 1;
    f->overflow |= distance >= TO_ALLOW;
    return (uint8_t)distance;
}

/* Append the answers and let the jumps lead there. */
static void answers_place(struct confine_filter *f)
{
    for (unsigned i = 0; i < f->length; i++) {
        struct sock_filter *insn = &f->insn[i];
        if (BPF_CLASS(insn->code) != BPF_JMP)
            continue;
        insn->jt = target_patch(f, i, insn->jt);
        insn->jf = target_patch(f, i, insn->jf);
    }
    emit(f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
    emit(f, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM));
}

void confine_filter_make(const struct confine_wish *wish, struct confine_filter *f)
{
    const uint32_t self = (uint32_t)wish->self;
    const uint32_t own_limits[] = {0, self};
    uint32_t victim[CONFINE_PIDS_MAX + 1] = {self};

    for (unsigned i = 0; i < wish->children; i++)
        victim[i + 1] = (uint32_t)wish->child[i];
    f->length = 0;
    f->overflow = false;
    machine_check(f);
    rule_values(f, __NR_ioctl, 1, controls, sizeof(controls) / sizeof(controls[0]));
    /* Nothing that is executable may be made. */
    rule_bits(f, __NR_mmap, 2, PROT_EXEC, false);
    rule_bits(f, __NR_mprotect, 2, PROT_EXEC, false);
    /* Threads, but no processes. The newer call hides its flags: without it, the C library uses
     * the older one. */
    rule_bits(f, __NR_clone, 0, CLONE_THREAD, true);
    emit_test(f, BPF_JEQ, __NR_clone3, 0, 1);
    emit(f, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS));
    rule_values(f, __NR_prctl, 0, process_controls,
                sizeof(process_controls) / sizeof(process_controls[0]));
    rule_values(f, __NR_tgkill, 0, &self, 1);
    rule_values(f, __NR_kill, 0, victim, wish->children + 1);
    rule_values(f, __NR_prlimit64, 0, own_limits, 2);
    search(f, 0, BORDERS);
    answers_place(f);
}
