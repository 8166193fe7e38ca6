// Verifies receipts in the browser, from docs/receipt.md: SHA-256 and Ed25519 are the
// browser's own (WebCrypto), everything else is here. Nothing is sent or fetched.
'use strict';

const tally = (() => {
  const FORM = 'not in the form of a receipt';
  const need = (holds, why = FORM) => { if (!holds) throw new Error(why); return holds; };
  const utf8 = (text) => new TextEncoder().encode(text);
  const decode = (bytes) => {
    try { return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes); } catch { throw new Error('not text: a receipt is'); }
  };
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const join = (...parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => { all.set(part, at); return at + part.length; }, 0);
    return all;
  };
  const sha = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
  const to64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const from64 = (text, size) => {
    need(/^[A-Za-z0-9+/]+={0,2}$/.test(text));
    let bytes;
    try { bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); } catch { need(false); }
    need(to64(bytes) === text && (size === undefined || bytes.length === size));
    return bytes;
  };
  const U64 = 2n ** 64n;
  const number = (text) => {
    need(/^(0|[1-9][0-9]{0,19})$/.test(text) && BigInt(text) < U64, 'a number that is none');
    return BigInt(text);
  };
  const match = (form, text, why) => need(form.exec(text), why).slice(1);

  // Keys and signatures.
  const P = 2n ** 255n - 19n;
  const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
  const LOW = new Set([0n, 1n, P - 1n, Y8, P - Y8]);
  const power = (base, exponent) => {
    let result = 1n;
    for (let [b, e] = [base % P, exponent]; e; b = b * b % P, e >>= 1n) if (e & 1n) result = result * b % P;
    return result;
  };
  // Whether y² − 1 over dy² + 1, where d is −121665/121666, is the square of some x.
  const onCurve = (y) => power((y * y + P - 1n) * (121666n + 121665n * (P - y * y % P)) * 121666n, (P - 1n) / 2n) === 1n;
  const sound = (point, on = () => true) => {
    const y = BigInt('0x' + hex([...point].reverse())) % 2n ** 255n;
    need(y < P && !LOW.has(y) && on(y), 'no point of the curve in its one form, or one of low order');
  };
  const verify = async (key, message, signature) => {
    need(signature.length === 64, 'a signature of another length');
    sound(signature.slice(0, 32));
    const read = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    need(await crypto.subtle.verify('Ed25519', read, signature, message), 'a signature does not hold');
  };
  const NAME = '[^\\s+\\u0000-\\u001f\\u007f-\\u009f\\ufeff]+';
  const KEY = new RegExp(`^(${NAME})\\+([0-9a-f]{8})\\+(.+)$`, 'u');
  const readKey = async (text, kind) => {
    const [name, id, data] = match(KEY, text, 'a key that is none');
    const bytes = from64(data, 33);
    sound(bytes.slice(1), onCurve);
    need(bytes[0] === kind && hex((await sha(utf8(name), utf8('\n'), bytes)).slice(0, 4)) === id, "a key's id is another's");
    return { text, name, id, key: bytes.slice(1) };
  };

  // Notes, checkpoints, proofs.
  const NOTE = new RegExp(`^([^\\u0000-\\u0009\\u000b-\\u001f]*\\n)\\n((?:— ${NAME} [A-Za-z0-9+/=]+\\n){1,128})$`, 'u');
  const readNote = (text) => {
    need(utf8(text).length <= 65536, 'a note that is too long');
    const [body, lines] = match(NOTE, text, 'a signed note that is none');
    const signatures = lines.split('\n').slice(0, -1).map((line) => {
      const [, name, data] = line.split(' ');
      const bytes = from64(data);
      need(bytes.length > 4);
      return { name, id: hex(bytes.slice(0, 4)), bytes: bytes.slice(4) };
    });
    return { body, signatures };
  };
  // All who signed must be known, once each; keys from the n-th on cosign.
  const signed = async (note, keys, n) => {
    const by = note.signatures.map(({ name, id }) => keys.findIndex((key) => key.name === name && key.id === id));
    need(by.every((at) => at >= 0), 'a signature is of nobody who is known');
    need(new Set(by).size === by.length, 'two signatures are of one key');
    for (const [i, at] of by.entries()) {
      let { bytes } = note.signatures[i];
      let message = note.body;
      if (at >= n) {
        need(bytes.length === 72, 'a cosignature of another length');
        const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
        need(time > 0n && time < 2n ** 63n, 'a cosignature without a time');
        message = `cosignature/v1\ntime ${time}\n${note.body}`;
        bytes = bytes.slice(8);
      }
      await verify(keys[at].key, utf8(message), bytes);
    }
    const lines = note.body.split('\n');
    need(lines.pop() === '' && lines.length >= 3 && lines.every(Boolean), 'a checkpoint that is none');
    const more = lines.slice(3).map((line) => `${line}\n`).join('');
    return { origin: lines[0], size: number(lines[1]), root: from64(lines[2], 32), more, by };
  };
  const readProof = (text) => {
    const at = text.indexOf('\n\n');
    const [head, index, ...path] = text.slice(0, at).split('\n');
    need(at > 0 && head === 'c2sp.org/tlog-proof@v1' && index?.startsWith('index ') && path.length <= 64, 'a proof that is none');
    return { index: number(index.slice(6)), path: path.map((line) => from64(line, 32)), note: readNote(text.slice(at + 2)) };
  };
  const noteOf = (text) => text.slice(text.indexOf('\n\n') + 2);
  const included = async (leaf, { index, path }, { size, root }) => {
    need(index < size, 'the entry is not in the tree');
    let [fn, sn, r] = [index, size - 1n, leaf];
    for (const p of path) {
      need(sn > 0n, 'a path that is too long');
      if (fn & 1n || fn === sn) {
        r = await sha([1], p, r);
        while (fn && !(fn & 1n)) { fn >>= 1n; sn >>= 1n; }
      } else {
        r = await sha([1], r, p);
      }
      fn >>= 1n; sn >>= 1n;
    }
    need(sn === 0n && same(r, root), 'the entry is not in the tree');
  };

  // That a leaf is in a log of one key: its index, the log's size, the checkpoint.
  const inLog = async (leaf, text, key) => {
    const proof = readProof(text);
    const said = await signed(proof.note, [key], 1);
    need(said.origin === key.name, 'the checkpoint is of another log');
    need(!said.more, "a line follows the root: a log of one key has none there, only a shared ledger has");
    await included(leaf, proof, said);
    return { index: proof.index, size: said.size, checkpoint: noteOf(text) };
  };

  // Canonical values.
  class Reader {
    constructor(bytes) { this.bytes = bytes; this.at = 0; }
    raw(n) {
      need(this.at + n <= this.bytes.length, 'an encoding that ends inside a value');
      return this.bytes.slice(this.at, this.at += n);
    }
    view(n) { const raw = this.raw(n); return new DataView(raw.buffer); }
    u8() { return this.raw(1)[0]; }
    u16() { return this.view(2).getUint16(0); }
    u32() { return this.view(4).getUint32(0); }
    u64() { return this.view(8).getBigUint64(0); }
    i64() { return this.view(8).getBigInt64(0); }
    date() {
      const days = this.view(4).getInt32(0);
      need(days >= -719162 && days <= 2932896, 'a date that is none');
      return new Date(days * 86400000).toISOString().slice(0, 10);
    }
    flag() { const byte = this.u8(); need(byte < 2, 'a flag that is none'); return byte === 1; }
    blob() { const n = this.u32(); need(n <= 2 ** 24); return this.raw(n); }
    text() { return decode(this.blob()); }
    option(take) { return this.flag() ? take() : null; }
    list(take) {
      const n = this.u32();
      need(n <= 65536 && n <= this.bytes.length - this.at);
      return Array.from({ length: n }, take);
    }
    end() { need(this.at === this.bytes.length, 'bytes follow a value'); }
  }
  const GROUPS = [, 'CO', 'PR', 'OA', 'PI'];
  const readLine = (r) => {
    const line = { number: r.u16(), denied: r.flag(), charge: r.i64(), allowed: r.i64(), paid: r.i64(), clause: r.text() };
    line.adjustments = r.list(() => {
      const [group, carc, remark, amount, clause] = [GROUPS[r.u8()], r.u16(), r.u64(), r.i64(), r.text()];
      need(group && (amount > 0n || (amount < 0n && carc === 94)), 'an adjustment that is none');
      return { group, carc, remark, amount, clause };
    });
    r.list(() => [r.text(), r.date(), r.flag(), r.i64(), r.i64()]);
    const cut = line.adjustments.reduce((sum, { amount }) => sum + amount, 0n);
    need(line.charge >= 0n && line.charge - cut === line.paid && line.paid >= 0n && line.paid <= line.allowed
      && !(line.denied && line.allowed), 'a line that does not balance');
    return line;
  };
  const readOutcome = (bytes) => {
    const r = new Reader(bytes);
    need(r.u8() === 1, 'an outcome of another version');
    const outcome = { claim: hex(r.raw(16)), policy: r.option(() => r.raw(32)), lines: [], why: null };
    const kind = r.u8();
    need(kind === 1 || kind === 2);
    let charges;
    if (kind === 1) {
      outcome.lines = r.list(() => readLine(r));
      charges = outcome.lines.map(({ number, charge }) => [number, charge]);
    } else {
      outcome.why = [r.text(), r.text(), r.text()][1];
      r.u16(); r.text();
      charges = r.list(() => [r.u16(), r.i64()]);
    }
    r.list(() => [r.text(), r.u16(), r.u16(), r.text()]);
    r.end();
    need(charges.length && charges.every(([at, charge], i) => charge >= 0n && (!i || charges[i - 1][0] < at)), 'lines that are not in order');
    const sum = (of) => of.reduce((total, amount) => total + amount, 0n);
    outcome.status = kind === 2 ? 'pended' : outcome.lines.every(({ denied }) => denied) ? 'denied' : 'paid';
    outcome.charge = sum(charges.map(([, charge]) => charge));
    outcome.paid = sum(outcome.lines.map(({ paid }) => paid));
    outcome.patient = sum(outcome.lines.flatMap((line) => line.adjustments.filter(({ group }) => group === 'PR').map(({ amount }) => amount)));
    return outcome;
  };
  const readBody = (bytes) => {
    const r = new Reader(bytes);
    const body = { outcome: r.blob() };
    r.option(() => r.raw(32)); r.raw(32);
    body.prefix = r.u64();
    r.list(() => [r.text(), r.raw(32)]);
    body.engine = r.text(); r.text(); r.option(() => r.u64()); r.u64(); r.u32();
    r.end();
    return body;
  };

  // What bodies say of a claim: each reads all of a body, and throws when it is of another.
  const adjudicated = (claim, bytes, entry) => {
    const [policy, prefix] = [entry.option(() => entry.raw(32)), entry.u64()];
    const body = readBody(bytes);
    const outcome = readOutcome(body.outcome);
    need(outcome.claim === claim, 'the outcome is of another claim');
    need(hex(outcome.policy ?? []) === hex(policy ?? []) && body.prefix === prefix, 'the entry names another policy or prefix');
    return { what: 'adjudicated', outcome, engine: body.engine };
  };
  const received = (claim, bytes) => {
    const r = new Reader(bytes);
    need(r.u8() === 1, 'a received claim of another version');
    need(hex(r.raw(16)) === claim, 'another claim was received');
    const found = { what: 'received', on: r.date(), submitter: r.text(), submission: hex(r.raw(32)) };
    r.end();
    return found;
  };
  const payment = (claim, bytes) => {
    const r = new Reader(bytes);
    need(r.u8() === 1, "a payment's advice of another version");
    const found = { what: 'payment', trace: r.text(), amount: r.i64(), on: r.date() };
    found.claims = r.list(() => hex(r.raw(16)));
    found.remittance = hex(r.raw(32));
    r.end();
    need(found.claims.every((id, i) => !i || found.claims[i - 1] < id), 'claims that are not in order');
    need(found.claims.includes(claim), 'the payment is not of this claim');
    return found;
  };
  const PURPOSES = {
    1: 'TREAT', 2: 'COC', 3: 'ETREAT', 4: 'BTG', 5: 'ERTREAT', 10: 'HPAYMT', 11: 'CLMATTCH', 12: 'COVAUTH', 13: 'COVERAGE', 14: 'REMITADV',
    20: 'HOPERAT', 21: 'FRAUD', 22: 'HQUALIMP', 23: 'HLEGAL', 30: 'HRESCH', 31: 'PUBHLTH', 40: 'PATRQT', 41: 'FAMRQT', 42: 'PWATRNY',
  };
  const RIGHTS = {
    1: () => 'as the payer', 2: () => 'as the billing provider', 3: () => 'as the rendering provider', 4: () => 'as the submitter',
    5: (r) => `by grant ${hex(r.raw(32))}`, 6: (r) => `by grant ${hex(r.raw(32))} to a group, as its member by ${hex(r.raw(32))}`,
    7: (r) => `as the patient's custodian by ${hex(r.raw(32))}`, 8: (r) => `in an emergency: ${r.text()}`,
  };
  const reading = (emergency) => (claim, bytes) => {
    const r = new Reader(bytes);
    need(r.u8() === 1, 'a reading of another version');
    const found = { what: emergency ? 'emergency' : 'read', reader: r.text(), person: r.text() };
    need(/^[a-z0-9-]{1,64}$/.test(found.reader), 'a reader that is no organisation');
    need(hex(r.raw(16)) === claim, 'another claim was read');
    found.purpose = need(PURPOSES[r.u8()], 'a purpose that is none');
    const right = r.u8();
    found.right = need(RIGHTS[right], 'a right that is none')(r);
    need((right === 8) === emergency, 'an emergency is entered as a right, or a right as an emergency');
    const at = r.u64();
    found.at = at < 253402300800n ? `${new Date(Number(at) * 1000).toISOString().slice(0, 19)}Z` : `${at} s`;
    r.end();
    return found;
  };
  // By the kind of an entry: the subject of its commitment, and what reads its body.
  const KINDS = {
    3: [1, adjudicated], 6: [5, received], 11: [8, reading(false)], 12: [8, reading(true)], 13: [9, payment],
  };
  const open = async (claim, bytes, salt, body) => {
    const entry = new Reader(bytes);
    need(entry.u8() === 1, 'an entry of another version');
    const [subject, read] = need(KINDS[entry.u8()], 'the entry is of nothing that there are receipts of');
    const commitment = await sha(utf8('tallystick/commitment/v1'), unhex(salt), [subject], body);
    need(same(entry.raw(32), commitment), 'the body is not what the entry commits to');
    const found = read(claim, body, entry);
    entry.end();
    return found;
  };

  // A shared ledger's authorities, and the way over handovers to a checkpoint.
  const SET = /^next ([0-9]+)\n((?:authority [a-z0-9-]{1,64} [^ \n]+\n){1,16})((?:witness [^ \n]+\n){0,32})$/;
  const readSet = async (origin, text) => {
    const [epoch, ...parts] = match(SET, text, 'a set of authorities that is none');
    const [members, witnesses] = parts.map((part) => part.split('\n').slice(0, -1).map((line) => line.split(' ')));
    const ids = members.map(([, id]) => id);
    const keys = [], others = [];
    for (const [, , key] of members) keys.push(await readKey(key, 1));
    for (const [, key] of witnesses) others.push(await readKey(key, 4));
    const distinct = (of, by) => new Set(of.map(by)).size === of.length;
    const key = (of) => hex(of.key);
    need(ids.every((id, i) => !i || ids[i - 1] < id) && keys.every(({ name }) => name === origin)
      && distinct([...keys, ...others], ({ name, id }) => `${name} ${id}`) && distinct(others, key) && distinct(others, ({ name }) => name)
      && [...keys, ...others].every(({ name }) => utf8(name).length <= 200), 'a set of authorities that is none');
    const hash = to64(await sha(utf8(`tallystick-authorities/v1\n${origin}\n${text}`)));
    const n = keys.length;
    return { epoch: number(epoch), ids, keys: [...keys, ...others], n, quorum: n - Math.floor((n - 1) / 3), says: `epoch ${number(epoch)}\nset ${hash}\n` };
  };
  // Of leaves, each with its proof, all at one checkpoint.
  const reach = async (leaves, [first, ...handovers]) => {
    const [origin, text] = match(/^tallystick-authorities\/v1\n([^\n]+)\n([^]*)$/, first, 'a set of authorities that is none');
    const sets = [await readSet(origin, text)];
    const proofs = leaves.map(([leaf, text]) => [leaf, readProof(text)]);
    need(leaves.every(([, text]) => noteOf(text) === noteOf(leaves[0][1])), 'the proofs are of two checkpoints');
    const proof = proofs[0][1];
    let before = 0n;
    const step = async (note) => {
      const set = sets.at(-1);
      const said = await signed(note, set.keys, set.n);
      need(said.origin === origin && said.more.startsWith(set.says), 'a checkpoint of another ledger, epoch or set');
      need(said.by.filter((at) => at < set.n).length >= set.quorum, 'fewer authorities signed than a quorum');
      need(said.size >= before, 'the tree shrinks');
      before = said.size;
      const next = said.more.slice(set.says.length);
      const following = next ? await readSet(origin, next) : null;
      need(!following || following.epoch === set.epoch + 1n, 'a handover to another epoch');
      return { said, following };
    };
    for (const handover of handovers) sets.push(need((await step(readNote(handover))).following, 'a handover to nobody'));
    const { said } = await step(proof.note);
    for (const [leaf, of] of proofs) await included(leaf, of, said);
    const set = sets.at(-1);
    return {
      origin, sets, index: proof.index, size: said.size, epoch: set.epoch,
      signers: said.by.filter((at) => at < set.n).map((at) => set.ids[at]),
      cosigners: said.by.filter((at) => at >= set.n).map((at) => set.keys[at]),
    };
  };

  // The proofs of an entry of a log on a shared ledger, and of the header of the envelope that
  // brought it there as the one of this index; and whose envelope that is.
  const brought = async (index, leaf, proof, envelope) => {
    const [entry, text] = match(/^entry (.+)\n([^]*)$/, envelope, 'an envelope that is none');
    const header = from64(entry);
    const r = new Reader(header);
    need(r.u8() === 1 && r.u8() === 17, 'the entry is not the header of an envelope');
    const [by, first, count] = [r.text(), r.u64(), BigInt(r.u32())];
    need(/^[a-z0-9-]{1,64}$/.test(by));
    r.raw(96); r.end();
    const past = readProof(proof).index - readProof(text).index - 1n;
    need(past >= 0n && past < count && index - first === past, 'an envelope of other entries');
    return { by, leaves: [[leaf, proof], [await sha([0], header), text]] };
  };

  const HEAD = /^tallystick-receipt\/v1\nclaim ([0-9a-f]{32})\nentry (.+)\nsalt ([0-9a-f]{64})\nbody (.+)\nkey (.+)\n([^]*)$/;
  const ERASURE = new RegExp('^tallystick-erasure/v1\\nThe key and salt of this entry were destroyed\\. The leaf stays and the log still verifies; '
    + 'what it commits to can be opened by nobody\\.\\nleaf ([0-9a-f]{64})\\nentry (.+)\\nkey (.+)\\n([^]*)$');
  const sections = (text, form) => {
    const found = [];
    for (let rest = utf8(text); rest.length;) {
      const end = rest.indexOf(10);
      const [name, length] = match(/^([a-z]+) ([0-9]+)$/, decode(rest.slice(0, Math.max(end, 0))));
      const to = end + 1 + Number(number(length));
      need(to <= rest.length, 'a length that leads outside the file');
      found.push([name, decode(rest.slice(end + 1, to))]);
      rest = rest.slice(to);
    }
    need(form.test(found.map(([name]) => name).join(' ')));
    return found.map(([, text]) => text);
  };

  // What a log of the trust file says of the receipt's logs: of each that it names, whether it is right.
  const trusts = ({ key, shared }, log) => {
    const held = [];
    if (log.origin === key.name) held.push(log.quorum === 1 && !log.cosignatures && log.keys.includes(key.text));
    if (log.origin === shared?.origin) {
      const set = shared.sets.find(({ epoch }) => epoch === BigInt(log.epoch));
      const keys = set?.keys.slice(0, set.n).map(({ text }) => text).sort();
      const counted = shared.cosigners.filter(({ text }) => log.witnesses.includes(text)).length;
      held.push(Boolean(set) && log.quorum === set.quorum && keys.join('\n') === [...log.keys].sort().join('\n') && counted >= log.cosignatures);
    }
    return held;
  };

  // Reads a trust file; throws when it is none.
  const readTrust = async (text) => {
    const file = JSON.parse(text);
    need(file?.format === 'tallystick-trust/v1' && Array.isArray(file.logs) && Object.keys(file).length === 2, 'not a trust file');
    const logs = [];
    for (const entry of file.logs) {
      const log = { epoch: 0, witnesses: [], cosignatures: 0, ...entry };
      const fields = Object.keys(log).sort().join();
      need(fields === 'cosignatures,epoch,keys,origin,quorum,witnesses', 'a field of the trust file that is not known');
      for (const key of log.keys) need((await readKey(key, 1)).name === log.origin, 'a key of another log');
      for (const key of log.witnesses) await readKey(key, 4);
      const counts = [log.epoch, log.quorum, log.cosignatures].every((n) => Number.isSafeInteger(n) && n >= 0);
      need(counts && log.quorum >= 1 && log.quorum <= new Set(log.keys).size && log.cosignatures <= new Set(log.witnesses).size, 'a log that nobody signs');
      need(!logs.some(({ origin }) => origin === log.origin), 'a log that is named twice');
      logs.push(log);
    }
    return logs;
  };

  // That a claim came to something, was received, paid or read.
  const ofClaim = async (text) => {
    const [claim, entryText, salt, bodyText, keyText, rest] = match(HEAD, text, FORM);
    const [entry, body, key] = [from64(entryText), from64(bodyText), await readKey(keyText, 1)];
    const [local, ...way] = sections(rest, /^local( authorities( handover)* shared)?$/);
    const found = await open(claim, entry, salt, body);
    const leaf = await sha([0], entry);
    const shared = way.length ? await reach([[leaf, way.pop()]], way) : null;
    return { ...found, claim, key, ...await inLog(leaf, local, key), shared };
  };
  const GROUNDS = { 1: 'request', 2: 'retention', 3: 'order' };
  // That what an entry commits to was erased.
  const ofErasure = async (text) => {
    const [gone, entryText, keyText, rest] = match(ERASURE, text, FORM);
    const [leaf, entry, key] = [unhex(gone), from64(entryText), await readKey(keyText, 1)];
    const [stays, erased, ...way] = sections(rest, /^stays erased( authorities( handover)* shared envelope stays envelope)?$/);
    const r = new Reader(entry);
    need(r.u8() === 1 && r.u8() === 14, 'the entry is not that of an erasure');
    const [index, ground] = [r.u64(), need(GROUNDS[r.u8()], 'a ground that is none')];
    r.end();
    const own = await sha([0], entry);
    const [before, found] = [await inLog(leaf, stays, key), await inLog(own, erased, key)];
    need(before.index === index && found.index > index, 'the proofs are not of the entry that was erased and of one after it');
    need(before.checkpoint === found.checkpoint, 'the proofs are of two checkpoints');
    let shared = null;
    if (way.length) {
      const [proof, envelope, there, other] = way.splice(-4);
      const [one, two] = [await brought(found.index, own, proof, envelope), await brought(index, leaf, there, other)];
      need(one.by === two.by, 'two organisations brought the entries to the shared ledger');
      shared = { ...await reach([...one.leaves, ...two.leaves], way), organisation: one.by };
    }
    return { what: 'erased', gone: index, ground, key, ...found, shared };
  };

  // Verifies a receipt's bytes; answers what it says, or throws the first thing that
  // does not hold. `logs` is a trust file that was read, or null.
  const receipt = async (bytes, logs) => {
    need(bytes.length <= 2 ** 22, 'too long');
    const text = decode(bytes);
    const found = await (text.startsWith('tallystick-erasure/') ? ofErasure : ofClaim)(text);
    const held = (logs ?? []).flatMap((log) => trusts(found, log));
    need(held.every(Boolean), 'not signed as the trust file asks of its log');
    const named = (logs ?? []).map(({ origin }) => origin);
    return { ...found, verdict: held.length ? 'trusted' : 'consistent', named, unknown: Boolean(logs) && !held.length };
  };
  return { receipt, readTrust };
})();

