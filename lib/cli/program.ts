// The command line: which commands and options there are. What a command does lies in its own file, loaded only when
// it runs.

import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addDataCommands } from './data/index.js';
import { pairsOption, withReading } from './data/reading.js';
import { EXIT, exitCodeOf } from './exit.js';
import { Output } from './output.js';
import type { OutputOptions, Streams } from './output.js';
import { list, number } from './tools.js';
import type { Action } from './tools.js';

/** Version of the package, from its package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

function withEngine(command: Command): Command {
  return command
    .option('--device <device>', 'cpu, cuda, cuda:<number> or auto', 'auto')
    .addOption(new Option('--dtype <dtype>', 'how weights and activations are stored').choices(['f32', 'bf16']).default('f32'))
    .option('--threads <n>', 'CPU threads; 0: one per core', number(0, true), 0);
}

function withModel(command: Command): Command {
  return withEngine(command
    .requiredOption('--model <model>', 'folder of a model, or its name on the hub')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .option('--adapter <folder>', 'PEFT folder of an adapter'));
}

function withSampling(command: Command, maxNewTokens: number): Command {
  return command
    .option('--max-new-tokens <n>', 'longest answer in tokens', number(1, true), maxNewTokens)
    .option('--temperature <t>', '0: always the most likely token', number(0))
    .option('--top-k <k>', 'draw from the k most likely tokens; 0: all', number(0, true))
    .option('--top-p <p>', 'draw from the smallest set with this much probability', number(0))
    .option('--repetition-penalty <x>', 'above 1: what was said becomes less likely', number(0))
    .option('--seed <n>', 'seed of the draws', number(0, true), 0);
}

/** Builds the program. `finish` receives the exit code of the command that ran. */
export function buildProgram(streams: Streams, finish: (code: number) => void): Command {
  const program = new Command('whetstone')
    .description('Fine-tune large language models with LoRA, on the CPU or on a GPU.')
    .version(packageVersion())
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void streams.stdout.write(text), writeErr: (text) => void streams.stderr.write(text) });

  const run = <O>(load: () => Promise<Action<O>>) => async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const options = command.opts<O & OutputOptions>();
    const output = new Output(streams, options);
    try {
      const action = await load();
      finish(await action(output, options, ...(command.processedArgs as string[]).filter((arg) => arg !== undefined)));
    } catch (error) {
      output.error(error);
      finish(exitCodeOf(error));
    }
  };
  const commandOf = (parent: Command, name: string, description: string): Command => parent.command(name).description(description)
    .option('--json', 'one JSON object on stdout, everything else on stderr').option('--debug', 'show stacks of errors');
  const command = (name: string, description: string): Command => commandOf(program, name, description);

  command('init', 'write a configuration with every key explained')
    .argument('[file]', 'where', 'whetstone.yaml')
    .option('--model <model>', 'folder of a model, or its name on the hub')
    .option('--train <file>', 'training rows')
    .option('--valid <file>', 'held-out rows')
    .option('--output <folder>', 'folder of the run')
    .option('--force', 'replace a file that is there')
    .action(run(async () => (await import('./init.js')).initCommand));
  command('train', 'fine-tune as a configuration says')
    .argument('<config>', 'YAML file; see: whetstone init')
    .option('--set <key=value...>', 'change keys of the configuration', list)
    .option('--resume', 'go on from the last checkpoint in the output folder')
    .option('--overwrite', 'delete an earlier run in the output folder')
    .action(run(async () => (await import('./train.js')).trainCommand));
  withReading(withModel(command('eval', 'loss and perplexity of rows, or tasks of lm-evaluation-harness')))
    .option('--data <file...>', 'rows to score', list)
    .option('--task <file...>', 'instead of rows: tasks or groups of lm-evaluation-harness, in YAML, or their names', list)
    .option('--task-path <folder...>', 'with --task: where tasks, groups and tags are found by name', list)
    .option('--task-data <split=file...>', 'with --task: files of a split, over what the task says', list)
    .option('--shots <n>', 'with --task: examples before each question; absent: as the task says', number(0, true))
    .option('--limit <n>', 'with --task: only the first rows', number(1, true))
    .option('--chat', 'with --task: through the model\'s chat template')
    .option('--one-turn', 'with --chat: examples and question as one message, not as a conversation')
    .option('--system <text>', 'with --task: what the model is told first')
    .option('--at-once <n>', 'with --task: texts written together', number(1, true), 16)
    .option('--samples <folder>', 'with --task: write what was asked and answered, a file a task')
    .option('--answers <file>', 'with --task: where answers are kept; absent: a file for each model in the cache folder')
    .addOption(pairsOption())
    .option('--batch-tokens <n>', 'most tokens of a batch', number(8, true), 2048)
    .option('--max-length <n>', 'longest piece of a row in tokens; absent: the model\'s context', number(2, true))
    .option('--stride <n>', 'step between pieces of a row that is longer; absent: half a piece', number(1, true))
    .option('--trained-on <file>', 'training rows: scores are also given without rows that stand in them; absent: those of the adapter\'s run; none: nobody looks', list)
    .option('--final', 'the data is a sealed test set: open it, which its ledger counts')
    .option('--key <file>', 'with --final: the key of the sealed set; absent: beside it')
    .action(run(async () => (await import('./eval.js')).evalCommand));
  withSampling(withEngine(command('eval-code', 'run answers to coding problems against their tests, in a sandbox')), 512)
    .requiredOption('--problems <file...>', 'problems of HumanEval, HumanEval-X, MultiPL-E or MBPP (.jsonl, .jsonl.gz)', list)
    .option('--samples <file...>', 'answers: {"task_id": …, "completion": …} a line', list)
    .option('--canonical', 'run the published answers: a check of the set-up')
    .option('--model <model>', 'folder or hub name of a model that writes the answers')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .option('--adapter <folder>', 'PEFT folder of an adapter')
    .addOption(new Option('--language <name>', 'of all problems; absent: as they say').choices(['python', 'javascript', 'typescript']))
    .option('--count <n>', 'answers of the model to each problem', number(1, true), 1)
    .option('--k <n>', 'pass@k; several may be given', (text, before?: number[]) => [...(before ?? []), number(1, true)(text)])
    .option('--seconds <n>', 'CPU time of a program', number(0), 3)
    .option('--wall-seconds <n>', 'time of a program on the clock', number(0), 10)
    .option('--memory <mb>', 'memory of a program in MB', number(16, true), 1024)
    .option('--at-once <n>', 'programs at once; absent: one a core', number(1, true))
    .option('--output <file>', 'write every answer with its result')
    .option('--unsafe', 'run programs without a sandbox where there is none: only for programs that you trust')
    .action(run(async () => (await import('./eval-code.js')).evalCodeCommand));
  withSampling(withEngine(command('judge', 'let a model compare two answers to each question, in both orders')), 512)
    .requiredOption('--pairs <file...>', 'rows of {"question", "a", "b"}, and "human" (a, b or tie) where people have judged', list)
    .option('--endpoint <url>', 'OpenAI-compatible endpoint of the judge, such as http://localhost:8000/v1')
    .option('--judge-model <name>', 'with --endpoint: name of the model there')
    .option('--key-variable <name>', 'with --endpoint: environment variable that holds the API key', 'OPENAI_API_KEY')
    .option('--model <model>', 'folder or hub name of a judge that runs here')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .option('--adapter <folder>', 'PEFT folder of an adapter')
    .option('--criteria <text>', 'what makes an answer better')
    .option('--verdicts <file>', 'where verdicts are kept, so that none is asked for twice')
    .option('--max-calls <n>', 'most calls of the judge', number(0, true))
    .option('--at-once <n>', 'pairs judged at once', number(1, true), 4)
    .option('--output <file>', 'write every pair with its verdicts')
    .action(run(async () => (await import('./judge.js')).judgeCommand));
  withSampling(withModel(command('generate', 'continue a text')), 128)
    .requiredOption('--prompt <text>', 'text to continue; several are answered together', list)
    .option('--chat', 'the prompt is what a user says: use the chat template')
    .option('--system <text>', 'with --chat: what the model is told first')
    .option('--stop <text>', 'end before this text', list)
    .option('--choice <text>', 'answer with exactly one of these texts', list)
    .option('--regex <pattern>', 'answer with a text that this regular expression matches as a whole')
    .option('--json-schema <file>', 'answer with JSON of the schema in this file')
    .action(run(async () => (await import('./generate.js')).generateCommand));
  withSampling(withModel(command('chat', 'talk with a model')), 512)
    .option('--system <text>', 'what the model is told first')
    .action(run(async () => (await import('./chat.js')).chatCommand));
  command('report', 'everything about a run on one page: report.html and report.json')
    .argument('<run>', 'output folder of a training run')
    .option('--output <file>', 'the page; absent: report.html in the run\'s folder')
    .option('--open', 'show it in a browser')
    .option('--samples <n>', 'held-out prompts to answer before and after; 0: none, no model is loaded', number(0, true), 4)
    .option('--device <device>', 'where the samples are made; absent: as the run was')
    .action(run(async () => (await import('./report.js')).reportCommand));
  command('merge', 'write a model with an adapter folded in')
    .requiredOption('--model <model>', 'folder of a model, or its name on the hub')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .requiredOption('--adapter <folder>', 'PEFT folder of an adapter')
    .requiredOption('--output <folder>', 'where the merged model goes')
    .option('--untie-head', 'an adapter on a head that is tied to the embedding: give the head weights of its own')
    .action(run(async () => (await import('./merge.js')).mergeCommand));
  addDataCommands(program, { command: commandOf, run });
  command('score', 'score answers against references: BLEU, chrF, TER, ROUGE, exact match, F1')
    .argument('<hypotheses...>', 'a file of answers a system: a text a line, or .jsonl')
    .requiredOption('--ref <file...>', 'references, line by line; several files: several references', list)
    .addOption(new Option('--metric <name...>', 'what to compute; absent: bleu and chrf')
      .choices(['bleu', 'chrf', 'chrf++', 'ter', 'rouge1', 'rouge2', 'rougeL', 'rougeLsum', 'exact', 'f1']))
    .option('--field <name>', 'with .jsonl: the field of a row that holds the text', 'text')
    .addOption(new Option('--tokenizer <name>', 'of BLEU').choices(['13a', 'intl', 'none', 'char', 'zh']))
    .addOption(new Option('--smoothing <method>', 'of BLEU').choices(['exp', 'floor', 'add-k', 'none']).default('exp'))
    .option('--lowercase', 'BLEU and chrF without regard to case')
    .option('--stemmer', 'ROUGE of word stems')
    .addOption(new Option('--words <mode>', 'of ROUGE: as rouge_score splits (Latin letters only), or any script').choices(['google', 'unicode']).default('google'))
    .option('--resamples <n>', 'resamples of the 95 % intervals; 0: none', number(0, true), 1000)
    .addOption(new Option('--paired <test>', 'compare with the first system: paired bootstrap or approximate randomisation').choices(['bs', 'ar']))
    .option('--samples <n>', 'with --paired: resamples (absent: 1000) or trials (absent: 10000)', number(1, true))
    .option('--seed <n>', 'seed of the draws', number(0, true), 12345)
    .option('--digits <n>', 'digits shown', number(0, true), 2)
    .action(run(async () => {
      const { scoreCommand } = await import('./score.js');
      return (output: Output, options: Parameters<typeof scoreCommand>[1], ...files: string[]) => scoreCommand(output, options, files.flat());
    }));
  command('devices', 'list what can compute here')
    .action(run(async () => (await import('./devices.js')).devicesCommand));
  command('plan', 'say whether a training run fits into memory, and what would make it fit')
    .argument('<config>', 'YAML file; see: whetstone init')
    .option('--set <key=value...>', 'change keys of the configuration', list)
    .option('--device <device>', 'cpu, cuda, cuda:<number> or auto; absent: as configured')
    .option('--memory <amount>', 'plan for this much, such as 80GiB, of a GPU that need not be here (or of the CPU)')
    .option('--device-name <card>', 'plan for a card by its name, such as h100 or rtx-4090')
    .action(run(async () => (await import('./plan.js')).planCommand));
  command('bench', 'check and time the operations of a model here')
    .option('--device <device>', 'cpu, cuda, cuda:<number> or auto', 'auto')
    .addOption(new Option('--dtype <dtype>', 'absent: bf16 on a GPU, f32 on the CPU').choices(['f32', 'bf16']))
    .option('--threads <n>', 'CPU threads; 0: one per core', number(0, true), 0)
    .option('--shapes <names>', 'llama3-8b, llama3-1b, qwen3-0.6b or smollm2-135m', list)
    .option('--ops <names>', 'only these, such as qkv,attention_bwd', list)
    .option('--tokens <n>', 'rows of the batch; absent: 8192 on a GPU, 512 on the CPU', number(16, true))
    .option('--sequence <n>', 'length of the sequences in it', number(1, true))
    .option('--rank <n>', 'of the adapter', number(1, true), 16)
    .option('--runs <n>', 'times that each is run', number(1, true), 20)
    .action(run(async () => (await import('./bench.js')).benchCommand));
  command('build-cuda', 'compile the CUDA plugin with nvcc and put it where it is looked for')
    .option('--nvcc <path>', 'the compiler; absent: CUDACXX, CUDA_HOME, CUDA_PATH, the PATH, the usual folders')
    .option('--arch <names>', 'machine code for these (90a, 100a …), or ptx80 for any newer card; absent: 90a,ptx80', list)
    .option('--jobs <n>', 'compilers at once; absent: one per core', number(1, true))
    .option('--force', 'compile everything again')
    .action(run(async () => (await import('./build-cuda.js')).buildCudaCommand));
  command('doctor', 'look at the installation, or at a run, and say what is wrong with it')
    .argument('[run]', 'output folder of a training run; absent: the installation')
    .action(run(async () => (await import('./doctor.js')).doctorCommand));
  withEngine(command('quickstart', 'fine-tune the embedded model on the embedded task, and show what it learned'))
    .option('--output <folder>', 'folder of the run', 'runs/quickstart')
    .option('--steps <n>', 'updates; absent: a run of about a minute on two cores', number(1, true))
    .option('--seed <n>', 'seed of the run', number(0, true), 42)
    .action(run(async () => (await import('./quickstart.js')).quickstartCommand));
  return program;
}

/** Runs a command line and returns its exit code. */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  let code: number = EXIT.ok;
  try {
    await buildProgram(streams, (result) => { code = result; }).parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}
