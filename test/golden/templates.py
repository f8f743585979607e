"""Makes templates.json: what transformers renders, tokenises and masks for the chat templates of test/lib/text/templates.

Run with transformers 5 and tokenizers 0.23 installed: python test/golden/templates.py
The tokenizers are trained here, on the text below, so that nobody's vocabulary is copied.
"""
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TEMPLATES = HERE.parent / 'lib' / 'text' / 'templates'

TEXT = """The quick brown fox jumps over the lazy dog while the user asks the assistant for an answer.
Answers are short. Questions are shorter! What is two and two? It is four, of course; 2 + 2 = 4.
{"name": "weather", "arguments": {"city": "Oslo", "days": 3}} tool call system message content
It's a nice day, isn't it? We'll see that they've gone, I'm sure. Line one.\nLine two.\n\nParagraph two.
""" * 20

SPECIAL = ['<s>', '</s>', '<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>',
           '[INST]', '[/INST]', '<|system|>', '<|user|>', '<|assistant|>', '<|end|>', '<start_of_turn>', '<end_of_turn>']
ADDED = ['<think>', '</think>', '<tool_call>', '</tool_call>']


def byte_level():
    """Byte-level BPE that composes characters first and splits by a regular expression, as Qwen's does."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior='isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator([TEXT], trainers.BpeTrainer(
        vocab_size=480, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    add(tok)
    bos = tok.token_to_id('<s>')
    tok.post_processor = processors.TemplateProcessing(single='<s> $A', pair='<s> $A $B', special_tokens=[('<s>', bos)])
    return tok


def pieces():
    """SentencePiece-style BPE with byte fallback and a space before every section, as Llama 2's."""
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token='<unk>'))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend('\u2581'), normalizers.Replace(' ', '\u2581')])
    words = [' ' + word for line in TEXT.splitlines() for word in line.split(' ') if word]
    tok.train_from_iterator(words, trainers.BpeTrainer(
        vocab_size=600, special_tokens=['<unk>', '<s>', '</s>'] + [f'<0x{i:02X}>' for i in range(256)], show_progress=False))
    spec = json.loads(tok.to_str())
    # The byte tokens are ordinary vocabulary.
    spec['added_tokens'] = [token for token in spec['added_tokens'] if not token['content'].startswith('<0x')]
    tok = Tokenizer.from_str(json.dumps(spec))
    tok.decoder = decoders.Sequence([decoders.Replace('\u2581', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    add(tok)
    bos = tok.token_to_id('<s>')
    tok.post_processor = processors.TemplateProcessing(single='<s> $A', pair='<s> $A $B', special_tokens=[('<s>', bos)])
    return tok


def first_space():
    """The newer form of the same: a metaspace before the first word only."""
    tok = pieces()
    tok.normalizer = None
    spec = json.loads(tok.to_str())
    spec['normalizer'] = None
    spec['pre_tokenizer'] = {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'first', 'split': False}
    return Tokenizer.from_str(json.dumps(spec))


def add(tok):
    tok.add_special_tokens([AddedToken(text, special=True, normalized=False, rstrip=text in ('<|end|>',)) for text in SPECIAL])
    tok.add_tokens([AddedToken(text, special=False, normalized=False) for text in ADDED])


CHATS = {
    'one turn': [{'role': 'user', 'content': 'What is two and two?'}, {'role': 'assistant', 'content': 'It is four.'}],
    'system': [{'role': 'system', 'content': 'Answer short.'}, {'role': 'user', 'content': 'Hi!'}, {'role': 'assistant', 'content': 'Hello.'}],
    'three turns': [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello. '}, {'role': 'user', 'content': ' And now?\n'},
                    {'role': 'assistant', 'content': '\nLine one.\n\nLine two.'}, {'role': 'user', 'content': 'Bye'},
                    {'role': 'assistant', 'content': 'See you, I\'m sure'}],
    'unicode': [{'role': 'user', 'content': '日本 é e\u0301 😀 👩‍👩‍👧 \u00a0x'}, {'role': 'assistant', 'content': 'e\u0301 ½ 한국어 한 😀!\t\u2028ok'}],
    'ends with user': [{'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'}, {'role': 'user', 'content': 'c'}],
}
THINK = [{'role': 'user', 'content': '2 + 2?'}, {'role': 'assistant', 'content': '<think>\ntwo and two\n</think>\n\nIt is 4.'},
         {'role': 'user', 'content': 'And 3 + 3?'}, {'role': 'assistant', 'content': '<think>\nthree and three\n</think>\n\nIt is 6.'}]
CALL = {'function': {'name': 'weather', 'arguments': {'city': 'Oslo', 'days': 3, 'note': 'é <b>&"quoted"'}}}
TOOLS = [{'type': 'function', 'function': {'name': 'weather', 'description': 'Weather of a city', 'parameters': {'type': 'object', 'properties': {'city': {'type': 'string'}}}}}]
TOOL_CHAT = [{'role': 'user', 'content': 'Weather in Oslo?'}, {'role': 'assistant', 'content': '', 'tool_calls': [CALL]},
             {'role': 'tool', 'content': 'rain'}, {'role': 'assistant', 'content': 'It rains.'}]

EXTRA = {
    'qwen3': [('think', THINK, {}), ('no think', CHATS['three turns'], {'enable_thinking': False}), ('tools', TOOL_CHAT, {'tools': TOOLS})],
    'llama3': [('tools', TOOL_CHAT, {}), ('date', CHATS['system'], {'date_string': '01 Jan 2020'})],
}

STRINGS = ['', ' ', 'a', 'Hello world', '  two  spaces ', 'The quick\n\nbrown\r\nfox', 'it\'s I\'M we\'LL', '12345 67', 'e\u0301 é ﬁ ½ 한국어 한',
           '😀👩‍👩‍👧🇳🇴 👍🏽', '日本語のテキスト', '\u0000\u0001\u007f\u00a0\u2028\u3000x', 'a<|im_end|>b <|end|>  c', '<s>x</s>', '<think> hm </think>', 'x' * 300, '\t\t\n \n',
           'ümläut Å A\u030a', 'right\u200dto\u200fleft שלום مرحبا']


def main():
    tokenizers = {'byte-level': byte_level(), 'pieces': pieces(), 'first-space': first_space()}
    out = {'tokenizers': {}, 'texts': [], 'chats': []}
    fast = {}
    for name, tok in tokenizers.items():
        out['tokenizers'][name] = json.loads(tok.to_str())
        fast[name] = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token='<s>', eos_token='</s>', clean_up_tokenization_spaces=False)
        for text in STRINGS:
            enc = tok.encode(text, add_special_tokens=False)
            out['texts'].append({'tokenizer': name, 'text': text, 'ids': enc.ids, 'special': tok.encode(text).ids,
                                 'offsets': [list(span) for span in enc.offsets],
                                 'decoded': tok.decode(enc.ids, skip_special_tokens=False)})
    for path in sorted(TEMPLATES.glob('*.jinja')):
        template = path.read_text()
        marked = 'generation %}' in template
        for label, messages, variables in [(label, messages, {}) for label, messages in CHATS.items()] + EXTRA.get(path.stem, []):
            for prompt in (False, True):
                case = {'template': path.stem, 'chat': label, 'messages': messages, 'variables': variables, 'addGenerationPrompt': prompt}
                tok = fast['byte-level']
                try:
                    case['text'] = tok.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt, **variables)
                except Exception as error:  # raise_exception of the template
                    case['refused'] = str(error)
                    out['chats'].append(case)
                    continue
                if not prompt:
                    for name in ('byte-level', 'pieces'):
                        done = fast[name].apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=True,
                                                              return_assistant_tokens_mask=marked, **variables)
                        case.setdefault('ids', {})[name] = done['input_ids']
                        if marked:
                            case.setdefault('mask', {})[name] = done['assistant_masks']
                out['chats'].append(case)
    (HERE / 'templates.json').write_text(json.dumps(out, ensure_ascii=True, separators=(',', ':')) + '\n')
    print(len(out['texts']), 'texts,', len(out['chats']), 'chats,', (HERE / 'templates.json').stat().st_size, 'bytes')


if __name__ == '__main__':
    main()
