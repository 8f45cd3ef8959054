#!/usr/bin/env bash
# Puts a trained bridge into mini/: tools/mini/pack.sh RUN_FOLDER/model
# The bridge is quantised to q8_0 (what bears it to four bits: there is no room for more), and its frozen parts become those that are built in. mini/parts.go and mini/README.md are told
# each file's hash and size.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(cd "$1" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

(cd "$root" && go run ./cmd/dragoman convert --model "$model" --dtype q8_0 --out "$out/m" \
  --except '*_query.*=q4_0' --except '*.crossattention.*=q4_0' --except 'feature_projection.*=q4_1' \
  --except 'embeddings.word_embeddings.*=q4_1' --except 'class_embeddings.*=q4_1' --except 'memory.texts=q4_1')
# Paths of the frozen parts, wherever they were trained with, are those of the built-in files.
sed -i -E 's#"weights": "[^"]*/?(SmolLM2-135M-Instruct\.Q4_1\.gguf|efficientnet-lite0-57934424\.pth)"#"weights": "mini:\1"#' "$out/m/config.json"
install -m 644 "$out/m/config.json" "$out/m/model.gguf" "$out/m/memory.json" "$root/mini/"
install -D -m 644 "$out/m/qformer_tokenizer/vocab.txt" "$root/mini/qformer_tokenizer/vocab.txt"
cd "$root/mini"
for f in config.json model.gguf memory.json qformer_tokenizer/vocab.txt; do
  echo "$(sha256sum "$f" | cut -d' ' -f1)  $f  $(stat -c %s "$f")"
done

# mini/parts.go and mini/README.md name each file's hash and size.
python3 - <<'PY'
import hashlib, pathlib, re
root = pathlib.Path(".")
parts = (root / "parts.go").read_text()
readme = (root / "README.md").read_text()
for name in ["model.gguf", "config.json", "memory.json", "qformer_tokenizer/vocab.txt"]:
    data = (root / name).read_bytes()
    sha, size = hashlib.sha256(data).hexdigest(), len(data)
    at = parts.index(f'"{name}"')
    head, tail = parts[:at], parts[at:]
    tail = re.sub(r'(SHA256:\s*")[^"]*(")', rf"\g<1>{sha}\2", tail, count=1)
    tail = re.sub(r"(Bytes:\s*)\d+", rf"\g<1>{size}", tail, count=1)
    parts = head + tail
    readme = re.sub(rf"(\| `{re.escape(name)}` \| )\S+( \|)$", rf"\g<1>{sha}\2", readme, flags=re.M)
(root / "parts.go").write_text(parts)
(root / "README.md").write_text(readme)
PY
