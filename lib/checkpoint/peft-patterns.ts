// PEFT's rules for which module a pattern means, with Python's `re.match` and `re.fullmatch` in JavaScript.

/** Compiles a Python regular expression; throws a SyntaxError for what JavaScript has no equal of. */
export function pythonRegExp(pattern: string, before = '', after = ''): RegExp {
  const translated = pattern
    .replace(/\(\?P<([A-Za-z_]\w*)>/g, '(?<$1>')
    .replace(/\(\?P=([A-Za-z_]\w*)\)/g, '\\k<$1>')
    .replace(/\\A/g, '^')
    .replace(/\\Z/g, '$');
  return new RegExp(`^(?:${before}${translated}${after})`);
}

/** `re.fullmatch`: what a `target_modules` or `exclude_modules` string must do. */
export function matchesWhole(pattern: string, path: string): boolean {
  return pythonRegExp(`(?:${pattern})`, '', '$').test(path);
}

/** A list entry means a module by its whole path or by its last parts. */
export function matchesSuffix(entry: string, path: string): boolean {
  return path === entry || path.endsWith(`.${entry}`);
}

/** The value of the first pattern that fits the end of a path, as `rank_pattern` and `alpha_pattern` mean it. */
export function patternValue(patterns: Readonly<Record<string, number>>, path: string): number | undefined {
  const key = Object.keys(patterns).find((pattern) => pythonRegExp(`(${pattern})`, '(.*\\.)?', '$').test(path));
  return key === undefined ? undefined : patterns[key];
}

/** The layer's number in a path, as `layers_to_transform` counts; `layersPattern` names the list of layers. */
export function layerIndex(path: string, layersPattern: readonly string[]): number | undefined {
  const patterns = layersPattern.length === 0
    ? [/^.*?\.[^.]*\.(?<idx>\d+)\./]
    : layersPattern.map((pattern) => pythonRegExp(pattern, '(?:^|.*?\\.)', '\\.(?<idx>\\d+)\\.'));
  for (const pattern of patterns) {
    const index = pattern.exec(path)?.groups?.idx;
    if (index !== undefined) return Number(index);
  }
  return undefined;
}