// The page.
if (document.getElementById('drop')) {
  const $ = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const money = (cents) => {
    const digits = String(cents < 0n ? -cents : cents).padStart(3, '0');
    return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
  };
  const pairs = (kind, of) => make('dl', { class: kind }, ...of.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, String(value)))));
  const table = (lines) => {
    const head = [['Line', ''], ['Charged', 'n'], ['Adjustments', ''], ['Paid', 'n'], ['Clause', '']];
    const reason = ({ group, carc, amount, clause }) => make('div', {}, `${group}-${carc} ${money(amount)} (${clause})`);
    const reasons = (line) => line.adjustments.length ? line.adjustments.map(reason) : ['none'];
    const rows = lines.map((line) => make('tr', {},
      make('th', { scope: 'row' }, String(line.number)), make('td', { class: 'n' }, money(line.charge)), make('td', {}, ...reasons(line)),
      make('td', { class: 'n' }, money(line.paid)), make('td', {}, line.clause)));
    return make('div', { class: 'scroll' }, make('table', {},
      make('thead', {}, make('tr', {}, ...head.map(([name, kind]) => make('th', { scope: 'col', class: kind }, name)))), make('tbody', {}, ...rows)));
  };
  const WORDS = { trusted: 'Trusted', consistent: 'Consistent, not trusted', refused: 'Does not hold', unread: 'Not verified' };
  const card = (name, verdict, ...children) => make('section', { class: `card result ${verdict}` },
    make('h2', {}, make('span', { class: 'badge' }, WORDS[verdict]), name), ...children);
  const TITLES = {
    adjudicated: 'What the claim came to', received: 'That the claim was received', payment: 'That a payment was advised that the claim is in',
    read: 'That the claim was read', emergency: 'That the claim was read in an emergency', erased: 'That what an entry commits to was erased',
  };
  const PARTS = {
    adjudicated: ({ outcome }) => [
      pairs('figures', [['Status', outcome.status], ['Charged', money(outcome.charge)], ['Paid', money(outcome.paid)], ['Patient', money(outcome.patient)]]),
      outcome.lines.length ? table(outcome.lines) : make('p', {}, outcome.why)],
    received: ({ on, submitter, submission }) => [
      pairs('facts', [['Received', on], ['Submitted by', submitter], ['SHA-256 as it came', submission]])],
    payment: ({ trace, amount, on, claims, remittance }) => [
      pairs('facts', [['Payment', trace], ['Amount', money(amount)], ['Paid', on], ['Claims in it', claims.length], ['SHA-256 of the 835', remittance]])],
    read: ({ reader, person, purpose, right, at }) => [
      pairs('facts', [['Read by', `${reader} (${person})`], ['For', purpose], ['By what right', right], ['When', at]])],
    erased: ({ gone, ground }) => [pairs('facts', [['Entry', gone], ['Ground', ground]])],
  };
  PARTS.emergency = PARTS.read;
  const shown = (name, found) => {
    const { verdict, what, claim, key, index, size, engine, shared, named, unknown } = found;
    // A log that the trust file does not name is what the receipt says it is.
    const own = (log) => named.includes(log) ? log : `${log}, by its own word`;
    const facts = [['Claim', claim], ['Log', own(key.name)], ['Entry', `${index} of ${size}`], ['Engine', engine]].filter(([, value]) => value !== undefined);
    const parts = [make('p', { class: 'what' }, TITLES[what]), ...PARTS[what](found), make('h3', {}, 'Proof'), pairs('facts', facts)];
    if (unknown) parts.splice(1, 0, make('p', {}, 'The trust file names no log of it.'));
    if (shared) {
      const { origin, sets, epoch, signers, cosigners, organisation } = shared;
      parts.push(make('h3', {}, 'On the shared ledger'), pairs('facts', [
        ['Ledger', own(origin)], ['Entry', `${shared.index} of ${shared.size}`], ...organisation ? [['In the log of', organisation]] : [],
        ['Epoch', `${epoch}, reached from ${sets[0].epoch}`], ['Signed by', signers.join(', ')],
        ['Cosigned by', cosigners.map((of) => of.name).join(', ') || 'nobody']]));
    }
    return card(name, verdict, ...parts);
  };

  // `unusable` says why the trust file cannot be used: then nothing is said of any receipt.
  let trust = null, unusable = null, kept = [];
  const show = async () => {
    const cards = await Promise.all(kept.map(async ({ name, bytes }) => {
      if (unusable) return card(name, 'unread', make('p', {}, `${unusable} Give a trust file that can be used, or load the page again to verify without one.`));
      try { return shown(name, await tally.receipt(bytes, trust)); } catch (error) {
        const unable = error.name === 'NotSupportedError';
        return card(name, 'refused', make('p', {}, unable ? 'This browser has no Ed25519: use a newer one, or verify.py.' : error.message));
      }
    }));
    $('results').replaceChildren(...cards);
  };
  const take = async (files) => {
    const receipts = [];
    for (const file of files) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (!file.name.endsWith('.json')) { receipts.push({ name: file.name, bytes }); continue; }
      try {
        [trust, unusable] = [await tally.readTrust(new TextDecoder().decode(bytes)), null];
        $('trust').textContent = `Trust file ${file.name}: ${trust.map(({ origin }) => origin).join(', ')}`;
      } catch (error) {
        const why = error instanceof SyntaxError ? 'it is not JSON' : error.message;
        unusable = `The trust file ${file.name} cannot be used: ${why}.`;
        $('trust').textContent = unusable;
      }
    }
    if (receipts.length) kept = receipts;
    await show();
  };
  $('files').addEventListener('change', ({ target }) => take([...target.files]));
  addEventListener('dragover', (event) => { event.preventDefault(); $('drop').classList.add('over'); });
  addEventListener('dragleave', () => $('drop').classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    $('drop').classList.remove('over');
    take([...event.dataTransfer.files]);
  });
}
