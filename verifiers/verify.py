"""Verifies Tallystick receipts offline, as docs/receipt.md has it. Exits 0: all are trusted; 3: some only consistent; 1: one does not hold."""
import argparse, base64, datetime, functools, hashlib, json, re, sys; sys.tracebacklimit = 0; big = lambda data: int.from_bytes(data, "big")
P, Y8 = 2**255 - 19, 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7; LOW = {0, 1, P - 1, Y8, P - Y8}
NUM, NAME, B64, HASH, REST = "(?:0|[1-9][0-9]{0,19})", r"[^\s+\x00-\x1f\x7f-\x9f]+", "[A-Za-z0-9+/]+={0,2}", "[A-Za-z0-9+/]{43}=", "((?:.|\n)*)"
NOTE = f"(([^\\0-\\x1f]+)\n({NUM})\n({HASH})\n((?:[^\\0-\\x1f]+\n)*))\n((?:— {NAME} {B64}\n){{1,128}})"; WAY = "( authorities( handover)* shared"
PROOF = f"c2sp[.]org/tlog-proof@v1\nindex ({NUM})\n((?:{HASH}\n){{0,64}})\n{REST}"; from cryptography.hazmat.primitives.asymmetric import ed25519
HEAD = f"tallystick-receipt/v1\nclaim ([0-9a-f]{{32}})\nentry ({B64})\nsalt ([0-9a-f]{{64}})\nbody ({B64})\nkey (.+)\n{REST}"
ERASURE = ("tallystick-erasure/v1\nThe key and salt of this entry were destroyed[.] The leaf stays and the log still verifies; "
           f"what it commits to can be opened by nobody[.]\nleaf ([0-9a-f]{{64}})\nentry ({B64})\nkey (.+)\n{REST}")
