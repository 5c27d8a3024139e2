/** What a process of a mutation run is told to do, and what it says meanwhile. */

/** The number of a mutation; `original` is the machine as it is, whose tests have to pass. */
export type Mutant = number | 'original';

/** Handed down as JSON in the variable `MUTATION_RUN`. */
export interface Orders {
  /** Of the source tree. */
  root: string;
  machine: string;
  /** Test files, relative to the root. */
  tests: string[];
  mutants: Mutant[];
}

/** The file descriptor of the messages. */
export const MESSAGES = 3;

/** One line of JSON each. */
export type Message =
  /** Something goes on with this mutant; whoever hears no more of it may take it for hanging. */
  | { is: 'at'; mutant: Mutant }
  | { is: 'refused'; mutant: Mutant }
  /** `by`: the test that failed. */
  | { is: 'killed'; mutant: Mutant; by: string }
  /** It would go on for ever. */
  | { is: 'hung'; mutant: Mutant; by: string }
  | { is: 'survived'; mutant: Mutant; tests: number };

/** What the driver tells the environment. */
export interface Watch {
  loading(mutant: Mutant): void;
  /** XState did not take it. */
  refused(mutant: Mutant): void;
  /** It goes round without an end. */
  circling(mutant: Mutant): void;
  /** Its tests could not be loaded. */
  failed(mutant: Mutant, error: unknown): void;
}
