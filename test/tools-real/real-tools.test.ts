/**
 * The adapters of aider and codex with the real programs: what they take, what they say, how they end.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { WorkstreamEnded } from '../../src/activities/workstream/api.js';
import { toolsOf, type Tool } from '../../src/workstream/tool/registry.js';
import { openHall, type Changes, type Hall } from '../activities/workstream/attempts.js';
import { processesWith, uniqueSleep, until } from '../support/processes.js';
import { QUOTA, startModel, USED, type ModelReply, type ModelServer } from './model-server.js';
import { KEY, REAL_TOOLS, type RealTool } from './programs.js';

/** A busy machine needs half a minute until aider has loaded. */
const SLOW = 300_000;

let hall: Hall;
let model: ModelServer;
let replies: ModelReply[];
/** A home directory. */
let person: string;
afterEach(async () => {
  await model.close();
  await hall.close();
  rmSync(person, { recursive: true, force: true });
});

/** The tool with its model, whose replies are given out one after the other, the last of them again and again. */
async function given(real: RealTool, ...all: ModelReply[]): Promise<Tool> {
  replies = all;
  model = await startModel(() => (replies.length > 1 ? replies.shift()! : replies[0]!));
  person = mkdtempSync(join(tmpdir(), 'planwright-person-'));
  hall = await openHall({ env: { PATH: process.env['PATH'], HOME: person, ...real.env(model.url) } });
  const rest = { prompt: null, env: {}, timeoutSec: null, capabilities: null, litter: [] };
  return toolsOf({ [real.name]: { ...real.settings(model.url), ...rest } }, null)[real.name]!;
}

const run = (tool: Tool, changes: Changes = {}): Promise<WorkstreamEnded> =>
  hall.run('', { ...changes, tool: { ...tool, ...changes.tool } });

/** Everything that the state directory and the repository hold, but for objects of git, which are packed. */
function everythingWritten(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

const DONE: ModelReply = { kind: 'text', text: 'It is done.' };

describe.each(REAL_TOOLS)('$name', (real) => {
  const only = test.skipIf(real.program === undefined);

  only('writes a file, which becomes a patch; what it used is read', { timeout: SLOW }, async () => {
    const tool = await given(real, real.writes('src/new.py', 'made = 1'), DONE);
    const ended = await run(tool, { work: { acceptanceTests: ['grep -qx "made = 1" src/new.py'] } });
    expect([ended.outcome, ended.text]).toEqual(['patched', expect.stringContaining('1 files, +1')]);
    expect(ended.patch!.paths).toEqual(['src/new.py']);
    expect(hall.repo.git('show', `${ended.patch!.ref}:src/new.py`)).toBe('made = 1');
    const [{ cost, meaning }] = ended.calls as [WorkstreamEnded['calls'][number]];
    expect(meaning).toBe('worked');
    expect(cost.tokensIn).toBeGreaterThan(100);
    expect(cost.tokensOut).toBeGreaterThan(0);
    if (real.name === 'aider') expect(cost.usd).toBeGreaterThan(0);
    // One call to think and one to hear what came of it.
    else expect(cost).toMatchObject({ usd: null, tokensIn: 2 * USED.input, tokensOut: 2 * USED.output });
  });

  only(
    'gets its prompt as it is: quotes, line ends, letters of all kinds, long',
    { timeout: SLOW },
    async () => {
      const prompt = [
        `Say "it's" \`done\`; $(touch src/no) \${HOME} %s \\n {root} {prompt}`,
        ...['', '  indented', 'Ünïcode 漢字 🙂 ‮', '-- --help', ''],
        'long '.repeat(2_500),
        'the end',
      ].join('\n');
      const tool = await given(real, DONE);
      await run(tool, { work: { prompt } });
      expect(real.heard(model.requests[0]!.body)).toContain(prompt.trim());
    },
  );

  only('whose quota is used up is told apart from one that failed', { timeout: SLOW }, async () => {
    const tool = await given(real, QUOTA);
    const ended = await run(tool, { work: { toolTimeoutSec: 240 } });
    expect(ended.trouble).toMatchObject({ reason: 'tool-failed', meaning: 'quota' });
  });

  only('whose key is refused has failed, whatever its exit code', { timeout: SLOW }, async () => {
    const refused = { status: 401, code: 'invalid_api_key', message: 'Incorrect API key provided' };
    const tool = await given(real, { kind: 'refused', ...refused });
    const ended = await run(tool, { work: { toolTimeoutSec: 240 } });
    expect(ended).toMatchObject({
      outcome: 'failed',
      trouble: { reason: 'tool-failed', meaning: 'failed' },
    });
  });

  only(
    'that hears nothing is ended with all it started, and its work is kept',
    { timeout: SLOW },
    async () => {
      const seconds = uniqueSleep();
      // Codex starts a command that would go on without it.
      const stays = `echo half > src/half.py; setsid sleep ${seconds} >/dev/null 2>&1 & sleep ${seconds}`;
      const tool = await given(
        real,
        real.name === 'codex' ? { kind: 'command', command: stays } : { kind: 'silence' },
      );
      const { told } = hall.start('', { tool, work: { toolTimeoutSec: 45 } });
      const mark = real.name === 'codex' ? seconds : hall.home;
      await until('it is at work', () => model.requests.length > 0 && processesWith(mark).length > 0);
      const ended = await told;
      expect(ended.trouble).toMatchObject({
        reason: 'tool-failed',
        meaning: 'failed',
        detail: 'did not end within 45 s',
      });
      expect(processesWith(mark)).toEqual([]);
      if (real.name === 'codex') expect(ended.patch!.paths).toEqual(['src/half.py']);
    },
  );

  only('leaves its key nowhere', { timeout: SLOW }, async () => {
    const tool = await given(
      real,
      real.name === 'codex'
        ? { kind: 'command', command: 'env | grep API_KEY; echo 1 > src/one' }
        : real.writes('src/one', '1'),
      DONE,
    );
    const ended = await run(tool);
    expect(ended.outcome).toBe('patched');
    expect(model.requests.map(({ headers }) => headers.authorization)).toContain(`Bearer ${KEY}`);
    expect(everythingWritten(hall.folder)).not.toContain(KEY);
    expect(JSON.stringify(ended)).not.toContain(KEY);
  });
});

const [aider] = REAL_TOOLS;
test.skipIf(aider?.program === undefined)(
  'what aider commits itself is in the patch, under its own name, and its commit is kept',
  { timeout: SLOW },
  async () => {
    const tool = await given(aider!, aider!.writes('src/new.py', 'made = 1'), DONE);
    // Nobody has said who commits here: it would write that into the repository's configuration.
    hall.repo.git('config', '--unset', 'user.name');
    hall.repo.git('config', '--unset', 'user.email');
    const ended = await run(tool, { tool: { more: ['--auto-commits'] } });
    expect([ended.outcome, ended.text]).toEqual(['patched', expect.stringContaining('1 files')]);
    expect(ended.patch!.paths).toEqual(['src/new.py']);
    const own = `${ended.patch!.evidence!.commit}^2`;
    expect(hall.repo.git('log', '-1', '--format=%cn <%ce>', own)).toMatch(
      /^aider <ws-.*@tools\.planwright\.localhost>$/,
    );
    expect(hall.repo.git('show', `${own}:src/new.py`)).toBe('made = 1');
  },
);
