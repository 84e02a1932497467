# SPDX-License-Identifier: GPL-2.0-or-later
"""LUKS 1 volumes (LUKS On-Disk Format Specification 1.2.3) with few iterations, so that they open fast.

cipher=NAME:BITS; mode=xts, cbc, ctr or ecb; iv=plain, plain64 or essiv:HASH; hash=NAME; slots=NUMBER,...: all but the last one
have another passphrase than "abc"; payload=SECTORS; header=FILE: the header apart from the data. The ciphers are libnettle's.
"""
import ctypes
import hashlib
import random
import struct

from . import SECTOR, put

ITERATIONS, STRIPES, SLOTS = 1000, 4000, 8
ACTIVE, INACTIVE = 0x00AC71F3, 0x0000DEAD
HEADER_SECTORS, ALIGN_SECTORS = 8, 8
DIGEST_BYTES, SALT_BYTES = 20, 32
NETTLE_NAMES = {"aes": "aes", "serpent": "serpent", "twofish": "twofish", "cast5": "cast"}


class NettleCipher(ctypes.Structure):
    """struct nettle_cipher of nettle-meta.h."""
    _fields_ = [("name", ctypes.c_char_p), ("context_bytes", ctypes.c_uint), ("block_bytes", ctypes.c_uint),
                ("key_bytes", ctypes.c_uint), ("set_encrypt_key", ctypes.c_void_p), ("set_decrypt_key", ctypes.c_void_p),
                ("encrypt", ctypes.c_void_p), ("decrypt", ctypes.c_void_p)]


def nettle():
    for version in (8, 9, 7):
        try:
            library = ctypes.CDLL(f"libnettle.so.{version}")
        except OSError:
            continue
        library.nettle_get_ciphers.restype = ctypes.POINTER(ctypes.POINTER(NettleCipher))
        return library
    raise ValueError("no libnettle")


SET_KEY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
CRYPT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p)


class Cipher:
    """One cipher with one key, for encryption alone."""

    def __init__(self, library, name, key):
        wanted = f"{NETTLE_NAMES[name]}{8 * len(key)}".encode()
        ciphers = library.nettle_get_ciphers()
        index = 0
        while ciphers[index] and ciphers[index].contents.name != wanted:
            index += 1
        if not ciphers[index]:
            raise ValueError(f"no cipher {wanted.decode()}")
        meta = ciphers[index].contents
        self.block_bytes, self.function = meta.block_bytes, ctypes.c_void_p(meta.encrypt)
        self.context = ctypes.create_string_buffer(meta.context_bytes + 64)
        SET_KEY(meta.set_encrypt_key)(self.context, key)
        self.crypt = CRYPT(meta.encrypt)

    def blocks(self, data):
        out = ctypes.create_string_buffer(len(data))
        self.crypt(ctypes.cast(self.context, ctypes.c_void_p), len(data), ctypes.cast(out, ctypes.c_void_p), data)
        return out.raw


class Sectors:
    """Encrypts sectors as the volume's mode and IV generator say."""

    def __init__(self, library, name, mode, iv, key):
        self.library, self.mode, self.iv = library, mode, iv
        half = len(key) // 2
        self.cipher = Cipher(library, name, key[:half] if mode == "xts" else key)
        self.tweak = Cipher(library, name, key[half:]) if mode == "xts" else None
        if iv.startswith("essiv:"):
            self.essiv = Cipher(library, name, hashlib.new(iv[6:], key).digest())

    def vector(self, sector):
        length = self.cipher.block_bytes
        number = sector & 0xffffffff if self.iv == "plain" else sector
        plain = struct.pack("<Q", number).ljust(length, b"\0")[:length]
        return self.essiv.blocks(plain) if self.iv.startswith("essiv:") else plain

    def sector(self, number, data):
        if self.mode == "ecb":
            return self.cipher.blocks(data)
        out, vector = ctypes.create_string_buffer(len(data)), ctypes.create_string_buffer(self.vector(number))
        size = ctypes.c_size_t
        if self.mode == "xts":
            self.library.nettle_xts_encrypt_message(self.cipher.context, self.tweak.context, self.cipher.function, vector,
                                                    size(len(data)), out, data)
        else:
            function = self.library.nettle_cbc_encrypt if self.mode == "cbc" else self.library.nettle_ctr_crypt
            function(self.cipher.context, self.cipher.function, size(self.cipher.block_bytes), vector, size(len(data)), out, data)
        return out.raw

    def encrypt(self, data):
        data = data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")
        return b"".join(self.sector(at // SECTOR, data[at:at + SECTOR]) for at in range(0, len(data), SECTOR))


def diffuse(block, name):
    size, out = hashlib.new(name).digest_size, b""
    for index in range(0, len(block), size):
        part = block[index:index + size]
        out += hashlib.new(name, struct.pack(">I", index // size) + part).digest()[:len(part)]
    return out


def split(key, name, dice):
    """Anti-forensic information splitter."""
    block, out = bytes(len(key)), b""
    for _ in range(STRIPES - 1):
        stripe = dice.randbytes(len(key))
        out += stripe
        block = diffuse(bytes(a ^ b for a, b in zip(block, stripe)), name)
    return out + bytes(a ^ b for a, b in zip(block, key))


def build(folder, name, disk, options):
    cipher, _, bits = options.pop("cipher", "aes:256").partition(":")
    mode, iv, digest = options.pop("mode", "xts"), options.pop("iv", "plain64"), options.pop("hash", "sha256")
    slots = [int(word) for word in options.pop("slots", "0").split(",")]
    dice, library = random.Random(5), nettle()
    key_bytes = int(bits) // 8 * (2 if mode == "xts" else 1)
    key, salt = dice.randbytes(key_bytes), dice.randbytes(SALT_BYTES)
    material_sectors = -(-key_bytes * STRIPES // SECTOR // ALIGN_SECTORS) * ALIGN_SECTORS
    detached = options.pop("header", "")
    payload = int(options.pop("payload", "0")) or (0 if detached else HEADER_SECTORS + SLOTS * material_sectors)
    head = struct.pack(">6sH32s32s32sII20s32sI40s", b"LUKS\xba\xbe", 1, cipher.encode(),
                       f"{mode}-{iv}".encode(), digest.encode(), payload, key_bytes,
                       hashlib.pbkdf2_hmac(digest, key, salt, ITERATIONS, DIGEST_BYTES), salt, ITERATIONS,
                       b"12345678-1234-1234-1234-123456789abc")
    materials = {}
    for slot in range(SLOTS):
        slot_salt, place = dice.randbytes(SALT_BYTES), HEADER_SECTORS + slot * material_sectors
        head += struct.pack(">II32sII", ACTIVE if slot in slots else INACTIVE, ITERATIONS, slot_salt, place, STRIPES)
        if slot in slots:
            phrase = b"abc" if slot == slots[-1] else b"other"
            secret = hashlib.pbkdf2_hmac(digest, phrase, slot_salt, ITERATIONS, key_bytes)
            materials[place * SECTOR] = Sectors(library, cipher, mode, iv, secret).encrypt(split(key, digest, dice))
    image = bytearray((HEADER_SECTORS + SLOTS * material_sectors) * SECTOR)
    image[:len(head)] = head
    for place, data in materials.items():
        image[place:place + len(data)] = data
    data = Sectors(library, cipher, mode, iv, key).encrypt(disk)
    if detached:
        put(folder, detached, image)
        image = bytearray(payload * SECTOR)
    put(folder, name, bytes(image).ljust(payload * SECTOR, b"\0") + data)
