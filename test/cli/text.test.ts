import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { paintFor } from '../../src/cli/paint.js';
import { neutralise, Neutraliser, oneLine } from '../../src/cli/text/neutralise.js';
import { table } from '../../src/cli/text/table.js';
import { ago, duration, seconds, size } from '../../src/cli/text/time.js';
import { cut, fit, pad, padLeft, widthOf } from '../../src/cli/text/width.js';

const ESC = '\u001b';

test('colours of a tool are dropped, its other sequences are shown instead of obeyed', () => {
  expect(neutralise(`${ESC}[31mred${ESC}[0m`)).toBe('red');
  expect(neutralise(`a${ESC}[2Jb${ESC}]0;title\u0007c`)).toBe('a^[[2Jb^[]0;title^Gc');
  expect(neutralise('\u009b2J')).toBe('<U+009B>2J');
});

test('a carriage return cannot hide what stands before it', () => {
  expect(neutralise('rm -rf /\rls')).toBe('rm -rf /\nls');
  expect(neutralise('one\r\ntwo')).toBe('one\ntwo');
});

test('marks that turn the direction of text are shown', () => {
  expect(neutralise('a\u202eb\u2066c')).toBe('a<U+202E>b<U+2066>c');
});

test('a name becomes one line', () => {
  expect(oneLine(' two\nlines\t and  more ')).toBe('two lines and more');
});

// What terminals act on, with the letters around it that make sequences of it.
const nasty = fc.string({
  unit: fc.constantFrom(
    'a',
    '日',
    '\n',
    '\r',
    ESC,
    '[',
    '3',
    '1',
    'm',
    ';',
    'J',
    '\u009b',
    '\u202e',
    '\t',
    '\u0000',
    '\u007f',
  ),
  maxLength: 60,
});

test('whatever comes in, nothing that a terminal acts on comes out', () => {
  fc.assert(
    fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (text) => {
      expect(neutralise(text)).not.toMatch(
        /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/,
      );
    }),
  );
});

test('a stream reads the same wherever it is cut', () => {
  fc.assert(
    fc.property(nasty, fc.array(fc.nat(20), { maxLength: 8 }), (text, cuts) => {
      const bytes = Buffer.from(text);
      const neutraliser = new Neutraliser();
      let shown = '';
      let at = 0;
      for (const length of cuts) {
        shown += neutraliser.take(bytes.subarray(at, at + length));
        at += length;
      }
      shown += neutraliser.take(bytes.subarray(at)) + neutraliser.end();
      expect(shown).toBe(neutralise(text));
    }),
    { numRuns: 1000 },
  );
});

test('each character takes the cells that it has on a terminal, also where no table is asked', () => {
  const characters = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).slice(0x20);
  expect(characters.filter((one) => widthOf(one) !== stringWidth(one))).toEqual([]);
});

test('text is measured in cells', () => {
  expect(['abc', '日本', 'é', '👍🏽'].map(widthOf)).toEqual([3, 4, 1, 2]);
});

test('what is cut says so, and never grows', () => {
  expect(cut('abcdef', 4)).toBe('abc…');
  expect(cut('日本語', 5)).toBe('日本…');
  expect(fit('日本語', 4)).toBe('日… ');
  expect([pad('a', 3), padLeft('a', 3)]).toEqual(['a  ', '  a']);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(12), (text, width) => {
      expect(widthOf(fit(oneLine(text), width))).toBe(width);
    }),
  );
});

test('times are as long as they need to be', () => {
  const ms = [0, 349, 9_949, 9_999, 59_400, 59_600, 185_000, 7_620_000, 100 * 3_600_000];
  expect(ms.map(duration)).toEqual([
    '0.0 s',
    '0.3 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 m 00 s',
    '3 m 05 s',
    '2 h 07 m',
    '4 d 04 h',
  ]);
  expect([0, 900, 12_900, 61_000].map(seconds)).toEqual(['0 s', '0 s', '12 s', '1 m 01 s']);
  expect([5_000, 120_000, 7_200_000, 3 * 86_400_000].map(ago)).toEqual([
    'just now',
    '2 min ago',
    '2 h ago',
    '3 days ago',
  ]);
  expect([12, 1_234, 5_600_000].map(size)).toEqual(['12 bytes', '1.2 kB', '5.6 MB']);
});

test('a table lines up, and its last column gives way', () => {
  const paint = paintFor({ LANG: 'C.UTF-8' }, { isTerminal: false });
  const rows = [
    [{ text: 'a' }, { text: '1', right: true }, { text: 'short', flexible: true }],
    [{ text: 'bbb' }, { text: '22', right: true }, { text: 'long enough to be cut', flexible: true }],
  ];
  expect(table(['name', 'n', 'note'], rows, 22, paint)).toEqual([
    'name   n  note',
    'a      1  short',
    'bbb   22  long enoug…',
  ]);
});
