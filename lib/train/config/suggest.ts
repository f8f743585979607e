// "Did you mean": the known key nearest to one that is not known. Case, underscores and dashes do not count, and a
// right key in the wrong section is found too.

const plain = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]/g, '');

/** What other tools call our keys. */
const SYNONYMS: Readonly<Record<string, string>> = {
  lr: 'train.learningRate', rank: 'lora.r', lorar: 'lora.r', loraalpha: 'lora.alpha', loradropout: 'lora.dropout',
  loratargetmodules: 'lora.targetModules', numtrainepochs: 'train.epochs', numepochs: 'train.epochs', maxsteps: 'train.steps',
  gradientaccumulationsteps: 'train.accumulation', lrschedulertype: 'train.schedule', lrscheduler: 'train.schedule',
  maxgradnorm: 'train.clip', maxseqlength: 'train.maxLength', sequencelen: 'train.maxLength', outputdir: 'output',
  basemodel: 'model', modelnameorpath: 'model', dataset: 'data.train', datasets: 'data.train', savesteps: 'train.saveEvery',
  evalsteps: 'train.validEvery', batchsize: 'train.batchTokens', perdevicetrainbatchsize: 'train.batchTokens',
  bf16: 'train.dtype', precision: 'train.dtype', validation: 'data.valid', evaldataset: 'data.valid', labelsmoothingfactor: 'train.labelSmoothing',
};

/** Edits (insert, delete, replace, swap of neighbours) that turn one text into another. */
export function editDistance(a: string, b: string): number {
  let [before, previous] = [[] as number[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, previous[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length]!;
}

/** The known dotted key that `key` (dotted) was probably meant to be, if any is near enough. */
export function suggestKey(key: string, known: readonly string[]): string | undefined {
  const leaf = key.slice(key.lastIndexOf('.') + 1);
  const section = key.slice(0, key.length - leaf.length);
  const synonym = SYNONYMS[plain(leaf)];
  if (synonym !== undefined && known.includes(synonym)) return synonym;
  let best: { key: string; cost: number } | undefined;
  for (const candidate of known) {
    const name = candidate.slice(candidate.lastIndexOf('.') + 1);
    const elsewhere = candidate.slice(0, candidate.length - name.length) === section ? 0 : 0.5;
    const cost = editDistance(plain(leaf), plain(name)) + elsewhere;
    if (cost <= Math.max(1, Math.floor(name.length / 3)) + 0.5 && (best === undefined || cost < best.cost)) best = { key: candidate, cost };
  }
  return best?.key;
}
