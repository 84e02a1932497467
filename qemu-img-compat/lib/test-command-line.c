/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines, their help texts (those of QEMU 10.0's qemu-img, by their SHA-256) and what is
 * wrong with their --object arguments. Other mistakes are in test-command-errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "command-line.h"

/* clang-format off */
static const struct {
    const char *line, *sha256;
} helps[] = {
    {"--help", "b4036349243a91727a58af3733ad286b8cae8e5e8ef3730f142643583014ced0"},
    {"--version", "9c8e29a966511dd1e228ac8de8bf12f5fb48a8486f7fbb78af0ec25a4bdae661"},
    {"amend --help", "b91aa5b5847931a3e1846344df45e6523b3a796918a7d70f01c8a275ef741d77"},
    {"bench --help", "e903f21cc41ed1d0a7fda72c9a6aeafddd29e5f720fdcd3f09b0d64aac48fc4d"},
    {"bitmap --help", "6ad775d9889b122331012ebece97cc66bfcc3ab2e3513660f01e168478e0ce9e"},
    {"check --help", "4f6173dd8cb9d1d7fa29e9c6d3e52428f8af68acbee97c12aa814db368ddb752"},
    {"commit --help", "2547d78f104580285c6109fc70ca0e1ef80ed70fb0520f754ce6ff3116e2939c"},
    {"compare --help", "15b74c6112cf87d0964761290b3ef3595d5280fabf7e6c0c77776deb7f1446b0"},
    {"convert --help", "27d88db7ee3557942cbe3befa204386052025b9bd2dfcf060b1230919d1cb41c"},
    {"create --help", "b16ae66848337b6e678865feafe3f3a19a0a0e698ff3464151db9a9581be4049"},
    {"dd --help", "1f9c45896833def8f5b9c84892f10ec00bcc0d688032bf85ccb94d0a96ba01aa"},
    {"info --help", "a0be2ce03603a68b77add9c691e138f99bc6ae5cf571fd957be9cff56e80fa3f"},
    {"map --help", "07b9b3b0e7569706ab5fcf9aeea3e9cd801ade88e2e8bda3695ae21bf4dfbf3e"},
    {"measure --help", "d70ef5f9de954910291d61b4228bd9fa4bb06236ac74ee411718055ab3225e77"},
    {"rebase --help", "e48911a5cde4eebb8da746f7395b599e4e232bbd8539b6dae1adb9c4df55a2d8"},
    {"resize --help", "ce51fbd9069679e33142dbbd73f31450f3ab096cc97176c7863585100a2684e1"},
    {"snapshot --help", "14623ba9735ade7ac707a0cc18e4012b4ad948baad1e38f62b316ae9e9c346c6"},
    {"create -f qcow2 -o help", "6415c4f2e1111969103f9c887fb42409c5ad36ce206a3218367d8b2ad7c718a6"},
    {"create -f qcow2 -o help x",
     "e433e134db2c1060ca10ad6f7ab7d0986b607a9374edd296bc3b9206a23f5e5c"},
    {"create -f vmdk -o ?", "e4eedddfec19d0f315a27dbebeff352e0915ed6ef97f20b13017ddcf6d4a9d05"},
    {"convert -O luks -o help", "e5e6c6f6f5fec35e3bc894cdae0ac0c8d81d975794b79bbffadf5aef3311390d"},
    {"convert -O raw -o help x y",
     "299f8783567d5bbeb838ecdc60b444d5894df8184c75ee904b8252f84e85bc3d"},
    {"amend -f qcow2 -o help", "7a57d3e9f73081db5a3e7aa9820ec39c8643638d9ae1c7f271f05c9853095abf"},
    {"info --object help", "340cd8c24f0483481cefa67f758e79159e67c63160e4ccf7b23d3e2b6377a20e"},
    {"info --object secret,help",
     "dc2bcdd9d5d086168acce64dcccf9fd1facab5cc8e57ef5363dd0bc42875bc1c"},
    {"info --object throttle-group,help",
     "ef27e88ed6ccc04092d52aeab022e13e9c45aeaf22ff4340ed4ca3fe77fd9cb4"},
    {"resize 5 -h x -Z", "ce51fbd9069679e33142dbbd73f31450f3ab096cc97176c7863585100a2684e1"},
    {"info --he", "a0be2ce03603a68b77add9c691e138f99bc6ae5cf571fd957be9cff56e80fa3f"},
};

static const struct {
    const char *line;
    int status;
    const char *err;
} errors[] = {
    {"compare --object nosuch,id=a x y", 2,
     "qemu-img: Parameter 'qom-type' does not accept value 'nosuch'\n"},
    {"info --object secret", 1, "qemu-img: Parameter 'id' is missing\n"},
    {"info --object secret,id=a", 1, "qemu-img: Either 'file' or 'data' must be provided\n"},
    {"info --object secret,id=a,data=x,file=key r.raw", 1,
     "qemu-img: 'file' and 'data' are mutually exclusive\n"},
    {"info --object secret,id=a,file=nosuch r.raw", 1,
     "qemu-img: Unable to read nosuch: Failed to open file “nosuch”: No such file or "
     "directory\n"},
    {"info --object nosuch,id=a r.raw", 1,
     "qemu-img: Parameter 'qom-type' does not accept value 'nosuch'\n"},
    {"info --object secret,id=1 r.raw", 1,
     "qemu-img: Parameter 'id' expects an identifier\n"
     "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"},
    {"info --object secret,id=a,data=x --object secret,id=a,data=y r.raw", 1,
     "qemu-img: attempt to add duplicate property 'a' to object (type 'container')\n"},
    {"info --object secret,id=a,data=x,format=foo r.raw", 1,
     "qemu-img: Parameter 'format' does not accept value 'foo'\n"},
    {"info --object secret,id=a,foo r.raw", 1, "qemu-img: Expected '=' after parameter 'foo'\n"},
    {"info --object secret,id=a,foo=1,data=x r.raw", 1,
     "qemu-img: Parameter 'foo' is unexpected\n"},
    {"info --object id=a,data=x r.raw", 1, "qemu-img: Parameter 'qom-type' is missing\n"},
    {"info --object '' r.raw", 1, "qemu-img: Parameter 'qom-type' is missing\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":5}' r.raw", 1,
     "qemu-img: Invalid parameter type for 'data', expected: string\n"},
    {"info --object '{' r.raw", 1, "qemu-img: JSON parse error, premature EOI\n"},
    {"info --object secret,id=a,data=x,keyid=k r.raw", 1, "qemu-img: No secret with id 'k'\n"},
    {"info --object secret,id=a,data=x,file.b=x r.raw", 1,
     "qemu-img: Parameters 'file.*' are unexpected\n"},
    {"info --object secret,a..b=c r.raw", 1, "qemu-img: Invalid parameter 'a..b'\n"},
    {"info --object secret,a.0=c,a.2=d r.raw", 1, "qemu-img: Parameter 'a.1' missing\n"},
    {"info --object iothread,id=t r.raw", 1, "qemu-img: invalid object type: iothread\n"},
    {"info --object iothread r.raw", 1, "qemu-img: Parameter 'id' is missing\n"},
    {"info --object authz-list-file,id=x,filename=y r.raw", 1,
     "qemu-img: Parameter 'qom-type' does not accept value 'authz-list-file'\n"},
    {"info --object authz-listfile,id=x,filename=y r.raw", 1,
     "qemu-img: invalid object type: authz-listfile\n"},
    {"info --object authz-list,id=a,policy=foo r.raw", 1,
     "qemu-img: Parameter 'policy' does not accept value 'foo'\n"},
    {"info --object main-loop,id=a,aio-max-batch=x r.raw", 1,
     "qemu-img: Parameter 'aio-max-batch' expects integer\n"},
    {"info --object tls-creds-x509,id=a,verify-peer=x r.raw", 1,
     "qemu-img: Parameter 'verify-peer' expects 'on' or 'off'\n"},
    {"info --object pr-manager-helper,id=a r.raw", 1, "qemu-img: Parameter 'path' is missing\n"},
    {"info --object tls-creds-x509,id=a,endpoint=foo r.raw", 1,
     "qemu-img: Parameter 'endpoint' does not accept value 'foo'\n"},
    {"info --object secret,id=a,data=1,zoo=5,bar=3 r.raw", 1,
     "qemu-img: Parameter 'bar' is unexpected\n"},
    {"info --object secret,id=a,data=1,a1=5,b2=3,c3=9,dd=1 r.raw", 1,
     "qemu-img: Parameter 'b2' is unexpected\n"},
    {"info --object secret,id.x=a,data=1 r.raw", 1, "qemu-img: Parameters 'id.*' are unexpected\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"x\",\"foo\":1}' r.raw", 1,
     "qemu-img: Parameter 'foo' is unexpected\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"x\",\"format\":1}' r.raw", 1,
     "qemu-img: Invalid parameter type for 'format', expected: string\n"},
    {"info --object '[]' r.raw", 1, "qemu-img: Parameter 'qom-type' does not accept value '[]'\n"},
    {"info --object '{\"qom-type\":5}' r.raw", 1,
     "qemu-img: Invalid parameter type for 'qom-type', expected: string\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":{\"x\":1}}' r.raw", 1,
     "qemu-img: Invalid parameter type for 'data', expected: string\n"},
    {"info --object '{\"qom-type\":\"tls-creds-x509\",\"id\":\"a\",\"verify-peer\":\"on\"}' "
     "r.raw", 1,
     "qemu-img: Invalid parameter type for 'verify-peer', expected: boolean\n"},
    {"info --object secret,id= r.raw", 1,
     "qemu-img: Parameter 'id' expects an identifier\n"
     "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"},
    {"info --object 'secret,id=a,data=$$,format=base64' r.raw", 1,
     "qemu-img: Base64 data contains invalid characters\n"},
    {"info --object "
     "'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object "
     "secret,id=a,keyid=k,data=x r.raw", 1,
     "qemu-img: IV is required to decrypt secret\n"},
    {"info --object "
     "'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object "
     "secret,id=a,keyid=k,data=x,iv=AAAA r.raw", 1,
     "qemu-img: IV should be 16 bytes in length not 3\n"},
    {"info --object "
     "'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object "
     "secret,id=a,keyid=k,data=x,iv=AAAAAAAAAAAAAAAAAAAAAA== r.raw", 1,
     "qemu-img: Length 1 must be a multiple of block size 16\n"},
    {"info --object throttle-group,id=t --object secret,keyid=t,id=a,data=x r.raw", 1,
     "qemu-img: Object with id 't' is not a secret\n"},
};
/* clang-format on */

/* Parses the words of a line, as a shell would split them. */
static bool parse(const char *text, CommandLine *line, char ***argv, Report *report)
{
    g_autofree char *whole = g_strconcat("qemu-img ", text, NULL);
    int argc;

    assert_true(g_shell_parse_argv(whole, &argc, argv, NULL));
    return command_line_parse(line, argc, *argv, NULL, report);
}

static void test_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(helps); i++) {
        g_autoptr(Report) report = report_new();
        g_auto(GStrv) argv = NULL;
        g_autofree char *sum = NULL;
        CommandLine line;

        assert_false(parse(helps[i].line, &line, &argv, report));
        sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, report->out->str, -1);
        assert_string_equal(sum, helps[i].sha256);
        assert_int_equal(report->status, 0);
        assert_string_equal(report->err->str, "");
        command_line_clear(&line);
    }
}

