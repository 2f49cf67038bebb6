import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesFromPath, fields, pathFromBytes, shownPath } from '../../../src/tools/git/path-bytes.js';

test('a path comes back from its text byte by byte, also through JSON', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (array) => {
      const bytes = Buffer.from(array);
      const path = pathFromBytes(bytes);
      expect(bytesFromPath(path)).toEqual(bytes);
      expect(bytesFromPath(JSON.parse(JSON.stringify(path)) as string)).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});

test('a path in UTF-8 reads as it is', () => {
  expect(pathFromBytes(Buffer.from('Größe/ñ €.txt'))).toBe('Größe/ñ €.txt');
});

test('different bytes are different paths', () => {
  const latin1 = pathFromBytes(Buffer.from([0xe9]));
  expect(latin1).not.toBe(pathFromBytes(Buffer.from([0xe8])));
  expect(latin1).not.toBe('\ufffd');
});

test('what a terminal would obey is written out', () => {
  expect(shownPath('a\u001b[31m\n\u202eb')).toBe('a\\u001b[31m\\u000a\\u202eb');
  expect(shownPath(pathFromBytes(Buffer.from([0x61, 0xff])))).toBe('a\\xff');
});

test('fields are split at NUL, the last with or without one', () => {
  expect([...fields(Buffer.from('a\0b\0'))].map(String)).toEqual(['a', 'b']);
  expect([...fields(Buffer.from('a\0\0b'))].map(String)).toEqual(['a', '', 'b']);
  expect([...fields(Buffer.alloc(0))]).toEqual([]);
});
