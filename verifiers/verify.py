"""Verifies Tallystick receipts with the network off: verify.py RECEIPT... [--trust trust.json]
Written from docs/receipt.md. Exits 0: all trusted; 3: some only consistent; 1: one does not hold."""
import argparse, base64, hashlib, json, re, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as Key
P, Y8 = 2**255 - 19, 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7
LOW = {0, 1, P - 1, P, P + 1, Y8, P - Y8}  # y of the points of low order
NUM, NAME, B64, REST = "(?:0|[1-9][0-9]{0,19})", r"[^\s+\x00-\x1f\x7f-\x9f]+", "[A-Za-z0-9+/]+={0,2}", "((?:.|\n)*)"
NOTE = f"([^\\0-\\x09\\x0b-\\x1f]*\n)\n((?:— {NAME} {B64}\n){{1,128}})"
CHECKPOINT = f"([^\n]+)\n({NUM})\n({B64})\n((?:[^\n]+\n)*)"
PROOF = f"c2sp.org/tlog-proof@v1\nindex ({NUM})\n((?:{B64}\n){{0,64}})\n{REST}"
HEAD = f"tallystick-receipt/v1\nclaim ([0-9a-f]{{32}})\nentry ({B64})\nsalt ([0-9a-f]{{64}})\nbody ({B64})\nkey (.+)\n{REST}"
SET = f"next ({NUM})\n((?:authority [a-z0-9-]{{1,64}} [^ \n]+\n){{1,64}})((?:witness [^ \n]+\n){{0,32}})"
def need(holds, why="not in the form of docs/receipt.md"):
    if not holds: raise ValueError(why)
    return holds
def match(form, text): return need(re.fullmatch(form, text)).groups()
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def num(text): return need(int(text) < 2**64 and [int(text)])[0]
def b64(text): data = base64.b64decode(text, validate=True); return need(base64.b64encode(data).decode() == text) and data
def verify(key, message, signature):  # strictly
    need(all(int.from_bytes(point, "little") % 2**255 not in LOW for point in (key, signature[:32])), "a point of low order")
    Key.from_public_bytes(key).verify(signature, message)
def vkey(text, kind):  # (name, id, public key)
    name, shown, data = match(f"({NAME})\\+([0-9a-f]{{8}})\\+({B64})", text)
    need(len(b64(data)) == 33 and b64(data)[0] == kind and int.from_bytes(b64(data)[1:], "little") % 2**255 not in LOW)
    return name, need(sha(name.encode(), b"\n", b64(data))[:4].hex() == shown, "a key's id") and shown, b64(data)[1:]
def signed(text, keys, n, origin):  # what a note says, and who signed: all must be known; keys from the n-th on cosign
    body, lines = match(NOTE, need(len(text.encode()) <= 65536) and text)
    lines = [(name, b64(data)) for _, name, data in (line.split(" ") for line in lines.split("\n")[:-1])]
    by = [[key[:2] for key in keys].index((name, data[:4].hex())) for name, data in lines]
    for at, data in zip(by, (data[4:] for _, data in lines)):
        need(by.count(at) == 1 and (0 < (time := int.from_bytes(data[:8], "big")) < 2**63 or at < n), "twice, or no time")
        said, data = (body, data) if at < n else (f"cosignature/v1\ntime {time}\n{body}", data[8:])
        verify(keys[at][2], said.encode(), data)
    of, size, root, more = match(CHECKPOINT, body)
    return need(of == origin, "of another log") and num(size), need(len(b64(root)) == 32) and b64(root), more, by
def included(entry, index, path, size, root):
    fn, sn, r = num(index), need(num(index) < size, "the entry is not in the tree") and size - 1, sha(b"\0", entry)
    for p in map(b64, path.split("\n")[:-1]):
        left = need(sn and len(p) == 32, "a path too long") and (fn & 1 or fn == sn)
        r = sha(b"\1", p, r) if left else sha(b"\1", r, p)
        while left and fn and not fn & 1: fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and r == root, "the entry is not in the tree")
def group(origin, text):  # a set of authorities: epoch, its keys and then its witnesses', how many are its own, what it signs
    epoch, *parts = match(SET, text)
    keys, others = [[vkey(line.split(" ")[-1], k) for line in part.split("\n")[:-1]] for part, k in zip(parts, (1, 4))]
    ids = re.findall("(?m)^authority ([a-z0-9-]+) ", parts[0])
    need(ids == sorted(set(ids)) and all(k[0] == origin for k in keys) and all(len(k[0].encode()) <= 200 for k in keys + others)
         and all(len({k[i] for k in of}) == len(of) for of, i in ((keys, 2), (others, 0), (others, 2))), "a set that is none")
    digest = base64.b64encode(sha(b"tallystick-authorities/v1\n", origin.encode(), b"\n", text.encode())).decode()
    return num(epoch), keys + others, len(keys), f"epoch {epoch}\nset {digest}\n"