SET = f"([^\n]+)\nnext ({NUM})\n((?:authority [a-z0-9-]{{1,64}} [^ \n]+\n){{1,16}})((?:witness [^ \n]+\n){{0,32}})"
READ = b"(?s)[\1-\5\x0a-\x0e\x14-\x17\x1e\x1f\x28-\x2a](?:[\1-\4]|[\5\7].{32}|\6.{64}|\x08(.{4})(.*)).{8}()"  # purpose, right, when
def fail(why): raise ValueError(why)
need, num = lambda holds, why="not in the form of docs/receipt.md": holds or fail(why), lambda text: need(int(text) < 2**64 and [int(text)])[0]
sha, to64 = lambda *parts: hashlib.sha256(b"".join(parts)).digest(), lambda data: base64.b64encode(data).decode()
match, b64 = lambda form, of: need(re.fullmatch(form, of)).groups(), lambda of: need(to64(got := base64.b64decode(of, validate=True)) == of) and got
def day(data): return datetime.date.fromordinal(719163 + int.from_bytes(data, "big", signed=True))  # of the years 1 to 9999
curve = functools.cache(lambda y: pow((y * y - 1) * (121666 - 121665 * y * y) * 121666, P // 2, P) == 1)  # x² = (y² - 1) / (dy² + 1) for some x
def sound(at, on=bool): return need((y := int.from_bytes(at, "little") % 2**255) < P and y not in LOW and on(y) and at, "no point, or a weak one")
def verify(key, message, signature): ed25519.Ed25519PublicKey.from_public_bytes(key).verify(sound(signature[:32]) + signature[32:], message)
def vkey(text, kind):  # (name, id, public key)
    name, shown, data = match(f"({NAME})\\+([0-9a-f]{{8}})\\+([A-Za-z0-9+/]{{44}})", text); data = b64(data)
    return need(data[0] == kind and sha(name.encode(), b"\n", data)[:4].hex() == shown, "another id's key") and (name, shown, sound(data[1:], curve))
def signed(text, keys, n, origin):  # what a note says, and who signed: all must be known; keys from the n-th on cosign
    (body, of, size, root, more, lines), by = match(NOTE, need(len(text.encode()) <= 65536) and text), []
    for name, data in re.findall("— (.+) (.+)\n", lines):
        by.append(at := [key[:2] for key in keys].index((name, b64(data)[:4].hex())))
        time, head = (big(b64(data)[4:12]), "cosignature/v1\ntime {}\n") if at >= n else (1, "")
        need(0 < time < 2**63 and by.count(at) == 1, "a cosignature without a time, or two signatures of one key")
        verify(keys[at][2], (head.format(time) + body).encode(), b64(data)[12 if head else 4:])
    return need(of == origin, "a checkpoint of another log") and num(size), b64(root), more, by
def included(leaf, index, path, size, root, more="", *_):  # siblings stand where the index's bits say, and left from the last leaf's join
    path, inner = [b64(p) for p in path.split("\n")[:-1]], ((index := num(index)) ^ size - 1).bit_length(); need(not more, "a line follows the root")
    for level, p in enumerate(path): leaf = sha(b"\1", p, leaf) if level >= inner or index >> level & 1 else sha(b"\1", leaf, p)
    need(index < size and leaf == root and len(path) == inner + (index >> inner).bit_count(), "the entry is not in the tree")
def local(leaf, text, key): at, path, note = match(PROOF, text); included(leaf, at, path, *signed(note, [key], 1, key[0])); return num(at), note
def group(text):  # a set of authorities: (its epoch, keys and quorum), its keys and its witnesses', how its checkpoints go on
    (origin, epoch, *parts), ids = match(f"tallystick-authorities/v1\n{SET}", text), re.findall("(?m)^authority ([a-z0-9-]+) ", text)
    own, others = [[vkey(line.split(" ")[-1], k) for line in part.split("\n")[:-1]] for part, k in zip(parts, (1, 4))]
    need(ids == sorted(set(ids)) and {k[0] for k in own} == {origin} and all(len(k[0].encode()) <= 200 for k in own + others)
         and all(len({k[i] for k in of}) == len(of) for of, i in ((own + others, slice(2)), (others, 0), (others, 2))), "a set that is none")
    return (num(epoch), sorted(own), len(own) - (len(own) - 1) // 3), own + others, f"epoch {epoch}\nset {to64(sha(text.encode()))}\n"
def shared(proofs, first, *handovers):  # over handovers to the proofs of leaves: (origin, sets on the way, keys that cosigned)
    sets, origin, before, proofs = [group(first)], first.split("\n")[1], 0, [(leaf, *match(PROOF, text)) for leaf, text in proofs]
    for text in (*handovers, last := proofs[0][3]):
        (epoch, own, quorum), keys, head = sets[-1]; size, root, more, by = signed(text, keys, len(own), origin)
        need(sum(at < len(own) for at in by) >= quorum and more.startswith(head) and size >= before, "not signed by a quorum, or smaller")
        sets, before = sets + [more[len(head):] and group(f"tallystick-authorities/v1\n{origin}\n{more[len(head):]}")], size
        need(not sets[-1] or sets[-1][0][0] == epoch + 1, "a handover to another epoch")
    for leaf, at, path, note in proofs: need(note == last, "proofs of two checkpoints"); included(leaf, at, path, size, root)
    return origin, [of[0] for of in sets[:-1]], [keys[at] for at in by if at >= len(own)]
def fields(data, *form):  # so many bytes each, or below zero as often that as the count before them says; and what follows
    for n in form: at, n = (0, n) if n >= 0 else (4, 4 - n * big(data[:4])); need(n <= len(data)); yield data[at:n]; data = data[n:]
    yield data
def sections(rest):  # name, length, and so many bytes
    while rest: of, n, rest = match(f"(?s)([a-z]+) ({NUM})\n(.*)".encode(), rest); text, rest = fields(rest, int(n)); yield of.decode(), text.decode()
def brought(index, leaf, proof, text):  # whose envelope brought an entry of that index of its log; its proof, and the envelope's header with its own
    header, text = match(f"entry ({B64})\n{REST}", text); kind, who, first, count, _, rest = fields(header := b64(header), 2, -1, 8, 4, 96)
    at, there = (num(match(PROOF, of)[0]) for of in (text, proof)); need(kind == b"\1\x11" and rest == b"" and re.fullmatch(b"[a-z0-9-]{1,64}", who))
    return need(index - big(first) == there - at - 1 in range(big(count)), "another entry") and (who, [(leaf, proof), (sha(b"\0", header), text)])
def says(claim, entry, salt, body):  # in words, what a body says of the claim: it must be what the entry commits to
    (version, kind), commitment, more = fields(entry, 2, 32); subject = need({3: 1, 6: 5, 11: 8, 12: 8, 13: 9}.get(kind))
    need(version == 1 and sha(b"tallystick/commitment/v1", salt, bytes([subject]), body) == commitment, "another body is committed to")
    if kind == 3:
        (by, prefix), (of, rest) = match(b"(?s)(\0|\1.{32})(.{8})", more), fields(body, -1); at, = match(b"(?s)(?:\0|\1.{32}).{32}(.{8}).*", rest)
        return need(of.startswith(b"\1" + claim + by) and at == prefix, "the outcome is of another claim, policy or prefix") and "adjudicated"
    if kind == 6: form, claims, on, who, _, rest = fields(body, 1, 16, 4, -1, 32); words = f"received {day(on)} from {who.decode()!r}"
    elif kind == 13: form, trace, _, on, claims, _, rest = fields(body, 1, -1, 8, 4, -16, 32); words = f"payment {trace.decode()!r} advised {day(on)}"
    else: form, who, person, claims, rest = fields(body, 1, -1, -1, 16); length, why, rest = match(READ, rest); need(
        re.fullmatch(b"[a-z0-9-]{1,64}", who) and bool(length) == (kind == 12) and len(why or b"") == big(length or b"")); words = (
        f"read by {who.decode()} ({person.decode()!r})" + (f" in an emergency: {why.decode()!r}" if length else ""))
    every = [claims[at:at + 16] for at in range(0, len(claims), 16)]; need(every == sorted(set(every)) and len(every) <= 65536)
    return need(claim in every and form + rest + more == b"\1", "the body is of another claim, or none") and words
def receipt(data, logs):
    of, entry, *opening, key, rest = match(ERASURE if data.startswith(b"tallystick-erasure/") else HEAD, need(len(data) <= 2**22) and data.decode())
    (names, texts), of, entry, key = zip(*sections(rest.encode())), bytes.fromhex(of), b64(entry), vkey(key, 1)
    need(re.fullmatch(f"local{WAY})?" if opening else f"stays erased{WAY} envelope stays envelope)?", " ".join(names)))
    words = opening and f"claim {of.hex()}: {says(of, entry, bytes.fromhex(opening[0]), b64(opening[1]))}"
    index, note = local(leaf := sha(b"\0", entry), texts[0 if opening else 1], key); way, proofs, by = texts[1:-1], [(leaf, texts[-1])], b""
    if not opening:
        (at, ground), (stays, same) = match(b"(?s)\1\x0e(.{8})([\1-\3])", entry), local(of, texts[0], key)
        need(big(at) == stays < index and same == note, "the proofs are not of what was erased and of one after it")
        words, way = f"entry {stays} erased by {['request', 'retention', 'order'][ground[0] - 1]}", texts[2:-4]
        if way: (by, one), (too, two) = brought(index, leaf, *texts[-4:-2]), brought(stays, of, *texts[-2:]); proofs = need(by == too) and one + two
    origin, sets, cosigned = shared(proofs, *way) if way else (None, [], []); named = [log[0] for log in logs or []]
    held = [of[2] == 1 and not enough and key in of[1] for name, of, _, enough in logs or [] if name == key[0]]
    held += [of in sets and sum(k in witnesses for k in cosigned) >= enough for name, of, witnesses, enough in logs or [] if name == origin]
    why = need(all(held), "not signed as the trust file asks of its log") and "; the trust file names no log of it" * (logs is not None and not held)
    own, whose = (lambda of: of + ", by its own word" * (of not in named)), f", in the log of {by.decode()}" * bool(by)
    return f"{words}, entry {index} of {own(key[0])}" + (f", and on {own(origin)}" if way else "") + whose + why, 0 if held else 3
def trusted(origin, keys, quorum, epoch=0, witnesses=(), cosignatures=0):
    return origin, (epoch, sorted(vkey(k, 1) for k in keys), quorum), [vkey(k, 4) for k in witnesses], cosignatures
parser = argparse.ArgumentParser(description=__doc__); parser.add_argument("files", nargs="+"); parser.add_argument("--trust")
trust = lambda format, logs: need(format == "tallystick-trust/v1") and [trusted(**log) for log in logs]; args, ended = parser.parse_args(), [0]
try: logs = trust(**json.load(open(args.trust, encoding="utf-8"))) if args.trust else None
except Exception as error: sys.exit(f"{args.trust}: no trust file: {error}")
for file in args.files:
    try: words, code = receipt(open(file, "rb").read(), logs)
    except Exception as error: words, code = {"InvalidSignature": "a signature does not hold"}.get(type(error).__name__, str(error)), 1
    print(f"{file}: {['trusted', 'does not hold', 0, 'consistent, not trusted'][code]}: {words}"); ended.append(code)
sys.exit(1 if 1 in ended else max(ended))
