"""The texts that references are made on, from a seed alone: texts.ts makes the same ones."""

WORDS = ('the a an of to in and is was on he she they it that this with for as his her from at by not but had have which you '
         'were are been their has would what will there if can all some no man dog house bird woman child river forest market '
         'city night morning water stone garden window letter music story teacher doctor king queen soldier friend').split()
STEMS = ('relat condit nation hope argu general oper electr formal happi sky die lie try appl run stopp fall hiss fizz plast '
         'probat controll roll motor generic critic adjust depend adopt commun irrit replac activ angul homolog effect bowdler '
         'feed agre conflat troubl siz hopp tann sens digit').split()
ENDINGS = ('', 's', 'es', 'ed', 'ing', 'ational', 'tional', 'ization', 'izer', 'ation', 'ies', 'sses', 'ly', 'ness', 'fulness',
           'ousness', 'iveness', 'ality', 'iviti', 'biliti', 'alize', 'icate', 'ative', 'ful', 'al', 'ance', 'ence', 'er', 'ic',
           'able', 'ible', 'ant', 'ement', 'ment', 'ent', 'ion', 'ou', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize', 'eed', 'y', 'logi')
MARKS = ('.', ',', ';', ':', '!', '?', '"', "'", '-', '--', '...', '(', ')', '[', ']', '/', '%', '$', '&', "'s", '\u2019', '\u201c', '\u201d',
         '\u2014', '\u2026', '\u00ab', '\u00bb', '\u20ac', '+', '=', '<', '>', '^', '`', '_', '{', '}', '~', '|', '\\', '@', '#', '*')
NUMBERS = ('1', '12', '3.14', '1,000', '1.000,50', '2-3', '10%', '$5.00', '1990s', '3-year', '.5', '7,', '8.', '-9', '\u0663\u0664', '\u00bd', '\u2167', '\u00b2')
ACCENTS = ('\u00e9t\u00e9', 'na\u00efve', 'Stra\u00dfe', '\u00dcber', '\u0130stanbul', 'I\u015f\u0131k', '\u039f\u0394\u039f\u03a3', '\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2',
           'e\u0301te\u0301', '\u0416\u0438\u0437\u043d\u044c', '\u041c\u043e\u0441\u043a\u0432\u0430', 'Troms\u00f8', '\u0141\u00f3d\u017a', '\ufb01n', '\u01c5', 'A\u030angstr\u00f6m', 'CAF\u00c9', '\u212aelvin')
ASIAN = tuple('\u7684\u4e00\u662f\u4e0d\u4e86\u4eba\u6211\u5728\u6709\u4ed6\u8fd9\u4e2d\u5927\u6765\u4e0a\u56fd\u4e2a\u5230\u8bf4\u4eec\uff0c\u3002\uff01\uff1f\u3001\u300c\u300d'
              '\u3042\u3044\u3046\u3048\u304a\u30a2\u30a4\u30a6\u30fb\u30fc\ud55c\uad6d\uc5b4\ub9d0\u3400\u4db6\u9fbc\ufa0e\ufa6b\u2e80\u2f00\u3105\u31c0\u31f0\u3220\u3300\ufe30\uff21\uff61\uff66')
SCRIPTS = ('\u0645\u0631\u062d\u0628\u0627', '\u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c', '\u0928\u092e\u0938\u094d\u0924\u0947', '\u0926\u0941\u0928\u093f\u092f\u093e\u0964',
           '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01', '\u05e9\u05dc\u05d5\u05dd', '\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0', '\u1e9e', '\u0560\u0587', '\ua640\ua641')
EMOJI = ('\U0001f600', '\U0001f469\u200d\U0001f4bb', '\U0001f1e9\U0001f1ea', '\u2764\ufe0f', '\U0001f44d\U0001f3fd', '\u2603', '\U0001f680\U0001f680', '\U00020000', '\U0002f81a', '\U0001d54f', '\u2190', '\u00a9', '\u2122')
ODD = ('&amp;', '&quot;', '&lt;b&gt;', '&amp;lt;', '<skipped>', '-\n', '\n-', '\n', '\r\n', '\t', '\u0000', '\ufeff', '\u200b', '\u00ad', '\u200d', "'s ", " 's", '.,.', '-.-', '1-', '1.a', 'a.1', ',.,',
       '\u0001', '\x7f', 'A.B.C.', "don't", "O'Neil's", '(hi)', "''", '``', '\ufffd', 'x' * 70)
SPACES = (' ', ' ', ' ', ' ', '  ', '\t', '\n', '\u00a0', '\u3000', '\x1c', '\x1f', '\x85', '\u2028', '\u2003', '\u1680', '\r', '\x0b', '\x0c')
LISTS = (WORDS, MARKS, NUMBERS, ACCENTS, ASIAN, SCRIPTS, EMOJI, ODD)
RANGES = ((0x20, 0x7f), (0xa0, 0x1c80), (0x2000, 0xa640), (0xf900, 0xfb00), (0xfe10, 0x10000), (0x10000, 0x10d00), (0x1f000, 0x1fa00), (0x20000, 0x2a000))


class Random:
    """mulberry32"""

    def __init__(self, seed):
        self.state = seed & 0xffffffff

    def word(self):
        self.state = (self.state + 0x6d2b79f5) & 0xffffffff
        t = self.state
        t = ((t ^ (t >> 15)) * (t | 1)) & 0xffffffff
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & 0xffffffff)) & 0xffffffff
        return (t ^ (t >> 14)) & 0xffffffff

    def below(self, n):
        return (self.word() * n) >> 32

    def pick(self, values):
        return values[self.below(len(values))]


