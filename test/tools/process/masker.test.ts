import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Masker, maskText } from '../../../src/tools/process/masker.js';

/** Feeds the text in the given pieces. */
function masked(secrets: readonly string[], pieces: readonly Buffer[]): string {
  const masker = new Masker(secrets);
  return Buffer.concat([...pieces.map((piece) => masker.push(piece)), masker.end()]).toString('latin1');
}

test('hides a value, whole or cut anywhere, and nothing else', () => {
  const text = Buffer.from('user=me password=hunter2! again: hunter2!hunter2!\n');
  for (let cut = 0; cut <= text.length; cut++) {
    expect(masked(['hunter2!'], [text.subarray(0, cut), text.subarray(cut)])).toBe(
      'user=me password=*** again: ******\n',
    );
  }
});

test('hides a value that comes byte by byte', () => {
  const text = Buffer.from('a hunter2! b');
  expect(
    masked(
      ['hunter2!'],
      [...text].map((byte) => Buffer.from([byte])),
    ),
  ).toBe('a *** b');
});

test('lets bytes pass as soon as they cannot become a value', () => {
  const masker = new Masker(['secret']);
  expect(masker.push(Buffer.from('prompt> se')).toString()).toBe('prompt> ');
  expect(masker.push(Buffer.from('at')).toString()).toBe('seat');
  expect(masker.push(Buffer.from('secre')).toString()).toBe('');
  expect(masker.end().toString()).toBe('secre');
});

test('hides the longer of two values that begin alike, and the union of two that overlap', () => {
  expect(maskText('abc abcdef abcd', ['abc', 'abcdef'])).toBe('*** *** ***d');
  expect(maskText('<abcde>', ['abc', 'cde'])).toBe('<***>');
});

test('hides the lines of a value that has several, and its spelling inside JSON', () => {
  const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n';
  expect(maskText('line 2 is MIIEvQIBADANBg', [key])).toBe('line 2 is ***');
  expect(maskText(JSON.stringify({ key }), [key])).toBe('{"key":"***"}');
  expect(maskText(JSON.stringify({ key: key.trimEnd() }), [key])).toBe('{"key":"***"}');
  expect(maskText(JSON.stringify({ password: 'a"b\\c' }), ['a"b\\c'])).toBe('{"password":"***"}');
});

test('hides a value outside of ASCII', () => {
  expect(maskText('das pässwörd ist es', ['pässwörd'])).toBe('das *** ist es');
});

test('an empty value hides nothing', () => {
  expect(maskText('text', [''])).toBe('text');
  expect(maskText('text', [])).toBe('text');
});

test('keeps little, whatever comes: a value that overlaps itself for ever', () => {
  const masker = new Masker(['aa']);
  let out = 0;
  for (let n = 0; n < 100; n++) out += masker.push(Buffer.alloc(1000, 'a')).length;
  expect(out + masker.end().length).toBeLessThan(10);
});

/** The plainest way to say what must come out: bytes of any occurrence are hidden, a run of them becomes three stars. */
function model(text: string, secrets: readonly string[]): string {
  const starts = Array.from(text, (_, at) => secrets.filter((secret) => text.startsWith(secret, at)));
  const spans = starts.flatMap((found, at) => found.map((secret) => [at, at + secret.length] as const));
  let out = '';
  for (let at = 0; at < text.length;) {
    let end = Math.max(at, ...spans.filter(([start]) => start === at).map(([, stop]) => stop));
    if (end === at) {
      out += text[at++];
      continue;
    }
    for (let inside = at + 1; inside < end; inside++) {
      end = Math.max(end, ...spans.filter(([start]) => start === inside).map(([, stop]) => stop));
    }
    out += '***';
    at = end;
  }
  return out;
}

test('any text, any values, cut anywhere: as the model says', () => {
  const letters = fc.constantFrom('a', 'b', 'c');
  const word = fc.string({ unit: letters, minLength: 1, maxLength: 5 });
  const property = fc.property(
    fc.array(word, { minLength: 1, maxLength: 3 }),
    fc.array(fc.string({ unit: letters, maxLength: 12 }), { maxLength: 8 }),
    (secrets, pieces) => {
      const buffers = pieces.map((piece) => Buffer.from(piece));
      expect(masked(secrets, buffers)).toBe(model(pieces.join(''), secrets));
    },
  );
  fc.assert(property, { numRuns: 5_000 });
});
