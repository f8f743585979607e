"""Answers of scikit-learn 1.9.1 and of seqeval on seeded labels, for test/lib/score/labels.test.ts.

    python make_labels.py          # needs scikit-learn, numpy and seqeval (github.com/chakki-works/seqeval)
"""
import gzip
import json
import math
import os
import warnings

import numpy as np
from seqeval.metrics import accuracy_score as tag_accuracy
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient
from seqeval.metrics.v1 import precision_recall_fscore_support as strict
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE1, IOE2
from sklearn.calibration import calibration_curve
from sklearn.metrics import (accuracy_score, brier_score_loss, confusion_matrix, log_loss, matthews_corrcoef,
                             precision_recall_fscore_support)

from texts import Random

warnings.simplefilter('ignore')
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fixtures')
SCHEMES = {'IOB1': IOB1, 'IOE1': IOE1, 'IOB2': IOB2, 'IOE2': IOE2, 'IOBES': IOBES, 'BILOU': BILOU}
PREFIXES = {'IOB1': 'IOB', 'IOE1': 'IOE', 'IOB2': 'IOB', 'IOE2': 'IOE', 'IOBES': 'IOBES', 'BILOU': 'BILOU'}


def plain(value):
    value = float(value)
    return None if math.isnan(value) else value


def labels_case(rng):
    classes = 1 + rng.below(4) if rng.below(3) else 1 + rng.below(30)
    count = 1 + rng.below(60)
    text = rng.below(2)
    name = (lambda k: 'c%d' % k) if text else (lambda k: k)
    truth = [name(rng.below(classes)) for _ in range(count)]
    predicted = [t if rng.below(2) else name(rng.below(classes + 1)) for t in truth]
    zero = (0, 1, 2)[rng.below(3)]
    beta = (1, 1, 0.5, 2)[rng.below(4)]
    subset = rng.below(4) == 0
    options = {'zero_division': float('nan') if zero == 2 else zero, 'beta': beta}
    labels = None
    if subset:
        labels = [name(k) for k in range(classes - 1, -1, -2)]
        options['labels'] = labels
    out = [accuracy_score(truth, predicted), plain(matthews_corrcoef(truth, predicted))]
    rows = precision_recall_fscore_support(truth, predicted, average=None, **options)
    out.append([[plain(v) for v in row] for row in rows])
    for average in ('micro', 'macro', 'weighted'):
        out.append([plain(v) for v in precision_recall_fscore_support(truth, predicted, average=average, **options)[:3]])
    try:
        out.append(confusion_matrix(truth, predicted, labels=labels).tolist())
    except ValueError:
        out.append(None)  # none of the labels occurs
    return out


def tags_case(rng, i):
    scheme = list(SCHEMES)[i % 6]
    letters = PREFIXES[scheme]

    def sentence(length):
        tags, kind = [], 'PER'
        for _ in range(length):
            if rng.below(3) == 0:
                kind = rng.pick(['PER', 'LOC', 'ORG-X', ''])
            letter = letters[rng.below(len(letters))]
            tags.append('O' if letter == 'O' else letter + ('-' + kind if kind else ''))
        return tags

    truth = [sentence(rng.below(12)) for _ in range(1 + rng.below(5))] + [['O']]
    predicted = [[t if rng.below(3) else x for t, x in zip(tags, sentence(len(tags)))] for tags in truth]
    zero = rng.below(2)
    out = [plain(tag_accuracy(truth, predicted))]
    for run, extra in ((lenient, {}), (strict, {'scheme': SCHEMES[scheme]})):
        for average in (None, 'micro', 'macro', 'weighted'):
            p, r, f, s = run(truth, predicted, average=average, zero_division=zero, **extra)
            out.append([plain(p), plain(r), plain(f), int(s)] if average else [[plain(v) for v in p], [plain(v) for v in r], [plain(v) for v in f], [int(v) for v in s]])
    return out


def probability_case(rng):
    classes = 2 + rng.below(10)
    count = 1 + rng.below(50)
    rows, truth = [], []
    for _ in range(count):
        weights = [1 + rng.below(1000) for _ in range(classes)]
        if rng.below(10) == 0:
            weights = [0] * classes
            weights[rng.below(classes)] = 1
        total = sum(weights)
        rows.append([w / total for w in weights])
        truth.append(rng.below(classes))
    binary = [row[0] for row in rows]
    edges = [k / 10 if rng.below(5) == 0 else p for k, p in zip((rng.below(11) for _ in binary), binary)]
    right = [1 if rng.below(1000) < 1000 * p else 0 for p in edges]
    bins = 1 + rng.below(20)
    hit, mean = calibration_curve(right, edges, n_bins=bins, pos_label=1)
    ids = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], edges)
    counts = [int(n) for n in np.bincount(ids, minlength=bins) if n]
    ece = 0.0
    for n, a, c in zip(counts, hit.tolist(), mean.tolist()):
        ece += n / count * abs(a - c)
    return [log_loss(truth, np.array(rows), labels=list(range(classes))), brier_score_loss(truth, np.array(rows), labels=list(range(classes))),
            log_loss(right, np.array(edges), labels=[0, 1]), brier_score_loss(right, np.array(edges), pos_label=1),
            [[int(n), a, c] for n, a, c in zip(counts, hit.tolist(), mean.tolist())], ece]


rng = Random(33)
labels = [labels_case(rng) for _ in range(1000)]
rng = Random(34)
tags = [tags_case(rng, i) for i in range(1200)]
rng = Random(35)
probabilities = [probability_case(rng) for _ in range(400)]
with open(os.path.join(HERE, 'labels.json.gz'), 'wb') as out:
    out.write(gzip.compress(json.dumps({'labels': labels, 'tags': tags, 'probabilities': probabilities}).encode(), 9, mtime=0))