def stem_word(rng):
    word = rng.pick(STEMS) + rng.pick(ENDINGS)
    return word.capitalize() if rng.below(12) == 0 else word


def token(rng, kind):
    """kind: 0 English, 1 inflected English, 2 any list, 3 any code point, 4 East Asian, 5 few words (many repeats)"""
    if kind == 0:
        roll = rng.below(10)
        return rng.pick(WORDS) if roll < 7 else rng.pick(MARKS) if roll < 9 else rng.pick(NUMBERS)
    if kind == 1:
        return stem_word(rng)
    if kind == 2:
        return rng.pick(LISTS[rng.below(len(LISTS))])
    if kind == 3:
        low, high = rng.pick(RANGES)
        return chr(low + rng.below(high - low))
    if kind == 4:
        return rng.pick(ASIAN)
    return WORDS[rng.below(4)]


def text(rng, kind, length):
    parts = []
    glue = rng.below(4)
    for i in range(length):
        parts.append(token(rng, kind))
        if kind == 4 and rng.below(8) != 0:
            continue
        parts.append(rng.pick(SPACES) if glue == 0 and kind >= 2 else '' if rng.below(12) == 0 else '\n' if rng.below(25) == 0 else ' ')
    return ''.join(parts)


def change(rng, source, kind):
    """A copy with words lost, doubled, replaced, and a phrase moved."""
    words = source.split(' ')
    for _ in range(rng.below(6)):
        at = rng.below(len(words) + 1)
        roll = rng.below(5)
        if roll == 0:
            words[at:at + 1] = []
        elif roll == 1:
            words[at:at] = [token(rng, kind)]
        elif roll == 2:
            words[at:at + 1] = [token(rng, kind)]
        elif roll == 3:
            words[at:at + 1] = words[at:at + 1] * 2
        else:
            end = at + 1 + rng.below(6)
            phrase = words[at:end]
            words[at:end] = []
            to = rng.below(len(words) + 1)
            words[to:to] = phrase
    return ' '.join(words)


def length_of(rng):
    roll = rng.below(20)
    return 0 if roll == 0 else 1 + rng.below(4) if roll < 5 else 5 + rng.below(20) if roll < 18 else 25 + rng.below(60)


def pair(rng, references):
    """(hypothesis, [references])"""
    kind = rng.below(6)
    first = text(rng, kind, length_of(rng))
    refs = [first]
    while len(refs) < references:
        refs.append(text(rng, kind, length_of(rng)) if rng.below(3) == 0 else change(rng, first, kind))
    roll = rng.below(12)
    if roll == 0:
        hypothesis = first
    elif roll == 1:
        hypothesis = text(rng, rng.below(6), length_of(rng))
    elif roll == 2:
        hypothesis = ''
    else:
        hypothesis = change(rng, change(rng, first, kind), kind)
    return hypothesis, refs


def long_pair(rng, words, changes):
    """Two long English texts."""
    first = [stem_word(rng) if rng.below(3) == 0 else rng.pick(WORDS) for _ in range(words)]
    second = list(first)
    for _ in range(changes):
        second[rng.below(words)] = 'new%d' % rng.below(1000)
    return ' '.join(second), ' '.join(first)


def moved_pair(rng, words, changes, moves):
    """Two long English texts: beside changed words, phrases stand a few dozen words from where they were."""
    hypothesis, reference = long_pair(rng, words, changes)
    moved = hypothesis.split(' ')
    for _ in range(moves):
        at = rng.below(words - 60)
        end = at + 3 + rng.below(7)
        phrase = moved[at:end]
        moved[at:end] = []
        to = at + 12 + rng.below(30)
        moved[to:to] = phrase
    return ' '.join(moved), reference
