"""ImageNet's thousand classes, in the encoder's order, named and placed in WordNet: what the class token speaks."""

import json


def synsets(src):
    """WordNet's nouns: offset -> (lemmas, offsets of the hypernyms)."""
    nouns = {}
    with open(src / "wordnet-base/usr/share/wordnet/data.noun") as f:
        for line in f:
            if line.startswith("  "):
                continue
            fields = line.split("|")[0].split()
            count = int(fields[3], 16)
            lemmas = [fields[4 + 2 * i].replace("_", " ") for i in range(count)]
            rest = fields[4 + 2 * count:]
            pointers = [rest[1 + 4 * i:5 + 4 * i] for i in range(int(rest[0]))]
            nouns[fields[0]] = (lemmas, [p[1] for p in pointers if p[0] in ("@", "@i")])
    return nouns


def write(src, out, known, kinds):
    """One row a class; `kinds` are those among its names and hypernyms, `plain` is the nearest hypernym that is one of the known words, or empty."""
    nouns = synsets(src)
    ids = (src / "timm/timm/data/_info/imagenet_synsets.txt").read_text().split()
    with open(out, "w") as f:
        for index, synset in enumerate(ids):
            lemmas, above = nouns[synset[1:]]
            chain = []
            while above and len(chain) < 12:
                lemmas_above, further = nouns[above[0]]
                chain.append(lemmas_above[0])
                above = further
            row = {"class": index, "synset": synset, "names": lemmas, "hypernyms": chain, "kinds": kinds(lemmas + chain),
                   "plain": next((h for h in chain if h in known), "")}
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    return len(ids)
