/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start state against what processors check: Intel SDM volume 3, 27.3.1 "Checks on the Guest
 * State Area", and AMD APM volume 2, 15.5.1 "Canonicalization and Consistency Checks". What KVM
 * alone controls (intercepts, ASID, event injection, activity state, debug registers) is left out.
 *
 * Each rule is a row: what it says, whether it holds, and a change that must break it, which proves
 * that the check can fail.
 */
#include "rig.h"

#include <string.h>

#include "kvm-state.h"

struct state {
    struct kvm_sregs sr;
    struct kvm_regs r;
    uint64_t xcr0;
    bool avx;
};

#define CR0 (s->sr.cr0)
#define CR4 (s->sr.cr4)
#define EFER (s->sr.efer)
#define HIGH(x) ((x) >> 32)

static bool canonical(uint64_t address)
{
    int64_t top = (int64_t)address >> 47;
    return top == 0 || top == -1;
}

/* G against the limit: low bits clear demand 0, high bits set demand 1. */
static bool granularity_ok(const struct kvm_segment *g)
{
    return !(g->g && (g->limit & 0xfff) != 0xfff) && !(!g->g && (g->limit >> 20) != 0);
}

static bool each_data(const struct state *s, bool (*ok)(const struct kvm_segment *g))
{
    const struct kvm_segment *data[] = {&s->sr.ds, &s->sr.es, &s->sr.fs, &s->sr.gs};

    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
        if (!data[i]->unusable && !ok(data[i]))
            return false;
    }
    return true;
}

static bool is_accessed(const struct kvm_segment *g)
{
    return g->type & 1;
}

static bool is_not_execute_only(const struct kvm_segment *g)
{
    return !(g->type & 8) || (g->type & 2);
}

static bool is_not_system(const struct kvm_segment *g)
{
    return g->s;
}

static bool is_present(const struct kvm_segment *g)
{
    return g->present;
}

static bool is_privileged_enough(const struct kvm_segment *g)
{
    return g->type > 11 || g->dpl >= (g->selector & 3);
}

