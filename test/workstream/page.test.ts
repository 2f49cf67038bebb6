/**
 * The report's page in a real browser: nothing is fetched, nothing overflows, everything can be seen.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportHtml } from '../../src/workstream/report/html.js';
import { aPatch, aReport, aWorkstream, START } from './a-report.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));

// Debian's package is called chromium.
describe.skipIf(BROWSER === undefined)('in a browser', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'planwright-page-'));
    browser = await chromium.launch({ executablePath: BROWSER!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const workstreams = Array.from({ length: 37 }, (_, at) =>
    aWorkstream(`ws-${at}`, {
      wave: 1 + (at % 8),
      dependsOn: at < 8 ? [] : [`ws-${at - 8}`],
      worker: `worker-00${at % 3}`,
      startedAt: START + at * 20_000,
      endedAt: START + at * 20_000 + 50_000,
      ...(at % 9 === 4
        ? { patch: aPatch('quarantined', { id: `p-${at}`, reason: 'gate "unit" is red' }) }
        : {}),
    }),
  );

  test.each(['light', 'dark'] as const)('a set of 37 is drawn whole, in %s', async (colorScheme) => {
    const file = join(folder, 'report.html');
    writeFileSync(file, reportHtml(aReport({ workstreams, endedAt: START + 900_000 }), START));
    const page = await browser.newPage({ viewport: { width: 1_200, height: 900 }, colorScheme });
    const trouble: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    expect(trouble).toEqual([]);
    expect(asked).toEqual([pathToFileURL(file).href]);
    const [waves, time] = [page.locator('svg').nth(0), page.locator('svg').nth(1)];
    expect(await waves.locator('rect').count()).toBe(37);
    expect(await time.locator('g').count()).toBe(37);
    // The page itself never scrolls sideways: what is wide scrolls inside its own frame.
    const [wide, seen] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    expect(wide).toBeLessThanOrEqual(seen);
    expect(await page.getByText('gate "unit" is red').first().isVisible()).toBe(true);
    // Words can be told from their ground.
    const [text, ground] = await page.evaluate<[string, string]>(
      '((style) => [style.color, style.backgroundColor])(getComputedStyle(document.body))',
    );
    expect(text).not.toBe(ground);
    await page.close();
  });

  test('a small set is drawn small', async () => {
    const file = join(folder, 'small.html');
    writeFileSync(file, reportHtml(aReport({ workstreams: workstreams.slice(0, 1) }), START));
    const page = await browser.newPage({ viewport: { width: 1_200, height: 900 } });
    await page.goto(pathToFileURL(file).href);
    const box = await page.locator('svg').first().locator('rect').first().boundingBox();
    expect(box!.height).toBeLessThan(60); // a line of text and its frame
    await page.close();
  });

  test('on a narrow screen nothing is cut off', async () => {
    const file = join(folder, 'narrow.html');
    writeFileSync(file, reportHtml(aReport({ workstreams }), START));
    const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
    await page.goto(pathToFileURL(file).href);
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(400);
    await page.close();
  });
});
