# SPDX-License-Identifier: GPL-2.0-or-later
"""LZFSE streams, with blocks of every kind in turn: plain, LZVN, and entropy coded with both kinds of headers.

`formats/codec/lzfse-block.h` and `lzvn.c` tell what there is in them.
"""
import itertools
import struct

BLOCK = 32 << 10  # has less literals than a block may have
MATCH_MIN = 4
LITERALS_AT_ONCE = 4


class Alphabet:
    """Values, each as a symbol and further bits; so many states are shared out to the symbols."""

    def __init__(self, states, value_bits):
        self.states, self.value_bits, self.bases = states, value_bits, [0]
        for bits in value_bits:
            self.bases.append(self.bases[-1] + (1 << bits))
        self.max = self.bases.pop() - 1

    def symbol(self, value):
        return next(number for number in reversed(range(len(self.bases))) if self.bases[number] <= value)

    def frequencies(self, values):
        """In states: each that there is has one at least, the most frequent one what is left."""
        counts = [0] * len(self.bases)
        for value in values:
            counts[self.symbol(value)] += 1
        total = max(sum(counts), 1)
        shares = [max(count * (self.states - len(self.bases)) // total, 1) if count else 0 for count in counts]
        shares[counts.index(max(counts))] += self.states - sum(shares)
        return shares


PLAIN = Alphabet(64, [0] * 16 + [2, 3, 5, 8])
MATCH = Alphabet(64, [0] * 16 + [3, 5, 8, 11])
DISTANCE = Alphabet(256, [bits for bits in range(16) for _ in range(4)])
LITERAL = Alphabet(1024, [0] * 256)


class Matches:
    """Finds what came before, in all of a stream."""

    def __init__(self, data):
        self.data, self.seen = data, {}

    def length(self, before, at, most):
        n = 0
        while n + 32 <= most and self.data[before + n:before + n + 32] == self.data[at + n:at + n + 32]:
            n += 32
        while n < most and self.data[before + n] == self.data[at + n]:
            n += 1
        return n

    def items(self, start, end, reach):
        """Yields (plain bytes, bytes to repeat, distance) until @end; the last one repeats nothing."""
        plain = at = start
        while at + MATCH_MIN <= end:
            key = self.data[at:at + MATCH_MIN]
            before = self.seen.get(key, -1)
            self.seen[key] = at
            if before < 0 or at - before > reach:
                at += 1
                continue
            length = self.length(before, at, end - at)
            yield self.data[plain:at], length, at - before
            plain = at = at + length
        yield self.data[plain:end], 0, 0


# ---- LZVN ----

def lzvn_alone(lead, length):
    """An item of plain bytes alone, or of a repetition alone."""
    return bytes([lead | length]) if length < 16 else bytes([lead, length - 16])


def lzvn_both(plain, match, distance, last):
    """(an item of up to three plain bytes and a repetition, how much of that is left)."""
    lead = plain << 6
    # Others of these first bytes mean something else.
    most = (10, 8, 6, 4)[plain]
    n = min(match, most)
    short = lead | n - 3 << 3
    if distance == last and plain:
        return bytes([short | 6]), match - n
    if distance < 6 << 8:
        return bytes([short | distance >> 8, distance & 255]), match - n
    if distance < 1 << 14 and match > most:
        n = min(match, 34)
        return bytes([0xa0 | plain << 3 | n - 3 >> 2]) + struct.pack("<H", n - 3 & 3 | distance << 2), match - n
    return bytes([short | 7]) + struct.pack("<H", distance), match - n


def lzvn(matches, start, end):
    out, last = bytearray(b"\x0e\x16"), 0  # which do nothing
    for plain, match, distance in matches.items(start, end, 0xffff):
        while len(plain) > 3 or plain and not match:
            out += lzvn_alone(0xe0, min(len(plain), 271)) + plain[:271]
            plain = plain[271:]
        if match and (plain or distance != last):
            item, match = lzvn_both(len(plain), match, distance, last)
            out += item + plain
        while match:
            out += lzvn_alone(0xf0, min(match, 271))
            match -= min(match, 271)
        last = distance or last
    out += b"\x06" + bytes(7)
    return struct.pack("<4sII", b"bvxn", end - start, len(out)) + out


# ---- the entropy code ----

class Bits:
    """Written from the lower bits on; they are read from the last ones."""

    def __init__(self):
        self.out, self.window, self.count = bytearray(), 0, 0

    def put(self, value, bits):
        self.window |= value << self.count
        self.count += bits
        while self.count >= 8:
            self.out.append(self.window & 255)
            self.window >>= 8
            self.count -= 8

    def finish(self):
        """(the bytes, how many bits of the last one are padding)."""
        padding = -self.count % 8
        self.put(0, padding)
        return bytes(self.out), padding


class Coder:
    """One state of an alphabet, from the last symbol to the first."""

    def __init__(self, alphabet, shares):
        self.alphabet, self.shares, self.state = alphabet, shares, 0
        self.first = [0, *itertools.accumulate(shares)]

    def put(self, bits, value):
        symbol, states = self.alphabet.symbol(value), self.alphabet.states
        share = self.shares[symbol]
        bits.put(value - self.alphabet.bases[symbol], self.alphabet.value_bits[symbol])
        width = states.bit_length() - share.bit_length()
        if self.state + states >= share << width:
            index = (self.state + states >> width) - share
        else:
            width -= 1
            index = (2 * states >> width + 1) - share + (self.state >> width)
        bits.put(self.state & (1 << width) - 1, width)
        self.state = self.first[symbol] + index


def triples_of(items):
    """Lengths within what their alphabets have; a distance of 0 is the one before. Where nothing is repeated, it is
    looked at all the same."""
    last = 0
    for plain, match, distance in items:
        plain = len(plain)
        while plain or match:
            run = min(plain, PLAIN.max)
            plain -= run
            n = 0 if plain else min(match, MATCH.max)
            match -= n
            this = distance if n else last or 1
            yield run, n, 0 if this == last else this
            last = this


def frequency_bits(value):
    """(the code, its bits)."""
    if value < 4:
        return ((0, 2), (2, 2), (1, 3), (5, 3))[value]
    if value < 8:
        return value - 4 << 3 | 3, 5
    if value < 24:
        return value - 8 << 4 | 7, 8
    return value - 24 << 4 | 15, 14


def streams_of(literals, triples, shares):
    """Two of bits: (bytes, padding, states) of each."""
    bits, coders = Bits(), [Coder(LITERAL, shares[3]) for _ in range(LITERALS_AT_ONCE)]
    for index in reversed(range(len(literals))):
        coders[index % LITERALS_AT_ONCE].put(bits, literals[index])
    yield *bits.finish(), [coder.state for coder in coders]
    bits, coders = Bits(), [Coder(*pair) for pair in zip((PLAIN, MATCH, DISTANCE), shares)]
    bits.put(0, 64)  # which the first decoder reads ahead
    for triple in reversed(triples):
        for coder, value in reversed(list(zip(coders, triple))):
            coder.put(bits, value)
    yield *bits.finish(), [coder.state for coder in coders]


def head_1(length, counts, parts, shares):
    (first, first_padding, first_states), (second, second_padding, second_states) = parts
    return struct.pack("<4s6Ii4Hi3H360H2x", b"bvx1", length, len(first) + len(second), *counts, len(first), len(second),
                       -first_padding, *first_states, -second_padding, *second_states, *shares)


def head_2(length, counts, parts, shares):
    (first, first_padding, first_states), (second, second_padding, second_states) = parts
    bits = Bits()
    for share in shares:
        bits.put(*frequency_bits(share))
    table = bits.finish()[0]
    fields = (counts[0] | len(first) << 20 | counts[1] << 40 | 7 - first_padding << 60,
              sum(state << 10 * index for index, state in enumerate(first_states)) | len(second) << 40 | 7 - second_padding << 60,
              sum(state << 32 + 10 * index for index, state in enumerate(second_states)) | 32 + len(table))
    return struct.pack("<4sI3Q", b"bvx2", length, *fields) + table


def entropy(matches, start, end, head):
    items = list(matches.items(start, end, DISTANCE.max))
    literals = b"".join(plain for plain, *_ in items)
    literals += bytes(-len(literals) % LITERALS_AT_ONCE)
    triples = list(triples_of(items))
    shares = [alphabet.frequencies(values) for alphabet, values in zip((PLAIN, MATCH, DISTANCE), zip(*triples))]
    shares.append(LITERAL.frequencies(literals))
    parts = list(streams_of(literals, triples, shares))
    flat = [share for alphabet in shares for share in alphabet]
    return head(end - start, (len(literals), len(triples)), parts, flat) + parts[0][0] + parts[1][0]


def encode(data, block=BLOCK):
    matches, out = Matches(data), b""
    kinds = itertools.cycle((
        lambda start, end: entropy(matches, start, end, head_2),
        lambda start, end: lzvn(matches, start, end),
        lambda start, end: entropy(matches, start, end, head_1),
        lambda start, end: struct.pack("<4sI", b"bvx-", end - start) + data[start:end]))
    for start in range(0, len(data), block):
        out += next(kinds)(start, min(start + block, len(data)))
    return out + b"bvx$"
