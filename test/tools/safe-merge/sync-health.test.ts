import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bursts, readSyncLog, type SyncLog } from '../../../src/tools/safe-merge/sync-log.js';
import { newRepo, sandbox, type Repo } from '../git/support/sandbox.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

const NOW = new Date(2024, 4, 15, 12, 0, 0).getTime();
const SINCE = NOW - 30 * 60_000;

/** A moment as the daemon writes it. */
function stamp(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const line = (secondsAgo: number, level: string, message: string): string =>
  `${stamp(NOW - secondsAgo * 1000)} [${level}] ${message}`;

async function readLog(lines: readonly (string | Buffer)[], name = '.sync-log.txt'): Promise<SyncLog> {
  const path = join(box.folder(), name);
  writeFileSync(path, Buffer.concat(lines.flatMap((each) => [Buffer.from(each), Buffer.from('\n')])));
  const log = await readSyncLog(path, SINCE, NOW);
  if (log === null) throw new Error('no log');
  return log;
}

const actions = (log: SyncLog): string[] => log.events.map((event) => event.action);

describe('a line of the log', () => {
  test.each<[level: string, message: string, action: string]>([
    ['SUCCESS', 'push successful', 'push'],
    ['INFO', 'pushing started', 'other'],
    ['INFO', 'pulling started', 'other'],
    ['SUCCESS', 'pull successful', 'pull'],
    ['WARN', 'push rejected', 'push'],
    ['WARN', 'push failed', 'error'],
    ['ERROR', 'conflict detected', 'error'],
    ['INFO', 'committed 3 files', 'other'],
    ['INFO', 'push done with 0 errors', 'push'],
    ['INFO', 'pull finished, no failures', 'pull'],
  ])('[%s] %s is: %s', async (level, message, action) => {
    expect(actions(await readLog([line(60, level, message)]))).toEqual([action]);
  });

  test('outside the time looked at, without a date, or from the future does not count', async () => {
    const log = await readLog([
      line(31 * 60, 'ERROR', 'old'),
      'no date at all',
      line(60, 'INFO', 'push successful'),
      line(-3600, 'ERROR', 'tomorrow'),
    ]);
    expect(actions(log)).toEqual(['push']);
    expect(log).toMatchObject({ unreadable: 1, future: 1 });
  });

  test('in other bytes than UTF-8 is read all the same', async () => {
    const odd = Buffer.concat([Buffer.from(line(60, 'INFO', 'push ')), Buffer.from([0xe9, 0xff])]);
    expect(actions(await readLog([odd, line(30, 'INFO', 'pull successful')]))).toEqual(['push', 'pull']);
  });
});

describe('reading', () => {
  test('a huge log is read from its end', async () => {
    const path = join(box.folder(), 'huge.txt');
    const old = `${line(24 * 3600, 'ERROR', 'long ago '.repeat(20))}\n`;
    writeFileSync(path, old.repeat(200_000) + `${line(60, 'INFO', 'push successful')}\n`); // 40 MB
    const before = process.memoryUsage().rss;
    const log = await readSyncLog(path, SINCE, NOW);
    expect(actions(log as SyncLog)).toEqual(['push']);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  test('a log that was just rotated is read on in its predecessor', async () => {
    const folder = box.folder();
    writeFileSync(join(folder, 'log'), `${line(10, 'INFO', 'push successful')}\n`);
    writeFileSync(join(folder, 'log.1'), `${line(120, 'ERROR', 'boom')}\n`);
    writeFileSync(join(folder, 'log.2'), `${line(240, 'INFO', 'pull successful')}\n`);
    const log = await readSyncLog(join(folder, 'log'), SINCE, NOW);
    expect(actions(log as SyncLog)).toEqual(['pull', 'error', 'push']);
  });

  test('no log is no log', async () => {
    expect(await readSyncLog(join(box.folder(), 'none'), SINCE, NOW)).toBeNull();
  });

  test('in the hour that comes twice, lines go on', async () => {
    vi.stubEnv('TZ', 'Europe/Berlin'); // 2024-10-27: 02:59:59 is followed by 02:00:00
    const second = Date.UTC(2024, 9, 27, 1, 10); // 02:10 for the second time
    const path = join(box.folder(), 'log');
    const text = ['2024-10-27 02:50:00 [INFO] push successful', '2024-10-27 02:05:00 [INFO] pull successful'];
    writeFileSync(path, `${text.join('\n')}\n`);
    const log = await readSyncLog(path, second - 30 * 60_000, second);
    expect(log?.events.map((event) => new Date(event.at).toISOString())).toEqual([
      '2024-10-27T00:50:00.000Z',
      '2024-10-27T01:05:00.000Z',
    ]);
  });
});

describe('a storm', () => {
  const pushes = (...seconds: number[]): Promise<SyncLog> =>
    readLog(seconds.map((ago) => line(ago, 'SUCCESS', 'push successful')));

  test('is five pushes within a minute', async () => {
    expect(bursts((await pushes(259, 245, 230, 215, 200)).events)).toMatchObject([{ pushes: 5 }]);
    expect(bursts((await pushes(261, 245, 230, 215, 200)).events)).toEqual([]);
    expect(bursts((await pushes(245, 230, 215, 200)).events)).toEqual([]);
  });

  test('that goes on is one; two apart are two', async () => {
    expect(bursts((await pushes(300, 298, 296, 294, 292, 290, 288, 286)).events)).toMatchObject([
      { pushes: 8 },
    ]);
    const two = await pushes(900, 898, 896, 894, 892, 300, 298, 296, 294, 292);
    expect(bursts(two.events)).toHaveLength(2);
  });

  test('is not made of the two lines that each push logs', async () => {
    const log = await readLog(
      [50, 40, 30].flatMap((ago) => [
        line(ago, 'INFO', 'pushing started'),
        line(ago - 1, 'SUCCESS', 'push successful'),
      ]),
    );
    expect(bursts(log.events)).toEqual([]);
  });
});

describe('the gate', () => {
  const repo = (): Repo => {
    const made = newRepo(join(box.folder(), 'repo'));
    made.commit('base', { 'a.txt': 'a\n' });
    return made;
  };
  const recent = (count: number, message: string, apart = 120): string => {
    const lines = Array.from(
      { length: count },
      (_, index) => `${stamp(Date.now() - (count - index) * apart * 1000)} [INFO] ${message}`,
    );
    return `${lines.join('\n')}\n`;
  };

  test('is open where no daemon writes a log', async () => {
    const { path } = repo();
    const ran = await tool(path, ['sync_health_check', '--json']);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      pattern_id: 'MERGE-002',
      log_present: false,
      status: 'ok',
    });
    expect((await tool(path, ['sync_health_check', '--require-log'])).code).toBe(2);
  });

  test('closes at one error too many', async () => {
    const { path, write } = repo();
    write({ '.sync-log.txt': recent(5, 'push failed') });
    expect((await tool(path, ['sync_health_check'])).code).toBe(0);
    write({ '.sync-log.txt': recent(6, 'push failed') });
    const ran = await tool(path, ['sync_health_check', '--json']);
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      reason_code: 'sync_health_block',
      cause: 'sync_errors',
      statistics: { error_count: 6 },
    });
    expect((await tool(path, ['sync_health_check', '--max-errors', '6'])).code).toBe(0);
  });

  test('closes at a storm', async () => {
    const { path, write } = repo();
    write({ '.sync-log.txt': recent(6, 'push successful', 5) });
    const ran = await tool(path, ['sync_health_check']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('sync_storm');
    expect((await tool(path, ['sync_health_check', '--max-high-activity', '1'])).code).toBe(0);
  });

  // Root reads everything.
  test.skipIf(process.getuid?.() === 0)('a log that cannot be read', async () => {
    const { path, write } = repo();
    write({ '.sync-log.txt': 'x\n' });
    chmodSync(join(path, '.sync-log.txt'), 0);
    expect((await tool(path, ['sync_health_check'])).code).toBe(1);
  });

  test('a log that is no file', async () => {
    const { path, write } = repo();
    write({ '.sync-log.txt/x': 'x\n' });
    const ran = await tool(path, ['sync_health_check']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('sync_log_unreadable');
  });

  test('a log in the work tree makes it no less clean', async () => {
    const { path, write, git } = repo();
    git('remote', 'add', 'origin', path);
    write({
      '.sync-log.txt': 'x\n',
      '.sync-log.txt.1': 'x\n',
      'logs/a.log': 'x\n',
      '.state/safe_merge/x.json': '{}',
    });
    expect((await tool(path, ['env_scan'])).code).toBe(0);
    write({ 'other.txt': 'x\n' });
    expect((await tool(path, ['env_scan'])).code).toBe(1);
  });

  test.each(['--max-errors=-1', '--max-errors=x', '--lookback-minutes=1.5'])(
    '%s is refused',
    async (option) => {
      expect((await tool(repo().path, ['sync_health_check', option])).code).toBe(2);
    },
  );
});
