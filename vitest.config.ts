import { configDefaults, defineConfig, type TestProjectConfiguration } from 'vitest/config';

/** Tests that need the shared server or the built program; all others start at once. */
const NEED_SERVER = ['server', 'worker', 'workflows', 'client', 'record', 'cli', 'activities', 'e2e'];
const withServer = NEED_SERVER.map((folder) => `test/${folder}/**/*.test.ts`);

/** They need programs that only `npm run test:tools` brings, and take minutes. */
const REAL_TOOLS = 'test/tools-real/**/*.test.ts';
const realTools: TestProjectConfiguration = {
  extends: true,
  test: { name: 'tools-real', include: [REAL_TOOLS], globalSetup: ['test/global-setup.ts'] },
};

export default defineConfig({
  test: {
    pool: 'forks', // signals, process groups and the SDK's native state stay with their file
    testTimeout: 300_000, // for a busy machine; a test that waits waits for an event
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } }, // likewise, as `until` does
    env: {
      // A person's own settings must not reach the tests, nor the tests a person's servers.
      TEMPORAL_ADDRESS: '',
      TEMPORAL_NAMESPACE: '',
      TEMPORAL_PROFILE: '',
      TEMPORAL_API_KEY: '',
      TEMPORAL_CONFIG_FILE: '',
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'plain',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...withServer, REAL_TOOLS],
          maxWorkers: '100%', // they share nothing
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'server',
          include: withServer,
          globalSetup: ['test/global-setup.ts'],
          sequence: { groupOrder: 1 }, // they have the machine for themselves
        },
      },
      ...(process.env['PLANWRIGHT_REAL_TOOLS'] === undefined ? [] : [realTools]),
    ],
  },
});
