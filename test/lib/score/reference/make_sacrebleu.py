"""Answers of sacreBLEU 2.6.0 on the texts of texts.py, for test/lib/score/sacrebleu.test.ts.

    python make_sacrebleu.py          # needs sacrebleu==2.6.0, numpy; Python 3.11; about twenty minutes, most for TER of 10,000 words
"""
import gzip
import hashlib
import json
import logging
import math
import os
import struct
import sys

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from texts import Random, change, long_pair, moved_pair, pair

logging.disable(logging.CRITICAL)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fixtures')
assert sacrebleu.__version__ == '2.6.0' and sys.version_info[:2] == (3, 11)

CONFIGS = [
    ('bleu', {}), ('bleu', {'tokenize': 'none'}), ('bleu', {'tokenize': 'intl'}), ('bleu', {'tokenize': 'char'}), ('bleu', {'tokenize': 'zh'}),
    ('bleu', {'smooth_method': 'none'}), ('bleu', {'smooth_method': 'floor', 'effective_order': True}),
    ('bleu', {'smooth_method': 'add-k', 'effective_order': True}), ('bleu', {'smooth_method': 'add-k', 'smooth_value': 0.5, 'lowercase': True}),
    ('bleu', {'effective_order': True, 'max_ngram_order': 2, 'smooth_method': 'floor', 'smooth_value': 0.01}),
    ('chrf', {}), ('chrf', {'word_order': 2}), ('chrf', {'word_order': 2, 'eps_smoothing': True, 'lowercase': True}),
    ('chrf', {'whitespace': True, 'char_order': 4, 'beta': 1}),
    ('ter', {}), ('ter', {'normalized': True, 'asian_support': True}), ('ter', {'no_punct': True, 'asian_support': True, 'case_sensitive': True}),
]
KINDS = {'bleu': BLEU, 'chrf': CHRF, 'ter': TER}
RESAMPLED = [0, 8, 6, 10, 12, 14]
PAIRS, CORPUS = 2400, 50


def finite(value):
    return value if math.isfinite(value) else None


def main():
    rng = Random(20261122)
    pairs = [pair(rng, (1, 1, 2, 3, 4)[(i // CORPUS) % 5]) for i in range(PAIRS)]
    digest = hashlib.sha256('\x00'.join('\x01'.join([h, *r]) for h, r in pairs).encode()).hexdigest()

    scores = []
    for kind, options in CONFIGS:
        metric = KINDS[kind](**options)
        for hypothesis, references in pairs:
            scores.append(float(metric.sentence_score(hypothesis, references).score))

    corpora, resampled, paired = [], [], []
    for start in range(0, PAIRS, CORPUS):
        part = pairs[start:start + CORPUS]
        hypotheses = [h for h, _ in part]
        streams = [list(s) for s in zip(*[r for _, r in part])]
        for kind, options in CONFIGS:
            metric = KINDS[kind](**options)
            score = metric.corpus_score(hypotheses, streams)
            corpora.append([score.score, str(metric.get_signature()), metric.get_signature().format(short=True), score.format(width=2)])
        number = start // CORPUS
        if number % 4 == 0:
            for index in RESAMPLED:
                kind, options = CONFIGS[index]
                metric = KINDS[kind](**options)
                try:
                    score = metric.corpus_score(hypotheses, streams, n_bootstrap=1000)
                    resampled.append([number, index, float(score._mean), float(score._ci), str(metric.get_signature()), score.format(width=3)])
                except TypeError:
                    pass  # chrF: a resample without any match is a Python float among NumPy ones
        if number % 12 == 0:
            others = Random(number + 7)
            systems = [('a', hypotheses)] + [(name, [change(others, h, 0) for h in hypotheses]) for name in 'bc']
            metrics = {str(i): KINDS[CONFIGS[i][0]](**CONFIGS[i][1]) for i in RESAMPLED}
            for test, extra in (('bs', {}), ('ar', {'n_samples': 2000}), ('ar', {'n_samples': 500, 'n_ar_confidence': 300})):
                # One metric a test: results go by name, and BLEU is there twice.
                for i in RESAMPLED:
                    run = PairedTest(systems, {'m': metrics[str(i)]}, streams, test_type=test, **extra)
                    signatures, results = run()
                    name = [k for k in results if k != 'System'][0]
                    paired.append([number, i, test, extra, str(signatures[name]),
                                   [[float(r.score), r.p_value, None if r.mean is None else float(r.mean), None if r.ci is None else float(r.ci)]
                                    for r in results[name]]])

    # References missing here and there.
    part = pairs[-CORPUS:]
    holed = [[r[k] if k == 0 or (i + k) % 3 else None for i, (_, r) in enumerate(part)] for k in range(2)]
    holes = []
    for kind, options in CONFIGS:
        metric = KINDS[kind](**options)
        holes.append([metric.corpus_score([h for h, _ in part], holed).score, str(metric.get_signature())])

    # Long texts: ten thousand words, and for TER with its shifts a few hundred.
    rng = Random(99)
    hypothesis, reference = long_pair(rng, 10000, 300)
    long = [[i, KINDS[k](**o).sentence_score(hypothesis, [reference]).score] for i, (k, o) in enumerate(CONFIGS) if k != 'ter']
    long.append([14, TER().sentence_score(reference, [reference]).score])
    shifted = []
    for words in (150, 300, 600):
        hypothesis, reference = long_pair(rng, words, words // 10)
        half = hypothesis.split(' ')
        hypothesis = ' '.join(half[words // 3:] + half[:words // 3])
        shifted.append(TER().sentence_score(hypothesis, [reference]).score)
        shifted.append(TER().sentence_score(' '.join(half[:words // 7]), [reference]).score)
        shifted.append(TER().sentence_score(reference, [' '.join(half[:words // 9])]).score)

    # Ten thousand words that differ, with phrases to shift: 75 seconds and 14 minutes for the reference.
    moved = [[*sizes, TER().sentence_score(h, [r]).score]
             for sizes in ((10000, 150, 3), (10000, 10, 6)) for h, r in [moved_pair(Random(100), *sizes)]]

    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, 'sacrebleu-sentences.f64.gz'), 'wb') as out:
        out.write(gzip.compress(struct.pack('<%dd' % len(scores), *scores), 9, mtime=0))
    everything = {'digest': digest, 'configs': CONFIGS, 'pairs': PAIRS, 'corpus': CORPUS, 'corpora': corpora, 'resampled': resampled,
                  'paired': paired, 'holes': holes, 'long': long, 'shifted': shifted, 'moved': moved}
    with open(os.path.join(HERE, 'sacrebleu.json.gz'), 'wb') as out:
        out.write(gzip.compress(json.dumps(everything).encode(), 9, mtime=0))


main()
