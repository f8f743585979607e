"""Answers of google's rouge_score 0.1.2 on the texts of texts.py, for test/lib/score/rouge.test.ts.

    python make_rouge.py          # needs rouge_score (0.1.2), nltk, numpy, absl-py, six; about two minutes
"""
import gzip
import hashlib
import json
import os
import struct

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer, scoring

from texts import ENDINGS, STEMS, WORDS, Random, long_pair, pair

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fixtures')
TYPES = ['rouge1', 'rouge2', 'rouge4', 'rougeL', 'rougeLsum']
PAIRS = 2400


def main():
    rng = Random(712)
    pairs = [pair(rng, 3 if i % 4 == 0 else 1) for i in range(PAIRS)]
    digest = hashlib.sha256('\x00'.join('\x01'.join([h, *r]) for h, r in pairs).encode()).hexdigest()
    values, aggregates = [], []
    for stem in (False, True):
        scorer = rouge_scorer.RougeScorer(TYPES, use_stemmer=stem)
        single = []
        for hypothesis, references in pairs:
            all_scores = [scorer.score(r, hypothesis) for r in references]
            # score_multi of 0.1.2: the target with the best F-measure, type by type
            best = {t: all_scores[int(np.argmax([s[t].fmeasure for s in all_scores]))][t] for t in TYPES}
            single.append(best)
            for t in TYPES:
                values.extend(float(v) for v in best[t])
        for start, count, confidence, samples, seed in ((0, 300, 0.95, 1000, 1), (300, 7, 0.9, 400, 2), (400, 1, 0.95, 50, 3), (500, 64, 0.99, 333, 4)):
            np.random.seed(seed)
            aggregator = scoring.BootstrapAggregator(confidence, samples)
            for scores in single[start:start + count]:
                aggregator.add_scores(scores)
            result = aggregator.aggregate()
            aggregates.append([stem, start, count, confidence, samples, seed,
                               {t: [list(map(float, result[t].low)), list(map(float, result[t].mid)), list(map(float, result[t].high))] for t in TYPES}])
    rng = Random(5)
    hypothesis, reference = long_pair(rng, 10000, 800)
    lines = '\n'.join
    cut = lambda text: lines(' '.join(text.split(' ')[i:i + 500]) for i in range(0, 2000, 500))
    long = [[list(map(float, s)) for s in rouge_scorer.RougeScorer(['rouge1', 'rouge2'], True).score(reference, hypothesis).values()],
            [list(map(float, s)) for s in rouge_scorer.RougeScorer(['rougeL', 'rougeLsum']).score(cut(reference), cut(hypothesis)).values()]]
    stemmer = PorterStemmer()
    letters = Random(17)
    words = [w.lower() for w in WORDS] + [s + e for s in STEMS for e in ENDINGS] + [s + a + b for s in STEMS[:12] for a in ENDINGS for b in ENDINGS[:12]]
    words += [''.join('aeiouybcdlstzxw0'[letters.below(16)] for _ in range(1 + letters.below(9))) + letters.pick(ENDINGS) for _ in range(4000)]
    words += ['sky', 'skies', 'dying', 'lying', 'tying', 'news', 'innings', 'outing', 'cannings', 'howe', 'proceed', 'exceed', 'succeed', 'flies', 'dies', 'died',
              'spied', 'enjoyment', 'fly', 'yyyy', 'radically', 'archaeology', 'geologi', 'hopefulli', 'xalli', 'feed', 'y', 'ay', 'eed', 'ied', 'ies']
    with open(os.path.join(HERE, 'rouge.f64.gz'), 'wb') as out:
        out.write(gzip.compress(struct.pack('<%dd' % len(values), *values), 9, mtime=0))
    with open(os.path.join(HERE, 'rouge.json.gz'), 'wb') as out:
        stems = ' '.join(words), ' '.join(stemmer.stem(w) for w in words)
        out.write(gzip.compress(json.dumps({'digest': digest, 'types': TYPES, 'pairs': PAIRS, 'aggregates': aggregates, 'long': long, 'stems': stems}).encode(), 9, mtime=0))


main()
