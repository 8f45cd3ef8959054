"""Checks that dragoman and huggingface_hub share one cache: each finds what the other pulled, and pulls it to the same bytes.

    go build -o /tmp/dragoman ./cmd/dragoman
    python tools/oracle/hub_cache.py /tmp/dragoman

Both pull from a hub that this script serves on the loopback interface; nothing else is asked. It writes nothing but temporary
folders, and ends with a line for each check, or the first that failed.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "org/model"
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
FILES = {
    "config.json": b'{"model_type": "blip-2"}',
    "model.safetensors": os.urandom(3_000_000),
    "tokenizer.json": b"{}",
    "qformer_tokenizer/vocab.txt": b"[PAD]\n",
    "README.md": b"read me",
    "folder/flax_model.msgpack": b"flax",
}


def is_lfs(name):
    return name.endswith((".safetensors", ".msgpack"))


def blob_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def etag(name):
    return hashlib.sha256(FILES[name]).hexdigest() if is_lfs(name) else blob_hash(FILES[name])


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = []

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        Hub.asked.append(f"{self.command} {path}")
        api, resolve = f"/api/models/{NAME}", f"/{NAME}/resolve/"
        if path in (f"{api}/revision/main", f"{api}/revision/v1", f"{api}/revision/{COMMIT}", api):
            body = {"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": [{"rfilename": f} for f in FILES]}
            return self.send(200, json.dumps(body).encode(), Content_Type="application/json")
        if path == f"{api}/tree/{COMMIT}":
            tree = []
            for name, data in FILES.items():
                item = {"type": "file", "path": name, "size": len(data), "oid": blob_hash(data)}
                if is_lfs(name):
                    item["lfs"] = {"oid": etag(name), "size": len(data), "pointerSize": 130}
                tree.append(item)
            return self.send(200, json.dumps(tree).encode(), Content_Type="application/json")
        if path.startswith("/cdn/"):
            return self.bytes(FILES[path[5:]])
        if path.startswith(resolve):
            revision, name = path[len(resolve):].split("/", 1)
            if name not in FILES:
                return self.send(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
            headers = {"X_Repo_Commit": COMMIT, "ETag": f'"{etag(name)}"'}
            if is_lfs(name):
                headers |= {"X_Linked_Etag": f'"{etag(name)}"', "X_Linked_Size": str(len(FILES[name]))}
                return self.send(302, Location=f"http://localhost:{self.server.server_port}/cdn/{name}", **headers)
            return self.bytes(FILES[name], **headers)
        return self.send(404, X_Error_Code="RepoNotFound")

    def bytes(self, data, **headers):
        begin = self.headers.get("Range")
        if begin is None:
            return self.send(200, data, **headers)
        begin = int(begin.removeprefix("bytes=").rstrip("-"))
        self.send(206, data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}", **headers)


def check(what, ok, detail=""):
    if not ok:
        sys.exit(f"FAILED: {what}: {detail}")
    print(f"ok: {what}")


def same(folder, names):
    return all((pathlib.Path(folder) / n).read_bytes() == FILES[n] for n in names)


def main():
    dragoman = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.pop("HF_HUB_OFFLINE", None)
    from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache
    from huggingface_hub.utils import WeakFileLock

    def pull(home, *args):
        done = subprocess.run(
            [dragoman, "pull", NAME, *args], env={**os.environ, "HF_HOME": home}, capture_output=True, text=True
        )
        check(f"dragoman pull {' '.join(args)}", done.returncode == 0, done.stderr)
        return done.stdout.splitlines()[-1]

    read_by_us = ["config.json", "model.safetensors", "tokenizer.json", "qformer_tokenizer/vocab.txt"]
    with tempfile.TemporaryDirectory() as home:
        cache = os.path.join(home, "hub")
        ours = pull(home)
        found = snapshot_download(NAME, cache_dir=cache, local_files_only=True)
        check("Python finds what dragoman pulled", os.path.samefile(found, ours) and same(found, read_by_us), found)
        file = try_to_load_from_cache(NAME, "model.safetensors", cache_dir=cache)
        check("Python finds one file of it", isinstance(file, str) and same(os.path.dirname(file), ["model.safetensors"]), file)
        Hub.asked.clear()
        again = snapshot_download(NAME, cache_dir=cache)
        fetched = [a for a in Hub.asked if a.startswith("GET") and ("/cdn/" in a or "/resolve/" in a)]
        check("Python fetches only what is missing", same(again, FILES) and len(fetched) == 2, fetched)
        info = scan_cache_dir(cache)
        check("Python's scan finds nothing wrong", not info.warnings and len(info.repos) == 1, info.warnings)

    with tempfile.TemporaryDirectory() as home:
        cache = os.path.join(home, "hub")
        everything = pull(home, "--include", "*", "--revision", "v1")
        found = snapshot_download(NAME, revision="v1", cache_dir=cache, local_files_only=True)
        check("Python finds a whole snapshot with its listing", os.path.samefile(found, everything) and same(found, FILES), found)
        Hub.asked.clear()
        snapshot_download(NAME, revision=COMMIT, cache_dir=cache)
        check("Python asks nothing more", Hub.asked == [], Hub.asked)

    with tempfile.TemporaryDirectory() as home:
        cache = os.path.join(home, "hub")
        theirs = snapshot_download(NAME, cache_dir=cache)
        Hub.asked.clear()
        check("dragoman finds what Python pulled", os.path.samefile(pull(home, "--offline"), theirs) and Hub.asked == [], Hub.asked)
        pull(home)
        check("dragoman fetches none of it again", not [a for a in Hub.asked if "/cdn/" in a or "/resolve/" in a], Hub.asked)
        done = subprocess.run([dragoman, "ls", "--json"], env={**os.environ, "HF_HOME": home}, capture_output=True, text=True)
        listed = json.loads(done.stdout)
        check("dragoman lists it", listed["model"] == NAME and listed["files"] == len(FILES), listed)

    with tempfile.TemporaryDirectory() as home:
        lock = pathlib.Path(home, "hub/.locks/models--org--model", etag("model.safetensors") + ".lock")
        lock.parent.mkdir(parents=True)
        with WeakFileLock(lock):
            waiting = subprocess.Popen([dragoman, "pull", "-q", NAME], env={**os.environ, "HF_HOME": home}, stdout=subprocess.DEVNULL)
            try:
                ended = waiting.wait(timeout=2)
            except subprocess.TimeoutExpired:
                ended = None
        check("dragoman waits for a lock of Python's", ended is None and waiting.wait() == 0, ended)

    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        cache = os.path.join(home, "hub")
        pull(home, "--local-dir", folder)
        Hub.asked.clear()
        snapshot_download(NAME, revision=COMMIT, local_dir=folder, cache_dir=cache, allow_patterns=read_by_us)
        fetched = [a for a in Hub.asked if a.startswith("GET") and ("/cdn/" in a or "/resolve/" in a)]
        check("Python takes a folder of dragoman's as up to date", fetched == [], fetched)


if __name__ == "__main__":
    main()
