// @ts-check
/**
 * Says what takes long, while it does. Plain JavaScript: it also serves before anything is built.
 */

/**
 * Takes one line for the person; where it goes is the caller's choice.
 *
 * @typedef {(line: string) => void} Tell
 */

/** Lines about one piece of work come this often. */
const EVERY_MS = 10_000;

/**
 * Does `work`, saying so at its start, every ten seconds, and at its end.
 *
 * @template T
 * @param {Tell} tell
 * @param {string} what - "installing dependencies (npm ci)"
 * @param {(note: (text: string) => void) => Promise<T>} work - may note how far it is, shown with the next line
 * @param {string} [outlook] - said once, with the first line: "about 3 minutes"
 * @returns {Promise<T>}
 */
export async function during(tell, what, work, outlook) {
  const start = performance.now();
  const seconds = () => `${Math.round((performance.now() - start) / 1000)} s`;
  let note = '';
  tell(`${what}${outlook === undefined ? '' : ` (${outlook})`} …`);
  const timer = setInterval(() => tell(`${what} … ${seconds()}${note && `, ${note}`}`), EVERY_MS);
  try {
    const result = await work((text) => (note = text));
    tell(`${what}: done in ${seconds()}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
