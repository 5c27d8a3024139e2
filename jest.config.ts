import { availableParallelism } from 'node:os';
import type { Config } from 'jest';

const config: Config = {
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  // Source is ESM and jest runs CommonJS: four times faster than jest's ESM mode, see docs/adr/0006.
  transform: {
    '\\.(ts|mjs|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // These ship ESM only.
  transformIgnorePatterns: ['node_modules/(?!(typebox|commander|postal-mime)/)'],
  moduleFileExtensions: ['js', 'mjs', 'ts', 'json'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testTimeout: 20_000,
  // Stories wait most of their time: for processes, notices and deadlines. One more than there are cores loses nothing.
  maxWorkers: Math.max(2, availableParallelism() + 1),
};

export default config;
