"""Makes families.json.gz: what transformers renders, tokenises and masks (return_assistant_tokens_mask) for chat templates.

Run with transformers 5 and tokenizers 0.23 installed:

    python test/golden/families.py                                    # test/lib/text/families/*.jinja, which are ours
    python test/golden/families.py --templates DIR --output FILE      # any other folder of templates, for a check here

Templates carry {% generation %} marks; the plain template of a family is the same text without them. The tokenizer is
trained here, so that nobody's vocabulary is copied.
"""
import argparse
import gzip
import json
import pathlib
import re

from jinja2.exceptions import TemplateError
from templates import TEXT
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
SPECIAL = """<s> </s> <|endoftext|> <|im_start|> <|im_end|> <|im_sep|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|>
<|begin_of_text|> <|python_tag|> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS]
<|system|> <|user|> <|assistant|> <|observation|> <|end|> [gMASK] <sop> <start_of_turn> <end_of_turn> <|start|> <|message|> <|channel|>
<|return|> <|call|> <|constrain|> <|start_of_role|> <|end_of_role|> <|end_of_text|> <|User|> <|Assistant|> <|START_OF_TURN_TOKEN|>
<|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> <|CHATBOT_TOKEN|> <SPECIAL_10> <SPECIAL_11> <SPECIAL_12> <|tool_response_start|>
<|tool_response_end|> <|tool_list_start|> <|tool_list_end|> <|turn> <turn|> <bos> <eos>""".split()
ADDED = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>']

TOOLS = [{'type': 'function', 'function': {'name': 'weather', 'description': 'Tells the "weather" – now', 'parameters': {
    'type': 'object', 'properties': {'city': {'type': 'string'}, 'days': {'type': 'integer', 'minimum': 0.0, 'maximum': 1e3}}, 'required': ['city']}}}]


def user(text):
    return {'role': 'user', 'content': text}


def assistant(text, **rest):
    return {'role': 'assistant', 'content': text, **rest}


def call(arguments):
    return {'role': 'assistant', 'content': '', 'tool_calls': [{'type': 'function', 'id': 'abcdefghi', 'function': {'name': 'weather', 'arguments': arguments}}]}


SYSTEM = {'role': 'system', 'content': 'Be short.'}
CHATS = {
    'one turn': ([user('What is two?'), assistant('It is four.')], False),
    'system': ([SYSTEM, user('Hello?'), assistant('Hello.')], False),
    'three turns': ([user('Hello?'), assistant('Hello. '), user('Lines'), assistant('\nLine one.\n\nLine two.'), user('Bye'), assistant("See you, I'm sure")], False),
    'unicode': ([SYSTEM, user('  é 日本 😀 e\u0301 '), assistant('👩‍👩‍👧 ñ\ttab “quoted” <b> & \\ "x"')], False),
    'end token in text': ([user('Say </s> or <|im_end|>'), assistant('It is <|eot_id|> now'), user('And?'), assistant('Done')], False),
    'thoughts': ([user('2+2?'), assistant('It is four.', reasoning_content='Two and two.')], False),
    'thoughts in history': ([user('2+2?'), assistant('Four.', reasoning_content='Two and two.'), user('And 3?'), assistant('Five.', reasoning_content='Add.')], False),
    'inline thoughts': ([user('2+2?'), assistant('<think>\nTwo and two.\n</think>\n\nFour.')], False),
    'tool call': ([SYSTEM, user('Weather?'), call({'city': 'Oslo', 'days': 3, 'deep': {'b': [1, None, True], 'a': 1.5}}),
                   {'role': 'tool', 'content': '{"sky": "clear"}', 'name': 'weather', 'tool_call_id': 'abcdefghi'}, assistant('Clear.')], True),
    'tools unused': ([user('Hello?'), assistant('Hello.')], True),
    'exact numbers': ([user('Weather?'), call({'2': 1, 'b': 12345678901234567890, '1': 1.0, 'small': 1e-7}),
                       {'role': 'tool', 'content': '7', 'name': 'weather', 'tool_call_id': 'abcdefghi'}, assistant('Seven.')], True),
}


def tokenizer():
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior='isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=480, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tok.add_tokens([AddedToken(text, normalized=False) for text in ADDED])
    return tok


def runs(mask):
    """[begin, end) of the ones."""
    edges = [i for i in range(len(mask) + 1) if (mask[i] if i < len(mask) else 0) != (mask[i - 1] if i > 0 else 0)]
    return [[edges[i], edges[i + 1]] for i in range(0, len(edges), 2)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--templates', type=pathlib.Path, default=HERE.parent / 'lib' / 'text' / 'families')
    parser.add_argument('--output', type=pathlib.Path, default=HERE / 'families.json.gz')
    args = parser.parse_args()
    tok = tokenizer()
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token='<s>', eos_token='</s>')
    cases = []
    foreign = args.templates != parser.get_default('templates')
    for file in sorted(args.templates.glob('*.jinja')):
        template = file.read_text()
        for chat, (messages, tools) in CHATS.items():
            case = {'template': file.stem, 'chat': chat, 'messages': json.dumps(messages, ensure_ascii=False), 'tools': tools}
            if foreign:
                case['source'] = template
            options = {'chat_template': template, 'tools': TOOLS if tools else None}
            try:
                case['text'] = fast.apply_chat_template(messages, tokenize=False, **options)
                case['prompt'] = fast.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True, **options)
            except (TemplateError, TypeError, KeyError) as error:
                case['refused'] = type(error).__name__
                cases.append(case)
                continue
            if re.search(r'\{%-?\s*generation', template):
                out = fast.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True, **options)
                case['ids'], case['mask'] = out['input_ids'], runs(out['assistant_masks'])
            else:
                case['ids'] = fast(case['text'], add_special_tokens=False)['input_ids']
            cases.append(case)
    data = {'tokenizer': json.loads(tok.to_str()), 'tools': json.dumps(TOOLS), 'cases': cases}
    args.output.write_bytes(gzip.compress(json.dumps(data, ensure_ascii=False, separators=(',', ':')).encode(), 9, mtime=0))
    print(len(cases), 'cases of', len({case['template'] for case in cases}), 'templates;', sum('refused' in case for case in cases), 'refused')


main()
