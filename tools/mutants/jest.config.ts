/** How jest runs the tests of mutated machines: the driver is the one test file, and loads the others anew for each mutant. */

import type { Config } from 'jest';
import base from '../../jest.config.ts';

const config: Config = {
  ...base,
  testMatch: ['<rootDir>/driver.ts'],
  testEnvironment: '<rootDir>/environment.ts',
  modulePathIgnorePatterns: [],
  // Decisions are tested without waiting: what is not over by then waits for what a mutant never does.
  testTimeout: 10_000,
  reporters: process.env.MUTATION_RUN_SHOWN ? ['default'] : [],
  silent: !process.env.MUTATION_RUN_SHOWN,
};

export default config;
