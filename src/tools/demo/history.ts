/**
 * The history of the demonstration: what is committed, by whom and when. Fixed, so that it has the same ids everywhere.
 */

/** Which files both sides change in ways that do not go together. */
export type DemoConflicts = 'none' | 'safe' | 'all';

export interface DemoCommit {
  readonly who: Who;
  /** Seconds since 1970. */
  readonly atSec: number;
  readonly subject: string;
  /** Files it writes; null deletes one. */
  readonly files: Readonly<Record<string, string | Buffer | null>>;
}

interface Who {
  readonly name: string;
  readonly email: string;
}

export const YOU: Who = { name: 'You', email: 'you@demo.invalid' };
export const COLLEAGUE: Who = { name: 'Colleague', email: 'colleague@demo.invalid' };

const START = Date.UTC(2024, 0, 8, 9, 0, 0) / 1000;
const DAY = 24 * 60 * 60;

const PRICES = ['export const prices = {', '  bread: 320,', '  roll: 45,', '  cake: 280,', '};', ''].join(
  '\n',
);
const TOTAL = [
  "import { prices } from './prices.mjs';",
  '',
  '/** Cents for a list of names. */',
  'export const total = (names) => names.reduce((sum, name) => sum + prices[name], 0);',
  '',
].join('\n');

/** Settings as a file that both sides change: prettier's way of JSON, one entry a line. */
const shop = (entries: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify({ name: 'Bakery', currency: 'EUR', ...entries }, null, 2)}\n`;

/** A tiny picture of one colour: a PNG as far as git is concerned. */
const picture = (colour: number): Buffer =>
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, colour]);

/** A check that is green on both sides and on what they make together. */
const GATE = [
  "import { prices } from './src/prices.mjs';",
  '',
  'const wrong = Object.entries(prices).filter(([, cents]) => !Number.isInteger(cents) || cents <= 0);',
  'if (wrong.length > 0) {',
  '  console.error(`not a price: ${wrong.map(([name]) => name).join(", ")}`);',
  '  process.exit(1);',
  '}',
  'console.log(`${Object.keys(prices).length} prices are in order`);',
  '',
].join('\n');

/** What both clones begin with. */
export function sharedHistory(gate: boolean): DemoCommit[] {
  return [
    {
      who: COLLEAGUE,
      atSec: START,
      subject: 'Open the bakery',
      files: {
        'README.md': '# Bakery\n\nPrices, and what they come to.\n',
        'src/prices.mjs': PRICES,
        'src/total.mjs': TOTAL,
      },
    },
    {
      who: COLLEAGUE,
      atSec: START + DAY,
      subject: 'Add the sign and the built page',
      files: {
        'assets/sign.png': picture(1),
        'dist/page.map': '{"version":3,"mappings":"AAAA"}\n',
        'config/shop.json': shop({ tax: 7 }),
        ...(gate ? { 'check.mjs': GATE } : {}),
      },
    },
  ];
}

/** What you committed since, and did not push. */
export function yourHistory(conflicts: DemoConflicts): DemoCommit[] {
  const files: Record<string, string | Buffer | null> = {
    'src/receipt.mjs': 'export const receipt = (cents) => `${(cents / 100).toFixed(2)} €`;\n',
  };
  if (conflicts !== 'none') {
    files['assets/sign.png'] = picture(2);
    files['dist/page.map'] = '{"version":3,"mappings":"AACA"}\n';
  }
  if (conflicts === 'all') {
    files['src/prices.mjs'] = PRICES.replace('320', '340');
    files['config/shop.json'] = shop({ tax: 7, receipt: true });
  }
  return [
    { who: YOU, atSec: START + 2 * DAY, subject: 'Print receipts', files },
    {
      who: YOU,
      atSec: START + 3 * DAY,
      subject: 'Say how to use it',
      files: { 'docs/use.md': '# Use\n\nGive the names of what is sold to `total`.\n' },
    },
  ];
}

/** What a colleague pushed since. */
export function colleagueHistory(conflicts: DemoConflicts): DemoCommit[] {
  const files: Record<string, string | Buffer | null> = {
    'src/opening.mjs': "export const openFrom = '06:30';\n",
    'README.md': '# Bakery\n\nPrices, and what they come to. Open from 06:30.\n',
  };
  if (conflicts !== 'none') {
    files['assets/sign.png'] = picture(3);
    files['dist/page.map'] = '{"version":3,"mappings":"AADA"}\n';
  }
  if (conflicts === 'all') {
    files['src/prices.mjs'] = PRICES.replace('320', '360');
    files['config/shop.json'] = shop({ tax: 19 });
  }
  // Later than yours: where time decides, this side wins.
  return [{ who: COLLEAGUE, atSec: START + 4 * DAY, subject: 'Say when it is open', files }];
}

/** Paths in conflict, for the sentence. */
export const CONFLICTING: Readonly<Record<DemoConflicts, number>> = { none: 0, safe: 2, all: 4 };

/** Returns commits as `git fast-import` reads them. */
export function importStream(ref: string, from: string | null, commits: readonly DemoCommit[]): Buffer {
  const parts: Buffer[] = [];
  const line = (text: string): void => void parts.push(Buffer.from(`${text}\n`));
  const data = (content: string | Buffer): void => {
    const bytes = Buffer.from(content);
    line(`data ${bytes.length}`);
    parts.push(bytes, Buffer.from('\n'));
  };
  commits.forEach(({ who, atSec, subject, files }, index) => {
    line(`commit ${ref}`);
    line(`author ${who.name} <${who.email}> ${atSec} +0000`);
    line(`committer ${who.name} <${who.email}> ${atSec} +0000`);
    data(`${subject}\n`);
    if (index === 0 && from !== null) line(`from ${from}`);
    for (const [path, content] of Object.entries(files)) {
      if (content === null) {
        line(`D ${path}`);
      } else {
        line(`M 100644 inline ${path}`);
        data(content);
      }
    }
  });
  return Buffer.concat(parts);
}
