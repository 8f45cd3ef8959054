"""Concepts: the emoji that have a label in emojibase, what their caption is, and which are held out."""

import hashlib
import json
import re
import unicodedata

GENDERS = {"man", "woman", "men", "women", "person", "people", "boy", "girl", "child", "adult"}


def key(hexcode):
    """A hexcode without the variation selector, in lower case: the packages disagree on both."""
    return "-".join(p for p in hexcode.lower().split("-") if p != "fe0f")


def slug(text):
    """Letters and digits only, for comparing names between packages."""
    text = unicodedata.normalize("NFKD", text)
    return re.sub(r"[^a-z0-9]", "", text.lower())


def caption(label):
    """The sentence that is learnt: emojibase's label, with a flag's colon spelt out and plain quotes."""
    label = label.translate({ord("“"): '"', ord("”"): '"', ord("’"): "'"})
    if label.startswith("flag: "):
        return "flag of " + label[len("flag: "):]
    return label.replace("keycap: ", "keycap ")


def kind(label):
    """plain, flag, gender (a variant that differs by who is shown) or direction (by where it faces)."""
    if label.startswith("flag: "):
        return "flag"
    if re.search(r"facing right$", label):
        return "direction"
    words = re.findall(r"[a-z]+", label.lower())
    if label.startswith(("family: ", "kiss: ", "couple with heart: ")):
        return "gender"
    if len(words) > 1 and words[0] in {"man", "woman", "men", "women"}:
        return "gender"
    return "plain"


def base(label):
    """The label without its gender: what all variants of one concept share."""
    words = re.findall(r"[a-z0-9#*]+", label.lower())
    kept = [w for w in words if w not in GENDERS]
    return " ".join(kept or words)


def held_out(text):
    """One concept in ten, by a hash of its label without its gender."""
    digest = hashlib.sha256(base(text).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 10 == 0


class Concepts:
    """All emoji without skin tones, by hexcode and by every name that the packages call them."""

    def __init__(self, src):
        with open(src / "emojibase-data/en/data.json") as f:
            rows = [e for e in json.load(f) if "group" in e]
        rows.sort(key=lambda e: e["order"])
        self.by_key, self.by_slug = {}, {}
        for e in rows:
            concept = {
                "key": key(e["hexcode"]),
                "text": caption(e["label"]),
                "kind": kind(e["label"]),
                "tags": e.get("tags", []),
                "held": held_out(caption(e["label"])),
            }
            self.by_key[concept["key"]] = concept
        self._name(rows, src)
        self.italian = self._italian(src)

    def _name(self, rows, src):
        """Names in the order of trust: emojibase's label, Unicode's name, short codes."""
        names = [(e["label"], e["hexcode"]) for e in rows]
        with open(src / "emoji-datasource-google/emoji.json") as f:
            data = json.load(f)
        names += [(e["name"], e["unified"]) for e in data if e["name"]]
        for e in rows:
            letters = e["emoji"].replace("\ufe0f", "")
            if len(letters) == 1:
                names.append((unicodedata.name(letters, ""), e["hexcode"]))
        names += [(s, e["unified"]) for e in data for s in e["short_names"]]
        with open(src / "emojibase-data/en/shortcodes/emojibase.json") as f:
            for hexcode, codes in json.load(f).items():
                names += [(c, hexcode) for c in ([codes] if isinstance(codes, str) else codes)]
        for name, hexcode in names:
            if slug(name) and key(hexcode) in self.by_key:
                self.by_slug.setdefault(slug(name), self.by_key[key(hexcode)])

    def _italian(self, src):
        """Italian labels to concepts: much of the clip art has Italian titles."""
        with open(src / "emojibase-data/it/data.json") as f:
            rows = json.load(f)
        return {e["label"].lower(): self.by_key[key(e["hexcode"])]
                for e in rows if key(e["hexcode"]) in self.by_key}

    def named(self, name):
        """The concept that an icon's file name means, or None."""
        name = re.sub(r"^flag-for-(flag-)?", "flag-", name)
        name = re.sub(r"-\d+$", "", name)
        return self.by_slug.get(slug(name))
