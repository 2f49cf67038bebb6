import { describe, expect, test } from 'vitest';
import { decideNext, type NextRequest } from '../../src/workstream/next.js';
import type { WorkstreamStatus } from '../../src/workstream/status.js';
import { workstreamsOf } from './set.js';

const status = (id: string, name: string, more: Partial<WorkstreamStatus> = {}): WorkstreamStatus => ({
  ...{ id, name: '', status: name, message: '', updated_at: null, source: 'run', actor: null, run: 'r1' },
  ...more,
});
const byJo = { source: 'manual', actor: 'jo', run: null } as const;

async function decided(
  graph: Parameters<typeof workstreamsOf>[0],
  statuses: readonly WorkstreamStatus[],
  more: Partial<NextRequest> = {},
): Promise<Record<string, string>> {
  const order = await workstreamsOf(graph);
  const all = decideNext({ order, blocked: [], statuses, only: null, force: false, tools: [], ...more });
  return Object.fromEntries(
    all.map((one) => [one.id.slice(3), one.kind === 'run' ? 'run' : `${one.kind}: ${one.reason}`]),
  );
}

describe('what is next', () => {
  // a ─► b ─► c
  const line = { a: [], b: ['a'], c: ['b'] };

  test('is what depends on nothing, then what depends on that', async () => {
    expect(await decided(line, [])).toEqual({ a: 'run', b: 'run', c: 'run' });
  });

  test('is not what is completed', async () => {
    expect(await decided(line, [status('ws-a', 'completed', { message: 'landed' })])).toEqual({
      ...{ a: 'completed: landed', b: 'run', c: 'run' },
    });
  });

  test('is what failed, whatever the failure', async () => {
    for (const failure of ['failed', 'timeout', 'error'])
      expect((await decided({ a: [] }, [status('ws-a', failure)]))['a']).toBe('run');
  });

  test('asked for alone waits for what it depends on, with the reason; force does not', async () => {
    expect(await decided(line, [], { only: 'ws-b' })).toEqual({
      b: 'blocked: waits for "ws-a" (not_started)',
    });
    expect(await decided(line, [status('ws-a', 'failed')], { only: 'ws-b' })).toEqual({
      b: 'blocked: waits for "ws-a" (failed)',
    });
    expect(await decided(line, [], { only: 'ws-b', force: true })).toEqual({ b: 'run' });
  });

  test('is what is completed, too, by force; but never what a run is at', async () => {
    const statuses = [status('ws-a', 'completed'), status('ws-b', 'in_progress')];
    expect(await decided(line, statuses, { force: true })).toEqual({
      ...{ a: 'run', b: 'at-work: run r1 is at it', c: 'run' },
    });
  });

  test('is nothing that people have taken on, or that no tool can do', async () => {
    const graph = {
      ...{ a: [], b: [], c: [], d: ['c'] },
      e: { tool: 'manual' },
      f: { tasks: [] },
    };
    const statuses = [
      status('ws-a', 'in_progress', byJo),
      status('ws-b', 'blocked', { ...byJo, message: 'no key' }),
      status('ws-c', 'manual', byJo),
    ];
    expect(await decided(graph, statuses)).toEqual({
      a: 'at-work: jo is at it',
      b: 'blocked: noted by jo: no key',
      c: 'manual: noted by jo',
      d: 'blocked: waits for "ws-c" (manual)',
      e: 'manual: its tool is "manual": it is done by hand',
      f: 'manual: it has no tasks: there is nothing to tell a tool',
    });
    expect((await decided(graph, [], { tools: ['manual'] }))['e']).toBe('run'); // a tool of that name is there
  });
});
