import tseslint from 'typescript-eslint';

const nodeModules = [
  'fs',
  'path',
  'crypto',
  'os',
  'http',
  'https',
  'net',
  'stream',
  'child_process',
  'timers',
];

export default tseslint.config(
  // bench/peers: plain JavaScript with packages of its own, which the types of this project do not know.
  {
    ignores: [
      'dist/',
      'node_modules/',
      '.cxflow/',
      'scripts/*.mjs',
      'bin/',
      'bench/peers/',
      'eslint.config.js',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // A floating promise in a workflow is a step that nobody waits for.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // A reader can keep this much in mind. The exception below has its reason.
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // Their time limit of a second is too short for a busy machine; test/harness/wait.ts has `until` and `eventually`.
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'vi', property: 'waitFor' },
        { object: 'vi', property: 'waitUntil' },
        { object: 'expect', property: 'poll' },
      ],
    },
  },
  {
    // A `describe` is a function whose length is the number of its tests.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    // Workflow code runs in Temporal's sandbox and is replayed: nothing of Node, nothing that differs between two runs.
    files: ['src/workflows/**/*.ts', 'src/domain/**/*.ts', 'src/contract/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*', ...nodeModules], paths: nodeModules }],
      'no-restricted-globals': ['error', 'process', 'fetch', 'Buffer', 'setInterval', 'setImmediate'],
    },
  },
);
