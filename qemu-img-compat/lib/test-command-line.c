/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines that end before any image is opened: what QEMU 10.0's qemu-img prints and exits
 * with for each (help texts by their SHA-256), run in a folder without a file "x".
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
    {"create -f qcow2 -o help x", "e433e134db2c1060ca10ad6f7ab7d0986b607a9374edd296bc3b9206a23f5e5c"},
    {"create -f vmdk -o ?", "e4eedddfec19d0f315a27dbebeff352e0915ed6ef97f20b13017ddcf6d4a9d05"},
    {"convert -O luks -o help", "e5e6c6f6f5fec35e3bc894cdae0ac0c8d81d975794b79bbffadf5aef3311390d"},
    {"convert -O raw -o help x y", "299f8783567d5bbeb838ecdc60b444d5894df8184c75ee904b8252f84e85bc3d"},
    {"amend -f qcow2 -o help", "7a57d3e9f73081db5a3e7aa9820ec39c8643638d9ae1c7f271f05c9853095abf"},
    {"info --object help", "340cd8c24f0483481cefa67f758e79159e67c63160e4ccf7b23d3e2b6377a20e"},
    {"info --object secret,help", "dc2bcdd9d5d086168acce64dcccf9fd1facab5cc8e57ef5363dd0bc42875bc1c"},
    {"info --object throttle-group,help", "ef27e88ed6ccc04092d52aeab022e13e9c45aeaf22ff4340ed4ca3fe77fd9cb4"},
    {"resize 5 -h x -Z", "ce51fbd9069679e33142dbbd73f31450f3ab096cc97176c7863585100a2684e1"},
    {"info --he", "a0be2ce03603a68b77add9c691e138f99bc6ae5cf571fd957be9cff56e80fa3f"},
};

