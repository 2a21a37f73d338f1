/** What follows a page of a list that is shown page by page, the newest first. Pure. */
import { plural } from '../../domain/numbers.ts';
import { ROWS_PER_PAGE } from '../../queries/page.ts';
import { shellQuote } from '../terminal/format.ts';
import { renderSteps } from './next-steps.ts';

export interface NextPage {
  /** What the list has, one and several: `run`, `runs`. */
  readonly nouns: readonly [one: string, several: string];
  /** How many the pages after this one have. */
  readonly older: number;
  /** As the program is called: `npx cxflow`. */
  readonly program: string;
  /** The command of this page and its arguments. */
  readonly words: readonly string[];
  readonly limit: number;
  /** Those of this page that the next one needs as well. */
  readonly options?: readonly string[];
  /** The last of this page, as `--before` takes it. */
  readonly before: string;
}

export function renderNextPage(page: NextPage): string {
  const { nouns, older, program, words, limit, options = [], before } = page;
  const [one, several] = nouns;
  const what = plural(older, `older ${one} is`, `older ${several} are`);
  const limits = limit === ROWS_PER_PAGE ? [] : ['--limit', String(limit)];
  const given = [...words, ...limits, ...options, '--before', before].map(shellQuote);
  const command = [program, ...given].join(' ');
  return renderSteps(`${what} not shown`, [{ what: 'show the next', command }]);
}
