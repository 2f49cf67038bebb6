/**
 * docs/commands.md describes each command, with every option that it has.
 */
import { expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.js';
import { main } from '../../src/cli/main.js';
import { read } from '../checkout.js';
import { aWorld } from './a-world.js';

test.each(commands.map(({ name }) => name))(
  'the page about %s names all of its options and shows an example',
  async (name) => {
    const page = read('docs/commands.md');
    const section = page.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? '';
    expect(section).toContain(`$ `);
    expect(section).toMatch(new RegExp(`planwright ${name}`));
    const world = aWorld();
    await main([name, '--help'], world);
    const options = [...world.out.text().matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]!);
    expect(options).toContain('--help');
    for (const option of options) if (option !== '--help') expect(section).toContain(option);
  },
);
