"""Writes lib/score/numeric/libm-tables.ts and lib/score/text/unicode-tables.ts.

    python make_tables.py REPOSITORY

The first holds the constants of the C library's log and exp (x86-64, glibc 2.28 or later), found in libm.so.6 by the
number they start with; the second the code points that the `regex` package calls numbers, punctuation and symbols.
"""
import base64
import math
import struct
import sys

import regex

ROOT = sys.argv[1]
LIBM = open('/lib/x86_64-linux-gnu/libm.so.6', 'rb').read()


def doubles(start, count):
    return struct.unpack('<%dd' % count, LIBM[start:start + 8 * count])


def find(first, second):
    """Where two doubles stand one after the other."""
    return LIBM.index(struct.pack('<2d', first, second))


def lines(name, values):
    text = base64.b64encode(struct.pack('<%dd' % len(values), *values)).decode()
    parts = ["  '%s'" % text[i:i + 108] for i in range(0, len(text), 108)]
    return 'export const %s =\n%s;\n' % (name, ' +\n'.join(parts))


log_at = find(float.fromhex('0x1.62e42fefa3800p-1'), float.fromhex('0x1.ef35793c76730p-45'))
log_data = doubles(log_at, 2 + 5 + 11 + 256)
assert abs(log_data[18] * math.exp(log_data[19]) - 1) < 1e-12, 'the table of 1/c and log(c) does not follow'
exp_at = find(128 / math.log(2), -float.fromhex('0x1.62e42fefa0000p-8'))
exp_data = doubles(exp_at, 8)
exp_table = doubles(exp_at + 0x70, 256)
assert exp_table[1] == 1.0, 'the table of powers of two does not follow'

with open(ROOT + '/lib/score/numeric/libm-tables.ts', 'w') as out:
    out.write('''// Constants of the GNU C library's log and exp: little-endian doubles in base64. They are those of Arm's Optimized
// Routines (MIT or Apache-2.0 WITH LLVM-exception). Written by test/lib/score/reference/make_tables.py.

/** ln2 high and low, five coefficients, eleven near one, then 128 times 1/c and log(c). */
''')
    out.write(lines('LOG_TABLE', log_data))
    out.write('\n/** 128/ln2, -ln2/128 high and low, four coefficients, the shift, then 128 times tail and 2^(i/128). */\n')
    out.write(lines('EXP_TABLE', exp_data + exp_table))


def ranges(pattern):
    """Starts and ends of the runs of code points, as differences in base 36."""
    inside = regex.compile(pattern)
    edges, was = [], False
    for point in range(0x110001):
        now = point < 0x110000 and not 0xd800 <= point < 0xe000 and inside.match(chr(point)) is not None
        if now != was:
            edges.append(point)
            was = now
    digits = '0123456789abcdefghijklmnopqrstuvwxyz'
    text, last = [], 0
    for edge in edges:
        gap, word = edge - last, ''
        while gap or not word:
            word, gap = digits[gap % 36] + word, gap // 36
        text.append(word)
        last = edge
    return ' '.join(text)


with open(ROOT + '/lib/score/text/unicode-tables.ts', 'w') as out:
    out.write('''// Which code points are numbers (N), punctuation (P) and symbols (S), so that scores do not change with the version of
// Unicode that Node.js has: starts and ends of runs, as differences in base 36. From the Python package regex %s;
// written by test/lib/score/reference/make_tables.py.
''' % regex.__version__)
    for name, pattern in (('NUMBERS', r'\p{N}'), ('PUNCTUATION', r'\p{P}'), ('SYMBOLS', r'\p{S}')):
        text = ranges(pattern)
        parts = [text[i:i + 112] for i in range(0, len(text), 112)]
        out.write("\nexport const %s =\n%s;\n" % (name, ' +\n'.join("  '%s'" % part for part in parts)))
