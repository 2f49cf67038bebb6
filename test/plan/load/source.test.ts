import { describe, expect, test } from 'vitest';
import { readSource } from '../../../src/plan/load/source.js';
import type { Fault } from '../../../src/plan/load/source-text.js';

const faultOf = async (file: string, text: string): Promise<string> => {
  const { faults, usable } = await readSource(file, text);
  expect(usable).toBe(false);
  return faults.map(briefly).join(' | ');
};
const briefly = ({ code, place, message }: Fault): string =>
  `${code} ${place.line}:${place.column} ${message}`;
const valueOf = async (file: string, text: string): Promise<unknown> => {
  const { value, faults } = await readSource(file, text);
  expect(faults).toEqual([]);
  return value;
};
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('JSON', () => {
  test.each([
    ['{"a": 1,}', 'syntax 1:9', 'expected a key in double quotes, found "}"'],
    ['[1, 2,]', 'syntax 1:7', 'expected a value, found "]"'],
    ['{"a" 1}', 'syntax 1:6', 'expected ":" after the key, found "1}"'],
    ['{"a": 1\n "b": 2}', 'syntax 2:2', 'expected a "," before "\\"b\\":"'],
    ['// hi\n{}', 'syntax 1:1', 'here is a comment'],
    ['{"a": 1 /* hi */}', 'syntax 1:9', 'here is a comment'],
    ["{'a': 1}", 'syntax 1:2', ''],
    ['{"a": NaN}', 'syntax 1:7', ''],
    ['{"a": 1', 'syntax 1:8', 'expected "}", found the end of the file'],
    ['', 'syntax 1:1', 'the end of the file'],
    ['{} x', 'syntax 1:4', '"x" does not belong here'],
    ['{"a": "tab\there"}', 'syntax', 'must be escaped'],
    ['{"a": "\\q"}', 'syntax', 'an escape that JSON does not know'],
    ['{"a": "open\n}', 'syntax 1:7', 'not closed on its line'],
    ['{"a": 01}', 'syntax', ''],
    ['[1\u00a0]', 'syntax', ''],
  ])('%j is refused at its place', async (text, place, words) => {
    const found = await faultOf('plan.json', text);
    expect(found).toContain(place);
    expect(found).toContain(words);
  });

  test('a key that is there twice is named, with both places', async () => {
    const { faults } = await readSource('plan.json', '{"a": 1,\n "b": {"x": ":", "x": 2},\n "a": 2}');
    expect(faults.map(briefly)).toEqual([
      'duplicate-key 2:18 the key "x" is here twice in one object; the first is on line 2',
      'duplicate-key 3:2 the key "a" is here twice in one object; the first is on line 1',
    ]);
  });

  test('texts full of brackets, colons and escaped quotes are not taken for structure', async () => {
    const value = { 'a:"[{': '\\', b: ['"', '\\"', ':::', '}}]]'] };
    expect(await valueOf('plan.json', JSON.stringify(value))).toEqual(value);
    // Were an escaped quote taken for the end of its text, this would be 100 levels deep.
    const quotes = { a: '"['.repeat(100), b: '\\"['.repeat(100) };
    expect(await valueOf('plan.json', JSON.stringify(quotes))).toEqual(quotes);
  });

  test('"__proto__" as a key is refused and pollutes nothing', async () => {
    expect(await faultOf('plan.json', '{"a": {"__proto__": {"polluted": 1}}}')).toContain(
      'forbidden-key 1:8',
    );
    expect(await faultOf('plan.json', '{"\\u005f_proto__": 1}')).toContain('forbidden-key');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('a number that is not finite is refused', async () => {
    expect(await faultOf('plan.json', '{"a": [1, 1e309]}')).toContain('bad-number 1:11');
  });

  test('64 levels are read, 65 are not, and 10,000 do not overflow', async () => {
    expect(await valueOf('plan.json', nested(64))).toBeDefined();
    expect(await faultOf('plan.json', nested(65))).toContain('too-deep 1:65');
    expect(await faultOf('plan.json', '{"a":'.repeat(10_000))).toContain('too-deep');
  });

  test('places are those of the value, of the key, or of the nearest thing above', async () => {
    const { locate } = await readSource('plan.json', '{\n  "steps": [\n    {"id": "a"}\n  ]\n}');
    const placeOf = await locate();
    expect(placeOf(['steps', 0, 'id'], 'value')).toEqual({ line: 3, column: 12 });
    expect(placeOf(['steps', 0, 'id'], 'key')).toEqual({ line: 3, column: 6 });
    expect(placeOf(['steps', 0, 'command'], 'value')).toEqual({ line: 3, column: 5 });
    expect(placeOf(['nothing', 'of', 'it'], 'value')).toEqual({ line: 1, column: 1 });
  });
});

describe('YAML', () => {
  test('says the same as JSON', async () => {
    const text =
      'steps:\n  - id: a\n    args: ["1", two]\n    retries: 2\n    critical: false\n    condition: null\n';
    const steps = [{ id: 'a', args: ['1', 'two'], retries: 2, critical: false, condition: null }];
    expect(await valueOf('plan.yaml', text)).toEqual({ steps });
  });

  test('is version 1.2: yes is a text, octal is written 0o', async () => {
    expect(await valueOf('plan.yml', 'a: yes\nb: 0o17\nc: 017\n')).toEqual({ a: 'yes', b: 15, c: 17 });
  });

  test.each([
    ['a: [1,\n b: 2', 'syntax'],
    ['a: 1\n---\nb: 2', 'yaml-feature 2:1 a second document'],
    ['%YAML 1.1\n---\na: yes', 'yaml-feature 1:1 this file asks for YAML 1.1'],
    ['a: !custom 1', 'yaml-feature 1:12 the tag "!custom"'],
    ['a: !!binary aGk=', 'yaml-feature'],
    ['a: !!set {b}', 'yaml-feature'],
    ['1: x', 'yaml-feature 1:1 a key must be a text'],
    ['? [a]\n: 1', 'yaml-feature 1:3 a key must be a text'],
    ['a: .nan', 'bad-number 1:4'],
    ['a: -.inf', 'bad-number'],
    ['__proto__: 1', 'forbidden-key 1:1'],
    ['a: *nobody', 'nobody'],
    ['a: &a [*a]', 'too-deep'],
    ['a: "\\q"', 'syntax 1:5'],
  ])('%j is refused at its place', async (text, found) => {
    expect(await faultOf('plan.yaml', text)).toContain(found);
  });

  test('a key that is there twice is refused', async () => {
    const { faults } = await readSource('plan.yaml', 'a: 1\nb: 2\na: 3\n');
    expect(faults.map(briefly)).toEqual(['duplicate-key 3:1 the key "a" is here twice in one object']);
  });

  test('an alias stands for the last anchor of that name above it', async () => {
    expect(await valueOf('plan.yaml', 'a: &x 1\nb: *x\nc: &x 2\nd: *x\n')).toEqual({
      a: 1,
      b: 1,
      c: 2,
      d: 2,
    });
  });

  test('aliases that stand for more and more are stopped', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    }
    expect(await faultOf('plan.yaml', lines.join('\n'))).toContain('more than 500000 values');
  });

  test('aliases of a long text are stopped', async () => {
    const text = `a: &a "${'x'.repeat(100_000)}"\nb: [${Array(200).fill('*a').join(', ')}]`;
    expect(await faultOf('plan.yaml', text)).toContain('its aliases stand for more than 16777216 characters');
  });

  test.each([
    ['lists in brackets', nested(10_000)],
    ['lists on one line', '- '.repeat(10_000)],
    [
      'objects by indentation',
      Array.from({ length: 500 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'),
    ],
  ])('%s that go too deep are stopped before the stack is', async (_, text) => {
    expect(await faultOf('plan.yaml', text)).toContain('too-deep');
  });

  test('a mistake that is repeated on many lines is not called depth', async () => {
    expect(await faultOf('plan.yaml', 'a: b: c\n'.repeat(200))).toContain('syntax 1:4');
  });

  test('places are found, also behind an alias', async () => {
    const { locate } = await readSource('plan.yaml', 'env: &env\n  A: x\nsteps:\n  - id: a\n    env: *env\n');
    const placeOf = await locate();
    expect(placeOf(['steps', 0, 'id'], 'value')).toEqual({ line: 4, column: 9 });
    expect(placeOf(['steps', 0, 'id'], 'key')).toEqual({ line: 4, column: 5 });
    expect(placeOf(['steps', 0, 'env', 'A'], 'value')).toEqual({ line: 2, column: 6 });
    expect(placeOf(['steps', 0, 'args'], 'value')).toEqual({ line: 4, column: 5 });
  });
});

describe('any file', () => {
  test('is JSON or YAML by its extension, else by its first character', async () => {
    expect(await valueOf('plan', '  {"a": 1}')).toEqual({ a: 1 });
    expect(await valueOf('plan.txt', 'a: 1')).toEqual({ a: 1 });
    expect(await faultOf('PLAN.JSON', 'a: 1')).toContain('syntax');
  });

  test('may open with a byte order mark, which moves no column', async () => {
    const { value, locate } = await readSource('plan.json', '\ufeff{"a": 1}');
    expect(value).toEqual({ a: 1 });
    expect((await locate())(['a'], 'value')).toEqual({ line: 1, column: 7 });
  });

  test.each([
    ['UTF-16 with its mark', Buffer.from('\ufeff{"a": 1}', 'utf16le')],
    ['UTF-16 without', Buffer.from('{"a": 1}', 'utf16le')],
  ])('in %s is refused, and how to save it is said', async (_, bytes) => {
    const { faults } = await readSource('plan.json', bytes.toString('utf8'));
    expect(faults[0]).toMatchObject({
      code: 'encoding',
      message: expect.stringContaining('UTF-16') as string,
    });
    expect(faults[0]!.hint).toContain('UTF-8');
  });

  test('with a NUL byte is refused', async () => {
    expect(await faultOf('plan.json', '{"abc": "d\0e"}')).toContain('encoding');
    expect(await faultOf('plan.yaml', 'abcd: e\0f')).toContain('encoding');
  });

  test('with bytes that are not UTF-8 is read, with a warning', async () => {
    const text = Buffer.concat([Buffer.from('{"a": "'), Buffer.from([0xe9]), Buffer.from('"}')]).toString(
      'utf8',
    );
    const { usable, faults } = await readSource('plan.json', text);
    expect(usable).toBe(true);
    expect(faults.map((fault) => `${fault.severity} ${briefly(fault)}`).join()).toContain(
      'warning encoding 1:8',
    );
  });

  test('with an object of more than 10,000 keys is refused', async () => {
    const keys = Array.from({ length: 10_001 }, (_, at) => `"k${at}": 1`).join(', ');
    expect(await faultOf('plan.json', `{"a": {${keys}}}`)).toContain(
      'too-large 1:7 this object has 10001 keys',
    );
    expect(await faultOf('plan.yaml', `a: {${keys}}`)).toContain('too-large 1:5 this object has 10001 keys');
  });

  test('beyond the limit is refused without being read', async () => {
    expect(await faultOf('plan.yaml', ' '.repeat(1024 * 1024 + 1))).toContain('too-large');
  });
});
