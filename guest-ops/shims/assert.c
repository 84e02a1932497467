/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What codec libraries call when they find themselves broken: the guest dies, the host notices. */

_Noreturn void __assert_fail(const char *what, const char *file, unsigned line,
                             const char *function);
_Noreturn void __stack_chk_fail(void);

_Noreturn void __assert_fail(const char *what, const char *file, unsigned line,
                             const char *function)
{
    (void)what;
    (void)file;
    (void)line;
    (void)function;
    __builtin_trap();
}

_Noreturn void __stack_chk_fail(void)
{
    __builtin_trap();
}
