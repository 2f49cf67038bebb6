/**
 * A stand-in for Git LFS: a filter that git keeps running, by the protocol of `gitattributes(5)`, "Long Running Filter
 * Process". Contents lie in `STORE` by their hash; what is not there stays a pointer.
 */
export const FAKE_LFS = `#!/usr/bin/env node
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, readSync, writeFileSync, writeSync } = require('node:fs');
const store = 'STORE';

function take(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const read = readSync(0, bytes, at, size - at, null);
    if (read === 0) process.exit(0);
    at += read;
  }
  return bytes;
}
const packet = () => {
  const size = parseInt(take(4).toString(), 16);
  return size === 0 ? null : take(size - 4);
};
const list = () => {
  const all = [];
  for (let one = packet(); one !== null; one = packet()) all.push(one);
  return all;
};
const put = (bytes) => writeSync(1, Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]));
const say = (...lines) => { for (const line of lines) put(Buffer.from(line + '\\n')); writeSync(1, '0000'); };

function filtered(command, bytes) {
  if (command === 'clean') {
    if (bytes.toString('latin1').startsWith('pointer ')) return bytes;
    const hash = createHash('sha256').update(bytes).digest('hex');
    mkdirSync(store, { recursive: true });
    writeFileSync(store + '/' + hash, bytes);
    return Buffer.from('pointer ' + hash + '\\n');
  }
  const file = store + '/' + bytes.toString('latin1').slice('pointer '.length).trim();
  return existsSync(file) ? readFileSync(file) : bytes;
}

if (process.argv[2] !== 'filter-process') {
  writeSync(1, filtered(process.argv[2], readFileSync(0)));
  process.exit(0);
}
list();
say('git-filter-server', 'version=2');
list();
say('capability=clean', 'capability=smudge');
for (;;) {
  const command = /command=(\\w+)/.exec(Buffer.concat(list()).toString('latin1'))[1];
  const result = filtered(command, Buffer.concat(list()));
  say('status=success');
  for (let at = 0; at < result.length; at += 60000) put(result.subarray(at, at + 60000));
  writeSync(1, '0000');
  writeSync(1, '0000');
}
`;
