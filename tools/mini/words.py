"""Words that the text stream keeps besides those of its training captions: the more frequent ones of a BERT's vocabulary that WordNet
knows, inflected or not. words.py VOCAB.txt WORDNET_FOLDER > WORDS.txt

A caption that was never trained on would otherwise be spelt letter by letter.
"""

import re
import sys

FIRST = 17000  # BERT's vocabulary has its most frequent words first
ENDINGS = [("s", ""), ("es", ""), ("ies", "y"), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"), ("er", ""), ("er", "e")]


def lemmas(folder):
    found = set()
    for part in ("noun", "adj", "verb"):
        with open(f"{folder}/index.{part}") as f:
            found.update(line.split(" ", 1)[0] for line in f if not line.startswith(" "))
    return found


def stems(word):
    """What a word may be a form of: itself, without an ending, or without an ending and a doubled letter."""
    yield word
    for ending, instead in ENDINGS:
        stem = word[: len(word) - len(ending)]
        if word.endswith(ending) and len(stem) > 2:
            yield stem + instead
            if ending in ("ing", "ed") and stem[-1] == stem[-2]:
                yield stem[:-1]


def main():
    known = lemmas(sys.argv[2])
    with open(sys.argv[1], encoding="utf-8") as f:
        words = [line.rstrip() for line in f][:FIRST]
    for word in words:
        if re.fullmatch(r"[a-z]{2,}", word) and any(s in known for s in stems(word)):
            print(word)


if __name__ == "__main__":
    main()
