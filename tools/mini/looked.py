"""Questions that are answered by looking rather than by knowing what a thing is: what colour it is, and how many of it there are.
looked.py BUILD/pairs writes BUILD/pairs/looked.jsonl, and drawings with several of one thing into BUILD/pairs/several. Needs Pillow.

A picture has a colour where most of what is visible of it is of that colour, and is asked about as often for a rare colour as for a common one as
far as there are enough. One to five of a drawing are laid out without covering each other, each a little smaller or larger. A third of the questions
are answered with yes or no, and the pictures to train on are asked about so once more. Each row has its picture's style, concept and split; what
is held out is asked in words of its own.
"""

import collections
import json
import pathlib
import random
import sys

from PIL import Image

COLOURS, NUMBERS = 2000, 2000  # rows to train on
MORE = 4000  # and of these, which are answered with yes or no, and drawn behind all others
HELD = 300  # of each kind and of each split that is held out
STYLES = {"openmoji"}  # not asked about: for evaluation of the first model only
SHARE = 0.55  # of what is visible that has to be of one colour
SIDE = 256

COLOUR = ["What colour is it?", "What colour is this?", "What color is this?", "What color is it?", "Which colour do you see?"]
COLOUR_HELD = ["What colour is that?", "What color do you see?"]
IS_COLOUR = ["Is it {}?", "Is this {}?", "Do you see something {}?", "Is this thing {}?"]
IS_COLOUR_HELD = ["Is that {}?", "Can you see something {}?"]
NUMBER = ["How many are there?", "How many do you see?", "How many things are in this picture?", "How many are in the picture?"]
NUMBER_HELD = ["How many are here?", "How many things can you see?"]
IS_NUMBER = ["Are there {}?", "Do you see {} of them?", "Are there {} things in this picture?"]
IS_NUMBER_HELD = ["Can you see {}?", "Are {} of them here?"]
COLOUR_FORMS, NUMBER_FORMS = [COLOUR, IS_COLOUR, COLOUR_HELD, IS_COLOUR_HELD], [NUMBER, IS_NUMBER, NUMBER_HELD, IS_NUMBER_HELD]
WORDS = ["one", "two", "three", "four", "five"]


def name(h, s, v):
    """The colour of a pixel by Pillow's hue, saturation and value, or None where it is between two."""
    if v < 60:
        return "black"
    if s < 40:
        return "white" if v > 225 else "grey" if v < 200 else None
    degrees = h * 360 // 255
    if degrees < 12 or degrees >= 345:
        return "red" if s > 120 else "pink" if v > 200 else None
    if 18 <= degrees < 42:
        return "brown" if v < 180 else "orange" if s > 150 and degrees < 38 else None
    if 44 <= degrees < 66:
        return "yellow" if v > 180 else None
    if 78 <= degrees < 165:
        return "green"
    if 185 <= degrees < 250:
        return "blue"
    if 262 <= degrees < 295:
        return "purple"
    if 310 <= degrees < 345:
        return "pink" if v > 150 else None
    return None


def colour(picture):
    """The colour of most of what is visible, or None."""
    small = picture.resize((48, 48))
    visible = [c for c, a in zip(small.convert("RGB").convert("HSV").getdata(), small.getchannel("A").getdata()) if a > 200]
    if len(visible) < 200:
        return None
    said, count = collections.Counter(name(*c) for c in visible).most_common(1)[0]
    return said if count >= SHARE * len(visible) else None


def several(dice, picture, n):
    """A transparent square with n of a picture, none over another."""
    thing = picture.crop(picture.getchannel("A").getbbox())
    side = max(thing.size)
    out, cells = Image.new("RGBA", (SIDE, SIDE)), 1 if n == 1 else 2 if n <= 4 else 3
    cell = SIDE // cells
    for at in dice.sample(range(cells * cells), n):
        size = cell * dice.uniform(0.7, 0.95)
        part = thing.resize([max(1, round(x * size / side)) for x in thing.size])
        x, y = (at % cells) * cell + dice.randrange(cell - part.width + 1), (at // cells) * cell + dice.randrange(cell - part.height + 1)
        out.alpha_composite(part, (x, y))
    return out


def ask(dice, right, others, open_forms, closed_forms, closed=1 / 3):
    """A question and its answers: a share is answered with yes or no."""
    if dice.random() < 1 - closed:
        return dice.choice(open_forms), [right]
    yes = dice.random() < 0.5
    said = right if yes else dice.choice([o for o in others if o != right])
    return dice.choice(closed_forms).format(said), ["yes" if yes else "no"]


def main():
    dice, folder = random.Random(2), pathlib.Path(sys.argv[1])
    (folder / "several").mkdir(exist_ok=True)
    splits = collections.defaultdict(list)
    for r in map(json.loads, open(folder / "pairs.jsonl")):
        if r["kind"] == "plain" and r["style"] not in STYLES:
            splits[r["split"]].append(r)
    rows, trained = [], []

    def add(r, image, about, held, right, others, forms, **share):
        question, answers = ask(dice, right, others, *forms[2 * held : 2 * held + 2], **share)
        if "grey" in answers:
            answers.append("gray")
        rows.append({"image": image, "question": question, "answers": answers if held else answers[:1], "about": about, "style": r["style"],
                     "concept": r["concept"], "split": r["split"], "yes_or_no": answers[0] in ("yes", "no")})

    for split, pool in splits.items():
        held, of_colour, drawn = split != "train", collections.defaultdict(list), []
        for r in dice.sample(pool, len(pool)):
            picture = Image.open(folder / r["image"]).convert("RGBA")
            if picture.getchannel("A").getextrema()[0] == 255:
                continue  # a picture with a ground: neither its colour nor more of it can be told
            if c := colour(picture):
                of_colour[c].append(r)
            drawn.append(r)
        most = HELD if held else COLOURS
        for c in sorted(of_colour):
            for r in of_colour[c][: most // 8]:
                add(r, r["image"], "colour", held, c, sorted(of_colour), COLOUR_FORMS)
        for i, r in enumerate(dice.choices(drawn, k=HELD if held else NUMBERS)):
            n, image = dice.randrange(1, 6), f"several/{split}-{i}.png"
            several(dice, Image.open(folder / r["image"]).convert("RGBA"), n).save(folder / image)
            add(r, image, "number", held, WORDS[n - 1], WORDS, NUMBER_FORMS)
            if not held:
                trained.append((r, image, "number", held, WORDS[n - 1], WORDS, NUMBER_FORMS))
        if not held:
            coloured = of_colour
        print(split, {c: len(v) for c, v in of_colour.items()}, len(drawn), "drawn on nothing")
    for args in dice.choices(trained, k=MORE // 2):
        add(*args, closed=1)
    for c in dice.choices(sorted(coloured), k=MORE // 2):
        r = dice.choice(coloured[c])
        add(r, r["image"], "colour", False, c, sorted(coloured), COLOUR_FORMS, closed=1)
    with open(folder / "looked.jsonl", "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
