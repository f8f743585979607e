"""Corpus scores of 10,000 pairs with the reference packages: `reference.py FILE METRIC` prints the score and the seconds.

Needs sacrebleu 2.6.0 (bleu, chrf, ter) or rouge_score 0.1.2 (rouge). The time is that of scoring alone, after imports.
"""
import json
import sys
import time

with open(sys.argv[1], encoding='utf8') as file:
    pairs = json.load(file)
hypotheses, references = [p[0] for p in pairs], [p[1] for p in pairs]
name = sys.argv[2]
if name == 'rouge':
    from rouge_score import rouge_scorer
    scorer = rouge_scorer.RougeScorer(['rouge1', 'rouge2', 'rougeL', 'rougeLsum'], use_stemmer=True)

    def run():
        sums = {}
        for hypothesis, reference in zip(hypotheses, references):
            for kind, score in scorer.score(reference, hypothesis).items():
                sums[kind] = sums.get(kind, 0.0) + score.fmeasure
        return [sums[kind] / len(hypotheses) for kind in ('rouge1', 'rouge2', 'rougeL', 'rougeLsum')]
else:
    from sacrebleu.metrics import BLEU, CHRF, TER
    metric = {'bleu': BLEU, 'chrf': CHRF, 'ter': TER}[name]()

    def run():
        return [metric.corpus_score(hypotheses, [references]).score]

wall, cpu = time.perf_counter(), time.process_time()
scores = run()
print(json.dumps({'scores': scores, 'wall': time.perf_counter() - wall, 'cpu': time.process_time() - cpu}))