def shared(entry, first, *rest):  # over handovers to the proof: (origin, sets on the way, keys that cosigned)
    origin, text = match(f"tallystick-authorities/v1\n([^\n]+)\n{REST}", first)
    sets, before, (index, path, last) = [group(origin, text)], 0, match(PROOF, rest[-1])
    for text in (*rest[:-1], last):
        size, root, more, by = signed(text, (of := sets[-1])[1], of[2], origin)
        need(sum(at < of[2] for at in by) >= of[2] - (of[2] - 1) // 3, "fewer authorities signed than a quorum")
        need(more.startswith(of[3]) and size >= before, "of another epoch or set, or a smaller tree")
        sets, before = sets + [more := more[len(of[3]):] and group(origin, more[len(of[3]):])], size
        need(not more or more[0] == of[0] + 1, "a handover to another epoch")
    included(entry, index, path, size, root)
    return origin, sets[:-1], [of[1][at] for at in by if at >= of[2]]
def sections(rest):  # name, length, and so many bytes
    while rest:
        found = need(re.match(f"([a-z]+) ({NUM})\n".encode(), rest))
        end = need(found.end() + int(found[2]) <= len(rest)) and found.end() + int(found[2])
        yield found[1].decode(), rest[found.end():end].decode(); rest = rest[end:]
def receipt(data, logs):
    claim, entry, salt, body, key, rest = match(HEAD, need(len(data) <= 2**22) and data.decode())
    (names, texts), entry, body, key = zip(*sections(rest.encode())), b64(entry), b64(body), vkey(key, 1)
    need(re.fullmatch("local( authorities( handover)* shared)?", " ".join(names)))
    commitment, policy, prefix = match(b"(?s)\1\3(.{32})(\0|\1.{32})(.{8})", entry)
    need(sha(b"tallystick/commitment/v1", bytes.fromhex(salt), b"\1", body) == commitment, "another body is committed to")
    at = 4 + int.from_bytes(body[:4], "big")
    need(body[4:at].startswith(b"\1" + bytes.fromhex(claim) + policy), "the outcome is of another claim or policy")
    need(match(b"(?s)(?:\0|\1.{32}).{32}(.{8}).*", body[at:]) == (prefix,), "the body names another prefix of the log")
    index, path, text = match(PROOF, texts[0])
    included(entry, index, path, *signed(text, [key], 1, key[0])[:2])
    origin, sets, cosigned = shared(entry, *texts[1:]) if texts[1:] else (None, [], [])
    held = [log["quorum"] == 1 and not log["cosignatures"] and key in log["keys"] for log in logs if log["origin"] == key[0]]
    for log in (log for log in logs if log["origin"] == origin):
        pinned = [(sorted(keys[:n]), n - (n - 1) // 3) for epoch, keys, n, _ in sets if epoch == log["epoch"]]
        held.append(pinned == [(sorted(log["keys"]), log["quorum"])] and sum(key in log["witnesses"] for key in cosigned) >= log["cosignatures"])
    need(args.trust is None or held and all(held), "the log or its key is not in the trust file")
    return f"claim {claim}, entry {index} of {key[0]}" + f", and on {origin}" * bool(origin)
def trust(text):
    for log in need(json.loads(text)["format"] == "tallystick-trust/v1") and json.loads(text)["logs"]:
        log = {"epoch": 0, "witnesses": [], "cosignatures": 0, **log}
        need(log.keys() == {"origin", "keys", "quorum", "epoch", "witnesses", "cosignatures"}, "a field of a trusted log")
        yield {**log, "keys": [vkey(k, 1) for k in log["keys"]], "witnesses": [vkey(k, 4) for k in log["witnesses"]]}
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("files", nargs="+"); parser.add_argument("--trust")
args, ended, VERDICTS = parser.parse_args(), [0], {0: "trusted", 3: "consistent, not trusted", 1: "does not hold"}
logs = list(trust(open(args.trust, encoding="utf-8").read())) if args.trust else []
for file in args.files:
    try: words, code = receipt(open(file, "rb").read(), logs), 3 if args.trust is None else 0
    except Exception as error: words, code = str(error) or type(error).__name__, 1
    print(f"{file}: {VERDICTS[code]}: {words}"); ended.append(code)
sys.exit(1 if 1 in ended else max(ended))
