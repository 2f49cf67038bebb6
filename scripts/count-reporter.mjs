// @ts-check
/**
 * A reporter for vitest that counts tests into the file `PLANWRIGHT_TEST_COUNT`, after each test file: when the runner
 * crashes, what it had done is still counted.
 */
import { renameSync, writeFileSync } from 'node:fs';

export default class CountReporter {
  /** By test file. @type {Map<string, { passed: number, failed: number, skipped: number }>} */
  #counts = new Map();

  /** @param {import('vitest/node').TestModule} module */
  onTestModuleEnd(module) {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      count[state === 'pending' ? 'skipped' : state] += 1;
    }
    // A file that could not be loaded has no tests; a hook that failed leaves them passed or skipped.
    if (!module.ok() && count.failed === 0) count.failed = 1;
    this.#counts.set(`${module.project.name}\0${module.moduleId}`, count);
    this.#write(0);
  }

  /**
   * @param {unknown} _modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(_modules, unhandledErrors) {
    this.#write(unhandledErrors.length);
  }

  /** @param {number} unhandledErrors */
  #write(unhandledErrors) {
    const file = process.env['PLANWRIGHT_TEST_COUNT'];
    if (file === undefined) return;
    const sum = { passed: 0, failed: unhandledErrors, skipped: 0 };
    for (const { passed, failed, skipped } of this.#counts.values()) {
      sum.passed += passed;
      sum.failed += failed;
      sum.skipped += skipped;
    }
    writeFileSync(`${file}.draft`, JSON.stringify(sum));
    renameSync(`${file}.draft`, file);
  }
}
