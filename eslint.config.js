// Lint: what the compiler does not see. The direction of imports and the workflow's limits are the architecture, so they are errors.
import tseslint from 'typescript-eslint';

const nodeBuiltins = [
  'node:*',
  'fs',
  'path',
  'os',
  'child_process',
  'crypto',
  'http',
  'net',
  'process',
  'stream',
  'worker_threads',
];
const sdk = ['@temporalio/*'];

/** Folders a folder may not import from: imports point inward (cli → client → workflows → plan ← activities → tools). */
const forbid = (files, patterns) => ({
  files,
  rules: {
    'no-restricted-imports': 'off',
    '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
  },
});
/** Pure: no I/O, clock, randomness or SDK. */
const PURE = ['src/plan/**/*.ts', 'src/workstream/**/*.ts', 'src/landing/**/*.ts', 'src/job/**/*.ts'];
const outer = (names) => ({
  group: names.map((name) => (name.endsWith('.js') ? `../**/${name}` : `**/${name}/**`)),
  message: 'Imports point inward: cli → client → workflows → plan ← activities → tools.',
});

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', 'test/histories/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  // The core is pure: no I/O, clock, randomness or SDK.
  {
    ...forbid(PURE, [
      { group: nodeBuiltins, message: 'The core is pure: no I/O.' },
      { group: sdk, message: 'The core knows nothing of Temporal.' },
      outer([
        'workflows',
        'activities',
        'tools',
        'server',
        'cli',
        'client',
        'record',
        'client.js',
        'worker.js',
      ]),
    ]),
  },
  {
    files: PURE,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'The core has no clock: take the time as an argument.' },
        { object: 'Math', property: 'random', message: 'The core has no randomness.' },
      ],
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'Buffer'],
    },
  },
  // Bundles of workstreams are files: this one module reads them.
  {
    files: ['src/workstream/load/read-folder.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': 'off' },
  },
  // A workflow's bundle holds no Node module, no activity code, no schema library.
  forbid(
    ['src/workflows/**/*.ts'],
    [
      { group: nodeBuiltins, message: 'A workflow has no Node modules.' },
      {
        group: ['**/activities/**'],
        allowTypeImports: true,
        message: 'Workflows import activities with `import type` only.',
      },
      { group: ['zod', 'execa', 'yaml', 'jsonc-parser'], message: 'Plans are validated before they start.' },
      {
        group: ['**/plan/load/**', '**/workstream/load/**', '**/job/load/**'],
        allowTypeImports: true,
        message: 'Plans are validated before they start.',
      },
      outer(['tools', 'server', 'cli', 'client', 'record', 'client.js', 'worker.js']),
    ],
  ),
  forbid(
    ['src/tools/**/*.ts'],
    [
      { group: sdk, message: 'Tools know nothing of Temporal.' },
      outer(['workflows', 'activities', 'server', 'cli', 'client', 'record', 'client.js', 'worker.js']),
    ],
  ),
  forbid(['src/activities/**/*.ts'], [outer(['server', 'cli', 'worker.js'])]),
  forbid(['src/server/**/*.ts'], [outer(['cli', 'activities', 'worker.js'])]),
  forbid(['src/client.ts', 'src/client/**/*.ts', 'src/record/**/*.ts'], [outer(['cli', 'worker.js'])]),
  {
    files: ['test/**/*.ts'],
    rules: {
      // Matchers such as `expect.any(String)` are of type `any`, and looking at a method is not calling it.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
