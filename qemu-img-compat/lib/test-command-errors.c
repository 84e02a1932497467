/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines with mistakes: what QEMU 10.0's qemu-img prints and exits with for each, run in a
 * folder without a file "x".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command-line.h"

/* clang-format off */
static const struct {
    const char *line;
    int status;
    const char *err;
} errors[] = {
    {"amend", 1,
     "qemu-img: Must specify options (-o)\n"
     "Try 'qemu-img amend --help' for more info\n"},
    {"amend --nosuch", 1,
     "qemu-img amend: unrecognized option '--nosuch'\n"
     "Try 'qemu-img amend --help' for more info\n"},
    {"amend -Z", 1,
     "qemu-img amend: invalid option -- 'Z'\n"
     "Try 'qemu-img amend --help' for more info\n"},
    {"nosuch", 1, "qemu-img: Command not found: nosuch\nTry 'qemu-img --help' for more info\n"},
    {"--nosuch", 1,
     "qemu-img: unrecognized option '--nosuch'\n"
     "Try 'qemu-img --help' for more info\n"},
    {"-Z", 1, "qemu-img: invalid option -- 'Z'\nTry 'qemu-img --help' for more info\n"},
    {"-T", 1,
     "qemu-img: option requires an argument -- 'T'\n"
     "Try 'qemu-img --help' for more info\n"},
    {"--tra", 1,
     "qemu-img: option '--trace' requires an argument\n"
     "Try 'qemu-img --help' for more info\n"},
    {"-T x=y info x", 1, "qemu-img: Invalid parameter 'x'\n"},
    {"-T events=a,x=y info x", 1, "qemu-img: Invalid parameter 'x'\n"},
    {"-T file=a,help=y info x", 1, "qemu-img: Invalid parameter 'help'\n"},
    {"-T bogus,x=y info x", 1, "qemu-img: Invalid parameter 'x'\n"},
    {"-T events=no/such info x", 1, "qemu-img:no/such: No such file or directory\n"},
    {"-T file=no/such info x", 1,
     "qemu-img: Error opening logfile no/such: No such file or directory\n"},
    {"-T file=%d%d info x", 1, "qemu-img: Bad logfile template: %d%d\n"},
    {"-T -bogus create", 1,
     "qemu-img: warning: trace event 'bogus' does not exist\n"
     "qemu-img: Expecting image file name\n"
     "Try 'qemu-img create --help' for more info\n"},
    {"-T bdrv* info", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"--trace", 1,
     "qemu-img: option '--trace' requires an argument\n"
     "Try 'qemu-img --help' for more info\n"},
    {"''", 1, "qemu-img: Command not found: \nTry 'qemu-img --help' for more info\n"},
    {"-- info", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"-q info", 1, "qemu-img: invalid option -- 'q'\nTry 'qemu-img --help' for more info\n"},
    {"bench", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img bench --help' for more info\n"},
    {"bitmap", 1,
     "qemu-img: Need at least one of --add, --remove, --clear, --enable, --disable, or "
     "--merge\n"},
    {"check", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img check --help' for more info\n"},
    {"commit", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img commit --help' for more info\n"},
    {"compare", 1,
     "qemu-img: Expecting two image file names\n"
     "Try 'qemu-img compare --help' for more info\n"},
    {"convert", 1, "qemu-img: Must specify image file name\n"},
    {"create", 1,
     "qemu-img: Expecting image file name\n"
     "Try 'qemu-img create --help' for more info\n"},
    {"dd", 1, "qemu-img: Must specify both input and output files\n"},
    {"info", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"map", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img map --help' for more info\n"},
    {"measure", 1, "qemu-img: Either --size N or one filename must be specified.\n"},
    {"rebase", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img rebase --help' for more info\n"},
    {"resize", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"snapshot", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"info --output=foo --nosuch", 1,
     "qemu-img: --output expects 'human' or 'json' not 'foo'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"check -r foo --nosuch", 1,
     "qemu-img: --repair (-r) expects 'leaks' or 'all' not 'foo'\n"
     "Try 'qemu-img check --help' for more info\n"},
    {"commit -r foo -Z", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"commit -t foo -Z", 1,
     "qemu-img commit: invalid option -- 'Z'\n"
     "Try 'qemu-img commit --help' for more info\n"},
    {"commit -t foo x", 1, "qemu-img: Invalid cache option: foo\n"},
    {"commit -t foo", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img commit --help' for more info\n"},
    {"check -T foo -Z", 1,
     "qemu-img check: invalid option -- 'Z'\n"
     "Try 'qemu-img check --help' for more info\n"},
    {"check -T foo x", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"compare -T foo x y", 2, "qemu-img: Invalid source cache option: foo\n"},
    {"compare -T foo -Z", 1,
     "qemu-img compare: invalid option -- 'Z'\n"
     "Try 'qemu-img compare --help' for more info\n"},
    {"convert -S foo -Z", 1, "qemu-img: Invalid buffer size for sparse output specified: 'foo'.\n"},
    {"convert -S 5 -Z", 1,
     "qemu-img: Invalid buffer size for sparse output specified. Valid sizes are multiples of "
     "512 up to 16777216. Select 0 to disable sparse detection (fully allocates output).\n"},
    {"convert -S 1G -Z", 1,
     "qemu-img: Invalid buffer size for sparse output specified. Valid sizes are multiples of "
     "512 up to 16777216. Select 0 to disable sparse detection (fully allocates output).\n"},
    {"convert -m 0 -Z", 1,
     "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 17 -Z", 1,
     "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m x -Z", 1, "qemu-img: Invalid number of coroutines specified: 'x'.\n"},
    {"convert -m -1 -Z", 1,
     "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 99999999999999999999 -Z", 1,
     "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 99999999999999999999x -Z", 1,
     "qemu-img: Invalid number of coroutines specified: '99999999999999999999x'.\n"},
    {"convert -m '' -Z", 1, "qemu-img: Invalid number of coroutines specified: ''.\n"},
    {"convert -r foo -Z", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"convert -l snapshot.foo=1 -Z", 1,
     "qemu-img: Invalid parameter 'snapshot.foo'\n"
     "qemu-img: Failed in parsing snapshot param 'snapshot.foo=1'\n"},
    {"convert -l snapshot.id,x", 1,
     "qemu-img: warning: short-form boolean option 'snapshot.id' deprecated\n"
     "Please use snapshot.id=on instead\n"
     "qemu-img: warning: short-form boolean option 'x' deprecated\n"
     "Please use x=on instead\n"
     "qemu-img: Invalid parameter 'x'\n"
     "qemu-img: Failed in parsing snapshot param 'snapshot.id,x'\n"},
    {"convert -l snapshot.id", 1,
     "qemu-img: warning: short-form boolean option 'snapshot.id' deprecated\n"
     "Please use snapshot.id=on instead\n"
     "qemu-img: Must specify image file name\n"},
    {"convert -l snapshot.", 1,
     "qemu-img: warning: short-form boolean option 'snapshot.' deprecated\n"
     "Please use snapshot.=on instead\n"
     "qemu-img: Invalid parameter 'snapshot.'\n"
     "qemu-img: Failed in parsing snapshot param 'snapshot.'\n"},
    {"convert -l nosnapshot.id", 1, "qemu-img: Must specify image file name\n"},
    {"convert -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"convert -T foo x y", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"map -s foo -Z", 1, "qemu-img: Invalid start offset specified: 'foo'.\n"},
    {"map -l foo -Z", 1, "qemu-img: Invalid max length specified: 'foo'.\n"},
    {"map --start-offset=-1 -Z", 1,
     "qemu-img: Invalid start offset specified. Must be between 0 and 9223372036854775807.\n"},
    {"measure --size foo -Z", 1, "qemu-img: Invalid image size specified: 'foo'.\n"},
    {"measure -s 5", 1,
     "qemu-img measure: invalid option -- 's'\n"
     "Try 'qemu-img measure --help' for more info\n"},
    {"measure -l snapshot.x=y -Z", 1,
     "qemu-img: Invalid parameter 'snapshot.x'\n"
     "qemu-img: Failed in parsing snapshot param 'snapshot.x=y'\n"},
    {"measure -o ''", 1, "qemu-img: Invalid option list: \n"},
    {"rebase -t foo -b x y", 1, "qemu-img: Invalid cache option: foo\n"},
    {"rebase -T foo -b x y", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"rebase x", 1,
     "qemu-img: Must specify backing file (-b) or use unsafe mode (-u)\n"
     "Try 'qemu-img rebase --help' for more info\n"},
    {"rebase a b", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img rebase --help' for more info\n"},
    {"resize x foo", 1,
     "qemu-img: Parameter 'size' expects a non-negative number below 2^64\n"
     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
     "and exabytes, respectively.\n"},
    {"resize x +foo", 1,
     "qemu-img: Parameter 'size' expects a non-negative number below 2^64\n"
     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
     "and exabytes, respectively.\n"},
    {"resize --preallocation=foo x 5", 1, "qemu-img: Invalid preallocation mode 'foo'\n"},
    {"resize --preallocation foo", 1, "qemu-img: Invalid preallocation mode 'foo'\n"},
    {"resize x -Z", 1,
     "qemu-img resize: invalid option -- 'Z'\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize -Z x 5", 1,
     "qemu-img resize: invalid option -- 'Z'\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x 5 6", 1,
     "qemu-img: Extra argument(s) in command line\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize 5", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize -5 x", 1,
     "qemu-img resize: invalid option -- '5'\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x -q -5", 1,
     "qemu-img resize: invalid option -- '5'\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x 5 -- 6", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize -q -- x -5 6", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize -q -- x", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x --", 1,
     "qemu-img: Expecting image file name and size\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"resize x ''", 1,
     "qemu-img: Parameter 'size' expects a non-negative number below 2^64\n"
     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
     "and exabytes, respectively.\n"},
    {"resize x -", 1,
     "qemu-img: Parameter 'size' expects a non-negative number below 2^64\n"
     "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
     "and exabytes, respectively.\n"},
    {"resize x -x", 1,
     "qemu-img resize: invalid option -- 'x'\n"
     "Try 'qemu-img resize --help' for more info\n"},
    {"snapshot -l -a x y", 1,
     "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -a x -l y", 1,
     "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -l -l y", 1,
     "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -Z -l -a x", 1,
     "qemu-img snapshot: invalid option -- 'Z'\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"snapshot x y", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"bench -c foo -Z", 1, "qemu-img: Invalid request count specified: 'foo'.\n"},
    {"bench -c -1 x", 1,
     "qemu-img: Invalid request count specified. Must be between 1 and 2147483647.\n"},
    {"bench -c 0 x", 1,
     "qemu-img: Invalid request count specified. Must be between 1 and 2147483647.\n"},
    {"bench -c 1k x", 1, "qemu-img: Invalid request count specified: '1k'.\n"},
    {"bench -d foo -Z", 1, "qemu-img: Invalid queue depth specified: 'foo'.\n"},
    {"bench -i foo -Z", 1, "qemu-img: Invalid aio option: foo\n"},
    {"bench -o foo -Z", 1, "qemu-img: Invalid offset specified: 'foo'.\n"},
    {"bench -s 0 x", 1,
     "qemu-img: Invalid buffer size specified. Must be between 1 and 2147483647.\n"},
    {"bench -s foo -Z", 1, "qemu-img: Invalid buffer size specified: 'foo'.\n"},
    {"bench -s 3G -Z", 1,
     "qemu-img: Invalid buffer size specified. Must be between 1 and 2147483647.\n"},
    {"bench -S foo -Z", 1, "qemu-img: Invalid step size specified: 'foo'.\n"},
    {"bench -t foo -Z", 1, "qemu-img: Invalid cache mode\n"},
    {"bench --pattern 256 -Z", 1,
     "qemu-img: Invalid pattern byte specified. Must be between 0 and 255.\n"},
    {"bench --pattern foo -Z", 1, "qemu-img: Invalid pattern byte specified: 'foo'.\n"},
    {"bench --flush-interval foo -Z", 1, "qemu-img: Invalid flush interval specified: 'foo'.\n"},
    {"bench --flush-interval 5 x", 1,
     "qemu-img: --flush-interval is only available in write tests\n"},
    {"bitmap -g foo -Z", 1, "qemu-img: Invalid granularity specified: 'foo'.\n"},
    {"bitmap -g 5 x y", 1,
     "qemu-img: Need at least one of --add, --remove, --clear, --enable, --disable, or "
     "--merge\n"},
    {"bitmap --add x", 1, "qemu-img: Expecting filename and bitmap name\n"},
    {"bitmap --merge s -F raw x y", 1, "qemu-img: -F only supported with -b\n"},
    {"bitmap --add -b s x y", 1,
     "qemu-img: Merge bitmap source file only supported with --merge\n"},
    {"bitmap --add --clear -g 5 x y z", 1, "qemu-img: Expecting filename and bitmap name\n"},
    {"bitmap --clear -g 5 x y", 1, "qemu-img: granularity only supported with --add\n"},
    {"amend -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"amend -t foo -o size=5 r.raw", 1, "qemu-img: Invalid cache option: foo\n"},
    {"amend x", 1,
     "qemu-img: Must specify options (-o)\n"
     "Try 'qemu-img amend --help' for more info\n"},
    {"amend -o size=1", 1, "qemu-img: Expecting one image file name\n"},
    {"amend -o size=1 a b", 1, "qemu-img: Expecting one image file name\n"},
    {"amend -f qcow2 -o help -Z", 1,
     "qemu-img amend: invalid option -- 'Z'\n"
     "Try 'qemu-img amend --help' for more info\n"},
    {"amend -f raw -o help", 1,
     "qemu-img: Format driver 'raw' does not support option amendment\n"},
    {"amend -f nosuch -o help x", 1, "qemu-img: Unknown file format 'nosuch'\n"},
    {"amend -o help", 1, "qemu-img: Expecting one image file name\n"},
    {"create -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"create x 5 6", 1,
     "qemu-img: Unexpected argument: 6\n"
     "Try 'qemu-img create --help' for more info\n"},
    {"create x foo -Z", 1,
     "qemu-img create: invalid option -- 'Z'\n"
     "Try 'qemu-img create --help' for more info\n"},
    {"create x foo", 1, "qemu-img: Invalid image size specified: 'foo'.\n"},
    {"create -f qcow2 -o help nosuch:x", 1, "qemu-img: Unknown protocol 'nosuch'\n"},
    {"create -f qcow2 -o help http://x", 1,
     "qemu-img: Protocol driver 'http' does not support image creation\n"},
    {"create -f nosuch -o help", 1, "qemu-img: Unknown file format 'nosuch'\n"},
    {"create -f dmg -o help", 1, "qemu-img: Format driver 'dmg' does not support image creation\n"},
    {"convert -O qcow2 -o help x y nosuch:z", 1, "qemu-img: Unknown protocol 'nosuch'\n"},
    {"convert -n --target-image-opts -T foo", 1, "qemu-img: Must specify image file name\n"},
    {"convert --skip-broken-bitmaps", 1,
     "qemu-img: Use of --skip-broken-bitmaps requires --bitmaps\n"},
    {"convert -C -c", 1, "qemu-img: Cannot enable copy offloading when -c is used\n"},
    {"convert -C -S 5k", 1, "qemu-img: Cannot enable copy offloading when -S is used\n"},
    {"convert -C --salvage", 1, "qemu-img: Cannot use copy offloading in salvaging mode\n"},
    {"convert --target-image-opts x y", 1,
     "qemu-img: --target-image-opts requires use of -n flag\n"},
    {"convert -n -o a=b", 1, "qemu-img: -o has no effect when skipping image creation\n"},
    {"convert --target-is-zero x", 1, "qemu-img: --target-is-zero requires use of -n flag\n"},
    {"convert x", 1, "qemu-img: Must specify image file name\n"},
    {"convert -O nosuch -o help", 1, "qemu-img: Unknown file format 'nosuch'\n"},
    {"dd foo", 1, "qemu-img: unrecognized operand foo\n"},
    {"dd foo=1", 1, "qemu-img: unrecognized operand foo\n"},
    {"dd if=x", 1, "qemu-img: Must specify both input and output files\n"},
    {"dd bs=0 if=x of=y", 1, "qemu-img: Invalid bs specified. Must be between 1 and 2147483647.\n"},
    {"dd bs=foo", 1, "qemu-img: Invalid bs specified: 'foo'.\n"},
    {"dd bs=3G", 1, "qemu-img: Invalid bs specified. Must be between 1 and 2147483647.\n"},
    {"dd count=foo", 1, "qemu-img: Invalid count specified: 'foo'.\n"},
    {"dd skip=foo", 1, "qemu-img: Invalid skip specified: 'foo'.\n"},
    {"dd seek=1", 1, "qemu-img: unrecognized operand seek\n"},
    {"dd conv=notrunc", 1, "qemu-img: unrecognized operand conv\n"},
    {"dd if=", 1, "qemu-img: Must specify both input and output files\n"},
    {"dd bs=512 bs=foo", 1, "qemu-img: Invalid bs specified: 'foo'.\n"},
    {"info --fo raw x", 1,
     "qemu-img info: option '--fo' is ambiguous; possibilities: '--format' '--force-share'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --for raw x", 1,
     "qemu-img info: option '--for' is ambiguous; possibilities: '--format' '--force-share'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --f raw x", 1,
     "qemu-img info: option '--f' is ambiguous; possibilities: '--format' '--force-share'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --force=1 x", 1,
     "qemu-img info: option '--force-share' doesn't allow an argument\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --output", 1,
     "qemu-img info: option '--output' requires an argument\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info r.raw -f", 1,
     "qemu-img info: option requires an argument -- 'f'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info -UZ x", 1,
     "qemu-img info: invalid option -- 'Z'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --backing-chain=x x", 1,
     "qemu-img info: option '--backing-chain' doesn't allow an argument\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"convert --source x", 1,
     "qemu-img convert: option '--source' is ambiguous; possibilities: '--source-image-opts' "
     "'--source-format' '--source-cache'\n"
     "Try 'qemu-img convert --help' for more info\n"},
    {"convert --output x y", 1,
     "qemu-img convert: option '--output' is ambiguous; possibilities: '--output-format' "
     "'--output-cache'\n"
     "Try 'qemu-img convert --help' for more info\n"},
    {"convert --backing", 1,
     "qemu-img convert: option '--backing' requires an argument\n"
     "Try 'qemu-img convert --help' for more info\n"},
    {"convert -ZY", 1,
     "qemu-img convert: invalid option -- 'Z'\n"
     "Try 'qemu-img convert --help' for more info\n"},
    {"info --=x", 1,
     "qemu-img info: option '--=x' is ambiguous; possibilities: '--help' '--format' "
     "'--output' '--backing-chain' '--object' '--image-opts' '--force-share'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --image_opts x", 1,
     "qemu-img info: unrecognized option '--image_opts'\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"info --out=json", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"measure a b", 1, "qemu-img: At most one filename argument is allowed.\n"},
    {"measure -f raw --size 5", 1,
     "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure --image-opts --size 5", 1,
     "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure -l x --size 5", 1,
     "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure --size 5 x", 1, "qemu-img: --size N cannot be used together with a filename.\n"},
    {"measure", 1, "qemu-img: Either --size N or one filename must be specified.\n"},
    {"info --image-opts=1 x", 1,
     "qemu-img info: option '--image-opts' doesn't allow an argument\n"
     "Try 'qemu-img info --help' for more info\n"},
    {"convert -pq", 1, "qemu-img: Must specify image file name\n"},
    {"compare a b c", 1,
     "qemu-img: Expecting two image file names\n"
     "Try 'qemu-img compare --help' for more info\n"},
    {"snapshot -c", 1,
     "qemu-img snapshot: option requires an argument -- 'c'\n"
     "Try 'qemu-img snapshot --help' for more info\n"},
    {"check a b", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img check --help' for more info\n"},
    {"map a b", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img map --help' for more info\n"},
    {"commit --rate=foo", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"create x -- -5", 1,
     "qemu-img: Invalid image size specified. Must be between 0 and 9223372036854775807.\n"},
    {"bench -n -w -q -U", 1,
     "qemu-img: Expecting one image file name\n"
     "Try 'qemu-img bench --help' for more info\n"},
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

static void test_errors(void **state)
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