/* name, what it says, holds, spoil */
#define RULES(RULE)                                                                                \
    /* control registers: SDM 27.3.1.1, A.7, A.8; APM 15.5.1 */                                    \
    RULE(cr0_pe_pg, "PG demands PE; both in long mode",                                            \
         (CR0 & KVM_STATE_CR0_PE) && (CR0 & KVM_STATE_CR0_PG), CR0 &= ~KVM_STATE_CR0_PE)           \
    RULE(cr0_ne, "VMX operation fixes NE to 1", CR0 &KVM_STATE_CR0_NE, CR0 &= ~KVM_STATE_CR0_NE)   \
    RULE(cr0_high, "bits 63:32 are 0", HIGH(CR0) == 0, CR0 |= UINT64_C(1) << 40)                   \
    RULE(cr0_reserved, "reserved bits are 0", (CR0 & UINT64_C(0x1ffaffc0)) == 0, CR0 |= 1 << 17)   \
    RULE(cr0_cd_nw, "NW without CD is illegal",                                                    \
         (CR0 & KVM_STATE_CR0_CD) || !(CR0 & KVM_STATE_CR0_NW), CR0 |= KVM_STATE_CR0_NW)           \
    RULE(cr0_et, "ET is always 1", CR0 &KVM_STATE_CR0_ET, CR0 &= ~KVM_STATE_CR0_ET)                \
    RULE(cr0_fpu, "neither emulation nor task switched: SSE works",                                \
         !(CR0 & (KVM_STATE_CR0_EM | KVM_STATE_CR0_TS)), CR0 |= KVM_STATE_CR0_TS)                  \
    RULE(cr3_width, "within 36 bits, which any processor has, and aligned",                        \
         (s->sr.cr3 & ~UINT64_C(0xffffff000)) == 0, s->sr.cr3 |= UINT64_C(1) << 50)                \
    RULE(cr4_pae, "long mode demands PAE", CR4 &KVM_STATE_CR4_PAE, CR4 &= ~KVM_STATE_CR4_PAE)      \
    RULE(cr4_known, "no bit that a processor may lack",                                            \
         (CR4 & ~(KVM_STATE_CR4_PAE | KVM_STATE_CR4_OSFXSR | KVM_STATE_CR4_OSXMMEXCPT |            \
                  (s->avx ? KVM_STATE_CR4_OSXSAVE : 0))) == 0,                                     \
         CR4 |= 1 << 20)                                                                           \
    RULE(cr8, "task priority within 4 bits", s->sr.cr8 < 16, s->sr.cr8 = 16)                       \
    RULE(efer_reserved, "reserved bits are 0", (EFER & ~UINT64_C(0xd01)) == 0, EFER |= 2)          \
    RULE(efer_lma, "LMA as \"IA-32e mode guest\" and, with PG, as LME",                            \
         (EFER & KVM_STATE_EFER_LMA) && (EFER & KVM_STATE_EFER_LME), EFER &= ~KVM_STATE_EFER_LME)  \
    RULE(efer_nxe, "the tables use the no-execute bit", EFER &KVM_STATE_EFER_NXE,                  \
         EFER &= ~KVM_STATE_EFER_NXE)                                                              \
    RULE(xcr0, "x87 always, AVX only with SSE",                                                    \
         !s->avx || s->xcr0 == (KVM_STATE_XCR0_X87 | KVM_STATE_XCR0_SSE | KVM_STATE_XCR0_AVX),     \
         (s->avx = true, s->xcr0 = 4))                                                             \
    /* code segment: SDM 27.3.1.2; APM 15.5.1 */                                                   \
    RULE(cs_type, "accessed code", s->sr.cs.type >= 9 && (s->sr.cs.type & 1), s->sr.cs.type = 10)  \
    RULE(cs_s, "not a system segment", s->sr.cs.s, s->sr.cs.s = 0)                                 \
    RULE(cs_present, "present", s->sr.cs.present && !s->sr.cs.unusable, s->sr.cs.present = 0)      \
    RULE(cs_l_d, "64-bit code has L and not D", s->sr.cs.l && !s->sr.cs.db, s->sr.cs.db = 1)       \
    RULE(cs_base, "bits 63:32 of the base are 0", HIGH(s->sr.cs.base) == 0,                        \
         s->sr.cs.base = UINT64_C(1) << 32)                                                        \
    RULE(cs_g, "granularity fits the limit", granularity_ok(&s->sr.cs), s->sr.cs.limit = 0)        \
    RULE(cs_dpl, "of code that does not conform, DPL is that of SS",                               \
         s->sr.cs.type > 11 || s->sr.cs.dpl == s->sr.ss.dpl, s->sr.cs.dpl = 0)                     \
    RULE(cs_rpl, "requested privilege as DPL", (s->sr.cs.selector & 3) == s->sr.cs.dpl,            \
         s->sr.cs.selector = 0x30)                                                                 \
    /* stack segment; AMD takes the current privilege level from its DPL */                        \
    RULE(ss_type, "accessed data, writable", s->sr.ss.type == 3 || s->sr.ss.type == 7,             \
         s->sr.ss.type = 1)                                                                        \
    RULE(ss_s, "not a system segment", s->sr.ss.s, s->sr.ss.s = 0)                                 \
    RULE(ss_present, "present", s->sr.ss.present && !s->sr.ss.unusable, s->sr.ss.present = 0)      \
    RULE(ss_dpl, "ring 3", s->sr.ss.dpl == 3, s->sr.ss.dpl = 0)                                    \
    RULE(ss_rpl, "RPL is DPL", (s->sr.ss.selector & 3) == s->sr.ss.dpl, s->sr.ss.selector = 0x28)  \
    RULE(ss_cs_rpl, "RPL is that of CS", ((s->sr.ss.selector ^ s->sr.cs.selector) & 3) == 0,       \
         s->sr.cs.selector = 0x30)                                                                 \
    RULE(ss_base, "bits 63:32 of the base are 0", HIGH(s->sr.ss.base) == 0,                        \
         s->sr.ss.base = UINT64_C(1) << 32)                                                        \
    RULE(ss_g, "granularity fits the limit", granularity_ok(&s->sr.ss), s->sr.ss.limit = 0xfff00)  \
    /* data segments */                                                                            \
    RULE(data_accessed, "accessed", each_data(s, is_accessed), s->sr.es.type = 2)                  \
    RULE(data_readable, "code must be readable", each_data(s, is_not_execute_only),                \
         s->sr.fs.type = 9)                                                                        \
    RULE(data_s, "not system segments", each_data(s, is_not_system), s->sr.gs.s = 0)               \
    RULE(data_present, "present", each_data(s, is_present), s->sr.ds.present = 0)                  \
    RULE(data_dpl, "DPL at least RPL", each_data(s, is_privileged_enough), s->sr.ds.dpl = 2)       \
    RULE(data_g, "granularity fits the limit", each_data(s, granularity_ok), s->sr.gs.g = 0)       \
    RULE(data_base, "bits 63:32 of DS and ES bases are 0",                                         \
         HIGH(s->sr.ds.base) == 0 && HIGH(s->sr.es.base) == 0, s->sr.es.base = UINT64_C(1) << 40)  \
    RULE(fs_gs_base, "canonical", canonical(s->sr.fs.base) && canonical(s->sr.gs.base),            \
         s->sr.fs.base = UINT64_C(1) << 47)                                                        \
    /* task register and local descriptor table */                                                 \
    RULE(tr_type, "busy 64-bit TSS", s->sr.tr.type == 11, s->sr.tr.type = 9)                       \
    RULE(tr_s, "a system segment", !s->sr.tr.s, s->sr.tr.s = 1)                                    \
    RULE(tr_present, "present", s->sr.tr.present, s->sr.tr.present = 0)                            \
    RULE(tr_usable, "usable", !s->sr.tr.unusable, s->sr.tr.unusable = 1)                           \
    RULE(tr_ti, "selector in the global table", !(s->sr.tr.selector & 4), s->sr.tr.selector = 4)   \
    RULE(tr_base, "canonical", canonical(s->sr.tr.base), s->sr.tr.base = UINT64_C(1) << 50)        \
    RULE(tr_g, "granularity fits the limit", granularity_ok(&s->sr.tr), s->sr.tr.g = 1)            \
    RULE(tr_limit, "at least 0x67", s->sr.tr.limit >= 0x67, s->sr.tr.limit = 0x66)                 \
    RULE(ldtr, "unusable, so not checked", s->sr.ldt.unusable && !s->sr.ldt.present,               \
         s->sr.ldt.unusable = 0)                                                                   \
    /* descriptor tables: SDM 27.3.1.3 */                                                          \
    RULE(gdtr, "canonical, limit of 16 bits, empty", s->sr.gdt.base == 0 && s->sr.gdt.limit == 0,  \
         s->sr.gdt.base = UINT64_C(1) << 60)                                                       \
    RULE(idtr, "canonical, empty: no exception has a handler",                                     \
         s->sr.idt.base == 0 && s->sr.idt.limit == 0, s->sr.idt.limit = 4095)                      \
    /* RIP and RFLAGS: SDM 27.3.1.4 */                                                             \
    RULE(rip, "canonical", canonical(s->r.rip), s->r.rip = UINT64_C(1) << 47)                      \
    RULE(rflags_one, "bit 1 is 1", s->r.rflags & 2, s->r.rflags &= ~UINT64_C(2))                   \
    RULE(rflags_reserved, "bits 63:22, 15, 5 and 3 are 0",                                         \
         (s->r.rflags & ~UINT64_C(0x3f7fd7)) == 0, s->r.rflags |= 8)                               \
    RULE(rflags_vm, "not virtual-8086 in long mode", !(s->r.rflags & 1 << 17),                     \
         s->r.rflags |= 1 << 17)                                                                   \
    RULE(rflags_iopl, "ports for ring 3", (s->r.rflags >> 12 & 3) == 3, s->r.rflags &= 0xfff)

