import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pointTo } from '../../src/activities/json-pointer.js';
import { readOutputs, type Outputs } from '../../src/activities/outputs.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'planwright-outputs-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const files = (): { result: string; stdout: string } => ({
  result: join(folder, 'result'),
  stdout: join(folder, 'stdout'),
});
const read = (pointer: string, from: 'result' | 'stdout' = 'result', secrets: string[] = []): Outputs =>
  readOutputs({ value: { from, pointer } }, files(), secrets);
const put = (content: unknown, from: 'result' | 'stdout' = 'result'): void =>
  writeFileSync(
    files()[from],
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  );
const problem = (outputs: Outputs): string => {
  if (outputs.kind !== 'bad') throw new Error(`it was read: ${JSON.stringify(outputs)}`);
  return outputs.message;
};

test('a value is read from the result file or from standard output, by its pointer', () => {
  put({ a: { 'b/c~d': [10, { x: null }] } });
  put('  {"n": 1.5, "t": true}\n', 'stdout');
  const sources = {
    deep: { from: 'result', pointer: '/a/b~1c~0d/1/x' },
    list: { from: 'result', pointer: '/a/b~1c~0d' },
    number: { from: 'stdout', pointer: '/n' },
    whole: { from: 'stdout', pointer: '' },
  } as const;
  expect(readOutputs(sources, files(), [])).toEqual({
    kind: 'outputs',
    values: { deep: null, list: [10, { x: null }], number: 1.5, whole: { n: 1.5, t: true } },
  });
});

test('a step without outputs needs no file', () => {
  expect(readOutputs({}, files(), [])).toEqual({ kind: 'outputs', values: {} });
});

test("names like an object's own are names as any", () => {
  put('{"__proto__": {"polluted": 1}}');
  const sources = JSON.parse('{"__proto__": {"from": "result", "pointer": "/__proto__"}}') as never;
  const outputs = readOutputs(sources, files(), []);
  expect(JSON.stringify(outputs)).toBe('{"kind":"outputs","values":{"__proto__":{"polluted":1}}}');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

describe('a bad output says what was found', () => {
  test('no file', () => {
    expect(problem(read(''))).toBe('the step wrote no result file ($PLANWRIGHT_OUTPUT)');
  });

  test('nothing at the pointer', () => {
    put({ a: { b: 'text' }, list: [1] });
    const where = 'output "value": the result file ($PLANWRIGHT_OUTPUT) has nothing at';
    expect(problem(read('/a/c'))).toBe(`${where} "/a/c"; "/a" is an object`);
    expect(problem(read('/a/b/c'))).toBe(`${where} "/a/b/c"; "/a/b" is "text"`);
    expect(problem(read('/none'))).toBe(`${where} "/none"; the document is an object`);
    expect(problem(read('/list/01'))).toBe(`${where} "/list/01"; "/list" is a list`);
    expect(problem(read('/list/-'))).toContain('"/list" is a list');
    expect(problem(read('/toString'))).toContain('nothing at "/toString"');
  });

  test.each([
    ['', 'is empty; it should be JSON'],
    ['{"a": 1', 'is not JSON: '],
    ['one line\n{"a": 1}', 'is not JSON: '],
    [Buffer.from([0x22, 0xff, 0x22]), 'is not UTF-8'],
  ])('content %j', (content, words) => {
    put(content, 'stdout');
    expect(problem(read('', 'stdout'))).toContain(`standard output ${words}`);
  });

  test('too much: of a source, of all outputs', () => {
    put(JSON.stringify('x'.repeat(64 * 1024)));
    expect(problem(read(''))).toMatch(/has 65538 bytes; at most 65536 are read for outputs$/);
    put(JSON.stringify('x'.repeat(1024 * 1024)), 'stdout');
    expect(problem(read('', 'stdout'))).toMatch(/has 1048578 bytes; at most 1048576/);
    put(JSON.stringify('x'.repeat(4085)));
    expect(problem(read(''))).toBe(
      'the outputs have 4097 bytes together as JSON; at most 4096: hand on a file instead',
    );
    put(JSON.stringify('x'.repeat(4084)));
    expect(read('').kind).toBe('outputs');
  });

  test('what JSON cannot say again, or nobody can walk through', () => {
    put('[1, 1e999]');
    expect(problem(read(''))).toBe('output "value" holds a number too large to keep');
    put('['.repeat(20_000) + ']'.repeat(20_000));
    expect(problem(read(''))).toBe('output "value" is nested deeper than 64 levels');
  });

  test('no plain file: nothing is followed, nothing is waited for', () => {
    const { result } = files();
    symlinkSync('/etc/passwd', result);
    expect(problem(read(''))).toContain('cannot be read: it is a symbolic link');
    rmSync(result);
    mkdirSync(result);
    expect(problem(read(''))).toContain('is not a plain file');
    rmSync(result, { recursive: true });
    execFileSync('mkfifo', [result]);
    expect(problem(read(''))).toContain('is not a plain file');
  });
});

test('secrets are masked in values, keys and messages', () => {
  put({ list: ['a s3cret', { s3cret: 's3cret' }] });
  expect(read('/list', 'result', ['s3cret'])).toEqual({
    kind: 'outputs',
    values: { value: ['a ***', { '***': '***' }] },
  });
  put('s3cret is no JSON');
  expect(problem(read('', 'result', ['s3cret']))).not.toContain('s3cret');
});

test('a pointer to the empty key is not the whole', () => {
  expect(pointTo({ '': { '': 7 } }, '/')).toEqual({ kind: 'found', value: { '': 7 } });
  expect(pointTo({ '': { '': 7 } }, '//')).toEqual({ kind: 'found', value: 7 });
  expect(pointTo(3, '')).toEqual({ kind: 'found', value: 3 });
});