static void test_object_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_autoptr(Report) report = report_new();
        g_auto(GStrv) argv = NULL;
        CommandLine line;

        assert_false(parse(errors[i].line, &line, &argv, report));
        assert_string_equal(report->err->str, errors[i].err);
        assert_int_equal(report->status, errors[i].status);
        assert_string_equal(report->out->str, "");
        command_line_clear(&line);
    }
}

static void test_convert(void **state)
{
    g_autoptr(Report) report = report_new();
    g_auto(GStrv) argv = NULL;
    CommandLine line;

    (void)state;
    assert_true(parse("convert a -S 0 -m8 b --target-format qcow2 -oa=b c -o c=d -l snapshot.id=5 "
                      "--rate=1k -p",
                      &line, &argv, report));
    assert_int_equal(line.command->id, COMMAND_CONVERT);
    assert_int_equal(line.operands->len, 3);
    assert_string_equal(command_line_operand(&line, 2), "c");
    assert_null(command_line_operand(&line, 3));
    assert_string_equal(line.option_list, "a=b,c=d");
    assert_string_equal(command_line_text(&line, 'O'), "qcow2");
    assert_true(command_line_has(&line, 'S'));
    assert_int_equal(command_line_number(&line, 'S', -1), 0);
    assert_int_equal(command_line_number(&line, 'm', 1), 8);
    assert_int_equal(command_line_number(&line, 'r', 0), 1024);
    assert_true(command_line_has(&line, 'p'));
    assert_false(command_line_has(&line, 'q'));
    assert_string_equal(line.snapshot_id, "5");
    assert_null(line.snapshot_name);
    assert_string_equal(report->err->str, "");
    command_line_clear(&line);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *line;
        int64_t bytes;
        const char *text;
    } rows[] = {
        {"create x 1M -u",      1048576, "1M" },
        {"resize x -5k",        5120,    "-5k"},
        {"resize x +5k -f raw", 5120,    "+5k"},
        {"resize -- x -1",      1,       "-1" },
        {"resize --shrink x 5", 5,       "5"  },
        {"resize x 5 -q",       5,       "5"  },
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Report) report = report_new();
        g_auto(GStrv) argv = NULL;
        CommandLine line;

        assert_true(parse(rows[i].line, &line, &argv, report));
        assert_int_equal(command_line_number(&line, COMMAND_OPERAND_SIZE, -1), rows[i].bytes);
        assert_string_equal(command_line_text(&line, COMMAND_OPERAND_SIZE), rows[i].text);
        command_line_clear(&line);
    }
}

static void test_dd_and_zero(void **state)
{
    g_autoptr(Report) report = report_new();
    g_auto(GStrv) argv = NULL;
    g_auto(GStrv) other = NULL;
    CommandLine line;

    (void)state;
    assert_true(parse("dd if=a=b of=c -U bs=1k count=2 -O qcow2", &line, &argv, report));
    assert_string_equal(command_line_text(&line, COMMAND_OPERAND_IF), "a=b");
    assert_int_equal(command_line_number(&line, COMMAND_OPERAND_BS, 512), 1024);
    assert_int_equal(command_line_number(&line, COMMAND_OPERAND_SKIP, 0), 0);
    command_line_clear(&line);
    assert_true(parse("bitmap --clear -g 0 x y", &line, &other, report));
    command_line_clear(&line);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_helps),       cmocka_unit_test(test_object_errors),
        cmocka_unit_test(test_convert),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_dd_and_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