#define RULE_FUNCTIONS(name, text, holds, spoil)                                                   \
    static bool name##_holds(const struct state *s)                                                \
    {                                                                                              \
        return holds;                                                                              \
    }                                                                                              \
    static void name##_spoil(struct state *s)                                                      \
    {                                                                                              \
        spoil;                                                                                     \
    }
RULES(RULE_FUNCTIONS)

#define RULE_ROW(name, text, holds, spoil) {#name ": " text, name##_holds, name##_spoil},
static const struct {
    const char *rule;
    bool (*holds)(const struct state *s);
    void (*spoil)(struct state *s);
} rules[] = {RULES(RULE_ROW)};
enum { RULES_COUNT = sizeof(rules) / sizeof(rules[0]) };

static struct state state_make(bool avx)
{
    const struct kvm_state_start start = {.entry = ABI_GUEST_BASE + 0x3090,
                                          .stack_top = ABI_GUEST_BASE + 0x77000,
                                          .boot_addr = ABI_GUEST_BASE + 0x2b000,
                                          .vcpu = 3,
                                          .tables_addr = ABI_MEMORY_MAX_BYTES - 0x10000,
                                          .task_addr = ABI_GUEST_BASE + ABI_MEMORY_MAX_BYTES,
                                          .avx = avx};
    struct state s = {.avx = avx, .sr.apic_base = 0xfee00900};
    struct kvm_xcrs xcrs;