static const struct {
    const char *line;
    int status;
    const char *err;
} errors[] = {
    {"amend", 1, "qemu-img: Must specify options (-o)\nTry 'qemu-img amend --help' for more info\n"},
    {"amend --nosuch", 1, "qemu-img amend: unrecognized option '--nosuch'\nTry 'qemu-img amend --help' for more info\n"},
    {"amend -Z", 1, "qemu-img amend: invalid option -- 'Z'\nTry 'qemu-img amend --help' for more info\n"},
    {"nosuch", 1, "qemu-img: Command not found: nosuch\nTry 'qemu-img --help' for more info\n"},
    {"--nosuch", 1, "qemu-img: unrecognized option '--nosuch'\nTry 'qemu-img --help' for more info\n"},
    {"-Z", 1, "qemu-img: invalid option -- 'Z'\nTry 'qemu-img --help' for more info\n"},
    {"-T", 1, "qemu-img: option requires an argument -- 'T'\nTry 'qemu-img --help' for more info\n"},
    {"--tra", 1, "qemu-img: option '--trace' requires an argument\nTry 'qemu-img --help' for more info\n"},
    {"--trace", 1, "qemu-img: option '--trace' requires an argument\nTry 'qemu-img --help' for more info\n"},
    {"''", 1, "qemu-img: Command not found: \nTry 'qemu-img --help' for more info\n"},
    {"-- info", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img info --help' for more info\n"},
    {"-q info", 1, "qemu-img: invalid option -- 'q'\nTry 'qemu-img --help' for more info\n"},
    {"bench", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img bench --help' for more info\n"},
    {"bitmap", 1, "qemu-img: Need at least one of --add, --remove, --clear, --enable, --disable, or --merge\n"},
    {"check", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img check --help' for more info\n"},
    {"commit", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img commit --help' for more info\n"},
    {"compare", 1, "qemu-img: Expecting two image file names\nTry 'qemu-img compare --help' for more info\n"},
    {"convert", 1, "qemu-img: Must specify image file name\n"},
    {"create", 1, "qemu-img: Expecting image file name\nTry 'qemu-img create --help' for more info\n"},
    {"dd", 1, "qemu-img: Must specify both input and output files\n"},
    {"info", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img info --help' for more info\n"},
    {"map", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img map --help' for more info\n"},
    {"measure", 1, "qemu-img: Either --size N or one filename must be specified.\n"},
    {"rebase", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img rebase --help' for more info\n"},
    {"resize", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"snapshot", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img snapshot --help' for more info\n"},
    {"info --output=foo --nosuch", 1, "qemu-img: --output expects 'human' or 'json' not 'foo'\nTry 'qemu-img info --help' for more info\n"},
    {"check -r foo --nosuch", 1, "qemu-img: --repair (-r) expects 'leaks' or 'all' not 'foo'\nTry 'qemu-img check --help' for more info\n"},
    {"commit -r foo -Z", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"commit -t foo -Z", 1, "qemu-img commit: invalid option -- 'Z'\nTry 'qemu-img commit --help' for more info\n"},
    {"commit -t foo x", 1, "qemu-img: Invalid cache option: foo\n"},
    {"commit -t foo", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img commit --help' for more info\n"},
    {"check -T foo -Z", 1, "qemu-img check: invalid option -- 'Z'\nTry 'qemu-img check --help' for more info\n"},
    {"check -T foo x", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"compare -T foo x y", 2, "qemu-img: Invalid source cache option: foo\n"},
    {"compare -T foo -Z", 1, "qemu-img compare: invalid option -- 'Z'\nTry 'qemu-img compare --help' for more info\n"},
    {"compare --object nosuch,id=a x y", 2, "qemu-img: Parameter 'qom-type' does not accept value 'nosuch'\n"},
    {"convert -S foo -Z", 1, "qemu-img: Invalid buffer size for sparse output specified: 'foo'.\n"},
    {"convert -S 5 -Z", 1, "qemu-img: Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to 16777216. Select 0 to disable sparse detection (fully allocates output).\n"},
    {"convert -S 1G -Z", 1, "qemu-img: Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to 16777216. Select 0 to disable sparse detection (fully allocates output).\n"},
    {"convert -m 0 -Z", 1, "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 17 -Z", 1, "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m x -Z", 1, "qemu-img: Invalid number of coroutines specified: 'x'.\n"},
    {"convert -m -1 -Z", 1, "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 99999999999999999999 -Z", 1, "qemu-img: Invalid number of coroutines specified. Must be between 1 and 16.\n"},
    {"convert -m 99999999999999999999x -Z", 1, "qemu-img: Invalid number of coroutines specified: '99999999999999999999x'.\n"},
    {"convert -m '' -Z", 1, "qemu-img: Invalid number of coroutines specified: ''.\n"},
    {"convert -r foo -Z", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"convert -l snapshot.foo=1 -Z", 1, "qemu-img: Invalid parameter 'snapshot.foo'\nqemu-img: Failed in parsing snapshot param 'snapshot.foo=1'\n"},
    {"convert -l snapshot.id,x", 1, "qemu-img: warning: short-form boolean option 'snapshot.id' deprecated\nPlease use snapshot.id=on instead\nqemu-img: warning: short-form boolean option 'x' deprecated\nPlease use x=on instead\nqemu-img: Invalid parameter 'x'\nqemu-img: Failed in parsing snapshot param 'snapshot.id,x'\n"},
    {"convert -l snapshot.id", 1, "qemu-img: warning: short-form boolean option 'snapshot.id' deprecated\nPlease use snapshot.id=on instead\nqemu-img: Must specify image file name\n"},
    {"convert -l snapshot.", 1, "qemu-img: warning: short-form boolean option 'snapshot.' deprecated\nPlease use snapshot.=on instead\nqemu-img: Invalid parameter 'snapshot.'\nqemu-img: Failed in parsing snapshot param 'snapshot.'\n"},
    {"convert -l nosnapshot.id", 1, "qemu-img: Must specify image file name\n"},
    {"convert -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"convert -T foo x y", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"map -s foo -Z", 1, "qemu-img: Invalid start offset specified: 'foo'.\n"},
    {"map -l foo -Z", 1, "qemu-img: Invalid max length specified: 'foo'.\n"},
    {"map --start-offset=-1 -Z", 1, "qemu-img: Invalid start offset specified. Must be between 0 and 9223372036854775807.\n"},
    {"measure --size foo -Z", 1, "qemu-img: Invalid image size specified: 'foo'.\n"},
    {"measure -s 5", 1, "qemu-img measure: invalid option -- 's'\nTry 'qemu-img measure --help' for more info\n"},
    {"measure -l snapshot.x=y -Z", 1, "qemu-img: Invalid parameter 'snapshot.x'\nqemu-img: Failed in parsing snapshot param 'snapshot.x=y'\n"},
    {"measure -o ''", 1, "qemu-img: Invalid option list: \n"},
    {"rebase -t foo -b x y", 1, "qemu-img: Invalid cache option: foo\n"},
    {"rebase -T foo -b x y", 1, "qemu-img: Invalid source cache option: foo\n"},
    {"rebase x", 1, "qemu-img: Must specify backing file (-b) or use unsafe mode (-u)\nTry 'qemu-img rebase --help' for more info\n"},
    {"rebase a b", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img rebase --help' for more info\n"},
    {"resize x foo", 1, "qemu-img: Parameter 'size' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n"},
    {"resize x +foo", 1, "qemu-img: Parameter 'size' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n"},
    {"resize --preallocation=foo x 5", 1, "qemu-img: Invalid preallocation mode 'foo'\n"},
    {"resize --preallocation foo", 1, "qemu-img: Invalid preallocation mode 'foo'\n"},
    {"resize x -Z", 1, "qemu-img resize: invalid option -- 'Z'\nTry 'qemu-img resize --help' for more info\n"},
    {"resize -Z x 5", 1, "qemu-img resize: invalid option -- 'Z'\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x 5 6", 1, "qemu-img: Extra argument(s) in command line\nTry 'qemu-img resize --help' for more info\n"},
    {"resize 5", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize -5 x", 1, "qemu-img resize: invalid option -- '5'\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x -q -5", 1, "qemu-img resize: invalid option -- '5'\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x 5 -- 6", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize -q -- x -5 6", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize -q -- x", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x --", 1, "qemu-img: Expecting image file name and size\nTry 'qemu-img resize --help' for more info\n"},
    {"resize x ''", 1, "qemu-img: Parameter 'size' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n"},
    {"resize x -", 1, "qemu-img: Parameter 'size' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n"},
    {"resize x -x", 1, "qemu-img resize: invalid option -- 'x'\nTry 'qemu-img resize --help' for more info\n"},
    {"snapshot -l -a x y", 1, "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\nTry 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -a x -l y", 1, "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\nTry 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -l -l y", 1, "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\nTry 'qemu-img snapshot --help' for more info\n"},
    {"snapshot -Z -l -a x", 1, "qemu-img snapshot: invalid option -- 'Z'\nTry 'qemu-img snapshot --help' for more info\n"},
    {"snapshot x y", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img snapshot --help' for more info\n"},
    {"bench -c foo -Z", 1, "qemu-img: Invalid request count specified: 'foo'.\n"},
    {"bench -c -1 x", 1, "qemu-img: Invalid request count specified. Must be between 1 and 2147483647.\n"},
    {"bench -c 0 x", 1, "qemu-img: Invalid request count specified. Must be between 1 and 2147483647.\n"},
    {"bench -c 1k x", 1, "qemu-img: Invalid request count specified: '1k'.\n"},
    {"bench -d foo -Z", 1, "qemu-img: Invalid queue depth specified: 'foo'.\n"},
    {"bench -i foo -Z", 1, "qemu-img: Invalid aio option: foo\n"},
    {"bench -o foo -Z", 1, "qemu-img: Invalid offset specified: 'foo'.\n"},
    {"bench -s 0 x", 1, "qemu-img: Invalid buffer size specified. Must be between 1 and 2147483647.\n"},
    {"bench -s foo -Z", 1, "qemu-img: Invalid buffer size specified: 'foo'.\n"},
    {"bench -s 3G -Z", 1, "qemu-img: Invalid buffer size specified. Must be between 1 and 2147483647.\n"},
    {"bench -S foo -Z", 1, "qemu-img: Invalid step size specified: 'foo'.\n"},
    {"bench -t foo -Z", 1, "qemu-img: Invalid cache mode\n"},
    {"bench --pattern 256 -Z", 1, "qemu-img: Invalid pattern byte specified. Must be between 0 and 255.\n"},
    {"bench --pattern foo -Z", 1, "qemu-img: Invalid pattern byte specified: 'foo'.\n"},
    {"bench --flush-interval foo -Z", 1, "qemu-img: Invalid flush interval specified: 'foo'.\n"},
    {"bench --flush-interval 5 x", 1, "qemu-img: --flush-interval is only available in write tests\n"},
    {"bitmap -g foo -Z", 1, "qemu-img: Invalid granularity specified: 'foo'.\n"},
    {"bitmap -g 5 x y", 1, "qemu-img: Need at least one of --add, --remove, --clear, --enable, --disable, or --merge\n"},
    {"bitmap --add x", 1, "qemu-img: Expecting filename and bitmap name\n"},
    {"bitmap --merge s -F raw x y", 1, "qemu-img: -F only supported with -b\n"},
    {"bitmap --add -b s x y", 1, "qemu-img: Merge bitmap source file only supported with --merge\n"},
    {"bitmap --add --clear -g 5 x y z", 1, "qemu-img: Expecting filename and bitmap name\n"},
    {"bitmap --clear -g 5 x y", 1, "qemu-img: granularity only supported with --add\n"},
    {"amend -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"amend -t foo -o size=5 r.raw", 1, "qemu-img: Invalid cache option: foo\n"},
    {"amend x", 1, "qemu-img: Must specify options (-o)\nTry 'qemu-img amend --help' for more info\n"},
    {"amend -o size=1", 1, "qemu-img: Expecting one image file name\n"},
    {"amend -o size=1 a b", 1, "qemu-img: Expecting one image file name\n"},
    {"amend -f qcow2 -o help -Z", 1, "qemu-img amend: invalid option -- 'Z'\nTry 'qemu-img amend --help' for more info\n"},
    {"amend -f raw -o help", 1, "qemu-img: Format driver 'raw' does not support option amendment\n"},
    {"amend -f nosuch -o help x", 1, "qemu-img: Unknown file format 'nosuch'\n"},
    {"amend -o help", 1, "qemu-img: Expecting one image file name\n"},
    {"create -o '' -Z", 1, "qemu-img: Invalid option list: \n"},
    {"create x 5 6", 1, "qemu-img: Unexpected argument: 6\nTry 'qemu-img create --help' for more info\n"},
    {"create x foo -Z", 1, "qemu-img create: invalid option -- 'Z'\nTry 'qemu-img create --help' for more info\n"},
    {"create x foo", 1, "qemu-img: Invalid image size specified: 'foo'.\n"},
    {"create -f qcow2 -o help nosuch:x", 1, "qemu-img: Unknown protocol 'nosuch'\n"},
    {"create -f qcow2 -o help http://x", 1, "qemu-img: Protocol driver 'http' does not support image creation\n"},
    {"create -f nosuch -o help", 1, "qemu-img: Unknown file format 'nosuch'\n"},
    {"create -f dmg -o help", 1, "qemu-img: Format driver 'dmg' does not support image creation\n"},
    {"convert -O qcow2 -o help x y nosuch:z", 1, "qemu-img: Unknown protocol 'nosuch'\n"},
    {"convert -n --target-image-opts -T foo", 1, "qemu-img: Must specify image file name\n"},
    {"convert --skip-broken-bitmaps", 1, "qemu-img: Use of --skip-broken-bitmaps requires --bitmaps\n"},
    {"convert -C -c", 1, "qemu-img: Cannot enable copy offloading when -c is used\n"},
    {"convert -C -S 5k", 1, "qemu-img: Cannot enable copy offloading when -S is used\n"},
    {"convert -C --salvage", 1, "qemu-img: Cannot use copy offloading in salvaging mode\n"},
    {"convert --target-image-opts x y", 1, "qemu-img: --target-image-opts requires use of -n flag\n"},
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
    {"info --fo raw x", 1, "qemu-img info: option '--fo' is ambiguous; possibilities: '--format' '--force-share'\nTry 'qemu-img info --help' for more info\n"},
    {"info --for raw x", 1, "qemu-img info: option '--for' is ambiguous; possibilities: '--format' '--force-share'\nTry 'qemu-img info --help' for more info\n"},
    {"info --f raw x", 1, "qemu-img info: option '--f' is ambiguous; possibilities: '--format' '--force-share'\nTry 'qemu-img info --help' for more info\n"},
    {"info --force=1 x", 1, "qemu-img info: option '--force-share' doesn't allow an argument\nTry 'qemu-img info --help' for more info\n"},
    {"info --output", 1, "qemu-img info: option '--output' requires an argument\nTry 'qemu-img info --help' for more info\n"},
    {"info r.raw -f", 1, "qemu-img info: option requires an argument -- 'f'\nTry 'qemu-img info --help' for more info\n"},
    {"info -UZ x", 1, "qemu-img info: invalid option -- 'Z'\nTry 'qemu-img info --help' for more info\n"},
    {"info --backing-chain=x x", 1, "qemu-img info: option '--backing-chain' doesn't allow an argument\nTry 'qemu-img info --help' for more info\n"},
    {"convert --source x", 1, "qemu-img convert: option '--source' is ambiguous; possibilities: '--source-image-opts' '--source-format' '--source-cache'\nTry 'qemu-img convert --help' for more info\n"},
    {"convert --output x y", 1, "qemu-img convert: option '--output' is ambiguous; possibilities: '--output-format' '--output-cache'\nTry 'qemu-img convert --help' for more info\n"},
    {"convert --backing", 1, "qemu-img convert: option '--backing' requires an argument\nTry 'qemu-img convert --help' for more info\n"},
    {"convert -ZY", 1, "qemu-img convert: invalid option -- 'Z'\nTry 'qemu-img convert --help' for more info\n"},
    {"info --=x", 1, "qemu-img info: option '--=x' is ambiguous; possibilities: '--help' '--format' '--output' '--backing-chain' '--object' '--image-opts' '--force-share'\nTry 'qemu-img info --help' for more info\n"},
    {"info --image_opts x", 1, "qemu-img info: unrecognized option '--image_opts'\nTry 'qemu-img info --help' for more info\n"},
    {"info --out=json", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img info --help' for more info\n"},
    {"measure a b", 1, "qemu-img: At most one filename argument is allowed.\n"},
    {"measure -f raw --size 5", 1, "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure --image-opts --size 5", 1, "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure -l x --size 5", 1, "qemu-img: --image-opts, -f, and -l require a filename argument.\n"},
    {"measure --size 5 x", 1, "qemu-img: --size N cannot be used together with a filename.\n"},
    {"measure", 1, "qemu-img: Either --size N or one filename must be specified.\n"},
    {"info --object secret", 1, "qemu-img: Parameter 'id' is missing\n"},
    {"info --object secret,id=a", 1, "qemu-img: Either 'file' or 'data' must be provided\n"},
    {"info --object secret,id=a,data=x,file=key r.raw", 1, "qemu-img: 'file' and 'data' are mutually exclusive\n"},
    {"info --object secret,id=a,file=nosuch r.raw", 1, "qemu-img: Unable to read nosuch: Failed to open file “nosuch”: No such file or directory\n"},
    {"info --object nosuch,id=a r.raw", 1, "qemu-img: Parameter 'qom-type' does not accept value 'nosuch'\n"},
    {"info --object secret,id=1 r.raw", 1, "qemu-img: Parameter 'id' expects an identifier\nIdentifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"},
    {"info --object secret,id=a,data=x --object secret,id=a,data=y r.raw", 1, "qemu-img: attempt to add duplicate property 'a' to object (type 'container')\n"},
    {"info --object secret,id=a,data=x,format=foo r.raw", 1, "qemu-img: Parameter 'format' does not accept value 'foo'\n"},
    {"info --object secret,id=a,foo r.raw", 1, "qemu-img: Expected '=' after parameter 'foo'\n"},
    {"info --object secret,id=a,foo=1,data=x r.raw", 1, "qemu-img: Parameter 'foo' is unexpected\n"},
    {"info --object id=a,data=x r.raw", 1, "qemu-img: Parameter 'qom-type' is missing\n"},
    {"info --object '' r.raw", 1, "qemu-img: Parameter 'qom-type' is missing\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":5}' r.raw", 1, "qemu-img: Invalid parameter type for 'data', expected: string\n"},
    {"info --object '{' r.raw", 1, "qemu-img: JSON parse error, premature EOI\n"},
    {"info --object secret,id=a,data=x,keyid=k r.raw", 1, "qemu-img: No secret with id 'k'\n"},
    {"info --object secret,id=a,data=x,file.b=x r.raw", 1, "qemu-img: Parameters 'file.*' are unexpected\n"},
    {"info --object secret,a..b=c r.raw", 1, "qemu-img: Invalid parameter 'a..b'\n"},
    {"info --object secret,a.0=c,a.2=d r.raw", 1, "qemu-img: Parameter 'a.1' missing\n"},
    {"info --object iothread,id=t r.raw", 1, "qemu-img: invalid object type: iothread\n"},
    {"info --object iothread r.raw", 1, "qemu-img: Parameter 'id' is missing\n"},
    {"info --object authz-list-file,id=x,filename=y r.raw", 1, "qemu-img: Parameter 'qom-type' does not accept value 'authz-list-file'\n"},
    {"info --object authz-listfile,id=x,filename=y r.raw", 1, "qemu-img: invalid object type: authz-listfile\n"},
    {"info --object authz-list,id=a,policy=foo r.raw", 1, "qemu-img: Parameter 'policy' does not accept value 'foo'\n"},
    {"info --object main-loop,id=a,aio-max-batch=x r.raw", 1, "qemu-img: Parameter 'aio-max-batch' expects integer\n"},
    {"info --object tls-creds-x509,id=a,verify-peer=x r.raw", 1, "qemu-img: Parameter 'verify-peer' expects 'on' or 'off'\n"},
    {"info --object pr-manager-helper,id=a r.raw", 1, "qemu-img: Parameter 'path' is missing\n"},
    {"info --object tls-creds-x509,id=a,endpoint=foo r.raw", 1, "qemu-img: Parameter 'endpoint' does not accept value 'foo'\n"},
    {"info --object secret,id=a,data=1,zoo=5,bar=3 r.raw", 1, "qemu-img: Parameter 'bar' is unexpected\n"},
    {"info --object secret,id=a,data=1,a1=5,b2=3,c3=9,dd=1 r.raw", 1, "qemu-img: Parameter 'b2' is unexpected\n"},
    {"info --object secret,id.x=a,data=1 r.raw", 1, "qemu-img: Parameters 'id.*' are unexpected\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"x\",\"foo\":1}' r.raw", 1, "qemu-img: Parameter 'foo' is unexpected\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"x\",\"format\":1}' r.raw", 1, "qemu-img: Invalid parameter type for 'format', expected: string\n"},
    {"info --object '[]' r.raw", 1, "qemu-img: Parameter 'qom-type' does not accept value '[]'\n"},
    {"info --object '{\"qom-type\":5}' r.raw", 1, "qemu-img: Invalid parameter type for 'qom-type', expected: string\n"},
    {"info --object '{\"qom-type\":\"secret\",\"id\":\"a\",\"data\":{\"x\":1}}' r.raw", 1, "qemu-img: Invalid parameter type for 'data', expected: string\n"},
    {"info --object '{\"qom-type\":\"tls-creds-x509\",\"id\":\"a\",\"verify-peer\":\"on\"}' r.raw", 1, "qemu-img: Invalid parameter type for 'verify-peer', expected: boolean\n"},
    {"info --object secret,id= r.raw", 1, "qemu-img: Parameter 'id' expects an identifier\nIdentifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"},
    {"info --object 'secret,id=a,data=$$,format=base64' r.raw", 1, "qemu-img: Base64 data contains invalid characters\n"},
    {"info --object 'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object secret,id=a,keyid=k,data=x r.raw", 1, "qemu-img: IV is required to decrypt secret\n"},
    {"info --object 'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object secret,id=a,keyid=k,data=x,iv=AAAA r.raw", 1, "qemu-img: IV should be 16 bytes in length not 3\n"},
    {"info --object 'secret,id=k,data=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,format=base64' --object secret,id=a,keyid=k,data=x,iv=AAAAAAAAAAAAAAAAAAAAAA== r.raw", 1, "qemu-img: Length 1 must be a multiple of block size 16\n"},
    {"info --object throttle-group,id=t --object secret,keyid=t,id=a,data=x r.raw", 1, "qemu-img: Object with id 't' is not a secret\n"},
    {"info --image-opts=1 x", 1, "qemu-img info: option '--image-opts' doesn't allow an argument\nTry 'qemu-img info --help' for more info\n"},
    {"convert -pq", 1, "qemu-img: Must specify image file name\n"},
    {"compare a b c", 1, "qemu-img: Expecting two image file names\nTry 'qemu-img compare --help' for more info\n"},
    {"snapshot -c", 1, "qemu-img snapshot: option requires an argument -- 'c'\nTry 'qemu-img snapshot --help' for more info\n"},
    {"check a b", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img check --help' for more info\n"},
    {"map a b", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img map --help' for more info\n"},
    {"commit --rate=foo", 1, "qemu-img: Invalid rate limit specified: 'foo'.\n"},
    {"create x -- -5", 1, "qemu-img: Invalid image size specified. Must be between 0 and 9223372036854775807.\n"},
    {"bench -n -w -q -U", 1, "qemu-img: Expecting one image file name\nTry 'qemu-img bench --help' for more info\n"},
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
        cmocka_unit_test(test_helps),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_convert),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_dd_and_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
