#!/usr/bin/env bash
# Puts a trained bridge into mini/flamingo/: tools/mini/pack-flamingo.sh RUN_FOLDER/model
# The bridge is quantised to q8_0, and its frozen parts become those that are built in. mini/flamingo.go and mini/FLAMINGO.md are told each
# file's hash and size.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(cd "$1" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

(cd "$root" && go run ./cmd/dragoman convert --model "$model" --dtype q8_0 --out "$out/m")
sed -i -E 's#"weights": "[^"]*/?(SmolLM2-135M-Instruct\.Q4_1\.gguf|efficientnet-lite0-57934424\.pth)"#"weights": "mini:\1"#' "$out/m/config.json"
install -D -m 644 -t "$root/mini/flamingo" "$out/m/config.json" "$out/m/model.gguf"
cd "$root/mini"
python3 - <<'PY'
import hashlib, pathlib, re
go, card = pathlib.Path("flamingo.go"), pathlib.Path("FLAMINGO.md")
text, said = go.read_text(), card.read_text()
for name in ["flamingo/model.gguf", "flamingo/config.json"]:
    data = pathlib.Path(name).read_bytes()
    sha = hashlib.sha256(data).hexdigest()
    at = text.index(f'File: "{name}"')
    head, tail = text[:at], text[at:]
    tail = re.sub(r'(SHA256:\s*")[^"]*(")', rf"\g<1>{sha}\2", tail, count=1)
    tail = re.sub(r"(Bytes:\s*)\d+", rf"\g<1>{len(data)}", tail, count=1)
    text = head + tail
    said = re.sub(rf"(\| `{re.escape(name)}` \| )\S+( \|)", rf"\g<1>{sha}\2", said)
    print(sha, name, len(data))
go.write_text(text)
card.write_text(said)
PY