    memset(&s.r, 0xee, sizeof(s.r)); /* all of it is set */
    s.sr.cr4 = UINT64_MAX;
    s.sr.interrupt_bitmap[2] = 5;
    kvm_state_sregs(&start, &s.sr);
    kvm_state_regs(&start, &s.r);
    kvm_state_xcrs(&xcrs);
    s.xcr0 = xcrs.xcrs[0].value;
    return s;
}

static void test_rules_hold(void **state)
{
    (void)state;
    for (int avx = 0; avx < 2; avx++) {
        struct state s = state_make(avx);
        for (unsigned i = 0; i < RULES_COUNT; i++) {
            if (!rules[i].holds(&s))
                fail_msg("%s", rules[i].rule);
        }
    }
}

static void test_rules_can_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RULES_COUNT; i++) {
        struct state s = state_make(false);
        rules[i].spoil(&s);
        if (rules[i].holds(&s))
            fail_msg("a state that breaks it passes: %s", rules[i].rule);
    }
}

static void test_start(void **state)
{
    struct state s = state_make(false);

    (void)state;
    assert_int_equal(s.r.rip, ABI_GUEST_BASE + 0x3090);
    assert_int_equal(s.r.rsp, ABI_GUEST_BASE + 0x77000);
    assert_int_equal(s.r.rdi, ABI_GUEST_BASE + 0x2b000);
    assert_int_equal(s.r.rsi, 3);
    assert_int_equal(s.sr.fs.base, s.r.rdi);
    assert_int_equal(s.sr.apic_base, 0xfee00900);
    assert_int_equal(s.r.rax | s.r.rbx | s.r.rcx | s.r.rdx | s.r.rbp | s.r.r8 | s.r.r15, 0);
    for (unsigned i = 0; i < sizeof(s.sr.interrupt_bitmap) / sizeof(uint64_t); i++)
        assert_int_equal(s.sr.interrupt_bitmap[i], 0);
}

/* The map of ports allows words to the three ports, and nothing beside them. */
static void test_task(void **state)
{
    unsigned char task[KVM_STATE_TASK_BYTES] = {0};
    const unsigned first = ABI_PORT_DOORBELL, last = ABI_PORT_PANIC + 3;

    (void)state;
    kvm_state_task(task);
    assert_int_equal(task[102] | task[103] << 8, 104);
    for (unsigned port = 0; port < 8 * (sizeof(task) - 104); port++) {
        bool allowed = !(task[104 + port / 8] >> port % 8 & 1);
        assert_int_equal(allowed, port >= first && port <= last);
    }
    assert_int_equal(task[sizeof(task) - 1], 0xff);
    assert_int_equal(state_make(false).sr.tr.limit, sizeof(task) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_hold),
        cmocka_unit_test(test_rules_can_fail),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
