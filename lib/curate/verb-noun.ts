// What a prompt asks for, in two words: "write story", "give tip", "what capital". By lists of English words and their order, without
// a parser; for a histogram of tasks, where a wrong one now and then does no harm.

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

const VERBS = words(`act add adapt adjust advise analyse analyze annotate answer argue arrange assess brainstorm build calculate categorise
  categorize change check choose classify combine compare complete compose compute construct continue contrast convert correct count create
  critique debug define delete derive describe design detect determine develop differentiate discuss distinguish draft draw edit elaborate
  estimate evaluate expand explain extract fill find fix format formulate generate get give group guess help highlight identify illustrate
  imagine implement improve insert invent join justify label list make match measure merge modify name optimise optimize order organise
  organize outline paraphrase parse pick plan play predict prepare present produce propose prove provide put rank recall recommend refactor
  reformat remove reorder rephrase replace report research reverse review reword rewrite search select set shorten show simplify simulate
  solve sort split state suggest summarise summarize tag take teach tell test think transform translate turn update use verify write`);
const ASKS = words('what which who whom whose when where why how');
/** Between the asking word, or the verb, and its noun. */
const SKIPPED = words(`a an the this that these those my your his her its our their some any each every all both one two three four five six
  seven eight nine ten me us him them it you we they i he she up with out down for is are was were be been do does did has have had can could
  would should will might may must many much long far often more most less least few several please`);
const ENDS = words(`of in on at to from by about as than then and or but so if because while when where which who whom whose what why how that
  into onto over under between among against during before after without within through across per via using given based like such including
  not is are was were be do does did has have had can could would should will might may must`);
/** Before the verb. */
const POLITE = /^(?:(?:please|kindly|now|first|next|then|so|ok|okay|hi|hello|hey)\b[\s,!]*|(?:can|could|would|will) you\b\s*|(?:i|we) (?:want|need|would like|'d like) (?:you )?to\s+|(?:you (?:have|need|are asked|must|should)(?: to)?)\s+|your task is to\s+|let(?:'|’)?s\s+|help me(?: to)?\s+|try to\s+|come up with\s+)+/u;
const LOOKED_AT = 1000;

export interface Asked {
  readonly verb: string;
  readonly noun: string;
}

/** Of the first sentence that asks for something; undefined where none does. */
export function askedFor(prompt: string): Asked | undefined {
  for (const sentence of prompt.slice(0, LOOKED_AT).toLowerCase().split(/[.!?;:\n]+/)) {
    const own = sentence.trim().replace(/^["'“‘(\d)\s-]+/u, '');
    const found = /^(?:.*\b)?come up with\s/u.exec(own);
    const rest = own.replace(POLITE, '');
    const [first = '', ...more] = rest.match(/[\p{L}\p{N}'’-]+|[,()"“”]/gu) ?? [];
    const verb = VERBS.has(first) ? first : ASKS.has(first) ? first : undefined;
    if (verb === undefined && found === null) continue;
    const noun = headOf(verb === undefined ? [first, ...more] : more);
    if (noun !== undefined) return { verb: verb ?? 'suggest', noun };
  }
  return undefined;
}

/** The last word of the first phrase: its noun, behind what describes it. */
function headOf(tokens: readonly string[]): string | undefined {
  let noun: string | undefined;
  for (const token of tokens) {
    const word = /^[\p{L}][\p{L}'’-]*$/u.test(token);
    if (noun === undefined) {
      if (word && !SKIPPED.has(token) && !ENDS.has(token)) noun = token;
    } else if (!word || ENDS.has(token) || SKIPPED.has(token)) break;
    else noun = token;
  }
  return noun === undefined ? undefined : singular(noun);
}

function singular(noun: string): string {
  if (/(?:ss|us|is)$/u.test(noun) || noun.length < 4 || !noun.endsWith('s')) return noun;
  return noun.endsWith('ies') ? `${noun.slice(0, -3)}y` : /(?:ches|shes|xes|sses|zes)$/u.test(noun) ? noun.slice(0, -2) : noun.slice(0, -1);
}
